"""What does a run keep, and which run is to be read?"""

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from genres import Refusal, files
from genres.project import COMMAND, RunFolder, find_notebooks
from genres.run import provenance

PUBLISHED = "published"
"""The name, among those of runs, of what the project publishes."""


class Run(RunFolder):
    """One run of the report: what it works on and the folder in which it keeps what it made.

    Parameters
    ----------
    project : Path
        Folder of the project, with ``notebooks/``, ``utils.py``, ``genres/`` and the lock file.
    folder : Path
        The run's own folder, absolute.
    data : genres.data.folders.Data, optional
        What the notebooks read; not needed to look at what a run made.
    quick : bool
        Whether it is a rehearsal.
    """

    def __init__(self, project, folder, data=None, quick=False):
        super().__init__(folder)
        self.project, self.data, self.quick = project, data, quick

    def changes(self, notebook) -> list[str]:
        """Say why a notebook has to be executed.

        Returns
        -------
        list of str
            What changed since its last execution; empty if its results still hold.
        """
        made_from = self.read_state(notebook.stem).get("made_from")
        paths = [self.executed(notebook.stem), self.results(notebook.stem)]
        if made_from is None or not all(path.exists() for path in paths):
            return ["for the first time"]
        now = provenance.fingerprint(notebook, self.project, self.data, self.quick)
        return [f"{part} changed" for part in now if now[part] != made_from.get(part)]

    def read_state(self, name) -> dict:
        """Read the note on a notebook's last execution.

        Returns
        -------
        dict
            ``seconds`` it took; where it is complete also ``cpu_seconds`` (of all cores together),
            ``made_from`` (its fingerprint), ``finished``, ``commit``, ``peak_memory`` in bytes (of
            the whole run meanwhile) and ``machine``. Empty if there is none.
        """
        return read_if_sound(self.state(name))

    def combine_results(self):
        """Write ``results.json`` from the results of all notebooks that hold, and return them."""
        standing = {
            notebook.stem: files.read_json(self.results(notebook.stem))
            for notebook in find_notebooks(self.project)
            if not self.changes(notebook)
        }
        files.write_json(self.combined, standing)
        return standing


class Report(NamedTuple):
    """What a site shows."""

    folder: Path  # of the run
    home: Path  # the folder that holds notebooks/ and figures/
    notebooks: list[Path]  # the executed ones, in order; of those that failed, as far as they came
    missing: list[str]  # names of the project's notebooks that are not among them
    results: dict[str, dict]  # what each notebook kept
    states: list[dict]  # what is known of the execution of each, as Run.read_state has it

    @property
    def seconds(self):
        """What the execution took; 0 where that is not known."""
        return time_taken(self.states)

    @property
    def finished(self):
        """When the last notebook was done, as ISO 8601 has it; empty where that is not known."""
        return max((state.get("finished", "") for state in self.states), default="")

    @property
    def machine(self):
        """Where the last was executed, as `genres.run.provenance.describe_machine` has it."""
        return self.states[-1].get("machine", {}) if self.states else {}


def find(project: Path, wanted: str | Path | None = None):
    """Find what to make a site of.

    Parameters
    ----------
    project : Path
        The project's folder.
    wanted : str or Path, optional
        The folder of a run, or its name in ``runs/``; ``published`` is what the project publishes.
        By default the newest run, or else what is published.

    Returns
    -------
    Report

    Raises
    ------
    Refusal
        If there is no such run, or nothing of it was executed.
    """
    runs = project / "runs"
    if wanted is None:
        executed = runs.glob("*/notebooks/[0-9]*.ipynb")
        newest = max(executed, key=lambda path: path.stat().st_mtime, default=None)
        wanted = newest.parents[1] if newest else PUBLISHED
    if str(wanted) == PUBLISHED:
        return _of_published(project)
    folder = next((place for place in (Path(wanted), runs / wanted) if place.is_dir()), None)
    if folder is None:
        raise Refusal(f"There is no run {wanted}: {COMMAND} run makes one.")
    return of_run(folder.resolve(), project)


def of_run(folder, project):
    """Take what a run executed so far, as `find` does."""
    run, names = Run(project, folder), [path.stem for path in find_notebooks(project)]
    done = [name for name in names if run.executed(name).exists()]
    places = {
        name: run.executed(name) if name in done else run.failed(name)
        for name in names
        if name in done or run.failed(name).exists()
    }
    if not places:
        raise Refusal(f"{folder} holds no executed notebook yet: {COMMAND} run executes them.")
    return Report(
        folder,
        folder,
        list(places.values()),
        [name for name in names if name not in places],
        {name: read_if_sound(run.results(name)) for name in done},
        [state for name in done if "finished" in (state := run.read_state(name))],
    )


def _of_published(project):
    described = read_if_sound(project / "figures" / "run.json")
    return Report(
        project / "runs" / PUBLISHED,
        project,
        find_notebooks(project),
        [],
        read_if_sound(project / "figures" / "results.json"),
        [made for made in described.values() if isinstance(made, dict) and "finished" in made],
    )


def time_taken(states) -> float:
    """Give the seconds in which at least one of several notebooks was being executed.

    Parameters
    ----------
    states : iterable of dict
        What is known of the execution of each, as `Run.read_state` has it, with ``finished``.
    """
    spans = []
    for state in states:
        end = datetime.fromisoformat(state["finished"]).timestamp()
        spans.append((end - state["seconds"], end))
    total, until = 0.0, 0.0
    for start, end in sorted(spans):
        total += max(end - max(start, until), 0.0)
        until = max(until, end)
    return total


def read_if_sound(path):
    """Read a JSON file; give an empty dict where there is none, or no JSON in it."""
    with suppress(Refusal):
        return files.read_json(path)
    return {}
