"""How far is the run, how long will it take, and what does it take?"""

import json
import shutil
import sys
import threading
import time
from contextlib import contextmanager

import psutil
from tqdm import tqdm

_PERIOD = 1.0  # seconds between two looks at a notebook in flight
_TAIL = 4096  # bytes; a progress line has about a hundred


def spoken(seconds):
    """Say a duration the way a person would: ``40 s``, ``6 min``, ``2 h 10 min``."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def bar(progress, label, total, done=0):
    """Show how far something long has come.

    Parameters
    ----------
    progress : bool or callable
        Whether to show a bar on the terminal; or what to show instead: a context manager of label
        and total, which yields a function that takes the number of steps done since its last call.
    label : str
        What it is.
    total, done : int
        Clips in all, and those that are done already.

    Yields
    ------
    callable
        To be called with the number of clips done since its last call.
    """
    if callable(progress) and total > done:
        with progress(label, total - done) as step:
            yield step
    else:
        hidden = not progress or total == done
        with tqdm(desc=label, unit="clip", total=total, initial=done, disable=hidden) as shown:
            yield shown.update


class Forecast:
    """How long a run will take, from how long its notebooks took before.

    Parameters
    ----------
    expected : dict of str to (float or None)
        Seconds that each notebook to be executed took before; None where it never was.
    """

    def __init__(self, expected):
        self._waiting = dict(expected)
        self._known = self._spent = 0.0

    def finish(self, notebook, seconds):
        """Note that a notebook took so many seconds: the others are taken to keep its pace."""
        expected = self._waiting.pop(notebook)
        if expected:
            self._known += expected
            self._spent += seconds

    def left(self, notebook=None, elapsed=0.0):
        """Give the seconds left, or None where a notebook that is to come never was timed.

        Parameters
        ----------
        notebook : str, optional
            The notebook in flight.
        elapsed : float, optional
            Seconds since it started.
        """
        if None in self._waiting.values():
            return None
        pace = self._spent / self._known if self._known else 1.0
        seconds = {name: pace * expected for name, expected in self._waiting.items()}
        if notebook in seconds:
            seconds[notebook] = max(seconds[notebook] - elapsed, 0.0)
        return sum(seconds.values())


class Watch:
    """A look, every second, at the notebook in flight: how far it is, how much memory it takes.

    On a terminal it keeps one line up to date; elsewhere it is silent. Used as a context manager
    around the execution.

    Parameters
    ----------
    title : str
        What the line begins with.
    n_cells : int
        Code cells of the notebook.
    bars : Path
        File to which the notebook's progress bars append JSON lines
        ``{"label": str, "done": n, "total": n}``.
    left : callable
        Given the seconds since the start, gives those left, or None.
    """

    def __init__(self, title, n_cells, bars, left):
        self.peak_memory = 0  # bytes, of this process and all below it
        self.seconds = 0.0
        self._title, self._n_cells, self._bars, self._left = title, n_cells, bars, left
        self._cell = self._seen = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)

    def __enter__(self):
        self._start = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()
        self.seconds = time.monotonic() - self._start
        _rewrite_line("")

    def next_cell(self):
        """Note that the next code cell begins, so that its predecessor's bars are over."""
        self._cell += 1
        self._seen = self._bars.stat().st_size if self._bars.exists() else 0

    def _look_on(self):
        while True:
            self.peak_memory = max(self.peak_memory, _memory())
            _rewrite_line(self._line())
            if self._done.wait(_PERIOD):
                return

    def _line(self):
        parts = [self._title, f"cell {self._cell}/{self._n_cells}"]
        if bar := last_bar(self._bars, self._seen):
            parts.append(f"{bar['label']} {bar['done'] / bar['total']:.0%}".replace("%", " %"))
        seconds = self._left(time.monotonic() - self._start)
        if seconds is not None:
            parts.append(f"about {spoken(seconds)} left")
        return " · ".join(parts)


def last_bar(path, begin=0):
    """Read where the last progress bar of a notebook stands.

    Parameters
    ----------
    path : Path
        The file that the bars append to; it need not exist.
    begin : int
        Byte to read from.

    Returns
    -------
    dict or None
        ``label``, ``done`` and ``total`` of the last whole line; None where there is none, and
        where that bar is complete.
    """
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(begin, end - _TAIL))
            lines = file.read().split(b"\n")[:-1]
        bar = json.loads(lines[-1])
    except (OSError, IndexError, ValueError):
        return None
    return bar if bar["done"] < bar["total"] else None


def _rewrite_line(text):
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{text[:width].ljust(width)}\r{text[:width]}", end="", flush=True)


def _memory():
    """Give the resident bytes of this process and all below it; what they share counts twice."""
    here = psutil.Process()
    total = 0
    for process in [here, *here.children(recursive=True)]:
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue  # it has just ended
    return total
