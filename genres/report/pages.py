"""How does a notebook, or a page of Markdown, become HTML that needs no network?"""

import base64
import html
import io
import json
import re
import struct
from pathlib import Path
from typing import NamedTuple

import mistune
from mistune.plugins.math import math
from mistune.plugins.table import table
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from genres import files
from genres.report import documents
from genres.run import provenance

MEDIA = "media"
"""The folder, beside the pages, of pictures and sound."""

_EMBEDDED = re.compile(r"data:(?:image|audio)/([\w-]+)[\w.+-]*;base64,([A-Za-z0-9+/=\s]+)")
_TERMINAL_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_PAPERMILL_SAYS = "papermill-error-cell-tag"  # the tag of what it puts into a failed notebook
_REPLY = "shell.execute_reply"  # what a kernel sent when it was done with a cell
_TAIL = 8  # lines of a traceback that are shown at once
_EMPTY_HEAD = re.compile(r"<th(\s[^>]*)?>\s*</th>")
_SHOWS_NOTHING = re.compile(
    r"(?:<style.*?</style>|<(?!(?:img|audio|video|svg|hr)\b)[^>]*>|\s)+", re.S
)


class Picture(NamedTuple):
    """A picture of a page: its file, as the pages link it, and what it shows, in words."""

    path: str
    alt: str


class Page(NamedTuple):
    """A page, before navigation is put around it; its question, body and sections are HTML."""

    name: str  # its file's name, without suffix
    title: str
    question: str  # what a notebook asks; "" elsewhere
    body: str
    sections: list[tuple[str, str]]  # anchor and title of each
    pictures: list[Picture]
    failure: str = ""  # where and why a notebook did not come to its end, in a line of HTML


def of_notebook(path: Path, folder: Path):
    """Turn an executed notebook into a page; its pictures and sound go into ``folder/media``.

    Of one that failed, the page ends where it failed.

    Parameters
    ----------
    path : Path
        The ``.ipynb`` file.
    folder : Path
        The folder of the pages.

    Returns
    -------
    Page
    """
    name = path.stem.removesuffix(".failed")
    page = _NotebookPage(name, folder)
    written = [c for c in files.read_json(path)["cells"] if not _is_foreign(c)]
    if name == path.stem:
        failure, body = "", [page.cell(cell) for cell in written]
    else:
        failure, body = page.up_to_failure(written)
    opening = _opening(written)
    asked = re.search(r"\*\*Question\.\*\*\s*(.+?)(?:\n\n|$)", opening, re.S)
    words = page.words
    question = words.to_html(asked[1]) if asked else ""
    question = question.removeprefix("<p>").rstrip().removesuffix("</p>")
    return Page(
        name, words.title or name, question, "\n".join(body), words.sections, page.pictures, failure
    )


def of_file(path: Path, folder: Path):
    """Take the page out of a file that stands alone; its pictures go into ``folder/media``.

    Parameters
    ----------
    path : Path
        A file of `genres.report.documents.alone`.
    folder : Path
        The folder of the pages.

    Returns
    -------
    Page
    """
    body = documents.body_of(path)
    media = _Media(path.stem, folder)
    title = re.search(r"<h1>(.*?)</h1>", body, re.S)
    sections = re.findall(r'<h2 id="([\w-]+)">(.*?)</h2>', body, re.S)
    name = html.unescape(title[1]) if title else path.stem
    return Page(path.stem, name, "", media.out_of(body), sections, [])


def highlighted(source: str):
    """Give Python as HTML in which keywords, text and comments have classes of their own."""
    return highlight(source, PythonLexer(), HtmlFormatter(nowrap=True)).rstrip()


def title_of(path):
    """Read a notebook's title; where it has none, its name stands for it."""
    found = re.search(r"^# (.+)$", _opening(files.read_json(path)["cells"]), re.M)
    return found[1].strip() if found else path.stem


def unbroken(text):
    """Keep a number and its % on one line."""
    return re.sub(r"(?<=\d) (?=%)", "\N{NO-BREAK SPACE}", text)


def _opening(cells):
    return next(("".join(c["source"]) for c in cells if c["cell_type"] == "markdown"), "")


def _is_foreign(cell):
    """Say whether a cell of an executed notebook is not of those that a person wrote."""
    return provenance.is_injected(cell) or _PAPERMILL_SAYS in cell["metadata"].get("tags", [])


def of_markdown(text, name):
    """Turn a page of Markdown into HTML."""
    words = _Words(name)
    body = words.to_html(text)
    return Page(name, words.title or name, "", body, words.sections, [])


