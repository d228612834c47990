"""Who is ahead, by the figures that can be trusted, and who cannot be told apart?"""

import csv
import io
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genres import files, printable
from genres.judge import evaluations, page, protocols
from genres.judge.evaluations import Evaluation
from genres.lab import plots, scoreplots
from genres.models import evaluation
from genres.report import documents

MARKDOWN, CSV, HTML = "leaderboard.md", "leaderboard.csv", "leaderboard.html"
"""The files that `write` makes."""

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
            low, _ = evaluation.bootstrap_interval(difference[shared], artists[shared])
            ranks[worse] += low > 0
    return np.minimum.accumulate(ranks[::-1])[::-1].tolist()


def _shown(rows):
    """Give the protocols that have a column, the honest ones first."""
    return [name for name in protocols.HONEST_FIRST if any(name in row.figures for row in rows)]


def as_markdown(rows: Sequence[Row], bench, title: str):
    """Write a leaderboard as Markdown."""
    shown = _shown(rows)
    heads = ["rank", "model", "reads", *(protocols.TITLES[name] for name in shown)]
    lines = [
        f"# {title}",
        "",
        preface(bench),
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
    if any(evaluations.is_partial(scores) for row in rows for scores in row.figures.values()):
        lines.append("\\* Not all clips of the protocol have what the model reads.")
    if sentences := broken(rows):
        lines += ["", "## Not judged, or not by every protocol", ""]
        lines += [f"- {_escaped(sentence)}" for sentence in sentences]
    return "\n".join(lines) + "\n"


def preface(bench):
    """Say of which data a leaderboard is, and by what it is sorted and ranked."""
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


def figure(scores):
    """Write an accuracy with its interval; a dash for none."""
    if not scores:
        return _NONE
    low, high = (f"{100 * end:.1f}" for end in scores["interval"])
    star = "\\*" if evaluations.is_partial(scores) else ""
    return f"{100 * scores['accuracy']:.1f} %{star} ({low}–{high})"


def broken(rows: Sequence[Row]):
    """Give a sentence for each model that did not come through all protocols."""
    return [f"{row.made.name}{_why(row)}" for row in rows if row.made.failures]


def _why(row):
    """Say why a model did not come through all protocols, after its name."""
    whole = " (not in all protocols)" if row.made.protocols else ""
    return f"{whole}: {next(iter(row.made.failures.values()))}"


def as_text(rows: Sequence[Row], width=100):
    """Write a leaderboard for a terminal: its first columns, in lines of at most ``width``."""
    shown = _shown(rows)
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
    heads = [f"{name} {field}" for name in protocols.HONEST_FIRST for field in fields]
    writer.writerow(["rank", "model", "reads", "reference", *heads, "failure"])
    for row in rows:
        cells = []
        for name in protocols.HONEST_FIRST:
            scores = row.figures.get(name)
            low, high = scores["interval"] if scores else (None, None)
            found = (scores or {}) | {"low": low, "high": high}
            cells += [found.get(field) for field in fields]
        why = next(iter(row.made.failures.values()), None)
        writer.writerow([row.rank, row.made.name, row.made.inputs, row.made.reference, *cells, why])
    return written.getvalue()


def as_html(rows: Sequence[Row], bench, title: str, pages: dict[str, str]):
    """Write what the page of a leaderboard shows: a table that can be sorted, and a picture.

    Parameters
    ----------
    rows : sequence of Row
        The models, in their order.
    bench : genres.judge.benchmark.Bench
        By what they were judged.
    title : str
        That of the page.
    pages : dict of str to str
        The file of the page of each model that has one, by the model's name.

    Returns
    -------
    str
    """
    judged = [row for row in rows if row.figures]
    partial = any(evaluations.is_partial(of) for row in judged for of in row.figures.values())
    parts = [
        f"<h1>{page.escaped(title)}</h1>",
        f"<p>{page.escaped(preface(bench))}</p>",
        _sortable(judged, first_honest(bench), pages),
        "<p>Below each accuracy stands its 95 % interval. Press the name of a column to sort by it."
        "</p>",
        f"<p>{page.PARTIAL}</p>" if partial else "",
    ]
    if judged:
        parts += [
            '<h2 id="leaderboard-picture">In a picture</h2>',
            _picture(judged, bench),
        ]
    if failed := [row for row in rows if row.made.failures]:
        items = "\n".join(
            f"<li>{_named(row, pages)}{page.escaped(_why(row))}</li>" for row in failed
        )
        parts += [
            '<h2 id="leaderboard-failures">Not judged, or not by every protocol</h2>',
            f"<ul>\n{items}\n</ul>",
        ]
    return "\n".join(parts)


def _sortable(rows, honest, pages):
    shown = _shown(rows)
    by = honest if honest in shown else protocols.COURSE
    n_honest = sum(name in protocols.HONEST for name in shown)
    groups = {"artists kept apart": n_honest, "artists not kept apart": len(shown) - n_honest}
    above = "".join(
        f'<th colspan="{n}" scope="colgroup">{words}</th>' for words, n in groups.items() if n
    )
    heads = "".join(f'<th scope="col">{words}</th>' for words in ("rank", "model"))
    for name in shown:
        now = ' aria-sort="descending"' if name == by else ""
        heads += f'<th scope="col" data-first="descending"{now}>{protocols.TITLES[name]}</th>'
    heads += '<th scope="col">reads</th>'
    lines = []
    for row in rows:
        name = _named(row, pages)
        if row.made.reference:
            name += ' <span class="mark">the report’s</span>'
        cells = "".join(_cell(row.figures.get(protocol)) for protocol in shown)
        lines.append(
            f'<tr><td data-value="{row.rank or ""}">{row.rank or _NONE}</td>'
            f'<th scope="row">{name}</th>{cells}<td>{row.made.inputs}</td></tr>'
        )
    return (
        '<div class="scroll board" tabindex="0" role="group" aria-label="Leaderboard">'
        '<table class="sortable"><thead>\n'
        f'<tr><td colspan="2"></td>{above}<td></td></tr>\n<tr>{heads}</tr>\n'
        f"</thead><tbody>\n{chr(10).join(lines)}\n</tbody></table></div>"
    )


def _named(row, pages):
    name = page.escaped(row.made.name)
    there = pages.get(row.made.name)
    return f'<a href="{there}">{name}</a>' if there else name


def _cell(scores):
    if not scores:
        return f'<td data-value="">{_NONE}</td>'
    accuracy, star = scores["accuracy"], "*" if evaluations.is_partial(scores) else ""
    low, high = (f"{100 * end:.1f}" for end in scores["interval"])
    return (
        f'<td data-value="{accuracy:.6f}">{page.percent(accuracy)}{star}'
        f"<small>{low} to {high}</small></td>"
    )


def _picture(rows, bench):
    """Draw accuracies by an honest protocol, and beside them those by the course split."""
    honest = first_honest(bench)
    by = honest if any(honest in row.figures for row in rows) else protocols.COURSE
    plots.set_style()
    named = {page.short(row.made.name): row for row in rows if by in row.figures}
    course = {
        name: row.figures.get(protocols.COURSE, {}).get("accuracy", np.nan)
        for name, row in named.items()
    }
    figure = scoreplots.spreads(
        {name: [row.figures[by]["accuracy"]] for name, row in named.items()},
        {name: "the report's" if row.made.reference else "others" for name, row in named.items()},
        f"Accuracy, {protocols.TITLES[by]}",
        "accuracy",
        intervals={name: row.figures[by]["interval"] for name, row in named.items()},
        reference=None if by == protocols.COURSE else course,
        reference_name=protocols.TITLES[protocols.COURSE],
    )
    return page.picture(figure, bench.data.synthetic)


def write(rows: Sequence[Row], bench, folder: Path, title: str = "Leaderboard", progress=True):
    """Write a leaderboard into a folder: as Markdown, as CSV, and as a page.

    The pages of the models that are kept in the folder are written, too, or left as they are if
    nothing of them has changed.

    Parameters
    ----------
    rows, bench, title
        As `as_html` has them.
    folder : Path
        Where evaluations are kept.
    progress : bool or callable
        As `genres.screen.bar` has it, where pages are drawn.

    Returns
    -------
    Path
        The page.
    """
    files.write_text(folder / CSV, as_csv(rows))
    files.write_text(folder / MARKDOWN, as_markdown(rows, bench, title))
    kept = [row for row in rows if evaluations.is_kept(folder, row.made)]
    page.write(kept, folder, HTML, progress)
    pages = {row.made.name: page.path_of(folder, row.made.name).name for row in kept}
    files.write_text(folder / HTML, documents.alone(title, as_html(rows, bench, title, pages)))
    return folder / HTML
