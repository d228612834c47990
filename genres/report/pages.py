"""How does a notebook, or a page of Markdown, become HTML that needs no network?"""

import base64
import html
import io
import json
import re
import struct
from typing import NamedTuple

import mistune
from mistune.plugins.math import math
from mistune.plugins.table import table
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from genres import files
from genres.run import provenance

MEDIA = "media"
"""The folder, beside the pages, of pictures and sound."""

_EMBEDDED = re.compile(r"data:(?:image|audio)/([\w-]+)[\w.+-]*;base64,([A-Za-z0-9+/=\s]+)")
_TERMINAL_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_SHOWS_NOTHING = re.compile(
    r"(?:<style.*?</style>|<(?!(?:img|audio|video|svg|hr)\b)[^>]*>|\s)+", re.S
)


class Picture(NamedTuple):
    """A picture of a page: its file, as the pages link it, and what it shows, in words."""

    path: str
    alt: str


class Page(NamedTuple):
    """A page, before navigation is put around it.

    Attributes
    ----------
    name : str
        Its file's name, without suffix.
    title : str
    question : str
        What a notebook asks, as HTML; "" elsewhere.
    body : str
        Its content, as HTML.
    sections : list of (str, str)
        Anchor and title, as HTML, of each section.
    pictures : list of Picture
    """

    name: str
    title: str
    question: str
    body: str
    sections: list
    pictures: list


