"""What did the reports show, and where is it here?"""

import csv
import os
import re
from collections import Counter
from numbers import Integral, Number
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np

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
    "beyond": "Beyond the reports",
}
"""The reports, numbered as in the README, and what stands above the rows of each."""

NONE = "–"
"""How a figure is written that is not there."""

_OTHERWISE_EQUAL, _INCOMPARABLE = "equal from different comparisons", "not comparable"

EXPLAINED = (
    "A row is comparable if there is a value both there and here. Where equal values come from "
    "different comparisons, the row says what was compared."
)
"""What `summary` counts."""

_NUMBER = re.compile(r"\d[\d,]*(\.\d+)?%?|\.\d+")


class Row(NamedTuple):
    """A figure, a table or a number of a report, and what of this project goes with it."""

    report: str  # one of REPORTS
    place: str  # where it stands there, such as "Figure 2"
    shows: str
    reported: str  # its value as the report writes it, several with ", " between; "": a picture
    notebook: str  # without suffix
    cell: str  # the id of the cell that makes it
    key: str  # where its value is in the notebook's results, as find() takes it; "": nowhere
    why: str  # why the two differ, or are equal although something else was compared
    headline: str  # what it is, where it is the one figure that stands for the notebook
    form: str  # how the headline is written, by an example such as "0.0%"
    tolerance: str  # how far headlines of two runs on the same data may be apart


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
    rows = [Row(*line) for _, line in lines[1:]]
    several = Counter(row.notebook for row in rows if row.headline).most_common(1)
    if several and several[0][1] > 1:
        raise Refusal(f"{path} has more than one headline for {several[0][0]}.")
    return rows


def find(key: str, results: dict):
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


def here(row, results: dict[str, dict]):
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


def explain(row, results):
    """Say whether a row's value is the report's, or why not.

    What is written alike is ``equal``, but not where something else was compared: that is said.
    """
    if not _verdict(row, results).startswith("equal"):
        return row.why or NONE
    return f"same figure, but not the same thing: {row.why}" if row.why else "equal"


def summary(rows, results):
    """Say how many rows there are, and how many of their values are the report's."""
    counts = Counter(_verdict(row, results) for row in rows)
    told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    total = f"{len(rows)} row{'s' * (len(rows) != 1)}"
    return f"{total}, none comparable" if set(counts) == {_INCOMPARABLE} else f"{total}: {told}"


def page(introduction: str, rows, results: dict[str, dict], home: Path, start: Path | None = None):
    """Write the ledger for people, as Markdown: a table for each report, folded up under its title.

    Parameters
    ----------
    introduction : str
        What stands above the tables.
    rows : list of Row
    results : dict of str to dict
        The notebooks' results, as in ``figures/results.json``.
    home : Path
        The folder that has the notebooks in ``notebooks/``.
    start : Path, optional
        The folder in which the page lies, from which it links the notebooks; by default `home`.
    """
    notebooks = home / "notebooks"
    links = Path(os.path.relpath(notebooks, start or home)).as_posix()
    names = {row.notebook for row in rows}
    numbers = {name: _cell_numbers(notebooks / f"{name}.ipynb") for name in names}
    lines = ["# Ledger: every figure of the five reports", "", introduction, ""]
    for report, title in REPORTS.items():
        if not (of_report := [row for row in rows if row.report == report]):
            continue
        lines += [
            f"<details><summary><b>{title}</b> ({summary(of_report, results)})</summary>",
            "",
            "| where | what | the report | here | computed in | why they differ |",
            "|:--|:--|--:|--:|:--|:--|",
        ]
        for row in of_report:
            values = [v.replace("%", " %") for v in (row.reported or NONE, here(row, results))]
            link = NONE
            if row.cell in numbers[row.notebook]:
                text = f"{row.notebook[:2]}, cell {numbers[row.notebook][row.cell]}"
                link = f"[{text}]({links}/{row.notebook}.ipynb#cell-id={row.cell})"
            fields = (row.place, row.shows, *values, link, explain(row, results))
            lines.append(f"| {' | '.join(fields)} |")
        lines += ["", "</details>", ""]
    return "\n".join(lines)


def headlines(rows):
    """Give the row whose figure stands for a notebook, by the notebook's name and in that order."""
    return {row.notebook: row for row in sorted(rows, key=lambda row: row.notebook) if row.headline}


def figure(row, results):
    """Take a headline's figure from its notebook's results; None where they lack it."""
    try:
        (found,) = find(row.key, results)
    except (LookupError, TypeError, ValueError):
        return None
    return found if isinstance(found, Number) else None


def headline(row, results):
    """Write a headline's figure as reported, and the one in a notebook's results, both alike.

    Each is in the headline's form, or a dash where there is none; the first is preceded by the
    report's number.
    """
    values = (number(row.reported) if row.reported else None, figure(row, results))
    reported, here = (
        NONE if value is None else _write(value, row.form).replace("%", " %") for value in values
    )
    source = f"report {row.report}" if row.report.isdigit() else row.report
    return (reported if reported == NONE else f"{source}: {reported}"), here


def number(text):
    """Read a number as it is written in the ledger, such as ``1,000``, ``.82`` or ``40.4%``."""
    value = float(text.replace(",", "").rstrip("%"))
    return value / 100 if "%" in text else value


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
    numbers = (row.form, row.tolerance, row.reported or row.form)
    if row.headline and not (row.key and all(map(_NUMBER.fullmatch, numbers))):
        return "is a headline without a key or a number"
    return None


def _at(path, results):
    *steps, last = path.split("/")
    for step in steps:
        results = _pick(results, step)
    found = []
    for name in last.split("|"):
        value = _pick(results, name)
        if not np.ndim(value):
            found.append(value)
        elif isinstance(value[0], str):
            found += value
        else:
            found.append(fmean(value))
    return found


def _pick(results, step):
    return results[step if isinstance(results, dict) else int(step)]


def _write(value, like):
    """Write a value as exactly as a number is written; where that is none, plainly."""
    if isinstance(value, str):
        return value
    if not _NUMBER.fullmatch(like):  # a picture has no number
        like = "1,000" if isinstance(value, Integral) else "0.000"
    n_decimals = len(like.rstrip("%").partition(".")[2])
    text = f"{value:{',' * (',' in like)}.{n_decimals}{'%' if '%' in like else 'f'}}"
    return re.sub(r"^(-?)0\.", r"\1.", text) if like.startswith(".") else text


def _verdict(row, results):
    value = here(row, results)
    if not row.reported or value == NONE:
        return _INCOMPARABLE
    if value != row.reported:
        return "different"
    return _OTHERWISE_EQUAL if row.why else "equal"


def _cell_numbers(notebook):
    """Give the number that stands beside each code cell of an executed notebook, by its id."""
    cells = files.read_json(notebook)["cells"] if notebook.exists() else []
    code = [cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"])]
    return {cell.get("id"): number for number, cell in enumerate(code, start=1)}
