"""What becomes of many mutated files, each read in a process whose time and memory are watched?"""

import multiprocessing
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

HANGS_AFTER = 10  # s of a processor
WAITS_AT_MOST = 60  # s, as on a busy machine
MOST_MEMORY = 1 << 30  # bytes
_BEYOND_HELP = 4 << 30  # bytes, at which the system refuses a process more
_STARTS_WITHIN = 120  # s


def watch(
    try_case: Callable[[random.Random, Path], str], cases: int, seconds: float | None, seed: int
) -> list[str]:
    """Try cases one by one, and print how far it is and, at the end, what became of them.

    Parameters
    ----------
    try_case : callable
        A function of a module, which gets a generator of random numbers, of the case's own, and an
        empty folder. It makes a mutated file there, reads it, and gives in a word or two what
        became of it. It raises an AssertionError where a value changed in silence. Any other
        exception is a fault, too, as are a hang, much memory and the end of the process.
    cases : int
        How many cases at most.
    seconds : float or None
        For how long at most.
    seed : int
        Chooses the cases: each depends on it and on its number alone.

    Returns
    -------
    list of str
        The faults, each with its case's folder, which is kept.
    """
    root = Path(tempfile.mkdtemp(prefix="fuzz-"))
    counts: Counter = Counter()
    faults, slowest, largest = [], 0.0, 0
    start = time.monotonic()
    reader = _Reader(try_case, seed)
    for number in tqdm(range(cases), unit="file", disable=not sys.stderr.isatty()):
        if seconds is not None and time.monotonic() - start > seconds:
            break
        folder = root / f"case-{number}"
        folder.mkdir()
        outcome, fault, took, peak = reader.read(number, folder)
        slowest, largest = max(slowest, took), max(largest, peak)
        counts[outcome] += 1
        if fault:
            faults.append(f"{folder}: {fault}")
        else:
            shutil.rmtree(folder)
    reader.end()
    if not faults:
        root.rmdir()
    outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in counts.most_common())
    print(
        f"{counts.total():,} files of seed {seed} in {time.monotonic() - start:.0f} s: {outcomes}; "
        f"at most {slowest:.1f} s and {largest / 1e9:.2f} GB."
    )
    return faults


class _Reader:
    """A process that tries cases, and is replaced when it comes to harm."""

    def __init__(self, try_case, seed):
        self._arguments = try_case, seed
        self._process = None

    def read(self, number, folder):
        """Give a case's outcome, its fault or None, its seconds, and the peak memory in bytes."""
        if self._process is None:
            self._start()
        begin = time.monotonic()
        self._connection.send((number, folder))
        try:
            if self._connection.poll(WAITS_AT_MOST):
                outcome, fault, peak = self._connection.recv()
            else:
                outcome, fault, peak = "hang", f"no end after {WAITS_AT_MOST} s", 0
        except EOFError:
            self._process.join()
            status, peak = self._process.exitcode, 0
            if status == -signal.SIGPROF:
                outcome, fault = "hang", f"no end after {HANGS_AFTER} s of a processor"
            else:
                outcome, fault = "end", f"the process ended with status {status}"
        took = time.monotonic() - begin
        if peak > MOST_MEMORY and not fault:
            outcome, fault = "much memory", f"{peak / 1e9:.1f} GB of memory"
        if peak > MOST_MEMORY or not peak:
            self.end()
        return outcome, fault, took, peak

    def end(self):
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None

    def _start(self):
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        arguments = (other, *self._arguments, HANGS_AFTER)
        self._process = context.Process(target=_try_cases, args=arguments, daemon=True)
        self._process.start()
        other.close()
        if not self._connection.poll(_STARTS_WITHIN):
            raise TimeoutError("the process that reads does not start")
        self._connection.recv()


def _try_cases(connection, try_case, seed, hangs_after):
    """Try the cases that come, until this process is ended, or one takes the processor too long."""
    resource.setrlimit(resource.RLIMIT_DATA, (_BEYOND_HELP, _BEYOND_HELP))
    connection.send("ready")
    while True:
        number, folder = connection.recv()
        signal.setitimer(signal.ITIMER_PROF, hangs_after)
        try:
            outcome, fault = try_case(random.Random(f"{seed} {number}"), folder), None
        except AssertionError as error:
            outcome, fault = "changed in silence", str(error)
        except Exception:
            outcome, fault = "traceback", traceback.format_exc()
        signal.setitimer(signal.ITIMER_PROF, 0)
        connection.send((outcome, fault, _peak()))


def _peak():
    """Give the most bytes that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():  # which, unlike getrusage, leaves out what the parent held
        return int(re.search(r"^VmHWM:\s*(\d+) kB", status.read_text(), re.M)[1]) << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
