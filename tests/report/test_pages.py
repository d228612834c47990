"""report.pages, search and elsewhere: single pages, those of notebooks that failed above all."""

import json
import re

import pytest
from conftest import PROJECT, code_cell, run_report

from genres.report import elsewhere, pages, publish, search, site
from genres.run import runs

DEEP = """\
steps = [f"def step_{n}():\\n    step_{n + 1}()" for n in range(150)]
exec("\\n".join(steps))


def step_150():
    raise ValueError("no such <b>genre</b> " + "x" * 5000)


print("so far so good")
step_0()"""


@pytest.fixture(scope="module")
def failed(make_toy_project, tmp_path_factory):
    """The site of a run whose second notebook failed in the depths, and what was printed."""
    folder = tmp_path_factory.mktemp("failed")
    project = make_toy_project(folder)
    project.write("02-knn-baseline", 'keep("02-knn-baseline", accuracy=0.25)')
    project.write("03-feature-search", DEEP, "print('never reached')", "1")
    project.write("11-champion", "1")
    assert run_report(str(project.data), project=folder, quick=True, only=["2", "3"]) == 1
    return folder / "runs" / "toy-quick" / "report"


def test_a_failed_notebook_stands_in_its_place_with_its_last_lines(failed):
    page = (failed / "03-feature-search.html").read_text()
    text = re.sub(r"<[^>]+>", "", page)
    assert re.search(r"This notebook failed\. In cell 4: ValueError: no such &lt;b&gt;", text)
    assert "so far so good" in text and "never reached" not in text
    assert "The 2 code cells after cell 4 did not run." in text
    assert "An Exception was encountered" not in text  # papermill's own words
    tail, whole = re.findall(r'<div class="scroll traceback"[^>]*><pre>(.*?)</pre>', page, re.S)
    assert len(tail.splitlines()) <= 8 < 300 < len(whole.splitlines())
    assert "\x1b" not in page
    assert page.index("<details><summary>The whole traceback") < page.index(whole)
    listed = ("02-knn-baseline.html", "(failed)", "11-champion (not run)")
    assert (places := [page.index(one) for one in listed]) == sorted(places)


def test_the_front_page_and_the_whole_say_what_failed(failed):
    front = (failed / "index.html").read_text()
    assert "Failed: 03." in front
    assert "<b>Failed.</b> In cell 4: <b>ValueError</b>: no such &lt;b&gt;genre" in front
    assert "11-champion (not run)" in front
    assert ">02-knn-baseline (failed) →" not in front
    beside = (failed / "02-knn-baseline.html").read_text()
    assert '<a rel="next" href="03-feature-search.html">03-feature-search (failed) →</a>' in beside
    whole = (failed / "whole.html").read_text()
    assert 'href="#03-feature-search-cell-cell-0"' in whole
    assert 'id="03-feature-search-cell-cell-0"' in whole
    assert "step_88" not in (failed / "search-index.js").read_text()


@pytest.mark.parametrize("width", [360, 1280])
def test_a_failed_notebook_fits_on_a_few_screens_and_is_printed_on_a_page(failed, browser, width):
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto((failed / "03-feature-search.html").as_uri())
    page.locator(".error summary").press("Enter")
    size = page.evaluate("[document.body.scrollWidth, document.querySelector('main').scrollHeight]")
    assert size[0] <= width and size[1] < 3500
    page.emulate_media(media="print")
    assert page.evaluate("document.querySelector('main').scrollHeight") < 2500
    assert not page.locator(".error details").is_visible()
    page.close()


def test_a_run_of_which_all_failed_has_its_site_made_anew(make_toy_project, tmp_path):
    project = make_toy_project(tmp_path).write("02-knn-baseline", "1/0")
    for code, words in [("1/0", "ZeroDivisionError"), ("[][1]", "IndexError")]:
        project.write("02-knn-baseline", code)
        assert run_report(str(project.data), project=tmp_path) == 1
        assert words in (tmp_path / "runs" / "toy" / "report" / "index.html").read_text()


