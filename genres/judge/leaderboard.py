"""Who is ahead, by the figures that can be trusted, and who cannot be told apart?"""

import csv
import io
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genres import files, printable
from genres.judge import evaluations, protocols
from genres.judge.evaluations import Evaluation

MARKDOWN, CSV = "leaderboard.md", "leaderboard.csv"
"""The files that `write` makes."""

_ORDER = (
    *(protocols.ARTISTS, protocols.FILTERED, protocols.COURSE, protocols.RANDOM),
    *(protocols.TOGETHER, protocols.SHUFFLED),
)
_NONE = "–"


class Row(NamedTuple):
    """A model's place.

    Attributes
    ----------
    rank : int or None
        One more than the number of models that are better by a paired interval without 0, but not
        behind a model of lower accuracy. None without an honest figure.
    made : Evaluation
        The model's evaluation.
    figures : dict of str to dict
        Its scores by protocol, as far as they are of the folds that the data have now.
    """

    rank: int | None
    made: Evaluation
    figures: dict


def rank(models: Sequence[Evaluation], bench):
    """Bring models into an order.

    Parameters
    ----------
    models : sequence of Evaluation
        The models.
    bench : genres.judge.benchmark.Bench
        By what they were judged.

    Returns
    -------
    list of Row
        Those with an honest figure first, sorted by it: that in folds by artist, or for lack of
        these the fault-filtered one. Then all others, by the course split.
    """
    rows = [
        Row(
            None,
            made,
            {
                name: scores
                for name, scores in made.protocols.items()
                if scores["digest"] == bench.digests.get(name)
            },
        )
        for made in models
    ]
    honest = first_honest(bench)

    def place(row):
        by = honest if honest in row.figures else protocols.COURSE
        scores = row.figures.get(by)
        return by != honest, -(scores["accuracy"] if scores else -1), row.made.name

    rows.sort(key=place)
    judged = [row for row in rows if honest in row.figures]
    ranks = _ranks([row.made.predictions[honest] for row in judged], bench.artist_of)
    return [
        *(row._replace(rank=rank) for row, rank in zip(judged, ranks, strict=True)),
        *rows[len(judged) :],
    ]


def first_honest(bench):
    """Give the name of the first protocol that keeps artists apart, or None."""
    return next((name for name in protocols.HONEST if name in bench.digests), None)


def _ranks(predictions, artist_of):
    """Give the ranks of models in the order of their accuracy."""
    names = sorted({str(name) for made in predictions for name in made.clip})
    artists = np.unique([artist_of.get(name, name) for name in names], return_inverse=True)[1]
    at = {name: number for number, name in enumerate(names)}
    correct = np.full((len(predictions), len(names)), np.nan)
    for row, made in zip(correct, predictions, strict=True):
        row[[at[str(name)] for name in made.clip]] = made.correct
    ranks = np.ones(len(predictions), int)
    for better, worse in permutations(range(len(predictions)), 2):
        difference = correct[better] - correct[worse]
        shared = np.isfinite(difference)
        if difference[shared].sum() > 0:
            low, _ = evaluations.paired_interval(difference[shared], artists[shared])
            ranks[worse] += low > 0
    return np.minimum.accumulate(ranks[::-1])[::-1].tolist()


def as_markdown(rows: Sequence[Row], bench, title: str):
    """Write a leaderboard as Markdown."""
    shown = [name for name in _ORDER if any(name in row.figures for row in rows)]
    heads = ["rank", "model", "reads", *(protocols.TITLES[name] for name in shown)]
    lines = [
        f"# {title}",
        "",
        _preface(bench),
        "",
        f"| {' | '.join(heads)} |",
        f"|--:|:--|:--|{'--:|' * len(shown)}",
    ]
    for row in (row for row in rows if row.figures):
        name = f"*{row.made.name}*" if row.made.reference else _escaped(row.made.name)
        cells = [str(row.rank or _NONE), name, row.made.inputs]
        cells += [figure(row.figures.get(protocol)) for protocol in shown]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "*In italics*: the report's own models. In brackets: 95 % intervals."]
    if any(_is_partial(scores) for row in rows for scores in row.figures.values()):
        lines.append("\\* Not all clips of the protocol have what the model reads.")
    if sentences := broken(rows):
        lines += ["", "## Not judged, or not by every protocol", ""]
        lines += [f"- {_escaped(sentence)}" for sentence in sentences]
    return "\n".join(lines) + "\n"


