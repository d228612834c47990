"""How does a page become a PDF?"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from genres import Refusal, files
from genres.project import COMMAND

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
"""Programs that can print a page, by the names they have on one system or another."""

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
