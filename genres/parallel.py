"""Where does the work run: on this machine's cores, or on a cluster?"""

import os
from collections.abc import Callable
from functools import partial

import joblib
from threadpoolctl import threadpool_limits

from genres import Refusal

ADDRESS_VARIABLE = "DASK_SCHEDULER_ADDRESS"
"""The environment variable that names a cluster's scheduler where no argument does."""


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
        A cluster has its own number.
    dask : str, optional
        Address of a dask.distributed scheduler, as ``tcp://host:8786``. If it is not said, the
        environment variable ``DASK_SCHEDULER_ADDRESS`` names it. The cluster's workers must have
        this library, and reach the files that items name.

    Yields
    ------
    object
        The results, in the order in which the work ends.

    Raises
    ------
    Refusal
        If the number of workers is below 1, or the cluster cannot be reached.
    """
    address = cluster_address(dask)
    call = partial(_call_alone, function)
    if address:
        yield from _on_cluster(call, items, address)
        return
    workers = joblib.cpu_count() if workers is None else workers
    if workers < 1:
        raise Refusal(f"{workers} workers cannot do anything: 1 or more are needed.")
    if workers == 1:
        yield from map(call, items)
        return
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        run = joblib.Parallel(n_jobs=workers, return_as="generator_unordered")
        yield from run(joblib.delayed(call)(item) for item in items)


def cluster_address(dask=None):
    """Give the address of the cluster to work on, or None; `dask` is as `each` has it."""
    return dask or os.environ.get(ADDRESS_VARIABLE)


def _call_alone(function, item):
    with threadpool_limits(1):
        return function(item)


def _on_cluster(call, items, address):
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise Refusal(
            "A cluster needs the package distributed, which is not installed: "
            "pip install distributed."
        ) from error
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise Refusal(f"No scheduler responds at {address}: start one, or correct it.") from error
    with client:
        # A worker that dies takes no result with it: its tasks are given to the others.
        futures = as_completed(client.map(call, items, pure=False, retries=3))
        for future in futures:
            yield future.result()
            future.release()