@pytest.mark.parametrize(
    "states, words, end",
    [
        ([], "Its Python did not start.", ""),
        (["done", "begun"], 'In <a href="#cell-b">cell 2</a> its Python was killed', "did not run"),
        (["begun"], 'In <a href="#cell-a">cell 1</a> its Python was killed', "2 code cells after"),
        (
            ["done"],
            'It stopped after <a href="#cell-a">cell 1</a>; the 2 code cells after it did not run.',
            "The 2 code cells after cell 1 did not run.",
        ),
        (["done"] * 3, "It came to its end without writing its results.", ""),
    ],
)
def test_a_notebook_without_an_error_says_how_far_it_came(tmp_path, states, words, end):
    cells = [code_cell("a", "1"), code_cell("b", "2"), code_cell("d", " "), code_cell("c", "1")]
    for number, (cell, state) in enumerate(zip([*cells[:2], cells[3]], states, strict=False), 1):
        cell["execution_count"] = number if state == "done" else None
        replied = {"shell.execute_reply": "2026-01-01"} if state == "done" else {}
        cell["metadata"]["execution"] = {"iopub.status.busy": "2026-01-01"} | replied
    heading = {"cell_type": "markdown", "id": "h", "metadata": {}, "source": "# 12 · One"}
    path = tmp_path / "12-one.failed.ipynb"
    path.write_text(json.dumps({"cells": [heading, *cells]}))
    page = pages.of_notebook(path, tmp_path)
    assert page.failure.startswith(words)
    assert end in page.body and ("did not run" in page.body) == bool(end)
    assert (page.name, page.title) == ("12-one", "12 · One")


# Search


def test_the_index_has_what_can_be_read_under_its_heading():
    text = (
        "# Title\n\nFirst <b>wo</b>rds of Sébastien.\n\n## What it is\n\nText & more, $x^2$.\n\n"
        "| a | b |\n|--|--|\n| 0.25 | jazz |\n\n<details><summary>Answer</summary>\n\nForty\n\n"
        "</details>\n\n### Below\n\n<script>alert()</script>\u2028End"
    )
    page = pages.of_markdown(text.replace("é", "e\u0301"), "page")
    script = search.index([page])
    ((name, title, sections),) = json.loads(
        script.removeprefix("receiveIndex(").removesuffix(");\n")
    )
    assert (name, title) == ("page", "Title")
    assert sections == [
        ["", "Title", "First words of Sébastien.", ""],
        ["page-what-it-is", "What it is", "Text & more, . a b jazz Forty", ""],
        ["page-below", "Below", "End", ""],
    ]
    assert "\u2028" not in script


# Elsewhere


def set_address(folder, address):
    line = f'Repository = "{address}"\n' if address else ""
    text = f'[project]\nname = "x"\n\n[project.urls]\nHomepage = "https://x.org"\n{line}\n[tool]\n'
    (folder / "pyproject.toml").write_text(text)
    return folder


@pytest.mark.parametrize(
    "address, services",
    [
        ("https://github.com/ann/genres", ["Colab", "Binder"]),
        ("https://github.com/ann/genres.git", ["Colab", "Binder"]),
        ("https://gitlab.com/ann/music/genres", ["Binder"]),
        ("", []),
    ],
)
def test_one_setting_gives_the_links_that_open_a_notebook_elsewhere(tmp_path, address, services):
    set_address(tmp_path, address)
    shown = elsewhere.of_page(tmp_path, "02-knn")
    assert re.findall(r'<a href="[^"]+">(\w+)</a>', shown) == services
    assert ("git clone" in shown) == ("Colab" in services)
    for link in re.findall(r'href="(.+?)"', shown):
        assert "HEAD" in link and link.endswith("notebooks/02-knn.ipynb")
    assert elsewhere.badges(tmp_path).count("[![Open in") == len(services)


def test_badges_are_written_and_taken_out(tmp_path):
    (tmp_path / "docs").mkdir()
    both = [tmp_path / "README.md", tmp_path / "docs" / "BROWSER.md"]
    for path in both:
        path.write_text(f"# A\n\n{elsewhere.BEGIN}\n\n{elsewhere.END}\n\nText\n")
    before = both[0].read_text()
    set_address(tmp_path, "https://github.com/ann/genres")
    assert publish.write_badges(tmp_path) == "https://github.com/ann/genres"
    for path in both:
        assert "mybinder.org/v2/gh/ann/genres/HEAD" in path.read_text()
    set_address(tmp_path, "")
    assert publish.write_badges(tmp_path) is None
    assert [path.read_text() for path in both] == [before, before]


def test_the_projects_pages_have_the_badges_of_its_address():
    for name in ("README.md", "docs/BROWSER.md"):
        path = PROJECT / name
        text = path.read_text(encoding="utf-8")
        shown = publish.fill(path, elsewhere.BEGIN, elsewhere.END, elsewhere.badges(PROJECT))
        assert text == shown
    assert elsewhere.COLAB_SET_UP.format(address="ADDRESS-OF-THE-COPY") in text


def test_a_page_of_a_project_with_an_address_links_elsewhere(failed, tmp_path):
    set_address(failed.parents[2], "https://github.com/ann/genres")
    site.write(runs.of_run(failed.parent, failed.parents[2]), failed.parents[2], pdf=False)
    assert "colab.research" in (failed / "02-knn-baseline.html").read_text()
    for name in ("index", "ledger", "whole"):
        assert "colab.research" not in (failed / f"{name}.html").read_text()
