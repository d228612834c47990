"""How is the report executed, and what of an earlier run still holds?"""

import fcntl
import json
import os
import re
import shutil
import signal
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from genres import Refusal, corpora, files, headlines, ledger, reports, site, sources
from genres.execution import NotebookFailed, count_cells, execute
from genres.progress import Forecast, Watch, spoken

PROJECT = Path(__file__).resolve().parent.parent


class Stopped(KeyboardInterrupt):
    """The run was asked to end, by Ctrl-C or by SIGTERM; its argument is the signal's number."""


@dataclass(frozen=True)
class Run:
    """One run of the report: what it works on and the folder in which it keeps what it made.

    Attributes
    ----------
    project : Path
        Folder of the project, with ``notebooks/``, ``utils.py``, ``genres/`` and the lock file.
    folder : Path
        The run's own folder, absolute.
    data : genres.corpora.Data or None
        What the notebooks read; not needed to look at what a run made.
    quick : bool
        Whether it is a rehearsal.
    """

    project: Path
    folder: Path
    data: corpora.Data | None = None
    quick: bool = False

    def executed(self, name):
        """Give the path of an executed notebook."""
        return self.folder / "notebooks" / f"{name}.ipynb"

    def failed(self, name):
        """Give the path at which a notebook that failed is kept as far as it came."""
        return self.folder / "notebooks" / f"{name}.failed.ipynb"

    def results(self, name):
        """Give the path of what a notebook found."""
        return self.folder / "results" / f"{name}.json"

    def state(self, name):
        """Give the path of the note on how a notebook's last execution went."""
        return self.folder / "state" / f"{name}.json"

    def changes(self, notebook):
        """Say why a notebook has to be executed.

        Returns
        -------
        list of str
            What changed since its last execution; empty if what it made still holds.
        """
        made_from = read_state(self, notebook.stem).get("made_from")
        paths = [self.executed(notebook.stem), self.results(notebook.stem)]
        if made_from is None or not all(path.exists() for path in paths):
            return ["not executed yet"]
        now = sources.fingerprint(notebook, self.project, self.data, self.quick)
        return [f"{part} changed" for part in now if now[part] != made_from.get(part)]


def run_report(
    data=None,
    *,
    name=None,
    only=(),
    quick=False,
    fresh=False,
    offline=False,
    out=None,
    project=PROJECT,
):
    """Execute the report's notebooks in order; what still holds of an earlier run is kept.

    Parameters
    ----------
    data : str, optional
        Folder or name of the data, as `genres.corpora.find` takes it. Of a folder of audio, tables
        are made first.
    name : str, optional
        The run's name; by default the data's.
    only : sequence of str
        Numbers or names of the notebooks wanted; by default all.
    quick : bool
        Whether to rehearse: fewer models and epochs, in a folder of its own.
    fresh : bool
        Whether to execute also what still holds.
    offline : bool
        Whether to keep off the network.
    out : str or Path, optional
        Folder for the run's folder; by default ``runs`` in the project.
    project : Path
        Folder of the project.

    Returns
    -------
    int
        Exit status: 0, or 1 if a notebook failed.

    Raises
    ------
    Refusal
        If there are no such notebooks or data, or if the run's folder is in use.
    Stopped
        If SIGINT or SIGTERM came; no kernel is left behind.
    """
    notebooks = find_notebooks(project, only)
    if corpora.holds_audio_only(data):
        _extract(data or os.environ["GENRE_DATA"])
    found = corpora.find(data, offline=offline)
    folder = Path(out or project / "runs").resolve() / _folder_name(name or found.name, quick)
    run = Run(project, folder, found, quick)
    with _lock(folder), _signals_that_stop():
        print(f"Data: {found.reason}")
        print(f"Run: {_as_seen_from_here(folder)}", flush=True)
        (folder / "ledger.md").unlink(missing_ok=True)
        seconds, failures = _execute_all(run, notebooks, fresh)
        standing = combine_results(run)
    names = [notebook.stem for notebook in notebooks]
    published = _read_published(run, "results.json")
    print(f"\n{headlines.comparison_table(names, seconds, standing, published)}\n")
    for failure in failures:
        print(failure)
    if seconds or not (folder / site.FOLDER).exists():
        _write_site(run, is_whole=not (quick or only or failures))
    if not failures and (project / ledger.PLACE).exists():
        print(_write_ledger(run, standing))
    return 1 if failures else 0


