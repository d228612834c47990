"""Which notebooks may be executed side by side, which comes next, and when are all done?"""

import ast
import heapq
from pathlib import Path

from genres.project import RunFolder
from genres.run import provenance

_PLACES = RunFolder(Path())
_KEPT = {
    f"bench.run.{name}" for name, place in vars(_PLACES).items() if _PLACES.models in place.parents
}  # as notebooks write it


def prerequisites(notebooks: list[Path]) -> dict[str, set[str]]:
    """Find out which notebooks have to wait for which.

    What notebooks keep for each other, trained models and predictions, lies in the run's folder
    ``models``, and their code names it as ``bench.run.champion``. The first that names something
    makes it, and all others that name it wait for that one.

    Parameters
    ----------
    notebooks : list of Path
        The ``.ipynb`` files, in their order.

    Returns
    -------
    dict of str to set of str
        For each notebook, by name, those before it that have to be done first. One that takes the
        run's folder as a whole, or is not plain Python, counts as naming everything.
    """
    makers: dict[str, str] = {}
    needs = {}
    for notebook in notebooks:
        name = notebook.stem
        needs[name] = {makers.setdefault(thing, name) for thing in _named_things(notebook)} - {name}
    return needs


def _named_things(notebook):
    sources = [source for kind, source, _ in provenance.read_cells(notebook) if kind == "code"]
    try:
        nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    except SyntaxError:
        return _KEPT
    uses = [ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)]
    clear = [use for use in uses if use in _KEPT]
    is_clear = len(clear) == sum(use in ("bench.run", "bench.folder") for use in uses)
    return set(clear) if is_clear else _KEPT


class Schedule:
    """The notebooks of a run: which wait, which are being executed, and how long all will take.

    Of several that may start, the one with the longest way to the end is the next: its own time,
    and that of those that wait for it. Where only one is executed at a time, they keep their order.

    Parameters
    ----------
    needs : dict of str to set of str
        For each notebook, in their order, those that have to be done before it. What is not itself
        a key is done already.
    expected : dict of str to (float or None)
        Seconds that each took before; None where it never was timed.
    jobs : int
        How many are executed at the same time.

    Attributes
    ----------
    running : list of str
        The notebooks in flight.
    """

    def __init__(self, needs, expected, jobs):
        self.jobs = jobs
        self._needs = {name: of & needs.keys() for name, of in needs.items()}
        self._expected = {name: expected[name] for name in needs}
        self._waiting, self.running = list(needs), []
        if jobs > 1:
            way = self._ways_to_the_end()
            self._waiting.sort(key=lambda name: -way[name])
        self._known = self._spent = 0.0

    def _ways_to_the_end(self):
        ways = {}
        for name in reversed(self._waiting):  # whoever waits for one comes after it
            behind = [way for other, way in ways.items() if name in self._needs[other]]
            ways[name] = (self._expected[name] or 0.0) + max(behind, default=0.0)
        return ways

    def start(self) -> str | None:
        """Give the notebook that starts now; None if all have to wait, or none is left."""
        if len(self.running) == self.jobs:
            return None
        name = _first_ready(self._waiting, self.running, self._needs)
        if name:
            self._waiting.remove(name)
            self.running.append(name)
        return name

    def finish(self, notebook: str, seconds: float):
        """Note that a notebook took so many seconds: the others are taken to keep its pace."""
        self.running.remove(notebook)
        if expected := self._expected[notebook]:
            self._known += expected
            self._spent += seconds

    def at_once(self, notebook: str) -> int:
        """Say how many notebooks may be executed at once while a certain one is, with itself."""
        behind = {notebook}
        for name in self._needs:
            if behind & self._needs[name]:
                behind.add(name)
        others = {*self._waiting, *self.running} - behind
        return min(self.jobs, 1 + len(others))

    def left(self, elapsed: dict[str, float] | None = None) -> float | None:
        """Give the seconds left, or None where a notebook that is not done never was timed.

        Parameters
        ----------
        elapsed : dict of str to float, optional
            Seconds since each notebook in flight started.
        """
        pace = self._spent / self._known if self._known else 1.0
        seconds = {}
        for name in (*self.running, *self._waiting):
            expected = self._expected[name]
            if expected is None:
                return None
            seconds[name] = max(pace * expected - (elapsed or {}).get(name, 0.0), 0.0)
        waiting = list(self._waiting)
        ends = [(seconds[name], name) for name in self.running]
        heapq.heapify(ends)
        now = 0.0
        while ends or waiting:
            running = [name for _, name in ends]
            name = _first_ready(waiting, running, self._needs) if len(ends) < self.jobs else None
            if name:
                waiting.remove(name)
                heapq.heappush(ends, (now + seconds[name], name))
            else:
                now, _ = heapq.heappop(ends)
        return now


def _first_ready(waiting, running, needs):
    unfinished = {*waiting, *running}
    return next((name for name in waiting if not needs[name] & unfinished), None)
