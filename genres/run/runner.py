"""How is the report executed, and what of an earlier run still holds?"""

import json
import os
import re
import signal
import unicodedata
from collections.abc import Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from genres import Refusal, files, locks, parallel, printable
from genres.data import clips, folders, kaggle, taggrams
from genres.project import PROJECT, find_notebooks
from genres.run import provenance
from genres.run.flights import Due, Flights, most_at_once
from genres.run.forecast import expect
from genres.run.runs import Run
from genres.run.schedule import Schedule, prerequisites
from genres.screen import seen_from_here, spoken

_LONGEST_NAME = 200  # bytes; a file system has room for 255
_FEW_TASKS = 100  # a notebook with networks takes about 50 on two cores


class Stopped(KeyboardInterrupt):
    """A signal ends the run, SIGINT (Ctrl-C) or SIGTERM; its argument is the signal's number."""


class Outcome(NamedTuple):
    """The outcome of an execution of the report."""

    run: Run  # that was begun or continued
    notebooks: list[str]  # names of those wanted
    seconds: dict[str, float]  # what each executed notebook took; the others were kept
    failures: list[str]  # the message of each notebook that failed
    results: dict[str, dict]  # what each notebook of the run found, of those that hold
    is_whole: bool  # whether it is a full run of all notebooks in which none failed


def run_report(
    data: str | None = None,
    *,
    name: str | None = None,
    only: Sequence[str] = (),
    quick: bool = False,
    fresh: bool = False,
    offline: bool = False,
    jobs: int | None = None,
    out: str | Path | None = None,
    project: Path = PROJECT,
):
    """Execute the report's notebooks; unchanged results of an earlier run are kept.

    Parameters
    ----------
    data : str, optional
        Folder or name of the data, as `genres.data.folders.find` takes it. Of a folder of audio,
        tables are made first.
    name : str, optional
        The run's name; by default the data's.
    only : sequence of str
        Numbers or names of the notebooks wanted; by default all.
    quick : bool
        Whether to rehearse: fewer models and epochs, in a folder of its own.
    fresh : bool
        Whether to execute unchanged notebooks, too.
    offline : bool
        Whether to keep off the network.
    jobs : int, optional
        How many notebooks to execute at the same time, as far as they do not need what others
        keep; by default as many as cores and memory allow. It changes no result.
    out : str or Path, optional
        Folder for the run's folder; by default ``runs`` in the project.
    project : Path
        Folder of the project.

    Returns
    -------
    Outcome

    Raises
    ------
    Refusal
        If there are no such notebooks or data, if these are too few for the report, if `jobs` is
        below 1, or if the run's folder is in use.
    Stopped
        If SIGINT or SIGTERM came; no kernel is left behind.
    """
    notebooks = find_notebooks(project, only)
    if name is not None and name != safe_name(name):
        raise Refusal(f"{name!r} cannot name a run: {safe_name(name)!r} can.")
    if jobs is not None and jobs < 1:
        raise Refusal(f"{jobs} notebooks at a time are too few: 1 is the least.")
    if folders.holds_audio_only(data):
        _extract(data or os.environ["GENRE_DATA"])
    found = folders.find(data, offline=offline)
    name = safe_name(found.name) if name is None else name
    folder = Path(out or project / "runs").resolve() / (f"{name}-quick" if quick else name)
    run = Run(project, folder, found, quick)
    with _lock(folder), _signals_that_stop():
        print(f"Data: {found.reason}")
        print(f"Run: {seen_from_here(folder)}", flush=True)
        left = parallel.tasks_left()
        if left is not None and left < _FEW_TASKS:
            print(
                f"This user may start only {left} more processes and threads (ulimit -u): "
                "notebooks may fail for lack of them."
            )
        seconds, failures = _execute_all(run, notebooks, fresh, jobs)
        results = run.combine_results()
    names = [notebook.stem for notebook in notebooks]
    return Outcome(run, names, seconds, failures, results, not (quick or only or failures))


def safe_name(text):
    """Make a name of a run of any text: letters of all scripts, digits, dots, dashes and spaces.

    >>> safe_name("R&B (live)")
    'R-B-live'
    """
    letters = unicodedata.normalize("NFC", text)
    kept = "".join(
        letter if letter in "_.- " or unicodedata.category(letter)[0] in "LMN" else "?"
        for letter in letters
    )
    name = re.sub(r" *\?+ *", "-", kept).encode()[:_LONGEST_NAME].decode(errors="ignore")
    return name.strip(" .-") or "music"