def _extract(folder):
    # Here, because a run on tables needs nothing of it.
    from genres.extract import Settings, extract

    print(f"{folder} holds no feature table: they are made from its audio first.", flush=True)
    out = corpora.extraction_of(folder)
    print(extract(folder, out, Settings(mel=True)).summary(out), flush=True)


def find_notebooks(project, only=()):
    """List the report's notebooks in order, or those of them that are wanted.

    Parameters
    ----------
    project : Path
        Folder of the project.
    only : sequence of str
        Numbers (``02`` or ``2``) or names (``02-knn-baseline``).

    Raises
    ------
    Refusal
        If there is no notebook at all, or none of a number or name.
    """
    notebooks = sorted((project / "notebooks").glob("[0-9]*.ipynb"))
    if not notebooks:
        raise Refusal(f"{project / 'notebooks'} holds no notebook: is the project complete?")
    names = [notebook.stem for notebook in notebooks]
    for wanted in only:
        if not any(_is_called(name, wanted) for name in names):
            raise Refusal(f"There is no notebook {wanted}; there are {', '.join(names)}.")
    return [
        notebook
        for notebook in notebooks
        if not only or any(_is_called(notebook.stem, wanted) for wanted in only)
    ]


def read_state(run, name):
    """Read the note on a notebook's last execution.

    Returns
    -------
    dict
        ``seconds`` it took; where it is complete also ``made_from`` (its fingerprint),
        ``finished``, ``commit``, ``peak_memory`` in bytes and ``machine``. Empty if there is none.
    """
    with suppress(Refusal):
        return files.read_json(run.state(name))
    return {}


def combine_results(run):
    """Write ``results.json`` from the results of all notebooks that hold, and return them."""
    standing = {
        notebook.stem: files.read_json(run.results(notebook.stem))
        for notebook in find_notebooks(run.project)
        if not run.changes(notebook)
    }
    files.write_json(run.folder / "results.json", standing)
    return standing


def _write_ledger(run, results):
    """Set the run's figures beside the reports' in ``ledger.md``; give a line that says so."""
    rows = ledger.read(run.project / ledger.PLACE)
    rough = " This is a rehearsal: its figures are rough." if run.quick else ""
    text = (
        "# Ledger: every figure of the five reports\n\n"
        f"Here is what this run found, on {run.data.name}.{rough} Why a figure differs is said of "
        "the published run. A cell's number is the one beside it in the executed notebook.\n\n"
        f"{ledger.table(rows, results, run.folder)}\n"
    )
    path = run.folder / "ledger.md"
    files.write_text(path, text)
    summary = ledger.summary(rows, results)
    return f"Ledger of the five reports, {_as_seen_from_here(path)}: {summary}.{rough}"


def _write_site(run, is_whole):
    """Write the report's web site, and its PDF if it is whole: at worst, say that it failed."""
    try:
        print(site.write(reports.of_run(run.folder, run.project), run.project, pdf=is_whole))
    except Exception as error:  # whatever it is, the run is done, and its figures are kept
        print(f"The report's web site could not be written: {error}")


def _execute_all(run, notebooks, fresh):
    """Execute what has to be; give the seconds each took (or None) and the failures' messages."""
    due = {notebook: ["asked for"] if fresh else run.changes(notebook) for notebook in notebooks}
    if any(due.values()):
        run.data.finest()  # an unsound table is refused now, not by each notebook
    forecast = Forecast({nb.stem: _expected(run, nb.stem) for nb in notebooks if due[nb]})
    print(_plan(due, forecast), flush=True)
    seconds, failures = {}, []
    for number, notebook in enumerate(notebooks, start=1):
        title = f"[{number}/{len(notebooks)}] {notebook.stem}"
        if not due[notebook]:
            _take_over_text(run, notebook)
            print(f"{title} · kept", flush=True)
            continue
        if not sys.stdout.isatty():
            print(f"{title} · {', '.join(due[notebook])}", flush=True)
        try:
            seconds[notebook.stem] = _execute(run, notebook, title, forecast)
            print(f"{title} · {spoken(seconds[notebook.stem])}", flush=True)
        except NotebookFailed as failure:
            failures.append(str(failure))
            print(f"{title} · failed", flush=True)
        except Stopped:
            kept = len(combine_results(run))
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
        while code and sources.is_injected(code[0]):
            cells.append(code.pop(0))
        cells.append(code.pop(0) if cell["cell_type"] == "code" else cell)
    if cells != executed["cells"]:
        files.write_text(path, json.dumps(executed | {"cells": cells}, indent=1) + "\n")