class _Words(mistune.HTMLRenderer):
    """HTML with anchors at headings, tables in a box of their own, and formulas as pictures."""

    def __init__(self, name):
        super().__init__(escape=False)
        self.name, self.title, self.sections = name, "", []
        self.to_html = mistune.create_markdown(renderer=self, plugins=[table, math])

    def text(self, text):
        return unbroken(super().text(text))

    def heading(self, text, level, **_):
        plain = html.unescape(re.sub(r"<[^>]+>", "", text))
        if level == 1:
            self.title = self.title or plain
            return f"<h1>{text}</h1>\n"
        anchor = f"{self.name}-{re.sub(r'[^a-z0-9]+', '-', plain.lower()).strip('-')}"
        if level == 2:
            self.sections.append((anchor, text))
        link = f'<a class="anchor" href="#{anchor}" aria-label="Link to this section">#</a>'
        return f'<h{level} id="{anchor}">{text} {link}</h{level}>\n'

    def link(self, text, url, title=None):
        # What links to a notebook, and in JupyterLab to a cell of it, is a page here.
        url = re.sub(r"^(?:notebooks/)?([\w-]+)\.(?:ipynb|md)(?=#|$)", _page_of, url)
        return super().link(text, url.replace("#cell-id=", "#cell-"), title)

    def block_code(self, code, info=None):
        return f'<div class="scroll sample" tabindex="0"><pre>{html.escape(code)}</pre></div>\n'

    def table(self, text):
        return _in_box(f'<table class="words">\n{text}</table>')

    def block_math(self, text):
        return f'<p class="formula">{_formula(text, is_block=True)}</p>\n'

    def inline_math(self, text):
        return _formula(text)


class _Media:
    """The pictures and sound of a page, in files of their own."""

    def __init__(self, name, folder):
        self._name, self._folder, self._n_files = name, folder, 0

    def put(self, content, suffix):
        """Write a file; give its path, as the pages link it."""
        self._n_files += 1
        path = f"{MEDIA}/{self._name}-{self._n_files}.{suffix}"
        (self._folder / MEDIA).mkdir(exist_ok=True)
        (self._folder / path).write_bytes(content)
        return path

    def out_of(self, text):
        """Put what is embedded in some HTML into files."""
        return _EMBEDDED.sub(lambda found: self.put(base64.b64decode(found[2]), found[1]), text)


class _NotebookPage:
    """The cells of a notebook, turned into HTML one after the other."""

    def __init__(self, name, folder):
        self.name, self.pictures = name, []
        self.words, self._media = _Words(name), _Media(name, folder)

    def up_to_failure(self, cells):
        """Give a line on where and why a notebook failed, and its cells as far as it came."""
        code = [c for c in cells if c["cell_type"] == "code" and "".join(c["source"]).strip()]
        begun = [cell for cell in code if cell["metadata"].get("execution")]
        if not begun:
            failure = "Its Python did not start."
            return failure, [*map(self.cell, cells[:1]), _notice(failure)]
        *before, last = begun
        number = last.get("execution_count") or (before[-1]["execution_count"] + 1 if before else 1)
        anchor = html.escape(f"#cell-{last.get('id', '')}")
        where = f'<a href="{anchor}">cell {number}</a>'
        n_left = len(code) - len(begun)
        left = f"{n_left} code cells" if n_left > 1 else "code cell"
        error = next((o for o in last["outputs"] if o["output_type"] == "error"), None)
        if error:
            failure = f"In {where}: {_named(error, at_most=200)}"
        elif _REPLY not in last["metadata"]["execution"]:
            failure = f"In {where} its Python was killed, most often for lack of memory."
        elif n_left:
            failure = f"It stopped after {where}; the {left} after it did not run."
        else:
            failure = "It came to its end without writing its results."
        first, *others = map(self.cell, cells[: cells.index(last) + 1])
        end = f'<p class="failed">The {left} after cell {number} did not run.</p>' if n_left else ""
        return failure, [first, _notice(failure), *others, end]

    def cell(self, cell):
        source = "".join(cell["source"])
        anchor = html.escape(f"cell-{cell.get('id', '')}")
        if cell["cell_type"] != "code":
            return f'<div class="text" id="{anchor}">\n{self.words.to_html(source)}</div>'
        if not source.strip():
            return ""
        number = cell.get("execution_count")
        label = f"Code of cell {number}" if number else "Code"
        outputs = cell.get("outputs", [])
        shown = "".join(filter(None, map(self._output, outputs)))
        is_open = " open" if any(o["output_type"] == "error" for o in outputs) else ""
        return (
            f'<div class="cell" id="{anchor}">\n'
            f'<details class="code"{is_open}><summary>{label}</summary>'
            f'<pre tabindex="0">{highlighted(source)}</pre></details>\n{shown}</div>'
        )

    def _output(self, output):
        if output["output_type"] == "stream":
            return _preformatted("".join(output["text"]))
        if output["output_type"] == "error":
            return _error(output)
        data = output["data"]
        if "application/vnd.plotly.v1+json" in data:
            return self._turnable(data, output)
        if "image/png" in data:
            return self._png(data["image/png"], output)
        if "text/html" in data:
            return self._html("".join(data["text/html"]))
        if "text/markdown" in data:
            return f'<div class="said">{self.words.to_html("".join(data["text/markdown"]))}</div>\n'
        if "application/vnd.jupyter.widget-view+json" in data:
            return ""  # what moves in JupyterLab alone
        return _preformatted("".join(data.get("text/plain", "")))

    def _png(self, encoded, output):
        content = base64.b64decode("".join(encoded))
        width, height = struct.unpack(">II", content[16:24])
        alt = output.get("metadata", {}).get("image/png", {}).get("alt") or self._where()
        picture = Picture(self._media.put(content, "png"), alt)
        self.pictures.append(picture)
        return (
            f'<p class="picture"><a href="{picture.path}"><img src="{picture.path}" '
            f'width="{width}" height="{height}" alt="{html.escape(alt)}"></a></p>\n'
        )

    def _where(self):
        words = self.words
        where = re.sub(r"<[^>]+>", "", words.sections[-1][1]) if words.sections else words.title
        return f"Picture {len(self.pictures) + 1} of {self.name[:2]}, on: {html.unescape(where)}"

    def _turnable(self, data, output):
        """A still picture, and what a button makes of it: a map that one can turn."""
        figure = json.dumps(data["application/vnd.plotly.v1+json"]).replace("<", "\\u003c")
        still = self._png(data["image/png"], output) if "image/png" in data else ""
        return (
            f'<div class="turnable">{still}<p><button type="button" hidden>Turn it</button></p>'
            f'<script type="application/json">{figure}</script></div>\n'
        )

    def _html(self, text):
        """HTML that a library made: its pictures and sound become files, its tables scroll."""
        text = re.sub(r"<style scoped>.*?</style>", "", text, flags=re.S)
        if not _SHOWS_NOTHING.sub("", text):
            return ""
        text = self._media.out_of(text)
        text = text.replace(' border="1"', "")
        text = text.replace("<audio ", '<audio preload="none" ')  # nobody may play it
        return _in_box(text) if "<table" in text else f'<div class="shown">{text}</div>\n'


