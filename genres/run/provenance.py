"""What was a notebook made from?"""

import hashlib
import json
import os
import platform
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

from genres import files, imports
from genres.project import libraries

_READS_TAGGRAMS = "genres/data/taggrams.py"


def is_injected(cell):
    """Say whether papermill put a cell in."""
    return "injected-parameters" in cell.get("metadata", {}).get("tags", [])


def read_cells(notebook: Path):
    """Read what a person wrote in a notebook.

    Parameters
    ----------
    notebook : Path
        The ``.ipynb`` file.

    Returns
    -------
    list of [str, str, list of str]
        Type, source and tags of each cell; the cell that papermill injected is left out.

    Raises
    ------
    Refusal
        If the file cannot be read, or is not JSON.
    """
    return _cells_of(files.read_json(notebook))


def code_files(notebook: Path, project: Path) -> list[Path]:
    """List the project's modules that a notebook imports, directly or through each other.

    A change in a module that is not among them cannot change what the notebook shows.

    Parameters
    ----------
    notebook : Path
        The ``.ipynb`` file. Where a code cell is not plain Python (a magic command), or has a
        relative import, every module counts as imported.
    project : Path
        The folder that holds ``utils.py`` and ``genres/``.

    Returns
    -------
    list of Path
        The modules' files, sorted.
    """
    code = [source for kind, source, _ in read_cells(notebook) if kind == "code"]
    try:
        names = set().union(*map(imports.named, code))
    except (SyntaxError, ImportError):
        return sorted(imports.modules(project).values())
    return imports.closure(names, project)


def fingerprint_of_code(notebook, project) -> dict[str, str]:
    """Give a digest of each part of the code behind a notebook.

    Returns
    -------
    dict of str to str
        ``cells`` (sources and tags of those with code: text can change without any result),
        ``library`` (the modules it imports) and ``lock`` (the versions of everything else).
    """
    cells = json.dumps([cell for cell in read_cells(notebook) if cell[0] == "code"])
    return {
        "cells": hashlib.sha256(cells.encode()).hexdigest(),
        "library": imports.fingerprint(code_files(notebook, project), project),
        "lock": files.sha256(project / "requirements.lock"),
    }


def fingerprint(notebook: Path, project: Path, data, quick: bool):
    """Give all that decides what a notebook shows: its code, Python, data and parameters.

    Parameters
    ----------
    notebook : Path
        The ``.ipynb`` file.
    project : Path
        The folder that holds ``utils.py``, ``genres/`` and ``requirements.lock``.
    data : genres.data.folders.Data
        The data it works on.
    quick : bool
        Whether it is a rehearsal.

    Returns
    -------
    dict of str to str or bool
        One entry a part, so that two fingerprints tell what changed between them. The path of the
        data is no part of it: moving them changes nothing. Taggrams are one of notebooks alone
        whose code can read them.
    """
    parts = {
        **fingerprint_of_code(notebook, project),
        "Python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "data": f"{data.name} {data.fingerprint()}",
        "excerpts": hashlib.sha256(files.names_and_sizes(data.excerpts)).hexdigest(),
        "quick": quick,
    }
    if project / _READS_TAGGRAMS in code_files(notebook, project):
        parts["taggrams"] = hashlib.sha256(_names_and_contents(data.taggrams)).hexdigest()
    return parts


def _names_and_contents(folder):
    paths = sorted(folder.glob("*.npz")) if folder else []
    return b"".join(f"{path.name} {files.sha256(path)}\n".encode() for path in paths)


def commit_of(notebooks: list[Path], project: Path) -> str | None:
    """Find the commit that holds exactly the code behind some notebooks.

    Parameters
    ----------
    notebooks : list of Path
        Notebooks of the project. Their outputs may differ from those committed, their cells not.
    project : Path
        The project's folder.

    Returns
    -------
    str or None
        The current commit's full id; None where the code differs from it, or without git.
    """
    code = {path for notebook in notebooks for path in code_files(notebook, project)}
    watched = [str(path) for path in sorted(code | {project / "requirements.lock"})]
    git = partial(_printed_by, "git", "-C", str(project))
    try:
        commit = git("rev-parse", "HEAD").strip()
        if git("status", "--porcelain", "--ignored", "--", *watched):
            return None
        for notebook in notebooks:
            path = notebook.relative_to(project).as_posix()
            committed = json.loads(git("show", f"HEAD:./{path}"))
            if _cells_of(committed) != read_cells(notebook):
                return None
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit


def describe_machine(project) -> dict:
    """Describe what computes here.

    Returns
    -------
    dict
        ``python``, ``platform``, ``cpu``, ``cores`` (that this process may use) and ``libraries``:
        the version of each direct dependency in ``requirements.txt`` that is installed.
    """
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "libraries": libraries(project),
    }


def _cells_of(document):
    return [
        [cell["cell_type"], "".join(cell["source"]), cell.get("metadata", {}).get("tags", [])]
        for cell in document.get("cells", [])
        if not is_injected(cell)
    ]


def _printed_by(*command):
    return subprocess.check_output(command, stderr=subprocess.DEVNULL, encoding="utf-8")


def _cpu_name():
    """Give the processor's name as its maker has it, where the system tells."""
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line for line in lines if line.startswith("model name")).split(": ", 1)[1]
    with suppress(OSError, subprocess.CalledProcessError):
        return _printed_by("sysctl", "-n", "machdep.cpu.brand_string").strip()
    return platform.processor() or platform.machine()
