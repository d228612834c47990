"""Where can a notebook be opened with nothing installed?"""

import html
import re
from pathlib import Path
from urllib.parse import quote

COLAB_SET_UP = """\
!git clone --depth 1 {address} report
%pip install -q mrmr-selection PyWavelets umap-learn av ruptures mir_eval
%cd report
%env GENRE_DATA=synthetic"""
"""What a first cell in Colab has to hold: there, a notebook is opened without its project."""

BEGIN, END = "<!-- badges:begin -->", "<!-- badges:end -->"
"""What stands around the badges in README.md and docs/BROWSER.md."""

_SETTING = re.compile(r'^\[project\.urls\]\n(?:[^\[\n].*\n|\n)*?Repository\s*=\s*"([^"]+)"', re.M)


def repository(project: Path) -> str | None:
    """Read the address of the project's copy on the network, or None where there is none.

    It is ``Repository`` in the section ``[project.urls]`` of ``pyproject.toml``.
    """
    path = project / "pyproject.toml"
    found = _SETTING.search(path.read_text("utf-8")) if path.exists() else None
    return found[1].rstrip("/").removesuffix(".git") if found else None


def links(address: str, place: str = "notebooks") -> dict[str, str]:
    """Give the links that open a notebook, or the folder of all, by the service's name.

    Parameters
    ----------
    address : str
        The repository's, as `repository` reads it.
    place : str
        The notebook's path inside the project, or its folder's.

    Returns
    -------
    dict of str to str
        Colab opens single notebooks only, and only those on GitHub.
    """
    on_github = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+)", address)
    found = {}
    if on_github and place.endswith(".ipynb"):
        found["Colab"] = (
            f"https://colab.research.google.com/github/{on_github[1]}/blob/HEAD/{place}"
        )
    at = f"gh/{on_github[1]}" if on_github else f"git/{quote(address, safe='')}"
    found["Binder"] = f"https://mybinder.org/v2/{at}/HEAD?urlpath=lab/tree/{place}"
    return found


def of_page(project: Path, name: str) -> str:
    """Write, in HTML, where to open a notebook; nothing where the project has no address."""
    address = repository(project)
    if address is None:
        return ""
    found = links(address, f"notebooks/{name}.ipynb")
    listed = " or ".join(f'<a href="{html.escape(link)}">{at}</a>' for at, link in found.items())
    first = ""
    if "Colab" in found:
        cell = html.escape(COLAB_SET_UP.format(address=address))
        first = (
            "<details><summary>What Colab needs in a new first cell</summary>"
            f'<div class="scroll sample" tabindex="0"><pre>{cell}</pre></div></details>'
        )
    return f'<div class="elsewhere"><p>Open this notebook in {listed}.</p>{first}</div>\n'


def badges(project: Path) -> str:
    """Write, in Markdown, badges that open the project elsewhere; nothing without an address."""
    address = repository(project)
    if address is None:
        return ""
    shown = {
        "Colab": "https://colab.research.google.com/assets/colab-badge.svg",
        "Binder": "https://mybinder.org/badge_logo.svg",
    }
    found = links(address, "notebooks/01-feature-distributions.ipynb") | links(address)
    return " ".join(f"[![Open in {at}]({shown[at]})]({link})" for at, link in found.items())