def of_notebook(path, folder):
    """Turn an executed notebook into a page; its pictures and sound go into ``folder/media``.

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
    document = files.read_json(path)
    page = _NotebookPage(path.stem, folder)
    cells = [page.cell(cell) for cell in document["cells"] if not provenance.is_injected(cell)]
    opening = next((c for c in document["cells"] if c["cell_type"] == "markdown"), {"source": ""})
    asked = re.search(r"\*\*Question\.\*\*\s*(.+?)(?:\n\n|$)", "".join(opening["source"]), re.S)
    question = (
        page.markdown(asked[1]).removeprefix("<p>").rstrip().removesuffix("</p>") if asked else ""
    )
    title = page.title or path.stem
    return Page(path.stem, title, question, "\n".join(cells), page.sections, page.pictures)


def of_markdown(text, name):
    """Turn a page of Markdown into HTML."""
    renderer = _Renderer(name)
    body = _markdown(renderer)(text)
    return Page(name, renderer.title or name, "", body, renderer.sections, [])


class _Renderer(mistune.HTMLRenderer):
    """HTML with anchors at headings, tables in a box of their own, and formulas as pictures."""

    def __init__(self, name):
        super().__init__(escape=False)
        self.name, self.title, self.sections = name, "", []

    def heading(self, text, level, **_):
        plain = html.unescape(re.sub(r"<[^>]+>", "", text))
        if level == 1:
            self.title = self.title or plain
            return f"<h1>{text}</h1>\n"
        anchor = f"{self.name}-{re.sub(r'[^a-z0-9]+', '-', plain.lower()).strip('-')}"
        if level == 2:
            self.sections.append((anchor, text))
        return f'<h{level} id="{anchor}">{text}</h{level}>\n'

    def link(self, text, url, title=None):
        # What links to a notebook, and in JupyterLab to a cell of it, is a page here.
        url = re.sub(r"^(?:notebooks/)?([\w-]+)\.(?:ipynb|md)(?=#|$)", _page_of, url)
        return super().link(text, url.replace("#cell-id=", "#cell-"), title)

    def block_code(self, code, info=None):
        return f'<div class="scroll" tabindex="0"><pre>{html.escape(code)}</pre></div>\n'

    def table(self, text):
        return _in_box(f'<table class="words">\n{text}</table>')

    def block_math(self, text):
        return f'<p class="formula">{_formula(text, is_block=True)}</p>\n'

    def inline_math(self, text):
        return _formula(text)


class _NotebookPage:
    """The cells of a notebook, turned into HTML one after the other."""

    def __init__(self, name, folder):
        self.name, self.folder, self.pictures = name, folder, []
        self._n_files = 0
        self._renderer = _Renderer(name)
        self.markdown = _markdown(self._renderer)

    @property
    def title(self):
        return self._renderer.title

    @property
    def sections(self):
        return self._renderer.sections

    def cell(self, cell):
        source = "".join(cell["source"])
        anchor = html.escape(f"cell-{cell.get('id', '')}")
        if cell["cell_type"] != "code":
            return f'<div class="text" id="{anchor}">\n{self.markdown(source)}</div>'
        if not source.strip():
            return ""
        number = cell.get("execution_count")
        label = f"Code of cell {number}" if number else "Code"
        shown = "".join(filter(None, map(self._output, cell.get("outputs", []))))
        return (
            f'<div class="cell" id="{anchor}">\n'
            f'<details class="code"><summary>{label}</summary>'
            f'<pre tabindex="0">{_python(source)}</pre></details>\n{shown}</div>'
        )

    def _output(self, output):
        if output["output_type"] == "stream":
            return _preformatted("".join(output["text"]))
        if output["output_type"] == "error":
            return _preformatted("\n".join(output["traceback"]))
        data = output["data"]
        if "application/vnd.plotly.v1+json" in data:
            return self._turnable(data, output)
        if "image/png" in data:
            return self._png(data["image/png"], output)
        if "text/html" in data:
            return self._html("".join(data["text/html"]))
        if "text/markdown" in data:
            return f'<div class="said">{self.markdown("".join(data["text/markdown"]))}</div>\n'
        if "application/vnd.jupyter.widget-view+json" in data:
            return ""  # what moves in JupyterLab alone
        return _preformatted("".join(data.get("text/plain", "")))

    def _png(self, encoded, output):
        content = base64.b64decode("".join(encoded))
        width, height = struct.unpack(">II", content[16:24])
        alt = output.get("metadata", {}).get("image/png", {}).get("alt") or self._where()
        picture = Picture(self._put(content, "png"), alt)
        self.pictures.append(picture)
        return (
            f'<p class="picture"><a href="{picture.path}"><img src="{picture.path}" '
            f'width="{width}" height="{height}" alt="{html.escape(alt)}"></a></p>\n'
        )

    def _where(self):
        where = re.sub(r"<[^>]+>", "", self.sections[-1][1]) if self.sections else self.title
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
        text = _EMBEDDED.sub(lambda m: self._put(base64.b64decode(m[2]), m[1]), text)
        text = text.replace(' border="1"', "")
        return _in_box(text) if "<table" in text else f'<div class="shown">{text}</div>\n'

    def _put(self, content, suffix):
        self._n_files += 1
        path = f"{MEDIA}/{self.name}-{self._n_files}.{suffix}"
        (self.folder / MEDIA).mkdir(exist_ok=True)
        (self.folder / path).write_bytes(content)
        return path


def _markdown(renderer):
    return mistune.create_markdown(renderer=renderer, plugins=[table, math])


def _page_of(found):
    return f"{found[1] if found[1][:1].isdigit() else found[1].lower()}.html"


def _python(source):
    return highlight(source, PythonLexer(), HtmlFormatter(nowrap=True)).rstrip()


def _preformatted(text):
    text = html.escape(_TERMINAL_COLOURS.sub("", text)).rstrip()
    return f'<div class="scroll" tabindex="0"><pre>{text}</pre></div>\n' if text else ""


def _in_box(content):
    """Put what may be wider than the page into a box that scrolls, with the keyboard too."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="Table">{content}</div>\n'


def _formula(text, is_block=False):
    """Draw a formula as SVG; who cannot see it gets its source."""
    from matplotlib import rc_context
    from matplotlib.mathtext import math_to_image

    text = " ".join(text.split())
    source = html.escape(text)
    drawn = text.replace(r"\frac", r"\dfrac") if is_block else text
    image = io.BytesIO()
    try:
        with rc_context({"mathtext.fontset": "stix", "font.size": 13}):
            math_to_image(f"${drawn}$", image, format="svg")
    except ValueError:  # beyond what Matplotlib can draw
        return f"<code>{source}</code>"
    encoded = base64.b64encode(image.getvalue()).decode()
    return f'<img src="data:image/svg+xml;base64,{encoded}" alt="{source}">'
