"""What does a person at a terminal see, and what not?"""

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from genres import printable

_SETTLED = 3  # s after which a pace is known

_BAR = "{l_bar}{bar}| {n:.0f}/{total} [{elapsed}<{remaining}, {rate_fmt}]"  # steps may be shares


def spoken(seconds):
    """Say a duration the way a person would: ``40 s``, ``6 min``, ``2 h 10 min``."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def spaced(text):
    """Write the percentages in a text as prose has them, with a space: ``40.4 %``."""
    return re.sub(r"(?<=\d)%", " %", text)


def seen_from_here(path):
    """Give a path as text, relative to the working folder where it is below it."""
    below = path.is_relative_to(Path.cwd())
    return printable(path.relative_to(Path.cwd()) if below else path)


@contextmanager
def bar(progress: bool | Callable, label: str, total: int, done: int = 0, unit: str = "clip"):
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
    unit : str
        What they are, if not clips.

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
        look = {"unit": unit, "bar_format": _BAR, "disable": hidden}
        with tqdm(desc=label, total=total, initial=done, **look) as shown:
            yield shown.update


class Lines:
    """The last lines on a terminal, rewritten in place; elsewhere there are none.

    What is said meanwhile by `say` comes above them, and stays.
    """

    def __init__(self):
        self._n_lines = 0
        self.are_live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        if self.are_live and os.name == "nt":
            os.system("")  # Windows' own terminal then obeys what moves the cursor

    def show(self, lines):
        """Put other lines in the place of the last; what does not fit on the screen is cut off."""
        if self.are_live:
            width, height = shutil.get_terminal_size()
            seen = [line[: width - 1] for line in lines][: height - 1]
            print(self._gone() + "".join(f"{line}\n" for line in seen), end="", flush=True)
            self._n_lines = len(seen)

    def say(self, text):
        """Print a text above the lines, or where there are none, at the end."""
        print(self._gone() + text, flush=True)

    def _gone(self):
        n_lines, self._n_lines = self._n_lines, 0
        return f"\x1b[{n_lines}A\x1b[J" if n_lines else ""


class Course:
    """Steps, one after the other, shown as one: how far they are together, and what is left.

    Parameters
    ----------
    costs : dict of str to float
        What each step usually takes, in their order; only the ratios count.
    clock : callable, optional
        Gives the time, s.
    """

    def __init__(self, costs, clock=time.monotonic):
        self._costs, self._clock = costs, clock
        self._start, self._share = clock(), 0.0

    def at(self, step: str, share: float):
        """Note where a step stands, and say where all of them do.

        Parameters
        ----------
        step : str
            Its name; one that is not known changes nothing.
        share : float
            How much of it is done, from 0 to 1.

        Returns
        -------
        dict
            ``share`` of all that is done, which never falls; and ``left``, the seconds that the
            rest takes at this pace, or None as long as that cannot be said.
        """
        if step in self._costs:
            before = list(self._costs).index(step)
            done = sum([*self._costs.values()][:before]) + self._costs[step] * float(share)
            self._share = max(self._share, min(done / sum(self._costs.values()), 1.0))
        elapsed, left = self._clock() - self._start, None
        if elapsed >= _SETTLED and self._share:
            left = round(elapsed / self._share - elapsed)
        return {"share": round(self._share, 3), "left": left}


def last_bar(path: Path, begin: int = 0) -> dict | None:
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
        *lines, _ = path.read_bytes()[begin:].split(b"\n")
        bar = json.loads(lines[-1])
    except (OSError, IndexError, ValueError):
        return None
    return bar if bar["done"] < bar["total"] else None


@contextmanager
def without_stderr():
    """Throw away all that this process writes to its standard error while the block runs."""
    with Path(os.devnull).open("wb") as nowhere:
        screen = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(screen, 2)
            os.close(screen)
