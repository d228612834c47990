"""Which of these files are music, and what is said of each?"""

import csv
import io
import json
import os
import sys
import textwrap
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from genres import Refusal, files, printable
from genres.decoding import audio
from genres.screen import bar


class Skipped(NamedTuple):
    """A file that cannot be used, and a sentence that says why."""

    file: str
    reason: str


class Found(NamedTuple):
    """The files to describe.

    Attributes
    ----------
    paths : list of Path
        Each once; those in a folder sorted.
    skipped : list of Skipped
        Folders that hold no file, or cannot be read.
    named : set of str
        What was asked for by its name, rather than found in a folder.
    """

    paths: list
    skipped: list
    named: set


def find_files(names: list[str]):
    """Find the files to describe.

    Parameters
    ----------
    names : list of str
        Files and folders. All below a folder that is not hidden is taken for music: whether it is
        some is found out when it is read. Links to folders are not followed.

    Returns
    -------
    Found
    """
    paths: list[Path] = []
    skipped = []
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
    return Found(list(dict.fromkeys(paths)), skipped, {str(Path(name)) for name in names})


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


class _Lines:
    """Says of each file what it is."""

    def __init__(self, put):
        self.put = put

    def add(self, described):
        self.put(f"{described}\n")

    def end(self, skipped):
        """Add nothing: what was skipped is on standard error."""


class _Document:
    """Writes one JSON document."""

    def __init__(self, put):
        self.put, self.between = put, ""
        self.put('{\n  "files": [')

    def add(self, described):
        self._add(described.document())

    def _add(self, entry):
        self.put(f"{self.between}\n{textwrap.indent(json.dumps(entry, indent=2), '    ')}")
        self.between = ","

    def end(self, skipped):
        self.put('\n  ],\n  "skipped": [')
        self.between = ""
        for one in skipped:
            self._add(one._asdict())
        self.put("\n  ]\n}\n")


class _Table:
    """Writes a table in CSV: a header, and a row or more for each file."""

    def __init__(self, put):
        self.put, self.header = put, None

    def add(self, described):
        if doubt := doubts(described):
            say(f"{described.file}: {doubt.removeprefix(', ')}.", sys.stderr)
        lines = io.StringIO()
        table = csv.writer(lines, lineterminator="\n")
        if self.header is None:
            self.header = described.header
            table.writerow(self.header)
        table.writerows(described.rows)
        self.put(lines.getvalue())

    def end(self, skipped):
        """Add nothing: what was skipped is on standard error."""


_FORMS: dict[str | None, type[_Lines | _Document | _Table]]
_FORMS = {None: _Lines, "json": _Document, "csv": _Table}


def describe_each(
    found: Found,
    describe: Callable,
    label: str,
    *,
    form: str | None = None,
    out: str | Path | None = None,
    longest: float = 3600.0,
) -> int:
    """Describe files, on standard output or in a file; what is skipped goes to standard error.

    Each description is written and forgotten before the next file is read.

    Parameters
    ----------
    found : Found
        The files.
    describe : callable
        Is given a path, its `audio.Sound`, and what to call with the share that is done. Returns a
        named tuple, as `doubts` has it, whose ``str`` is lines for a terminal. Its ``document()``
        is a dict; for a table, it has a ``header`` and ``rows``.
    label : str
        What is done, for the progress bar.
    form : {"json", "csv"}, optional
        Whether to write one document, ``{"files": […], "skipped": […]}``, or one table, instead of
        lines. Of a document, Python's `os.fsencode` gives names their bytes back.
    out : str or Path, optional
        The file to write, whole or not at all.
    longest : float
        Seconds that a file may last.

    Returns
    -------
    int
        Exit status: 0; 1 if something that was named could not be used; 2 if nothing could.

    Raises
    ------
    Refusal
        If nothing could be used, and a file was to be written.
    """
    skipped, n_described = list(found.skipped), 0
    for one in skipped:
        say(one.reason, sys.stderr)
    with _opened(out) as put:
        writer = _FORMS[form](put)
        with bar(sys.stderr.isatty(), label, len(found.paths)) as step:
            for path in found.paths:
                progress = _Progress(step)
                try:
                    sound = audio.read_whole(path, longest=longest)
                except audio.AudioError as error:
                    skipped.append(Skipped(str(path), str(error)))
                    say(error, sys.stderr)
                else:
                    writer.add(describe(path, sound, progress))
                    n_described += 1
                progress(1)
        writer.end(skipped)
        if out and not n_described:
            raise Refusal(f"{out} is not written: none of these files can be used.")
    if out:
        plural = "" if n_described == 1 else "s"
        print(f"{printable(out)}: {n_described:,} file{plural}, {len(skipped):,} skipped")
    return 2 if not n_described else int(any(one.file in found.named for one in skipped))


@contextmanager
def progress_of_one(label: str):
    """Show how far the description of a file has come; give what to call with the share done."""
    with bar(sys.stderr.isatty(), label, 1) as step:
        yield _Progress(step)


class _Progress:
    """Moves a bar that counts files, as shares of one are done."""

    def __init__(self, step):
        self.step, self.share = step, 0.0

    def __call__(self, share):
        self.step(share - self.share)
        self.share = share


@contextmanager
def _opened(out):
    """Give what writes text to a file, whole or not at all, or else past the progress bar.

    A terminal gets the characters of names that do something to it as Python writes them.
    """
    if out is None:
        shown = printable if sys.stdout.isatty() else str
        yield lambda text: _put("\n".join(map(shown, text.split("\n"))), sys.stdout)
    else:
        with (
            files.atomic(out) as temporary,
            temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
        ):
            yield file.write


def say(what, stream):
    """Write a line past the progress bar, whatever characters the name of a file has."""
    _put(f"{printable(what)}\n", stream)


def _put(text, stream):
    tqdm.write(text, file=stream, end="")
    stream.flush()
