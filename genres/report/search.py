"""What can be found on the pages, and where?"""

import json
import re
import unicodedata
from html.parser import HTMLParser

_EMPTY = {"img", "br", "hr", "input", "source", "col", "wbr"}
_INSIDE_LINES = {"a", "b", "code", "em", "i", "span", "strong", "sub", "sup"}
_SILENT_TAGS, _SILENT_CLASSES = {"script", "style", "button"}, {"anchor", "traceback"}


def index(pages) -> str:
    """Write down all that can be searched, as a script that pages without a server can load.

    Parameters
    ----------
    pages : list of genres.report.pages.Page

    Returns
    -------
    str
        A script that calls ``receiveIndex`` with a list: of each page its name, its title and its
        sections; of each section its anchor, its heading, its text and its code.
    """
    entries = [[page.name, page.title, _sections(page)] for page in pages]
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":"))
    # The two separators end a line of JavaScript, though not of JSON, and would end a string in it.
    text = text.replace("\u2028", " ").replace("\u2029", " ")
    return f"receiveIndex({text});\n"


def _sections(page):
    reader = _Reader()
    reader.feed(page.body)
    reader.close()
    return [list(map(_clean, section)) for section in reader.sections]


def _clean(text):
    """Put one space between words, and accents into their letters."""
    return unicodedata.normalize("NFC", re.sub(r"\s+", " ", text).strip())


class _Reader(HTMLParser):
    """The text of a page by sections, each of which has an anchor: a heading's or a folded part's.

    Numbers of tables are left out: they would be half of the index, and nobody looks for them.
    """

    def __init__(self):
        super().__init__()
        self.sections = [["", "", "", ""]]  # anchor, heading, text, code
        self._open = []  # of each open tag: its name, and what its text is: 1, 2, 3 as above, or 0

    def handle_starttag(self, tag, attributes):
        if tag not in _INSIDE_LINES:
            self._add(" ")
        if tag in _EMPTY:
            return
        given = dict(attributes)
        classes = (given.get("class") or "").split()
        kind = self._open[-1][1] if self._open else 2
        if tag in ("h2", "h3", "details") and "id" in given:
            self.sections.append([given["id"], "", "", ""])
        if tag in _SILENT_TAGS or not _SILENT_CLASSES.isdisjoint(classes):
            kind = 0
        elif tag in ("h1", "h2", "h3"):
            kind = 1
        elif tag == "summary":  # the name of a section, or only "Code" or "Answer"
            kind = 0 if "".join(self.sections[-1][1:]).strip() else 1
        elif tag == "details" and "code" in classes:
            kind = 3
        self._open.append((tag, kind))

    def handle_endtag(self, tag):
        if tag in (name for name, _ in self._open):
            while self._open.pop()[0] != tag:
                pass
        if tag not in _INSIDE_LINES:
            self._add(" ")

    def handle_data(self, data):
        if not self._open or self._open[-1][0] != "td" or re.search(r"[^\W\d_]", data):
            self._add(data)

    def _add(self, text):
        kind = self._open[-1][1] if self._open else 2
        if kind:
            self.sections[-1][kind] += text
