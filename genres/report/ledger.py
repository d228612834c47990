"""What did the reports show, and where is it here?"""

import csv
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from genres import Refusal, files

PLACE = Path("data", "ledger.csv")
"""Where the ledger lies in the project."""

REPORTS = {
    "task sheet": "The task sheet of TTT4275",
    "1": "Report 1, Boo and Herculano: from k-NN to RNNs",
    "2": "Report 2, CS229: amplitude against mel spectrogram",
    "3": "Report 3, Sarolia: features, spectrograms and wavelets",
    "4": "Report 4: maps of MagnaTagATune",
    "5": "Report 5, Nguyen, Zhang and Zhang: mel spectrogram, MFCC, or both",
}
"""The reports, numbered as in the README, and what stands above the rows of each."""


class Row(NamedTuple):
    """A figure, a table or a number of a report, and what of this project goes with it."""

    report: str  # one of REPORTS
    place: str  # where it stands there, such as "Figure 2"
    shows: str
    reported: str  # its value as the report writes it, several with ", " between; "": a picture
    notebook: str  # without suffix
    cell: str  # the id of the cell that makes it
    key: str  # where its value is in the notebook's results, as find() takes it; "": nowhere
    why: str  # why the two differ, or cannot be compared


def read(path):
    """Read the rows of a ledger, a CSV file with the fields of `Row` as its columns.

    Raises
    ------
    Refusal
        If the file cannot be read, or a line of it is not a sound row.
    """
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, strict=True)
            lines = [(reader.line_num, line) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", error)
        raise Refusal(f"{path} cannot be read as a ledger: {reason}.") from error
    if not lines or lines[0][1] != list(Row._fields):
        raise Refusal(f"{path} does not begin with the columns {', '.join(Row._fields)}.")
    for number, line in lines[1:]:
        if problem := _problem(line):
            raise Refusal(f"{path}, line {number}, {problem}.")
    return [Row(*line) for _, line in lines[1:]]


def find(key, results):
    """Look up what a key names in a notebook's results.

    Parameters
    ----------
    key : str
        A path such as ``per_genre/disco/f1``; a number picks from a list. Its last step may name
        several, ``tp|fp``. Two numbers may be joined: ``n_train plus n_test``, ``a minus b``.
    results : dict
        What the notebook kept.

    Returns
    -------
    list of int, float or str
        What is there; of a list of numbers the mean, of a list of words each.
    """
    first, *rest = re.split(r" (plus|minus) ", key)
    found = _at(first, results)
    for sign, path in zip(rest[::2], rest[1::2], strict=True):
        (total,), (term,) = found, _at(path, results)
        found = [total + term if sign == "plus" else total - term]
    return found


def here(row, results):
    """Write a row's value in this project as exactly as the report writes its own, or a dash.

    Parameters
    ----------
    row : Row
    results : dict of str to dict
        The notebooks' results, as in ``figures/results.json``.
    """
    try:
        found = find(row.key, results[row.notebook]) if row.key else [NONE]
        parts = row.reported.split(", ")
        reported = parts if len(parts) == len(found) else [""] * len(found)
        return ", ".join(map(_write, found, reported))
    except (LookupError, TypeError, ValueError):
        return NONE


def summary(rows, results):
    """Say how many rows there are, and how many of their values are the report's."""
    counts = Counter(_verdict(row, results) for row in rows)
    told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    return f"{len(rows)} rows: {told}"


def table(rows, results, folder):
    """Write the ledger for people, as Markdown: a table for each report, folded up under its title.

    Parameters
    ----------
    rows : list of Row
    results : dict of str to dict
        The notebooks' results, as in ``figures/results.json``.
    folder : Path
        Where the links start from: it has the notebooks in ``notebooks/``.
    """
    parts = []
    for report, title in REPORTS.items():
        if not (of_report := [row for row in rows if row.report == report]):
            continue
        numbers = {row.notebook: _cell_numbers(folder, row.notebook) for row in of_report}
        parts += [
            f"<details><summary><b>{title}</b> ({summary(of_report, results)})</summary>",
            "",
            "| where | what | the report | here | made by | why they differ |",
            "|:--|:--|--:|--:|:--|:--|",
        ]
        for row in of_report:
            values = [v.replace("%", " %") for v in (row.reported or NONE, here(row, results))]
            why = "equal" if _verdict(row, results) == "equal" else row.why
            fields = (row.place, row.shows, *values, _link(row, numbers[row.notebook]), why)
            parts.append(f"| {' | '.join(fields)} |")
        parts += ["", "</details>", ""]
    return "\n".join(parts).rstrip()


def _problem(line):
    if len(line) != len(Row._fields):
        return f"has {len(line)} columns instead of {len(Row._fields)}"
    row = Row(*line)
    if row.report not in REPORTS:
        return f"is of report {row.report!r}, where there are {', '.join(REPORTS)}"
    if not row.place or not row.shows:
        return "does not say where something stands and what it shows"
    if bool(row.notebook) != bool(row.cell) or (row.key and not row.cell):
        return "lacks a notebook or the cell in it"
    return None


def _at(path, results):
    *steps, last = path.split("/")
    for step in steps:
        results = results[int(step) if isinstance(results, list) else step]
    found = []
    for name in last.split("|"):
        value = results[int(name) if isinstance(results, list) else name]
        if isinstance(value, list) and isinstance(value[0], str):
            found += value
        else:
            found.append(fmean(value) if isinstance(value, list) else value)
    return found


def _write(value, reported):
    if isinstance(value, str):
        return value
    if not re.fullmatch(r"\d[\d,]*(\.\d+)?%?|\.\d+", reported):  # a picture has no number
        reported = "0.000" if isinstance(value, float) else "1,000"
    n_decimals = len(reported.rstrip("%").partition(".")[2])
    text = f"{value:{',' * (',' in reported)}.{n_decimals}{'%' if '%' in reported else 'f'}}"
    return re.sub(r"^(-?)0\.", r"\1.", text) if reported.startswith(".") else text


def _verdict(row, results):
    value = here(row, results)
    if not row.reported or value == NONE:
        return "without two values to compare"
    return "equal" if value == row.reported else "different"


def _cell_numbers(folder, notebook):
    """Give the number that stands beside each code cell of an executed notebook, by its id."""
    path = folder / "notebooks" / f"{notebook}.ipynb"
    cells = files.read_json(path)["cells"] if path.exists() else []
    code = [cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"])]
    return {cell.get("id"): number for number, cell in enumerate(code, start=1)}


def _link(row, numbers):
    if row.cell not in numbers:
        return NONE
    text = f"{row.notebook.partition('-')[0]}, cell {numbers[row.cell]}"
    return f"[{text}](notebooks/{row.notebook}.ipynb#cell-id={row.cell})"


@dataclass(frozen=True)
class Headline:
    """The one figure that stands for a notebook.

    Attributes
    ----------
    label : str
        What the figure is.
    value : callable
        Takes it from the notebook's results.
    form : str
        How it is written, as a format specification.
    tolerance : float
        How far two runs on the same data may be apart: 0 where there is no chance in it.
    report : float or None
        The figure in the report that the notebook re-does, or in its authors' notebooks.
    """

    label: str
    value: Callable[[dict], float]
    form: str
    tolerance: float
    report: float | None = None


HEADLINES = {
    "01-feature-distributions": Headline(
        "tracks in the data", lambda results: results["n_tracks"], ",d", 0, 1000
    ),
    "02-knn-baseline": Headline(
        "k-NN on four features, accuracy", lambda results: results["accuracy"], ".1%", 0, 0.404
    ),
    "03-feature-search": Headline(
        "best of 236 feature sets, macro F1",
        lambda results: results["best_macro_f1"],
        ".3f",
        0,
        0.521,
    ),
    "04-model-exploration": Headline(
        "batch-normalised dense network, mean accuracy over seeds",
        lambda results: fmean(
            results["networks"]["fully connected: batch-normalised"]["accuracies"]
        ),
        ".1%",
        0.05,
        0.748,
    ),
    "05-lstm-ensemble": Headline(
        "ten LSTMs voting, mean accuracy over seeds",
        lambda results: fmean(results["hard_vote_accuracies"]),
        ".1%",
        0.04,
        0.803,
    ),
    "06-honest-evaluation": Headline(
        "SVM, no artist on both sides, accuracy",
        lambda results: results["faults"]["artist"]["SVM"]["honest"],
        ".1%",
        0.02,
    ),
    "07-spectrogram-models": Headline(
        "mel CNN, accuracy by clip (the report: by window), mean over seeds",
        lambda results: fmean(results["best_cnn"]["accuracies"]),
        ".1%",
        0.04,
        0.82,
    ),
    "08-mel-vs-mfcc": Headline(
        "network on mel and MFCC, mean accuracy over splits",
        lambda results: fmean(results["models"]["both: two branches"]["accuracies"]),
        ".1%",
        0.05,
        0.28,
    ),
    "09-genre-maps": Headline(
        "held-out clips told apart on LDA's 3-D map",
        lambda results: results["separation"]["LDA"]["3"],
        ".1%",
        0.03,
    ),
    "10-wavelets-and-leakage": Headline(
        "dense network, 3 s windows split at random, accuracy",
        lambda results: results["final"]["val_accuracy"],
        ".1%",
        0.03,
        0.9035,
    ),
    "11-champion": Headline(
        "champion, mean accuracy over seeds",
        lambda results: fmean(results["accuracies"]),
        ".1%",
        0.03,
        0.803,
    ),
    "12-genre-timeline": Headline(
        "changes of genre found within 2.5 s, in synthetic clips",
        lambda results: results["change_recall"],
        ".1%",
        0.03,
    ),
}

NONE = "–"
"""How a figure is written that is not there."""

# Figures come back from JSON, and other machines add in another order.
_ROUNDING = 1e-9


def headline(notebook, results):
    """Take a notebook's headline figure from its results.

    Parameters
    ----------
    notebook : str
        The notebook's name, without suffix.
    results : dict or None
        What it wrote into ``results/<notebook>.json``.

    Returns
    -------
    float or None
        None where the notebook has no headline, or its results lack it.
    """
    if notebook not in HEADLINES:
        return None
    try:
        return HEADLINES[notebook].value(results)
    except (KeyError, TypeError, ValueError):
        return None


def shown(notebook, figure):
    """Write a headline figure the way its notebook has it, or a dash where there is none."""
    if figure is None:
        return NONE
    return format(figure, HEADLINES[notebook].form).replace("%", " %")
