"""How are notebooks executed side by side, and how does what each makes come to its place?"""

import itertools
import os
import shutil
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

import psutil

from genres import environment, files, parallel
from genres.run import kernels, provenance
from genres.run.execution import Execution, NotebookFailed
from genres.screen import Lines, seen_from_here, spoken

_PAUSE = 1.0  # s between two looks at the notebooks in flight
_LOOKS = 5  # of which one looks at their memory, too: that takes a hundredth of a second each
_MEMORY = 2 << 30  # bytes that a notebook takes on one core


class Due(NamedTuple):
    """A notebook that is to be executed."""

    notebook: Path
    title: str  # what lines on it begin with
    reasons: list[str]


def most_at_once() -> int:
    """Say how many notebooks this machine's cores and memory allow to execute at the same time."""
    return max(1, min(parallel.cores(), parallel.memory_left() // _MEMORY))


class Flights:
    """The execution of notebooks, as many at the same time as a schedule and the memory allow.

    Parameters
    ----------
    run : genres.run.runs.Run
        Where what they make goes.
    due : dict of str to Due
        What is executed, by name.
    schedule : genres.run.schedule.Schedule
        Of these.

    Attributes
    ----------
    seconds : dict of str to float
        What each took that came to its end.
    failures : dict of str to str
        The message of each that failed.
    """

    def __init__(self, run, due, schedule):
        self.seconds, self.failures = {}, {}
        self._run, self._due, self._schedule = run, due, schedule
        self._lines, self._in_flight, self._looks = Lines(), {}, itertools.count()
        self._taken = 0
        self._environment = _environment_of(run)
        self._kernels = None

    def execute_all(self):
        """Execute them; whatever ends this, a signal too, no kernel is left behind."""
        shutil.rmtree(self._run.work, ignore_errors=True)  # what a killed run has left
        notebooks = [due.notebook for due in self._due.values()]
        self._kernels = kernels.Server(notebooks, self._run.project, self._environment)
        with ThreadPoolExecutor(self._schedule.jobs) as pool:
            try:
                while self._start_those_that_may(pool):
                    self._look()
                    done, _ = wait(self._in_flight, _PAUSE, FIRST_COMPLETED)
                    for future in done:
                        self._land(future)
            except BaseException:
                for flight in self._in_flight.values():
                    flight.execution.end()
                raise
            finally:
                self._lines.show([])
        shutil.rmtree(self._run.work, ignore_errors=True)

    def _start_those_that_may(self, pool):
        """Start the notebooks that may be executed now; say whether any is in flight."""
        while self._has_room() and (name := self._schedule.start()):
            due = self._due[name]
            environment = self._environment | _cores(self._share_of(name))
            flight = _Flight(self._run, due.notebook, environment, self._kernels)
            self._in_flight[pool.submit(flight.fly)] = flight
            if not self._lines.are_live:
                self._lines.say(f"{due.title} · runs now: {', '.join(due.reasons)}")
        return bool(self._in_flight)

    def _has_room(self):
        """Say whether there is memory for one more, once those in flight have what they need."""
        n_then = len(self._in_flight) + 1
        if n_then > self._schedule.jobs:
            return False
        return n_then == 1 or _memory_for_all() >= n_then * _MEMORY

    def _share_of(self, name):
        """Give the cores that a notebook may use, for as long as it takes."""
        n_at_once = self._schedule.at_once(name)
        most = min(parallel.cores(), _memory_for_all() // parallel.MEMORY_OF_NETWORKS)
        return max(1, most // n_at_once)

    def _look(self):
        """Note how much memory is taken, and show how far the notebooks are."""
        if next(self._looks) % _LOOKS == 0:
            self._taken = _memory_taken()
        lines, elapsed = {}, {}
        for flight in self._in_flight.values():
            flight.peak_memory = max(flight.peak_memory, self._taken)
            elapsed[flight.name] = flight.execution.elapsed
            lines[flight.name] = f"{self._due[flight.name].title} · {flight.execution}"
        n_done = len(self.seconds) + len(self.failures)
        total = f"{n_done} of {len(self._due)} done"
        left = self._schedule.left(elapsed)
        if left is not None:
            total += f" · about {spoken(left)} left"
        self._lines.show([*map(lines.get, sorted(lines)), total])

    def _land(self, future):
        """Note what came of a notebook that is no longer in flight, and say it."""
        flight = self._in_flight[future]
        seconds = flight.execution.elapsed
        said = spoken(seconds)
        try:
            future.result()
            self.seconds[flight.name] = seconds
        except NotebookFailed as failure:
            self.failures[flight.name] = str(failure)
            said = "failed"
        del self._in_flight[future]
        self._schedule.finish(flight.name, seconds)
        self._lines.say(f"{self._due[flight.name].title} · {said}")


class _Flight:
    """The execution of one notebook, by a thread of its own, and what is to be known of it."""

    def __init__(self, run, notebook, environment, server):
        self.name, self.peak_memory = notebook.stem, 0  # bytes, of the whole run meanwhile
        bars = run.bars(notebook.stem)
        self.execution = Execution(notebook, bars, server)
        self._run, self._notebook, self._work = run, notebook, bars.parent
        # Here and not in its own thread: of two threads that parse code, Python may fail in one.
        self._made_from = provenance.fingerprint(notebook, run.project, run.data, run.quick)
        self._environment = environment | {
            "GENRE_PROGRESS": str(bars),
            "IPYTHONDIR": str(self._work / "ipython"),
        }

    def fly(self):
        """Execute the notebook and put everything it makes in its place."""
        run, name = self._run, self.name
        _retire(run, name)
        self._work.mkdir(parents=True)
        partial = self._work / self._notebook.name
        parameters = {"DATA": str(run.data.folder), "QUICK": run.quick}
        try:
            self.execution.run(partial, parameters, self._environment)
            if not run.results(name).exists():
                raise NotebookFailed(f"{name} ended without writing its results.")
        except NotebookFailed as failure:
            _keep(partial, run.failed(name))
            where = seen_from_here(run.failed(name))
            raise NotebookFailed(f"{failure}\n  The notebook up to there: {where}") from None
        except OSError as error:  # papermill does not say of which file
            error.filename = error.filename or str(run.folder)
            raise
        _keep(partial, run.executed(name))
        state = {
            "seconds": round(self.execution.elapsed, 1),
            "cpu_seconds": round(self.execution.cpu_seconds, 1),
            "made_from": self._made_from,
            "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "commit": provenance.commit_of([self._notebook], run.project),
            "peak_memory": self.peak_memory,
            "machine": provenance.describe_machine(run.project),
        }
        files.write_json(run.state(name), state)


def _environment_of(run):
    """Give the environment that all kernels of a run have: the clean one, and what is the run's."""
    return environment.cleaned(os.environ) | {
        "GENRE_RUN": str(run.folder),
        "GENRE_REASON": run.data.reason,
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONSAFEPATH": "1",
    }


def _cores(n_cores):
    """Give the variables that let a kernel use so many cores."""
    return dict.fromkeys(("LOKY_MAX_CPU_COUNT", "NUMBA_NUM_THREADS"), str(n_cores))


def _keep(partial, path):
    """Move an executed notebook to its place, flushed to the disk before it is there."""
    with files.atomic(path) as temporary:
        partial.replace(temporary)


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


def _memory_taken():
    """Give the resident bytes of this process and all below it.

    What they share counts once on Linux, whose kernels are forks of one process, elsewhere twice.
    """
    here = psutil.Process()
    total = 0
    for process in [here, *here.children(recursive=True)]:
        with suppress(psutil.Error):  # it has just ended
            total += process.memory_full_info().pss if psutil.LINUX else process.memory_info().rss
    return total


def _memory_for_all():
    """Give the bytes that are free, and those that are taken already."""
    return parallel.memory_left() + _memory_taken()
