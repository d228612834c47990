"""Where does the work run: on this machine's cores, or on a cluster?"""

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from warnings import catch_warnings, filterwarnings

import joblib
import psutil
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from genres import Refusal, cluster

MEMORY_OF_NETWORKS = 3 << 29
"""Bytes that a process takes in which networks are trained."""

_N_SEMAPHORES = 16  # more than a pool of processes has
_TASKS_OF_POOL = 8  # processes and threads that a pool of processes takes for itself
_TASKS_OF_WORKER = 6  # and for each of its workers


def each(function: Callable, items, workers: int | None = None, dask: str | None = None):
    """Call a function on every item, side by side, and give the results as they come.

    Every call has one thread to itself: what is computed depends on nothing but the item.

    Parameters
    ----------
    function : callable
        Takes an item. It must be importable, as it may run in another process.
    items : sequence
        What to call it on.
    workers : int, optional
        How many processes of this machine to use; 1 is this very process. All cores if not said.
        Where the system does not give so many, fewer are used, and that is said. A cluster has
        its own number.
    dask : str, optional
        Address of a dask.distributed scheduler, as ``tcp://host:8786``. If it is not said, the
        environment variable ``DASK_SCHEDULER_ADDRESS`` names it. Its workers must have the code
        and libraries of this machine, and reach the files that items name.

    Yields
    ------
    object
        The results, in the order in which the work ends.

    Raises
    ------
    Refusal
        If the number of workers is below 1, or as `cluster.each` has it.
    """
    if address := cluster.address_of(dask):
        yield from cluster.each(function, items, address)
        return
    call = partial(_call_alone, function)
    workers = cores() if workers is None else workers
    if workers < 1:
        raise Refusal(f"{workers} workers cannot do anything: 1 or more are needed.")
    workers = min(workers, _most_workers(workers))
    if workers == 1:
        yield from map(call, items)
        return
    options = {"initializer": _end_with, "initargs": (os.getpid(),)}
    with joblib.parallel_config("loky", inner_max_num_threads=1, **options), catch_warnings():
        # A worker whose memory has grown is replaced by a new one, and nothing is lost.
        filterwarnings("ignore", "A worker stopped", UserWarning)
        run = joblib.Parallel(n_jobs=workers, return_as="generator_unordered")
        yield from run(joblib.delayed(call)(item) for item in items)


def cores() -> int:
    """Count the cores that this process may use."""
    return joblib.cpu_count()


def memory_left() -> int:
    """Give the bytes of memory that are free here, on the machine or within a container's limit."""
    left = psutil.virtual_memory().available
    group = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError):  # there is no limit
        most, used = (int((group / f"memory.{name}").read_text()) for name in ("max", "current"))
        kept = dict(map(str.split, (group / "memory.stat").read_text().splitlines()))
        left = min(left, most - used + int(kept["inactive_file"]))  # which is given up at need
    return left


def tasks_left() -> int | None:
    """Count the processes and threads that this user may still start; None where any number."""
    try:
        import resource
    except ImportError:  # Windows limits none
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if limit == resource.RLIM_INFINITY or os.getuid() == 0:  # whom the system exempts
        return None
    running = 0
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it has just ended
            if process.uids().real == os.getuid():
                running += process.num_threads()
    return limit - running


def _most_workers(wanted):
    """Give how many of the processes wanted the system allows, and say it where they are fewer."""
    if wanted == 1:
        return 1
    try:
        # The system keeps them in /dev/shm, which may be tiny, read-only or missing; not Windows.
        if hasattr(os, "fork"):
            semaphores = [multiprocessing.get_context("fork").Lock() for _ in range(_N_SEMAPHORES)]
            del semaphores
    except OSError as error:
        tqdm.write(
            f"Working in one process: /dev/shm cannot be used ({error.strerror}).", file=sys.stderr
        )
        return 1
    left = tasks_left()
    most = wanted if left is None else max(1, (left - _TASKS_OF_POOL) // _TASKS_OF_WORKER)
    if most < wanted:
        processes = "one process" if most == 1 else f"{most} processes"
        tqdm.write(
            f"Working in {processes}: this user may start {left} more (ulimit -u).", file=sys.stderr
        )
    return most


def _end_with(parent):
    """Let this worker, busy or not, end with the process that it works for, if that is killed."""

    def watch():
        # Where a killed parent is still listed, its children have another; on Windows they keep it.
        while os.getppid() == parent and psutil.pid_exists(parent):
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _call_alone(function, item):
    with threadpool_limits(1):
        return function(item)
