"""Is there a cluster to work on, and does each of its workers compute what this machine would?"""

import asyncio
import os
import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial

from threadpoolctl import threadpool_limits

from genres import Refusal, imports, project

ADDRESS_VARIABLE = "DASK_SCHEDULER_ADDRESS"
"""The environment variable that names a cluster's scheduler where no argument does."""

_PATIENCE = 14.0  # s, for each thing that is waited for
_PAUSE = 0.02  # s between two looks for results


def address_of(dask=None):
    """Give the address of the cluster to work on, or None; `dask` is as `parallel.each` has it."""
    return dask or os.environ.get(ADDRESS_VARIABLE)


def require(address: str):
    """Refuse a cluster that cannot work, or would compute something else, before it has to.

    Parameters
    ----------
    address : str
        Of its scheduler, as ``tcp://host:8786``.

    Raises
    ------
    Refusal
        As `each` has it.
    """
    with _connected(address):
        pass


def each(function: Callable, items: Sequence, address: str):
    """Call a function on every item on a cluster, each call on one thread.

    Parameters
    ----------
    function, items
        As `genres.parallel.each` has them, and so are the results.
    address : str
        Of the scheduler.

    Yields
    ------
    object

    Raises
    ------
    Refusal
        If no scheduler responds, it has no workers, one of them has other code or libraries than
        this machine, it or all workers are lost, or one item was the end of several workers. A
        worker that dies takes no result with it, and one that joins proves what it has, too.
    """
    with _connected(address) as client:
        call = partial(_call_as_here, identity(), function)
        futures = client.map(call, items, pure=False, retries=3)
        watch = _Watch(client, address)
        for future in _completed(futures, watch):
            yield _result_of(future, watch)
            future.release()


@cache
def identity() -> dict[str, str]:
    """Describe all that what is computed depends on, apart from the machine.

    Returns
    -------
    dict of str to str
        ``Python``, a digest of the project's ``code``, and the versions of its libraries by name.
    """
    code = sorted(imports.modules(project.PROJECT).values())
    return {
        "code": imports.fingerprint(code, project.PROJECT),
        "Python": ".".join(platform.python_version_tuple()[:2]),
        **project.libraries(),
    }


@contextmanager
def _connected(address):
    """Yield a client of a cluster whose workers were seen to be like this machine."""
    try:
        from distributed import Client, TimeoutError
    except ImportError as error:
        raise Refusal(
            "A cluster needs the package distributed, which is not installed: "
            "pip install distributed."
        ) from error
    # A client waits for ever at a port where something else listens.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _ask_scheduler(address)).result()
    with Client(address, timeout=_PATIENCE) as client:
        try:
            client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError as error:
            raise Refusal(f"The cluster at {address} has no workers: start some.") from error
        _require_likeness(client, address)
        yield client


async def _ask_scheduler(address):
    from distributed.core import rpc

    async def ask():
        async with rpc(address, timeout=_PATIENCE) as scheduler:
            return await scheduler.identity()

    try:
        about = await asyncio.wait_for(ask(), _PATIENCE)
    except Exception as error:  # of whatever listens there, and of certificates that are not named
        raise Refusal(
            f"No scheduler responds at {address}: start one, or correct it (tls:// needs "
            "certificates that distributed's configuration names)."
            if address.startswith("tls:")
            else f"No scheduler responds at {address}: start one, or correct it."
        ) from error
    if about.get("type") != "Scheduler":
        raise Refusal(f"What responds at {address} is no scheduler but a {about.get('type')}.")


def _require_likeness(client, address):
    """Refuse a cluster with a worker that cannot tell what it has, or has something else."""
    from distributed import TimeoutError

    try:
        found = client.run(identity, on_error="return", callback_timeout=_PATIENCE)
    except TimeoutError as error:
        raise Refusal(f"A worker of the cluster at {address} does not respond: stop it.") from error
    for worker, theirs in found.items():
        if isinstance(theirs, Exception):
            raise Refusal(
                f"The worker {worker} lacks this project's library, or has another version of it "
                f"({type(theirs).__name__}: {theirs}): set the same up there."
            ) from theirs
        _compare(identity(), theirs, worker)


def _compare(here, there, worker):
    for part in here | there:
        ours, theirs = here.get(part), there.get(part)
        if ours != theirs:
            what = (
                "other code of this project"
                if part == "code"
                else f"{part} {theirs}, and this machine {ours}"
                if theirs and ours
                else f"{'no' if ours else 'a'} {part}, unlike this machine"
            )
            raise Refusal(
                f"The worker {worker} has {what}: its results could differ. Set the same up there."
            )


def _call_as_here(expected, function, item):
    """Call a function on a worker that has shown to be like the machine that sent the work."""
    from distributed import get_worker

    _compare(expected, identity(), get_worker().address)
    with threadpool_limits(1):
        return function(item)


class _Watch:
    """Refuses to wait any longer for a cluster that has lost its scheduler or all its workers."""

    def __init__(self, client, address):
        self.client, self.address = client, address
        self.seen = time.monotonic()

    def look(self):
        try:
            workers = self.client.scheduler_info()["workers"]
        except OSError as error:
            raise self.lost() from error
        if workers:
            self.seen = time.monotonic()
        elif time.monotonic() - self.seen > _PATIENCE:
            raise Refusal(
                f"The cluster at {self.address} has lost its workers: start some, and the same "
                "command again. What was finished is kept."
            )

    def lost(self):
        return Refusal(
            f"The scheduler at {self.address} was lost: start one, and the same command again. "
            "What was finished is kept."
        )


def _completed(futures, watch):
    from distributed import as_completed

    completed = as_completed(futures)
    while not completed.is_empty():
        while not completed.has_ready() and not completed.is_empty():
            watch.look()
            time.sleep(_PAUSE)
        yield from completed.next_batch(block=False)


def _result_of(future, watch):
    """Wait for a result, which may be that of a worker that is lost: it is made again then."""
    from distributed import CancelledError, KilledWorker, TimeoutError
    from distributed.comm import CommClosedError

    while True:
        try:
            return future.result(timeout=_PATIENCE)
        except TimeoutError:
            if future.status == "error" and isinstance(future.exception(), TimeoutError):
                raise  # the work's own, not that of waiting for a result that was lost
            watch.look()
        except KilledWorker as error:
            raise Refusal(
                f"Workers of the cluster at {watch.address} were killed again and again at the "
                "same work, perhaps for want of memory: give each more of it."
            ) from error
        except (CancelledError, CommClosedError) as error:
            raise watch.lost() from error
        except (ImportError, AttributeError):
            _require_likeness(watch.client, watch.address)  # of a worker that joined later
            raise
