"""Which of these files are music, and what is said of each?"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from genres import printable
from genres.decoding import audio
from genres.screen import bar


class Skipped(NamedTuple):
    """A file that cannot be used, and a sentence that says why."""

    file: str
    reason: str


def find_files(names: list[str]):
    """Find the files to classify.

    Parameters
    ----------
    names : list of str
        Files and folders. All below a folder that is not hidden is taken for music: whether it is
        some is found out when it is read. Links to folders are not followed.

    Returns
    -------
    paths : list of Path
        Each once; those in a folder sorted.
    skipped : list of Skipped
        Folders that hold no file, or cannot be read.
    """
    paths, skipped = [], []
    for path in map(Path, names):
        if not os.path.isdir(path):  # noqa: PTH112 (Path.is_dir raises where it may not look)
            paths.append(path)
            continue
        found: list[Path] = []
        errors: list[OSError] = []
        for folder, below, inside in os.walk(path, onerror=errors.append):
            below[:] = [name for name in below if not name.startswith(".")]
            found += [Path(folder, name) for name in inside if not name.startswith(".")]
        paths += sorted(found)
        for error in errors:
            skipped.append(Skipped(error.filename, f"{error.filename}: {error.strerror}."))
        if not (found or errors):
            skipped.append(Skipped(str(path), f"{path} holds no file."))
    return list(dict.fromkeys(paths)), skipped


def doubts(described) -> str:
    """Say, for the end of a line, why what is said of a file may be worth less.

    Parameters
    ----------
    described : named tuple
        With ``silent``, ``cancelling`` and ``cut_off``, as `genres.decoding.audio.Sound` has.
    """
    silent = ", silent: this means nothing" if described.silent else ""
    one = ", its channels cancel: the loudest alone was taken" if described.cancelling else ""
    cut = ", cut off: the rest of it is lost" if described.cut_off else ""
    return f"{silent}{one}{cut}"


def describe_each(
    paths,
    skipped,
    describe: Callable,
    label: str,
    *,
    as_json: bool = False,
    longest: float = 3600.0,
) -> int:
    """Describe files on standard output; what is skipped goes to standard error.

    Parameters
    ----------
    paths : list of Path
    skipped : list of Skipped
        As `find_files` gives them.
    describe : callable
        Is given a path and its `audio.Sound`; returns a named tuple, which says in a
        line what it is.
    label : str
        What is done, for the progress bar.
    as_json : bool
        Whether to write one document, ``{"files": […], "skipped": […]}``, instead of a line a
        file. Python's `os.fsencode` gives names their bytes back.
    longest : float
        Seconds that a file may last.

    Returns
    -------
    int
        Exit status: 0, or 2 if no file could be used.
    """
    described, skipped = [], list(skipped)
    for one in skipped:
        say(one.reason, sys.stderr)
    with bar(sys.stderr.isatty() and not as_json, label, len(paths)) as step:
        for path in paths:
            try:
                sound = audio.read_whole(path, longest=longest)
            except audio.AudioError as error:
                skipped.append(Skipped(str(path), str(error)))
                say(error, sys.stderr)
            else:
                described.append(describe(path, sound))
                if not as_json:
                    say(described[-1], sys.stdout)
            step(1)
    if as_json:
        document = {
            "files": [one._asdict() for one in described],
            "skipped": [one._asdict() for one in skipped],
        }
        print(json.dumps(document, indent=2), flush=True)
    return 0 if described else 2


def say(what, stream):
    """Write a line past the progress bar, whatever characters the name of a file has."""
    tqdm.write(printable(what), file=stream)
    stream.flush()
