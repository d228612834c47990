"""Where is the project, and what does a run of it keep where?"""

import importlib.metadata
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from genres import Refusal

PROJECT = Path(__file__).resolve().parent.parent
"""The project's folder, with ``notebooks/``, ``utils.py``, ``genres/`` and the lock file."""

DATA = PROJECT / "data"
"""The project's own data folder: what the user puts there, downloads, and the built-in corpus."""

RUNS = PROJECT / "runs"
"""Where runs have their folders, unless another place is named."""

COMMAND = r".venv\Scripts\genres" if os.name == "nt" else ".venv/bin/genres"
"""What a person types, in the project's folder, to start the command line: hints name it."""


class RunFolder:
    """What a run keeps, and where in its folder.

    Parameters
    ----------
    folder : Path
        The run's own folder, such as ``runs/course``.
    """

    def __init__(self, folder):
        self.folder = folder
        self.figures = folder / "figures"
        self.models = folder / "models"
        self.champion = self.models / "champion"  # that notebook 11 trained
        self.tagged_champion = self.models / "champion-with-tags"  # and notebook 13
        self.lstm_ensemble = self.models / "lstm-ensemble"  # and notebook 05
        self.predictions = self.models / "predictions"  # of classifiers, on held-out tracks
        self.site = folder / "report"  # a web site
        self.evaluations = folder / "evaluations"  # of somebody's own classifiers
        self.work = folder / "work"  # a folder for each notebook in flight
        self.combined = folder / "results.json"  # the results of all notebooks
        self.ledger = folder / "ledger.md"  # the run's figures beside those of the reports

    def bars(self, notebook):
        """Give the path of the file to which a notebook in flight writes how far it is."""
        return self.work / notebook / "progress"

    def executed(self, notebook):
        """Give the path of an executed notebook, by its name without suffix."""
        return self.folder / "notebooks" / f"{notebook}.ipynb"

    def failed(self, notebook):
        """Give the path at which a failed notebook is kept, up to the failure."""
        return self.folder / "notebooks" / f"{notebook}.failed.ipynb"

    def results(self, notebook):
        """Give the path of what a notebook found."""
        return self.folder / "results" / f"{notebook}.json"

    def state(self, notebook):
        """Give the path of the note on how a notebook's last execution went."""
        return self.folder / "state" / f"{notebook}.json"

    def figure(self, notebook, picture):
        """Give the path of a picture of a notebook."""
        return self.figures / f"{notebook}-{picture}.png"


def libraries(project: Path = PROJECT) -> dict[str, str]:
    """Give the installed version of each direct dependency, by its name in ``requirements.txt``."""
    versions = {}
    for line in (project / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if name := re.match(r"[\w.-]+", line):
            with suppress(importlib.metadata.PackageNotFoundError):
                versions[name[0]] = importlib.metadata.version(name[0])
    return versions


def find_notebooks(project: Path, only: Sequence[str] = ()):
    """List the report's notebooks in order, or those of them that are wanted.

    Parameters
    ----------
    project : Path
        Folder of the project.
    only : sequence of str
        Numbers (``02`` or ``2``) or names (``02-knn-baseline``).

    Raises
    ------
    Refusal
        If there is no notebook at all, or none of a number or name.
    """
    notebooks = sorted((project / "notebooks").glob("[0-9]*.ipynb"))
    if not notebooks:
        raise Refusal(f"{project / 'notebooks'} holds no notebook: is the project complete?")
    names = {path: {path.stem, path.stem.partition("-")[0]} for path in notebooks}
    for wanted in only:
        if wanted.zfill(2) not in set().union(*names.values()):
            there = ", ".join(path.stem for path in notebooks)
            raise Refusal(f"There is no notebook {wanted}; there are {there}.")
    chosen = {wanted.zfill(2) for wanted in only}
    return [path for path in notebooks if not only or chosen & names[path]]