def _extract(folder):
    # Imported here: a run on tables does not need it.
    from genres.data import datasets
    from genres.extraction.extract import Settings, extract

    dataset = datasets.read(folder)
    found = dataset.clips
    clips.require_enough([clip.genre for clip in found], clips.split(found), folder)
    print(
        f"{printable(folder)} holds no feature table: they are made from its audio first.",
        flush=True,
    )
    out = folders.extraction_of(folder)
    print(extract(dataset, out, Settings(mel=True)).summary(out), flush=True)


def _execute_all(run, notebooks, fresh, jobs):
    """Execute what has to be; give the seconds each took and the failures' messages."""
    reasons = {
        notebook: ["as --fresh asks"] if fresh else run.changes(notebook) for notebook in notebooks
    }
    if any(reasons.values()):
        run.data.finest()  # an unsound table is refused now, not by each notebook
        table = run.data.table(folders.WHOLE)
        clips.require_enough(table["Genre"], table["Type"], run.data.tables[folders.WHOLE])
        if windows := kaggle.find(run.data.folder):
            kaggle.load(windows)
        if said := run.data.taggrams:
            taggrams.load(said)
    titles = {
        notebook: f"[{number}/{len(notebooks)}] {notebook.stem}"
        for number, notebook in enumerate(notebooks, start=1)
    }
    due = {
        notebook.stem: Due(notebook, titles[notebook], why)
        for notebook, why in reasons.items()
        if why
    }
    needs = prerequisites([one.notebook for one in due.values()])
    at_once = min(jobs or most_at_once(), max(len(due), 1))
    schedule = Schedule(needs, expect(run, list(due)), at_once)
    print(_plan(len(notebooks), due, schedule), flush=True)
    run.ledger.unlink(missing_ok=True)
    for notebook in notebooks:
        if notebook.stem not in due:
            _take_over_text(run, notebook)
            print(f"{titles[notebook]} · kept", flush=True)
    flights = Flights(run, due, schedule)
    try:
        flights.execute_all()
    except Stopped:
        kept = len(run.combine_results())
        print(
            f"Stopped in {' and '.join(sorted(schedule.running))}. {kept} of "
            f"{len(find_notebooks(run.project))} notebooks are done and kept: the same command "
            "goes on from there.",
            flush=True,
        )
        raise
    return flights.seconds, [flights.failures[name] for name in sorted(flights.failures)]


def _take_over_text(run, notebook):
    """Give a notebook that is kept the text of the one it was made from; code and outputs stay."""
    path = run.executed(notebook.stem)
    executed = files.read_json(path)
    code = [cell for cell in executed["cells"] if cell["cell_type"] == "code"]
    cells = []
    for cell in files.read_json(notebook)["cells"]:
        while code and provenance.is_injected(code[0]):
            cells.append(code.pop(0))
        cells.append(code.pop(0) if cell["cell_type"] == "code" else cell)
    if cells != executed["cells"]:
        files.write_text(path, json.dumps(executed | {"cells": cells}, indent=1) + "\n")


def _plan(n_notebooks, due, schedule):
    plan = [f"Notebooks: {len(due)} to execute"]
    if len(due) < n_notebooks:
        plan.append(f"{n_notebooks - len(due)} kept")
    if due:
        left = schedule.left()
        plan.append("time not known yet" if left is None else f"about {spoken(left)}")
        if schedule.jobs > 1:
            plan.append(f"up to {schedule.jobs} at a time")
    return ", ".join(plan)


@contextmanager
def _lock(folder):
    """Keep a second run out of a folder; the lock ends with this process, however that ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(locks.held(folder / ".lock", wait=False))
        except locks.Taken:
            raise Refusal(
                f"Another run is working in {folder}: wait for it, or take another --name."
            ) from None
        except OSError as error:
            if error.filename:
                raise
            why = error.strerror
            print(f"{folder} cannot be locked ({why}): start no second run in it meanwhile.")
        yield


@contextmanager
def _signals_that_stop():
    def stop(signum, _):
        for each in before:  # it ends already, whoever asks again
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(signum)

    before = {signum: signal.signal(signum, stop) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
