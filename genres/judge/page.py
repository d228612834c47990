"""What does an evaluation look like in a browser?"""

import base64
import hashlib
import html
import io
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from genres import Refusal, files, parallel, printable
from genres.judge import benchmark, evaluations, protocols
from genres.lab import plots, scoreplots
from genres.models import evaluation
from genres.report import documents, pages
from genres.screen import bar

PARTIAL = "* Not all clips of the protocol have what the model reads."
"""What the star beside a figure means."""

_PAGE = "evaluation-"  # with which the names of the pages begin
_ALONE = 3  # pages that are drawn in this process: to start others would take longer
_MOST_CODE = 100_000  # bytes of a model's file that are shown
_MOST_PRINTED = 20_000  # characters of what it printed
_MOST_NAME = 30  # characters of a name in a picture
_N_COLOURS = 128  # of a picture: it is a third as large as with all
_NONE = "–"


def write(rows, folder: Path, above: str, progress=True):
    """Write a page for each of the evaluations that are kept in a folder.

    Each page is a file that needs no other. Where an evaluation has not changed, it is left; where
    there is none any more, it is taken away.

    Parameters
    ----------
    rows : sequence of genres.judge.leaderboard.Row
        The evaluations, and the figures of each that hold.
    folder : Path
        Where they are kept.
    above : str
        The page beside them to which each leads.
    progress : bool or callable
        As `genres.screen.bar` has it.
    """
    for old in folder.glob(f"{_PAGE}*.html"):
        if not (folder / f"{old.stem.removeprefix(_PAGE)}.json").exists():
            old.unlink()
    waiting = [row for row in rows if not _is_current(row, folder)]
    draw = partial(_write_one, folder=folder, above=above)
    workers = 1 if len(waiting) <= _ALONE else None
    with bar(progress, "pages", len(waiting), unit="page") as step:
        for _ in parallel.each(draw, waiting, workers):
            step(1)


def path_of(folder: Path, name: str):
    """Give the path of the page of the evaluation of a name."""
    return folder / f"{_PAGE}{evaluations.path_of(folder, name).stem}.html"


