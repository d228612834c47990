"""How much faster is it than the straightforward way? Both sides are measured in one run."""

import math
import statistics
import time


def best_of(function, times=3):
    """Give the shortest time of several calls, in s."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def taking_turns(functions, turns):
    """Call functions in turn, several times, and give the median time of each, in s."""
    seconds = [[best_of(function, 1) for function in functions] for _ in range(turns)]
    return [statistics.median(times) for times in zip(*seconds, strict=True)]


def shown(number):
    """Write a positive number with three digits that count, and commas between thousands."""
    rounded = float(f"{number:.3g}")
    return f"{rounded:,.{max(0, 2 - math.floor(math.log10(rounded)))}f}"


def row(name, baseline_seconds, seconds, note):
    """Describe one comparison: the straightforward way, this project's way, and how they compare.

    Parameters
    ----------
    name : str
        What is done.
    baseline_seconds, seconds : float
        Time of the straightforward way and of the project's.
    note : str
        What else a reader should know, such as compile time and accuracy.

    Returns
    -------
    dict
    """
    return {
        "name": name,
        "baseline_seconds": baseline_seconds,
        "seconds": seconds,
        "ratio": baseline_seconds / seconds,
        "note": note,
    }