def _execute(run, notebook, title, forecast):
    """Execute one notebook and put everything it makes in its place; give the seconds it took."""
    name = notebook.stem
    made_from = sources.fingerprint(notebook, run.project, run.data, run.quick)
    _retire(run, name)
    work = run.folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    partial, bars = work / notebook.name, work / "progress"
    parameters = {"DATA": str(run.data.folder), "QUICK": run.quick}
    watch = Watch(title, count_cells(notebook), bars, lambda gone: forecast.left(name, gone))
    try:
        with watch:
            execute(notebook, partial, parameters, _environment(run, work), watch.next_cell)
        if not run.results(name).exists():
            raise NotebookFailed(f"{name} came to its end without writing its results.")
    except NotebookFailed as failure:
        _keep(partial, run.failed(name))
        where = _as_seen_from_here(run.failed(name))
        raise NotebookFailed(f"{failure}\n  The notebook as far as it came: {where}") from None
    finally:
        forecast.finish(name, watch.seconds)
    _keep(partial, run.executed(name))
    shutil.rmtree(work)
    state = {
        "seconds": round(watch.seconds, 1),
        "made_from": made_from,
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": sources.commit_of([notebook], run.project),
        "peak_memory": watch.peak_memory,
        "machine": sources.describe_machine(run.project),
    }
    files.write_json(run.state(name), state)
    return watch.seconds


def _keep(partial, path):
    """Move an executed notebook to its place, flushed to the disk before it is there."""
    with files.atomic(path) as temporary:
        partial.replace(temporary)


def _environment(run, work):
    return {
        **os.environ,
        "GENRE_RUN": str(run.folder),
        "GENRE_PROGRESS": str(work / "progress"),
        "PYTHONHASHSEED": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        # The user's own start-up files and settings are no part of the report.
        "IPYTHONDIR": str(work / "ipython"),
        "PYTHONSTARTUP": "",
    }


def _retire(run, name):
    """Take away all that a notebook made before, so that nothing old passes for new."""
    state = read_state(run, name)
    if "made_from" in state:
        files.write_json(run.state(name), {"seconds": state["seconds"]})
    for path in (run.executed(name), run.failed(name), run.results(name)):
        path.unlink(missing_ok=True)
    # With the dot: what a killed run was writing.
    for pattern in (f"figures/{name}-*", f"*/.{name}*"):
        for path in run.folder.glob(pattern):
            path.unlink()


def _expected(run, name):
    """Give the seconds a notebook took before, here or in the published run, or None."""
    seconds = read_state(run, name).get("seconds")
    if seconds is None and not run.quick:
        seconds = _read_published(run, "run.json").get("seconds", {}).get(name)
    return seconds


def _read_published(run, name):
    with suppress(Refusal):
        return files.read_json(run.project / "figures" / name)
    return {}


def _plan(due, forecast):
    n_due = sum(map(bool, due.values()))
    n_kept = len(due) - n_due
    counts = f"{n_due} to execute" + (f", {n_kept} kept" if n_kept else "")
    if not n_due:
        return f"Notebooks: {counts}"
    left = forecast.left()
    return f"Notebooks: {counts}, " + (
        "time not known yet" if left is None else f"about {spoken(left)}"
    )


@contextmanager
def _lock(folder):
    """Keep a second run out of a folder; the lock ends with this process, however that ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refusal(
                f"Another run is working in {folder}: wait for it, or take another --name."
            ) from None
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


def _folder_name(name, quick):
    if not re.fullmatch(r"\w[\w .-]*", name):
        raise Refusal(f"{name!r} cannot name a run: letters, digits, dots and dashes can.")
    return f"{name}-quick" if quick else name


def _is_called(name, wanted):
    return wanted.zfill(2) in (name, name.partition("-")[0])


def _as_seen_from_here(path):
    """Write a path relative to the working folder where it is below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
