"""How is the report executed, and what of an earlier run still holds?"""

import json
import os
import re
import shutil
import signal
import sys
import unicodedata
from collections.abc import Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from genres import Refusal, environment, files, locks, parallel, printable
from genres.data import clips, folders, kaggle, taggrams
from genres.project import PROJECT, find_notebooks
from genres.run import provenance
from genres.run.execution import NotebookFailed, Watch, execute
from genres.run.forecast import Forecast, expect
from genres.run.runs import Run
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
    out: str | Path | None = None,
    project: Path = PROJECT,
):
    """Execute the report's notebooks in order; unchanged results of an earlier run are kept.

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
        If there are no such notebooks or data, if these are too few for the report, or if the run's
        folder is in use.
    Stopped
        If SIGINT or SIGTERM came; no kernel is left behind.
    """
    notebooks = find_notebooks(project, only)
    if name is not None and name != safe_name(name):
        raise Refusal(f"{name!r} cannot name a run: {safe_name(name)!r} can.")
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
        seconds, failures = _execute_all(run, notebooks, fresh)
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


def _execute_all(run, notebooks, fresh):
    """Execute what has to be; give the seconds each took (or None) and the failures' messages."""
    due = {
        notebook: ["as --fresh asks"] if fresh else run.changes(notebook) for notebook in notebooks
    }
    if any(due.values()):
        run.data.finest()  # an unsound table is refused now, not by each notebook
        table = run.data.table(folders.WHOLE)
        clips.require_enough(table["Genre"], table["Type"], run.data.tables[folders.WHOLE])
        if windows := kaggle.find(run.data.folder):
            kaggle.load(windows)
        if said := run.data.taggrams:
            taggrams.load(said)
    forecast = Forecast(expect(run, [notebook.stem for notebook in notebooks if due[notebook]]))
    print(_plan(due, forecast), flush=True)
    run.ledger.unlink(missing_ok=True)
    seconds, failures = {}, []
    for number, notebook in enumerate(notebooks, start=1):
        title = f"[{number}/{len(notebooks)}] {notebook.stem}"
        if not due[notebook]:
            _take_over_text(run, notebook)
            print(f"{title} · kept", flush=True)
            continue
        if not sys.stdout.isatty():
            print(f"{title} · runs now: {', '.join(due[notebook])}", flush=True)
        try:
            seconds[notebook.stem] = _execute(run, notebook, title, forecast)
            print(f"{title} · {spoken(seconds[notebook.stem])}", flush=True)
        except NotebookFailed as failure:
            failures.append(str(failure))
            print(f"{title} · failed", flush=True)
        except Stopped:
            kept = len(run.combine_results())
            print(
                f"Stopped in {notebook.stem}. {kept} of {len(find_notebooks(run.project))} "
                "notebooks are done and kept: the same command goes on from there.",
                flush=True,
            )
            raise
    return seconds, failures


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


def _execute(run, notebook, title, forecast):
    """Execute one notebook and put everything it makes in its place; give the seconds it took."""
    name = notebook.stem
    made_from = provenance.fingerprint(notebook, run.project, run.data, run.quick)
    _retire(run, name)
    shutil.rmtree(run.work, ignore_errors=True)
    run.work.mkdir(parents=True)
    partial = run.work / notebook.name
    parameters = {"DATA": str(run.data.folder), "QUICK": run.quick}
    watch = Watch(title, notebook, run.bars, lambda gone: forecast.left(name, gone))
    try:
        with watch:
            execute(notebook, partial, parameters, _environment(run), watch.next_cell)
        if not run.results(name).exists():
            raise NotebookFailed(f"{name} ended without writing its results.")
    except NotebookFailed as failure:
        _keep(partial, run.failed(name))
        where = seen_from_here(run.failed(name))
        raise NotebookFailed(f"{failure}\n  The notebook up to there: {where}") from None
    except OSError as error:  # papermill does not say of which file
        error.filename = error.filename or str(run.folder)
        raise
    finally:
        forecast.finish(name, watch.seconds)
    _keep(partial, run.executed(name))
    shutil.rmtree(run.work)
    state = {
        "seconds": round(watch.seconds, 1),
        "made_from": made_from,
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": provenance.commit_of([notebook], run.project),
        "peak_memory": watch.peak_memory,
        "machine": provenance.describe_machine(run.project),
    }
    files.write_json(run.state(name), state)
    return watch.seconds


def _keep(partial, path):
    """Move an executed notebook to its place, flushed to the disk before it is there."""
    with files.atomic(path) as temporary:
        partial.replace(temporary)


def _environment(run):
    """Give the environment of a kernel: the clean one that a run has, and what is the run's own."""
    return {
        **environment.cleaned(os.environ),
        "GENRE_RUN": str(run.folder),
        "GENRE_REASON": run.data.reason,
        "GENRE_PROGRESS": str(run.bars),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "IPYTHONDIR": str(run.work / "ipython"),
        "PYTHONSAFEPATH": "1",
    }


def _retire(run, name):
    """Take away all that a notebook made before, so that nothing old passes for new."""
    state = run.read_state(name)
    if "made_from" in state:
        files.write_json(run.state(name), {"seconds": state["seconds"]})
    for path in (run.executed(name), run.failed(name), run.results(name)):
        path.unlink(missing_ok=True)
    # With the dot: what a killed run was writing.
    for pattern in (f"figures/{name}-*", f"*/.{name}*"):
        for path in run.folder.glob(pattern):
            path.unlink()


def _plan(due, forecast):
    n_due = sum(map(bool, due.values()))
    plan = [f"Notebooks: {n_due} to execute"]
    if n_due < len(due):
        plan.append(f"{len(due) - n_due} kept")
    if n_due:
        left = forecast.left()
        plan.append("time not known yet" if left is None else f"about {spoken(left)}")
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
        raise Stopped(signum)

    before = {signum: signal.signal(signum, stop) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
