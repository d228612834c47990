"""How is the report read in a browser?"""

import html
import re
import shutil
from datetime import datetime
from itertools import count
from pathlib import Path

from tqdm import tqdm

from genres import Refusal, files, printable
from genres.project import RunFolder
from genres.report import documents, elsewhere, ledger, pages, publish, search
from genres.screen import spoken

TITLE = "Music Genre Classification: From k-NN to RNNs"

COVERS = {
    "01-feature-distributions": "four-genres",
    "02-knn-baseline": "confusion",
    "03-feature-search": "all-sets",
    "04-model-exploration": "networks",
    "05-lstm-ensemble": "ensemble-size",
    "06-honest-evaluation": "faults",
    "07-spectrogram-models": "examples",
    "08-mel-vs-mfcc": "mel-and-mfcc",
    "09-genre-maps": "plane",
    "10-wavelets-and-leakage": "scalogram",
    "11-champion": "rhythm",
    "12-genre-timeline": "switching",
    "13-transfer": "few-clips",
    "14-your-own-classifier": "pooling",
}
"""Which picture stands for a notebook on the front page; of others, the first does."""

WORDS = ("LECTURE.md", "GLOSSARY.md")
"""Pages beside the notebooks that are pages of the site too."""

LEADERBOARD = "leaderboard"
"""The page of classifiers that were evaluated, and of the report's own, where there is one.

Those of single classifiers, ``evaluation-*``, are listed below it.
"""

_INTRODUCTION = (
    "How well can a program tell the genre of a piece of music? Five student reports, done again "
    "on one code base: from five nearest neighbours on four numbers, by way of recurrent networks "
    "that vote, to a champion that measures texture. Each figure is computed by the notebook that "
    "shows it; the code is there, folded up, above what it shows."
)
_LEADERBOARD = (
    f'<p><a href="{LEADERBOARD}.html"><b>The leaderboard</b></a>: classifiers that were evaluated '
    "by every protocol, beside the report’s own.</p>"
)
_PARTS = ("site.css", "theme.js", "site.js", "search.js")
# Nothing on the pages may ask the network for anything, whatever a notebook's output holds.
_POLICY = (
    "default-src 'none'; img-src 'self' file: data: blob:; media-src 'self' file: data:; "
    "style-src 'self' file: 'unsafe-inline'; script-src 'self' file:"
)

_SEARCH = """<form class="search" role="search" hidden><input type="search" role="combobox"
aria-label="Search all pages" aria-controls="hits" aria-expanded="false" aria-autocomplete="list"
autocomplete="off" spellcheck="false" placeholder="Search">
<div class="found" hidden><p role="status"></p>
<div id="hits" role="listbox" tabindex="-1" aria-label="Sections found"></div></div></form>"""


