"""How does a page become a document: one of a site, a file that stands alone, or a PDF?"""

import base64
import hashlib
import html
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from genres import Refusal, files
from genres.project import COMMAND

BROWSERS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
"""Programs that can print a page, by the names they have on one system or another."""

THEME = '<button type="button" class="theme" hidden></button>'
"""The button that turns a page dark or light."""

_BEFORE, _AFTER = '<main id="text">\n', "\n</main>"
_OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-pdf-header-footer",
    "--generate-pdf-document-outline",
)


def document(title: str, body: str, head: str, policy: str):
    """Write a whole HTML document.

    Parameters
    ----------
    title, body : str
        Its title, as text; and what it shows, as HTML.
    head : str
        Styles and scripts, or links to them.
    policy : str
        What the page may load, as the header Content-Security-Policy has it.

    Returns
    -------
    str
    """
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{html.escape(title)}</title>
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
{head}
</head>
<body>
{body}
</body>
</html>
"""


def alone(title: str, body: str, links: str = ""):
    """Write a page of the site's look that is one file, with its style and scripts inside.

    No script runs on it but these, whatever else the page holds.

    Parameters
    ----------
    title, body : str
        Its title, as text; and what it shows, as HTML. Pictures are ``data:`` addresses.
    links : str
        HTML for the bar at its top.

    Returns
    -------
    str
    """
    here = Path(__file__).parent
    style, *scripts = (
        (here / name).read_text(encoding="utf-8") for name in ("site.css", "theme.js", "site.js")
    )
    digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    theme, script = (f"<script>{one}</script>" for one in scripts)
    return document(
        title,
        f"""<div class="sheet">
<header class="bar">{links}{THEME}</header>
{_BEFORE}{body}{_AFTER}
</div>
{script}""",
        f"<style>\n{style}</style>\n{theme}",
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}",
    )


def body_of(path: Path):
    """Give what a file that `alone` wrote shows, as HTML; of another file, nothing."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return text.partition(_BEFORE)[2].rpartition(_AFTER)[0]


def _find_browser():
    """Find the browser that ``GENRE_CHROMIUM`` names ("" for none), or else one of `BROWSERS`."""
    named = os.environ.get("GENRE_CHROMIUM")
    names = BROWSERS if named is None else [named]
    return next(filter(None, map(shutil.which, names)), None)


def print_page(page: Path, pdf: Path):
    """Print a page of HTML, whole or not at all.

    Parameters
    ----------
    page, pdf : Path
        The page's file, and that to write; both absolute.

    Raises
    ------
    Refusal
        If there is no browser, or it cannot print the page.
    """
    browser = _find_browser()
    if browser is None:
        raise Refusal(
            "for one, install Chromium or Chrome (on Debian and Ubuntu with 'sudo apt install "
            f"chromium') and start {COMMAND} report."
        )
    sandbox = (
        ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    )  # it has none for root
    try:
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
            files.atomic(pdf) as temporary,
        ):
            places = [f"--user-data-dir={profile}", f"--print-to-pdf={temporary}", page.as_uri()]
            command = [browser, *_OPTIONS, *sandbox, *places]
            subprocess.run(command, capture_output=True, timeout=300, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise Refusal(f"{browser} cannot print {page.name} ({type(error).__name__}).") from error
