"""Where does the work run: on this machine's cores, or on a cluster?"""

from collections.abc import Callable
from functools import partial

import joblib
from threadpoolctl import threadpool_limits

from genres import Refusal, cluster


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
    workers = joblib.cpu_count() if workers is None else workers
    if workers < 1:
        raise Refusal(f"{workers} workers cannot do anything: 1 or more are needed.")
    if workers == 1:
        yield from map(call, items)
        return
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        run = joblib.Parallel(n_jobs=workers, return_as="generator_unordered")
        yield from run(joblib.delayed(call)(item) for item in items)


def _call_alone(function, item):
    with threadpool_limits(1):
        return function(item)