def _page_of(found):
    return f"{found[1] if found[1][:1].isdigit() else found[1].lower()}.html"


def _preformatted(text):
    text = html.escape(_TERMINAL_COLOURS.sub("", text)).rstrip()
    return f'<div class="scroll" tabindex="0"><pre>{text}</pre></div>\n' if text else ""


def _notice(failure):
    return f'<p class="failed"><b>This notebook failed.</b> {failure}</p>'


def _named(error, at_most):
    """Give an error's name and message as HTML, cut where they are too long."""
    said = " ".join(_TERMINAL_COLOURS.sub("", error["evalue"]).split())
    said = said if len(said) <= at_most else f"{said[:at_most]}…"
    return f"<b>{html.escape(error['ename'])}</b>" + (f": {html.escape(said)}" if said else "")


def _error(error):
    """Give an error's name and message, the end of its traceback, and all of it folded up."""
    lines = _TERMINAL_COLOURS.sub("", "\n".join(error["traceback"])).rstrip().splitlines()
    box = '<div class="scroll traceback" tabindex="0"><pre>{}</pre></div>'
    last = [line if len(line) <= 300 else f"{line[:300]}…" for line in lines[-_TAIL:]]
    tail = box.format(html.escape("\n".join(last))) if last else ""
    whole = ""
    if len(lines) > _TAIL:
        whole = (
            f"<details><summary>The whole traceback, {len(lines):,} lines</summary>"
            f"{box.format(html.escape(chr(10).join(lines)))}</details>"
        )
    return f'<div class="error"><p>{_named(error, at_most=300)}</p>\n{tail}{whole}</div>\n'


def _in_box(content):
    """Put what may be wider than the page into a box that scrolls, with the keyboard too."""
    content = _EMPTY_HEAD.sub(r"<td\1></td>", unbroken(content))  # a head without a word is none
    return f'<div class="scroll" tabindex="0" role="group" aria-label="Table">{content}</div>\n'


def _formula(text, is_block=False):
    """Draw a formula as SVG; who cannot see it gets its source."""
    from matplotlib import rc_context
    from matplotlib.mathtext import math_to_image

    text = " ".join(text.split())
    source = html.escape(text)
    drawn = text.replace(r"\frac", r"\dfrac") if is_block else text
    image = io.BytesIO()
    try:
        style = {"mathtext.fontset": "stix", "font.size": 13, "savefig.facecolor": "none"}
        with rc_context(style):
            math_to_image(f"${drawn}$", image, format="svg")
    except ValueError:  # beyond what Matplotlib can draw
        return f"<code>{source}</code>"
    encoded = base64.b64encode(image.getvalue()).decode()
    return f'<img class="math" src="data:image/svg+xml;base64,{encoded}" alt="{source}">'
