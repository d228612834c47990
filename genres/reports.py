"""Which run is to be read, and what is to be known of it?"""

import html
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from genres import Refusal, files
from genres.progress import spoken

PUBLISHED = "published"
"""The name, among those of runs, of what the project publishes."""


class Report(NamedTuple):
    """What a site shows.

    Attributes
    ----------
    folder : Path
        The folder of the run: the site goes into its folder ``report``.
    home : Path
        The folder that holds ``notebooks/`` and ``figures/``.
    notebooks : list of Path
        The executed notebooks, in order.
    missing : list of str
        Names of the project's notebooks that are not among them.
    results : dict of str to dict
        What each notebook kept.
    told : str
        Which run this is: one sentence.
    """

    folder: Path
    home: Path
    notebooks: list
    missing: list
    results: dict
    told: str


def find(project, wanted=None):
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
        If there is no such run, or nothing of it was executed to its end.
    """
    runs = project / "runs"
    if wanted is None:
        newest = sorted(
            runs.glob("*/notebooks/[0-9]*.ipynb"), key=lambda path: path.stat().st_mtime
        )
        wanted = newest[-1].parent.parent if newest else PUBLISHED
    if str(wanted) == PUBLISHED:
        return _of_published(project)
    folder = next((place for place in (Path(wanted), runs / wanted) if place.is_dir()), None)
    if folder is None:
        raise Refusal(f"There is no run {wanted}: ./run_all.sh makes one.")
    return of_run(folder.resolve(), project)


def of_run(folder, project):
    """Take what a run executed so far, as `find` does."""
    names = _names(project)
    executed = [folder / "notebooks" / f"{name}.ipynb" for name in names]
    executed = [path for path in executed if path.exists()]
    if not executed:
        raise Refusal(f"{folder} holds no executed notebook yet: ./run_all.sh executes them.")
    done = [path.stem for path in executed]
    results = {name: _read(folder / "results" / f"{name}.json") for name in done}
    states = [state for name in done if (state := _read(folder / "state" / f"{name}.json"))]
    told = _tell(results, sum(state["seconds"] for state in states), states[-1:] or [{}])
    missing = [name for name in names if name not in done]
    return Report(folder, folder, executed, missing, results, told)


def _of_published(project):
    notebooks = [project / "notebooks" / f"{name}.ipynb" for name in _names(project)]
    results = _read(project / "figures" / "results.json")
    run = _read(project / "figures" / "run.json")
    told = _tell(results, sum(run.get("seconds", {}).values()), [run])
    return Report(project / "runs" / PUBLISHED, project, notebooks, [], results, told)


def _names(project):
    return [path.stem for path in sorted((project / "notebooks").glob("[0-9]*.ipynb"))]


def _read(path):
    with suppress(Refusal):
        return files.read_json(path)
    return {}


def _tell(results, seconds, runs):
    """Say which run this is: its data, when and on what, and what is to be known of it."""
    latest = max((run.get("finished") or run.get("date") or "" for run in runs), default="")
    machine = runs[0].get("machine", runs[0])
    data = sorted({found["data"] for found in results.values() if "data" in found})
    told = f"A run on the data <b>{html.escape(', '.join(data))}</b>" if data else "A run"
    if latest:
        day = datetime.fromisoformat(latest)
        told += f", finished on {day.day} {day:%B %Y}"
    if seconds:
        told += f": {spoken(seconds)}"
        if "cpu" in machine:
            told += f" on {machine['cores']} cores of {html.escape(machine['cpu'])}"
    told += "."
    if any(found.get("quick") for found in results.values()):
        told += " <b>A rehearsal: its figures are rough.</b>"
    marked = [name[:2] for name, found in results.items() if found.get("synthetic")]
    if marked:
        which = "All" if len(marked) == len(results) else f"In {', '.join(marked)}, some"
        told += f" <b>{which} of the music is synthetic: made by the project itself.</b>"
    return told