def _preface(bench):
    honest = first_honest(bench)
    data = f"Data: {printable(bench.data.name)}."
    if honest is None:
        return (
            f"{data} They know no artists, so that no figure here is honest: models are sorted by "
            "the course split, and not ranked."
        )
    return (
        f"{data} Sorted by {protocols.TITLES[honest]}, where no artist is both trained and tested "
        "on. A rank is one more than the number of models that are better by a paired 95 % "
        "interval, artists drawn whole; nobody ranks behind a model of lower accuracy. Without "
        "such a figure a model stands last, and has no rank."
    )


def _escaped(text):
    return printable(text).replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


def _is_partial(scores):
    return scores["n"] < scores["n_listed"]


def figure(scores):
    """Write an accuracy with its interval; a dash for none."""
    if not scores:
        return _NONE
    low, high = (f"{100 * end:.1f}" for end in scores["interval"])
    star = "\\*" if _is_partial(scores) else ""
    return f"{100 * scores['accuracy']:.1f} %{star} ({low}–{high})"


def broken(rows: Sequence[Row]):
    """Give a sentence for each model that did not come through all protocols."""
    sentences = []
    for row in rows:
        why = list(dict.fromkeys(row.made.failures.values()))
        if why:
            whole = "" if not row.made.protocols else " (not in all protocols)"
            sentences.append(f"{row.made.name}{whole}: {why[0]}")
    return sentences


def as_text(rows: Sequence[Row], width=100):
    """Write a leaderboard for a terminal: its first columns, in lines of at most ``width``."""
    shown = [name for name in _ORDER if any(name in row.figures for row in rows)]
    longest = max((len(printable(row.made.name)) for row in rows), default=5)
    of_name = min(max(longest, 5), 30)
    shown = shown[: max(1, (width - of_name - 17) // 21)]
    head = f"{'rank':>4}  {'model':{of_name}}  {'reads':8}"
    lines = [head + "".join(f"{protocols.TITLES[name]:>21}" for name in shown)]
    for row in (row for row in rows if row.figures):
        name = printable(row.made.name)
        name = name if len(name) <= of_name else f"{name[: of_name - 1]}…"
        cells = [figure(row.figures.get(one)).replace("\\*", "*") for one in shown]
        line = f"{row.rank or _NONE:>4}  {name:{of_name}}  {row.made.inputs:8}"
        lines.append(line + "".join(f"{cell:>21}" for cell in cells))
    return "\n".join(lines)


def as_csv(rows: Sequence[Row]):
    """Write a leaderboard as CSV: a line for each model, four columns for each protocol."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    fields = ("accuracy", "low", "high", "macro_f1", "ece", "n")
    heads = [f"{name} {field}" for name in _ORDER for field in fields]
    writer.writerow(["rank", "model", "reads", "reference", *heads, "failure"])
    for row in rows:
        cells = []
        for name in _ORDER:
            scores = row.figures.get(name)
            low, high = scores["interval"] if scores else (None, None)
            found = (scores or {}) | {"low": low, "high": high}
            cells += [found.get(field) for field in fields]
        why = next(iter(row.made.failures.values()), None)
        writer.writerow([row.rank, row.made.name, row.made.inputs, row.made.reference, *cells, why])
    return written.getvalue()


def write(rows: Sequence[Row], bench, folder: Path, title: str = "Leaderboard"):
    """Write a leaderboard as Markdown and as CSV into a folder; give the first one's path."""
    files.write_text(folder / CSV, as_csv(rows))
    files.write_text(folder / MARKDOWN, as_markdown(rows, bench, title))
    return folder / MARKDOWN