def _is_current(row, folder):
    try:
        text = path_of(folder, row.made.name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return _stamp(row, folder) in text


def _stamp(row, folder):
    """Tell versions of an evaluation apart, in a comment on its page."""
    content = evaluations.path_of(folder, row.made.name).read_bytes()
    digest = hashlib.sha256(content + repr(sorted(row.figures)).encode())
    return f"<!-- {digest.hexdigest()} -->"


def _write_one(row, folder, above):
    plots.set_style()
    stamp, body = _stamp(row, folder), _body(row, folder)
    links = f'<a class="home" href="{above}">Leaderboard</a>'
    page = documents.alone(row.made.name, f"{stamp}\n{body}", links)
    files.write_text(path_of(folder, row.made.name), page)


def _body(row, folder):
    made = row.made
    parts = [f"<h1>{escaped(made.name)}</h1>", _introduction(made), *_failures(made, folder)]
    if row.figures:
        parts += [
            '<h2 id="accuracy">Accuracy by protocol</h2>',
            _scores(row.figures),
            _spread(row.figures, made.synthetic),
        ]
    if made.strictest in row.figures:
        parts += _comparisons(made)
    given = {name: made.predictions[name] for name in protocols.HONEST_FIRST if name in row.figures}
    with_probabilities = {
        name: of
        for name, of in given.items()
        if of.probabilities is not None and name in (*protocols.HONEST, protocols.COURSE)
    }
    if with_probabilities:
        parts += _calibration(with_probabilities, made)
    if given:
        parts += _confusions(given, made)
    return "\n".join([*parts, *_file(made)])


def _introduction(made):
    what = _named_file(made)
    music = ' <span class="mark">synthetic music</span>' if made.synthetic else ""
    return (
        f'<p class="told">{what} reads {protocols.INPUTS[made.inputs]}. '
        f"Data: {escaped(made.data)}.{music}</p>"
    )


def _named_file(made):
    if made.reference:
        return "One of the report’s own models. It"
    if made.file == benchmark.SESSION:
        return "A model of a notebook. It"
    return f"<code>{escaped(Path(made.file).name)}</code>"


def _failures(made, folder):
    for protocol, sentence in made.failures.items():
        title = f"<b>{protocols.TITLES[protocol].capitalize()}.</b> " if protocol != "file" else ""
        yield f'<p class="failed">{title}{escaped(sentence)}</p>'
    log = evaluations.path_of(folder, made.name).with_suffix(".log")
    if made.failures and log.exists():
        printed = log.read_text(encoding="utf-8", errors="replace")[-_MOST_PRINTED:]
        yield (
            "<details><summary>What it printed</summary>"
            f'<div class="scroll traceback" tabindex="0"><pre>{html.escape(printed)}</pre></div>'
            "</details>"
        )


def _scores(figures):
    rows = []
    for name in protocols.HONEST_FIRST:
        if name in figures:
            of = figures[name]
            star = "*" if evaluations.is_partial(of) else ""
            low, high = (percent(end) for end in of["interval"])
            seconds = [of["seconds"][what] for what in ("fit", "predict")]
            rows.append(
                [
                    protocols.TITLES[name],
                    f"{of['n']}{star}",
                    f"<b>{percent(of['accuracy'])}</b>",
                    f"{low} to {high}",
                    f"{of['macro_f1']:.3f}",
                    _NONE if of["ece"] is None else f"{of['ece']:.3f}",
                    *(_NONE if one is None else f"{one:.1f} s" for one in seconds),
                ]
            )
    heads = ["protocol", "rows", "accuracy", "95 % interval", "macro F1", "ECE", "fit", "predict"]
    note = f"<p>{PARTIAL}</p>" if any(map(evaluations.is_partial, figures.values())) else ""
    return _table(heads, rows, "Scores by protocol") + note


def _spread(figures, synthetic):
    titles = {name: protocols.TITLES[name] for name in protocols.HONEST_FIRST if name in figures}
    kinds = {True: "artists kept apart", False: "artists not kept apart"}
    figure = scoreplots.spreads(
        {title: figures[name]["of_folds"] for name, title in titles.items()},
        {title: kinds[name in protocols.HONEST] for name, title in titles.items()},
        "The same classifier, by how one counts",
        "accuracy",
        intervals={title: figures[name]["interval"] for name, title in titles.items()},
        reference={title: figures[name]["accuracy"] for name, title in titles.items()},
        reference_name="all folds",
    )
    return picture(figure, synthetic)


def _comparisons(made):
    by = made.strictest
    found = made.protocols[by]["against"]
    rows = [
        [
            escaped(name),
            str(than["n"]),
            _signed(than["points"]),
            f"{_signed(than['low'])} to {_signed(than['high'])}",
            str(than["only_mine"]),
            str(than["only_other"]),
            _NONE
            if than["p"] is None
            else "&lt; 0.001"
            if than["p"] < 0.001
            else f"{than['p']:.3f}",
        ]
        for name, than in found.items()
    ]
    heads = ["", "rows", "points", "95 % interval", "only it", "only the other", "p (McNemar)"]
    table = pd.DataFrame.from_dict(found, orient="index").rename(columns={"points": "difference"})
    table.index = [short(name) for name in table.index]
    title = f"By the {protocols.TITLES[by]}, on the same clips"
    figure = scoreplots.differences(table, title, "better than the report's, percentage points")
    return [
        '<h2 id="comparisons">Against the report’s models</h2>',
        f"<p>By the {protocols.TITLES[by]}, on the same clips. “Only it” are those that it alone "
        "classifies correctly.</p>",
        _table(heads, rows, "Comparisons with the report’s models"),
        picture(figure, made.synthetic),
    ]


def _calibration(given, made):
    bins = {
        f"{protocols.TITLES[name]}, ECE {made.protocols[name]['ece']:.3f}": [
            evaluation.reliability(of.probabilities, of.genre)
        ]
        for name, of in given.items()
    }
    figure = scoreplots.reliability(bins, "Confidence and accuracy")
    return [
        '<h2 id="calibration">Confidence</h2>',
        "<p>A point below the diagonal is overconfident: its clips are classified correctly less "
        "often than the model says. Below: for how many clips each point stands.</p>",
        picture(figure, made.synthetic),
    ]


def _confusions(given, made):
    genres = [short(genre) for genre in made.genres]
    pictures = []
    for name, of in given.items():
        counted = "segments" if name in (protocols.TOGETHER, protocols.SHUFFLED) else "clips"
        title = protocols.TITLES[name].capitalize()
        figure = scoreplots.confusion(of.genre, of.predicted, genres, title, counted)
        pictures.append(picture(figure, made.synthetic))
    return [
        '<h2 id="confusions">Confusions</h2>',
        f"<p>{_most_confused(next(iter(given)), made)}</p>",
        f'<div class="pictures">{"".join(pictures)}</div>',
    ]


def _most_confused(protocol, made, n_most=3):
    """Say which genres are most often taken for which, by a protocol."""
    counts = np.array(made.protocols[protocol]["confusion"])
    apart = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    most = [divmod(int(at), len(counts)) for at in np.argsort(-apart, axis=None)[:n_most]]
    found = [
        f"{escaped(made.genres[true])} for {escaped(made.genres[other])} "
        f"({apart[true, other]} of {counts[true].sum()})"
        for true, other in most
        if apart[true, other]
    ]
    title = protocols.TITLES[protocol]
    return f"Most often taken, by the {title}: {', '.join(found)}." if found else ""


def _file(made):
    """Show the model's file, if it is still the one that was judged."""
    if made.reference or made.file == benchmark.SESSION:
        return
    path, name = Path(made.file), escaped(Path(made.file).name)
    yield '<h2 id="file">The model’s file</h2>'
    yield f'<p><code>{name}</code>, SHA-256 <code class="digest">{escaped(made.digest)}</code></p>'
    try:
        files.require_regular(path, _MOST_CODE)
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != made.digest:
            yield "<p>The file has changed since.</p>"
            return
        source = content.decode("utf-8").replace("\r\n", "\n")
    except (Refusal, OSError, UnicodeDecodeError):
        yield "<p>It is not shown: it is no text that can be read here, or too long.</p>"
        return
    yield (
        f'<details class="code" open><summary>{name}</summary>'
        f'<pre tabindex="0">{pages.highlighted(source)}</pre></details>'
    )


# What both have


def escaped(words):
    """Write words as HTML that shows them, whatever they are."""
    return html.escape(printable(words))


def percent(share):
    """Write a share as a percentage that stays on one line."""
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def _signed(points):
    return f"{points:+.1f}".replace("-", "\N{MINUS SIGN}")


def short(name):
    """Give a name for a picture, in which a dollar sign is no formula."""
    name = printable(name)
    cut = name if len(name) <= _MOST_NAME else f"{name[: _MOST_NAME - 1]}…"
    return cut.replace("$", r"\$")


def _table(heads, rows, label):
    head = "".join(f'<th scope="col">{one}</th>' if one else "<td></td>" for one in heads)
    lines = "\n".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return (
        f'<div class="scroll board" tabindex="0" role="group" aria-label="{label}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>\n{lines}\n</tbody></table></div>\n"
    )


def picture(figure, synthetic):
    """Put a picture into the page itself, with words for who does not see it."""
    if synthetic:
        plots.mark_synthetic(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in a script of its own
        image = Image.open(io.BytesIO(plots.as_png(figure)))
    words = html.escape(plots.describe(figure).replace(r"\$", "$"))
    plots.close(figure)
    png = io.BytesIO()
    image.quantize(_N_COLOURS).save(png, "png", optimize=True)
    return (
        f'<p class="picture"><img src="data:image/png;base64,'
        f'{base64.b64encode(png.getvalue()).decode()}" width="{image.width}" '
        f'height="{image.height}" alt="{words}"></p>\n'
    )