def write(report, project: Path, *, pdf: bool = True) -> str:
    """Write the site, whole or not at all, and print it where there is a browser for that.

    Parameters
    ----------
    report : genres.run.runs.Report
    project : Path
        The project's folder.
    pdf : bool
        Whether to print ``report.pdf`` too.

    Returns
    -------
    str
        Where it is, and what is missing: a line or two.
    """
    target = RunFolder(report.folder).site
    folder = target.with_name(f"{target.name}-unfinished")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        n_pages = _write_pages(report, project, folder)
        lines = [
            f"The report, {n_pages} pages to read in a browser: {printable(target / 'index.html')}"
        ]
        if pdf:
            lines.append(_print(folder, target))
        _put_in_place(folder, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return "\n".join(lines)


def _print(folder, target):
    """Print the whole report as ``report.pdf``; say what came of it."""
    pdf = folder / "report.pdf"
    try:
        documents.print_page(folder / "whole.html", pdf)
    except Refusal as refusal:
        return f"No PDF of it: {refusal}"
    return f"As one PDF, {pdf.stat().st_size / 1e6:.1f} MB: {printable(target / pdf.name)}"


def _write_pages(report, project, folder):
    waiting = tqdm(report.notebooks, "report", unit="page", leave=False, disable=None)
    notebooks = [pages.of_notebook(path, folder) for path in waiting]
    rows = ledger.read(project / ledger.PLACE)
    judged = [pages.of_file(path, folder) for path in _evaluations(report, project)]
    others = [_ledger_page(rows, report), *judged]
    words = [path for name in WORDS if (path := project / "notebooks" / name).exists()]
    others += [pages.of_markdown(path.read_text("utf-8"), path.stem.lower()) for path in words]
    front = _front(report, notebooks, rows, folder, judged)
    names = {page.name for page in (front, *notebooks, *others)}
    made = [
        page._replace(body=_without_dead_links(page.body, names)) for page in (*notebooks, *others)
    ]
    not_run = {
        name: pages.title_of(project / "notebooks" / f"{name}.ipynb") for name in report.missing
    }
    for page in (front, *made):
        above = elsewhere.of_page(project, page.name) if _is_numbered(page.name) else ""
        text = _around(page, [front, *made], not_run, above)
        files.write_text(folder / f"{page.name}.html", text)
    chapters = [page for page in made if not _is_below_leaderboard(page.name)]
    files.write_text(folder / "whole.html", _whole(front, chapters))
    files.write_text(folder / "search-index.js", search.index([front, *made]))
    here = Path(__file__).parent
    for name in _PARTS:
        shutil.copyfile(here / name, folder / name)
    if any('class="turnable"' in page.body for page in notebooks):
        from plotly.offline import get_plotlyjs

        files.write_text(folder / "plotly.js", get_plotlyjs())
    return len(made) + 2


def _evaluations(report, project):
    """List the pages that ``evaluate`` wrote: the leaderboard's first, if there is one."""
    is_published = report.home == project
    place = project / publish.EVALUATED if is_published else RunFolder(report.home).evaluations
    board = place / f"{LEADERBOARD}.html"
    return [board, *sorted(place.glob("evaluation-*.html"))] if board.exists() else []


def _is_below_leaderboard(name):
    return name.startswith("evaluation-")


def _without_dead_links(body, names):
    """Leave the text alone of links to pages that this site has not."""

    def shorten(link):
        return link[0] if link[1] in names else link[2]

    return re.sub(r'<a href="([\w.-]+)\.html[^"]*"[^>]*>(.*?)</a>', shorten, body, flags=re.S)


def _around(page, row, not_run, above):
    """Put what leads to the other pages, all of which are in a row, around one of them."""
    at = row.index(page)
    before = row[at - 1] if at else None
    after = row[at + 1] if at + 1 < len(row) else None
    return _document(
        TITLE if page is row[0] else f"{page.title} – {TITLE}",
        f"""<a class="skip" href="#text">To the text</a>
<div class="page">
<header class="bar"><a class="home" href="index.html">{TITLE}</a>
<a class="to-contents" href="#contents">Contents</a>
{_turn(before, "prev", "← Previous")}
{_turn(after, "next", "Next →")}
{_SEARCH}
<button type="button" class="all-code" hidden></button>
{documents.THEME}</header>
<main id="text">
{above}{page.body}
<p class="turns">{_turn(before, "prev", "← {}")}{_turn(after, "next", "{} →")}</p>
</main>
<nav class="contents" id="contents" aria-label="Contents"><h2>Contents</h2>
<ul>
{_entries(page, row, not_run)}<li><a
href="whole.html">All on one page, to print</a></li>
</ul></nav>
</div>
<script src="site.js"></script>
<script src="search.js"></script>""",
    )


def _turn(page, rel, text):
    """Link the page before or after; ``{}`` in the text stands for its title."""
    if page is None:
        return ""
    title = _marked(page)
    label = "" if "{}" in text else f' aria-label="{text.strip("← →")}: {title}"'
    return f'<a rel="{rel}" href="{page.name}.html"{label}>{text.format(title)}</a>'


def _marked(page):
    return html.escape(page.title) + (" (failed)" if page.failure else "")


def _entries(current, row, not_run):
    """List all pages, and each notebook that was not run where its page would be.

    Those below the leaderboard are listed where one reads it, or one of them.
    """
    in_sight = current.name == LEADERBOARD or _is_below_leaderboard(current.name)
    listed = [page for page in row if in_sight or not _is_below_leaderboard(page.name)]
    entries = {page.name: _entry(page, current) for page in listed}
    waiting = {
        name: f'<li class="none">{html.escape(title)} (not run)</li>\n'
        for name, title in not_run.items()
    }
    front, *others = entries
    numbered = sorted([*waiting, *filter(_is_numbered, others)])
    rest = [name for name in others if not _is_numbered(name)]
    return "".join(map((entries | waiting).get, [front, *numbered, *rest]))


def _is_numbered(name):
    return name[:1].isdigit()


def _entry(page, current):
    title = _marked(page)
    kind = ' class="below"' if _is_below_leaderboard(page.name) else ""
    if page is not current:
        return f'<li{kind}><a href="{page.name}.html">{title}</a></li>\n'
    below = "".join(f'<li><a href="#{anchor}">{title}</a></li>' for anchor, title in page.sections)
    below = f"<ul>{below}</ul>" if below else ""
    here = f'<a aria-current="page" href="{page.name}.html">{title}</a>'
    return f"<li{kind}>{here}{below}</li>\n"


def _document(title, body):
    links = '<link rel="stylesheet" href="site.css">\n<script src="theme.js"></script>'
    return documents.document(title, body, links, _POLICY)


def _front(report, notebooks, rows, folder, judged):
    cards = "\n".join(_card(page, report, folder) for page in notebooks)
    body = f"""<h1>{TITLE}</h1>
<p>{_INTRODUCTION}</p>
<p class="told">{_describe(report, notebooks)}</p>
<h2 id="figures">Headline figures</h2>
{_headlines(rows, report)}
<p><a href="ledger.html"><b>The ledger</b></a>: every figure of the five reports beside its value
here, and why the two differ ({ledger.summary(rows, report.results)}).</p>
{_LEADERBOARD if judged else ""}
<h2 id="notebooks">The notebooks</h2>
<ul class="cards">
{cards}
</ul>"""
    sections = [("figures", "Headline figures"), ("notebooks", "The notebooks")]
    return pages.Page("index", "Front page", "", body, sections, [])


def _describe(report, notebooks):
    """Say which run this is: its data, when and on what, and what is to be known of it."""
    results = report.results
    data = sorted({found["data"] for found in results.values() if "data" in found})
    told = f"Run on the <b>{html.escape(', '.join(data))}</b> data" if data else "A run"
    if report.finished:
        day = datetime.fromisoformat(report.finished)
        told += f", finished on {day.day} {day:%B %Y}"
    if report.seconds:
        told += f": {spoken(report.seconds)}"
        if "cpu" in report.machine:
            told += f" on {report.machine['cores']} cores ({html.escape(report.machine['cpu'])})"
    told += "."
    if failed := [page.name[:2] for page in notebooks if page.failure]:
        told += f" <b>Failed: {', '.join(failed)}.</b>"
    if any(found.get("quick") for found in results.values()):
        told += " <b>A rehearsal: its figures are rough.</b>"
    marked = [name[:2] for name, found in results.items() if found.get("synthetic")]
    if marked:
        which = "All" if len(marked) == len(results) else f"In {', '.join(marked)}, some"
        told += f" <b>{which} of the music is synthetic: made by the project itself.</b>"
    return told


def _headlines(rows, report):
    lines = [
        '<div class="scroll" tabindex="0" role="group" aria-label="Headline figures">',
        '<table class="headlines"><thead>',
        "<tr><th>notebook and figure</th><th>reported</th><th>here</th></tr></thead>",
        "<tbody>",
    ]
    for name, row in ledger.headlines(rows).items():
        if name in report.results:
            reported, here = ledger.headline(row, report.results[name])
            lines.append(
                f'<tr><td><a href="{name}.html">{name[:2]} · {row.headline}</a></td>'
                f"<td>{pages.unbroken(reported)}</td><td><b>{here}</b></td></tr>"
            )
    return "\n".join([*lines, "</tbody></table></div>"])


def _card(page, report, folder):
    cover = _cover(page, report, folder)
    found = report.results.get(page.name, {})
    marks = [
        f'<span class="mark">{mark}</span> '
        for key, mark in (("synthetic", "synthetic music"), ("quick", "rehearsal"))
        if found.get(key)
    ]
    failure = re.sub(r"</?a\b[^>]*>", "", page.failure)  # whose cell is on the notebook's page
    failed = f'<p class="failed"><b>Failed.</b> {failure}</p>' if failure else ""
    return (
        f'<li>{cover}<h3><a href="{page.name}.html">{html.escape(page.title)}</a></h3>'
        f"<p>{page.question}</p>{failed}{''.join(marks)}</li>"
    )


def _cover(page, report, folder):
    """Give the picture that stands for a notebook, as a link to it, or nothing."""
    drawn = report.home / "figures" / f"{page.name}-{COVERS.get(page.name)}.png"
    if drawn.exists():
        path = f"{pages.MEDIA}/{page.name}.png"
        shutil.copyfile(drawn, folder / path)
    elif page.pictures:
        path = page.pictures[0].path
    else:
        return ""
    # The title below is the same link, in words.
    return (
        f'<a class="cover" href="{page.name}.html" tabindex="-1" aria-hidden="true">'
        f'<img src="{path}" alt=""></a>'
    )


def _ledger_page(rows, report):
    introduction = (
        "What each figure, table and number shows, its value there and here, the cell that "
        "computes it here, and why the two differ. Where a value depends on random seeds or "
        "splits, it is the mean over them. The reasons are those of the published run. "
        f"{ledger.EXPLAINED}"
    )
    text = ledger.page(introduction, rows, report.results, report.home)
    page = pages.of_markdown(text, "ledger")
    numbers = count(1)
    body = re.sub("<details>", lambda _: f'<details id="ledger-{next(numbers)}">', page.body)
    titles = re.findall(r'<details id="([\w-]+)"><summary><b>(.*?)</b>', body)
    return page._replace(
        title="Ledger", body=f'<div class="ledger">\n{body}</div>', sections=titles
    )


def _whole(front, others):
    """Put all pages on one, to print: what linked from page to page links within it."""
    chapters = [front, *others]
    names = "|".join(re.escape(page.name) for page in chapters)
    text = "\n".join(
        f'<article class="{"chapter" if page is not front else ""}" id="{page.name}">\n'
        f"{_own_cells(page)}\n</article>"
        for page in chapters
    )
    text = re.sub(rf'href="({names})\.html#cell-', r'href="#\1-cell-', text)
    text = re.sub(rf'href="(?:{names})\.html#', 'href="#', text)
    text = re.sub(rf'href="({names})\.html"', r'href="#\1"', text)
    text = text.replace('<details id="ledger-', '<details open id="ledger-')
    return _document(
        TITLE,
        '<div class="sheet">\n'
        '<header class="bar"><a class="home" href="index.html">Back to separate pages</a>'
        f'<button type="button" class="all-code" hidden></button>{documents.THEME}</header>\n'
        f'<main class="whole">\n{text}\n</main>\n</div>\n<script src="site.js"></script>',
    )


def _own_cells(page):
    """Give a page's body in which no cell is called what one of another page is."""
    return re.sub(r'(id="|href="#)cell-', rf"\g<1>{page.name}-cell-", page.body)


def _put_in_place(folder, target):
    """Let a folder take another's place; a killed start leaves the old or the new one."""
    old = target.with_name(f"{target.name}-old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    folder.rename(target)
    shutil.rmtree(old, ignore_errors=True)
