"""Where does a person work on the notebooks?

In JupyterLab, on copies: to rerun a published notebook would change what the project publishes.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from genres import Refusal, files
from genres.project import COMMAND, PROJECT, find_notebooks

COPIES = "my-notebooks"
"""The folder of the copies. As it lies beside ``notebooks/``, all links lead from it, too."""

_PUBLISHED = "notebooks"
_NOTE = ".copied.json"  # what each copy, or what was last offered beside it, was made from


def copy_notebooks(project: Path = PROJECT) -> list[str]:
    """Copy the published notebooks, and the texts beside them, to where a person may change them.

    A copy that somebody has changed stays as it is. If its original has changed since, that is put
    beside it, once. A copy as it was made follows its original; one that was deleted is made again.

    Parameters
    ----------
    project : Path
        The project's folder.

    Returns
    -------
    list of str
        The names of the files that were put beside changed copies.
    """
    folder = project / COPIES
    folder.mkdir(exist_ok=True)
    note = folder / _NOTE
    known, beside = _read(note), []
    for original in [*find_notebooks(project), *sorted((project / _PUBLISHED).glob("*.md"))]:
        name, copy, digest = original.name, folder / original.name, files.sha256(original)
        if copy.exists() and files.sha256(copy) not in (digest, known.get(name)):
            if known.get(name) == digest:
                continue
            copy = _place_beside(copy, digest, known.get(name))
            beside.append(copy.name)
        with files.atomic(copy) as temporary:
            shutil.copyfile(original, temporary)
        known[name] = digest
    files.write_json(note, known)
    return beside


def _read(note):
    try:
        known = files.read_json(note) if note.exists() else {}
    except Refusal:
        return {}  # then each copy that differs counts as changed
    return known if isinstance(known, dict) else {}


def _place_beside(copy, *unchanged):
    """Give a path that is free, or taken by what was offered there and nobody has changed."""
    number, path = 1, copy.with_stem(f"{copy.stem}-updated")
    while path.exists() and files.sha256(path) not in unchanged:
        number += 1
        path = copy.with_stem(f"{copy.stem}-updated-{number}")
    return path


def serve(
    project: Path = PROJECT,
    port: int | None = None,
    browser: bool = True,
    in_place: bool = False,
    options: Sequence[str] = (),
):
    """Open the notebooks in JupyterLab, until it is ended.

    Its files are the project's, so that runs can be reached as well.

    Parameters
    ----------
    project : Path
        The project's folder.
    port : int, optional
        Where to serve, if that is free; by default JupyterLab's own.
    browser : bool
        Whether to open a browser.
    in_place : bool
        Whether to open the published notebooks, and not copies of them.
    options : sequence of str
        Further options of JupyterLab's.
    """
    from jupyterlab.labapp import LabApp

    arguments = [
        f"--ServerApp.root_dir={project}",
        f"--LabApp.default_url=/lab/tree/{_PUBLISHED if in_place else COPIES}",
        # At its start it asks for nothing, and needs no network.
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        *([f"--ServerApp.port={port}"] if port else []),
        *([] if browser else ["--no-browser"]),
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]
    if in_place:
        print(f"JupyterLab opens the published notebooks themselves, in {_PUBLISHED}/.", flush=True)
    else:
        for name in copy_notebooks(project):
            print(f"A notebook has changed, and so has your copy: the new one is {COPIES}/{name}.")
        print(
            f"JupyterLab opens copies, in {COPIES}/: change them as you like. Delete one, and it "
            f"is made again at the next start. The published ones in {_PUBLISHED}/ stay as they "
            "are; runs are in runs/.",
            flush=True,
        )
    os.environ.pop("PYTHONSAFEPATH", None)  # in a terminal of JupyterLab, Python is as ever
    server = LabApp.initialize_server([*arguments, *options])
    if not in_place:
        server.contents_manager.register_pre_save_hook(_refuse_published)
    server.start()


def _refuse_published(path, **_):
    """Refuse to save a published notebook; JupyterLab shows the sentence."""
    from tornado.web import HTTPError

    top, _, name = path.strip("/").partition("/")
    if top == _PUBLISHED:
        message = (
            f"{name} is published as it is, and was not saved. Work on your copy of it, in "
            f"{COPIES}/. Authors start {COMMAND} lab --in-place."
        )
        raise HTTPError(403, message, reason=message)
