"""report.site and genres.report.pages: the report as a web site, looked at in a browser."""

import base64
import io
import json
import os
import re
import shutil
import wave
from contextlib import contextmanager
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from conftest import PROJECT, code_cell, run_report, violations

from genres import Refusal, files
from genres.report import documents, pages, site
from genres.run import runs

NAMES = [path.stem for path in sorted((PROJECT / "notebooks").glob("[0-9]*.ipynb"))]
OTHERS = ["index", "ledger", "lecture", "glossary", "whole"]


@pytest.fixture(scope="module")
def run(tmp_path_factory, published):
    """A run that made what is published, and its site."""
    folder = tmp_path_factory.mktemp("a run") / "course"
    shutil.copytree(PROJECT / "notebooks", folder / "notebooks", ignore=hidden)
    for name, results in published.items():
        files.write_json(folder / "results" / f"{name}.json", results)
    said = site.write(runs.of_run(folder, PROJECT), PROJECT, pdf=False)
    return SimpleNamespace(folder=folder, site=folder / "report", said=said)


def hidden(_, names):
    return [name for name in names if name.startswith(".")]


@contextmanager
def visiting(run, browser):
    """Open pages of the site in a browser, and know what it complains of and asks for."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.complaints, page.asked = [], []
    page.on("console", lambda message: page.complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("requestfailed", lambda request: page.complaints.append(request.url[:200]))
    context.on("request", lambda request: page.asked.append(request.url))
    page.open = lambda name: page.goto((run.site / f"{name}.html").as_uri())
    page.open("index")
    yield page
    context.close()


@pytest.fixture
def visit(run, browser):
    with visiting(run, browser) as page:
        yield page


BROKEN = "[...document.images].filter(i => i.complete && !i.naturalWidth).length"


@pytest.fixture(scope="module")
def seen(run, browser, axe):
    """What is seen of each page, opened once: its widths in two windows, and what bars somebody."""
    found = {}
    with visiting(run, browser) as visit:
        for name in [*NAMES, *OTHERS]:
            widths, n_broken = {}, 0
            for width in (360, 1280):
                visit.set_viewport_size({"width": width, "height": 740})
                if not widths:
                    visit.open(name)
                widths[width] = visit.evaluate("document.documentElement.scrollWidth")
                n_broken += visit.evaluate(BROKEN)
            barring = []
            if name != "whole":  # which holds the others
                barring = violations(visit, axe, **{"color-contrast": {"enabled": False}})
            found[name] = SimpleNamespace(widths=widths, n_broken=n_broken, barring=barring)
        assert visit.complaints == []
    return found


def own(url, folder):
    """Whether a browser needs nothing but the site's folder for this address."""
    return url.startswith((f"{folder.as_uri()}/", "data:", "blob:"))


# In a browser


def test_every_notebook_is_reached_from_the_front_page_by_clicking(visit, run):
    for number, name in enumerate(NAMES):
        visit.locator(".cards h3 a").nth(number).click()
        visit.wait_for_url(f"**/{name}.html")
        assert visit.locator("h1").inner_text() in visit.title()
        visit.locator(".home").click()
        visit.wait_for_url("**/index.html")
    assert visit.complaints == []
    assert len(visit.asked) > len(NAMES)
    assert [url for url in visit.asked if not own(url, run.site)] == []


def test_one_page_leads_to_the_next_and_back(visit):
    for name in [*NAMES, "ledger", "lecture", "glossary"]:
        visit.locator(".turns a[rel=next]").click()
        visit.wait_for_url(f"**/{name}.html")
    assert not visit.locator("a[rel=next]").count()
    visit.locator(".turns a[rel=prev]").click()
    visit.wait_for_url("**/lecture.html")


def test_no_page_is_wider_than_its_window(seen):
    for name, page in seen.items():
        assert all(found <= width for width, found in page.widths.items()), name
        assert page.n_broken == 0, name


@pytest.mark.parametrize("width", [360, 640, 768, 900, 1055, 1056, 1280])
def test_what_is_found_lies_within_the_window(visit, width):
    visit.set_viewport_size({"width": width, "height": 800})
    for name in ("index", NAMES[1]):
        visit.open(name)
        search(visit, "tempo")
        box, field = visit.locator(".found").bounding_box(), visit.locator(".search input")
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
        assert 0 < box["y"] - field.bounding_box()["y"] < 110


def test_the_whole_report_has_margins_and_its_bar_is_as_wide_as_its_text(visit):
    for width in (360, 1280):
        visit.set_viewport_size({"width": width, "height": 740})
        visit.open("whole")
        bar, text = (visit.locator(one).bounding_box() for one in (".bar", "main"))
        assert (bar["x"], bar["width"]) == (text["x"], text["width"])
        assert bar["x"] >= 16 and bar["x"] + bar["width"] <= width - 16


def test_code_is_folded_and_unfolds_with_the_keyboard(visit):
    visit.open(NAMES[1])
    code = visit.locator(".code > pre")
    assert code.count() > 5
    assert not any(one.is_visible() for one in code.all())
    visit.locator(".code > summary").first.focus()
    visit.keyboard.press("Enter")
    assert code.first.is_visible()
    assert not code.nth(1).is_visible()
    visit.get_by_role("button", name="Show all code").click()
    assert all(one.is_visible() for one in code.all())
    visit.get_by_role("button", name="Hide all code").click()
    assert not any(one.is_visible() for one in code.all())


def test_print_has_the_text_and_neither_navigation_nor_folded_code(visit):
    visit.open(NAMES[1])
    visit.locator(".code > summary").nth(2).click()
    visit.emulate_media(media="print")
    assert [one.is_visible() for one in visit.locator(".code").all()].count(True) == 1
    assert visit.locator("h1").is_visible()
    assert not visit.locator(".bar, .contents, .turns, button").filter(visible=True).count()


def test_a_map_can_be_turned_without_a_network(visit, run):
    name = next(name for name in NAMES if (run.site / f"{name}.html").read_text().count("turnable"))
    visit.open(name)
    assert visit.locator(".turnable .picture").first.is_visible()
    visit.get_by_role("button", name="Turn it").first.click()
    visit.locator(
        ".turnable .js-plotly-plot .plotly, .turnable :text('cannot draw')"
    ).first.wait_for()
    assert visit.evaluate("typeof Plotly") == "object"  # whether or not it can draw here
    assert [url for url in visit.asked if not own(url, run.site)] == []


def search(visit, words):
    """Type words into the search with the keyboard alone; give the lines of the sections found."""
    visit.keyboard.press("/")
    visit.keyboard.type(words)
    visit.locator(".found").wait_for()
    return [found.inner_text() for found in visit.locator("#hits a").all()]


def test_search_finds_a_section_of_another_page_and_leads_there_by_keyboard(visit, run):
    found = search(visit, "One artist sides")
    assert found[0].startswith("One artist on both sides\n06 · ")
    assert visit.locator(".found mark").first.inner_text() == "One"
    visit.keyboard.press("ArrowDown")
    visit.keyboard.press("ArrowUp")  # to the last
    visit.keyboard.press("ArrowDown")
    field = visit.get_by_role("combobox", name="Search all pages")
    assert field.get_attribute("aria-activedescendant") == "hit-0"
    visit.keyboard.press("Enter")
    visit.wait_for_url("**/06-honest-evaluation.html?*#*one-artist-on-both-sides")
    assert visit.locator(".contents [aria-current=location]").inner_text() == (
        "One artist on both sides"
    )
    assert visit.evaluate("CSS.highlights.get('found').size") > 3
    assert visit.complaints == []
    assert [url for url in visit.asked if not own(url, run.site)] == []


@pytest.mark.parametrize(
    "words, heading",
    [
        ("knn", "02 · k-NN on four features"),  # as it is not written
        ("SÉBASTIEN Herculano", ""),  # no page has both
        ("shannon wâvelet", "The Shannon wavelet"),
        ("cross_val_score luck", "How lucky is this test set?"),  # in code
        ("<img onerror=alert()>", ""),
    ],
)
def test_search_finds_words_however_they_are_written(visit, words, heading):
    found = search(visit, words)
    assert (found[0].partition("\n")[0] if found else "") == heading
    assert ("No sections" in visit.locator(".found [role=status]").inner_text()) == (not found)
    assert visit.complaints == []


def test_escape_leaves_the_search_where_the_reader_was(visit):
    visit.locator(".home").focus()
    search(visit, "tempo")
    visit.keyboard.press("Escape")
    assert not visit.locator(".found").is_visible()
    assert visit.evaluate("document.activeElement.className") == "home"
    search(visit, "tempo")
    visit.keyboard.press("Tab")  # out of it
    assert not visit.locator(".found").is_visible()


def test_what_is_found_in_folded_code_is_unfolded(visit, run):
    name = "02-knn-baseline"
    visit.goto(f"{(run.site / name).as_uri()}.html?q=student_t#{name}-is-k-5-a-good-choice")
    is_open = [code.get_attribute("open") is not None for code in visit.locator(".code").all()]
    assert any(is_open) and not all(is_open)
    visit.goto(f"{(run.site / 'ledger').as_uri()}.html#ledger-3")
    assert [box.get_attribute("open") for box in visit.locator("details").all()].count("") == 1


def test_code_is_copied_and_a_reader_is_told(visit, run):
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.open(NAMES[1])
    visit.locator(".code > summary").first.press("Enter")
    visit.keyboard.press("Tab")
    assert visit.evaluate("document.activeElement.ariaLabel") == "Copy: Code of cell 1"
    visit.keyboard.press("Enter")
    visit.locator("[role=status]:text-is('Copied')").wait_for(state="attached")
    copied = visit.evaluate("navigator.clipboard.readText()")
    assert copied == visit.locator(".code > pre").first.inner_text()
    visit.evaluate("delete Navigator.prototype.clipboard; document.execCommand = () => false")
    visit.keyboard.press("Enter")
    visit.locator("[role=status]:text-is('Press Ctrl+C')").wait_for(state="attached")
    assert visit.evaluate("getSelection().toString()").strip() == copied.strip()


def test_a_page_is_dark_as_the_system_is_or_as_the_reader_chose(visit):
    shade = "getComputedStyle(document.body).backgroundColor"
    white, dark = "rgb(255, 255, 255)", "rgb(20, 24, 28)"
    assert visit.evaluate(shade) == white
    visit.emulate_media(color_scheme="dark")
    assert visit.evaluate(shade) == dark
    visit.get_by_role("button", name="Light page").press("Enter")
    assert visit.evaluate(shade) == white
    visit.open(NAMES[1])  # another page remembers it
    assert visit.evaluate(shade) == white
    visit.get_by_role("button", name="Dark page").click()
    visit.emulate_media(color_scheme="light")
    assert visit.evaluate(shade) == white  # follows the system again
    visit.get_by_role("button", name="Dark page").click()
    assert visit.evaluate(shade) == dark
    visit.emulate_media(media="print")
    assert visit.evaluate(shade) == white


def test_no_page_bars_anybody(seen):
    for name, page in seen.items():
        assert page.barring == [], name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_contrast(visit, axe, scheme):
    visit.emulate_media(color_scheme=scheme)
    for name in ["index", NAMES[1]]:
        visit.open(name)
        visit.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        search(visit, "artist folds")
        visit.keyboard.press("ArrowDown")
        assert violations(visit, axe) == [], name


def test_sound_plays_and_scripts_in_outputs_do_not_run(visit, run, tmp_path):
    sound = base64.b64encode(silence()).decode()
    html = f'<audio controls src="data:audio/wav;base64,{sound}"></audio><script>document.title=1'
    notebook = write_notebook(tmp_path / "13-sound.ipynb", {"text/html": f"{html}</script>"})
    body = pages.of_notebook(notebook, run.site).body
    assert sound not in body
    policy = (run.site / "index.html").read_text()
    page = run.site / "sound.html"
    page.write_text(policy.replace("</main>", f"{body}</main>"))
    visit.open("sound")
    assert visit.title() == site.TITLE
    loaded = "document.querySelector('audio').readyState"
    assert visit.evaluate(loaded) == 0  # until somebody plays it
    playing = "(audio => { audio.muted = true; return audio.play(); })"
    visit.evaluate(f"{playing}(document.querySelector('audio'))")
    assert visit.evaluate(loaded) > 0
    page.unlink()


def test_the_whole_report_is_printed_where_there_is_a_browser(browser, run, tmp_path, monkeypatch):
    monkeypatch.delenv("GENRE_CHROMIUM")
    folder = run_of_one(run, tmp_path)
    said = site.write(runs.of_run(folder, PROJECT), PROJECT)
    assert said.endswith("report.pdf")
    assert (folder / "report" / "report.pdf").read_bytes().startswith(b"%PDF")


# Without one


def contents_of(page):
    return page[page.index('<nav class="contents"') :]


class Links(HTMLParser):
    """What a page links, and what can be linked on it."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.without_alt = [], [], 0
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.links += [found[key] for key in ("href", "src") if found.get(key)]
        self.anchors += [found["id"]] if "id" in found else []
        self.without_alt += tag == "img" and "alt" not in found


def test_every_link_leads_somewhere_and_every_picture_has_words(run):
    found = {path.name: Links(path) for path in run.site.glob("*.html")}
    assert set(found) == {f"{name}.html" for name in [*NAMES, *OTHERS]}
    for name, page in found.items():
        assert page.without_alt == 0
        assert len(page.anchors) == len(set(page.anchors)), "an anchor that is not the only one"
        for link in page.links:
            if link.startswith(("http", "data:")):
                continue
            path, _, anchor = link.partition("#")
            assert (run.site / (path or name)).is_file(), f"{link} on {name}"
            assert not anchor or anchor in found[path or name].anchors, f"{link} on {name}"


def test_the_front_page_has_each_headline_and_the_ledger(run, published):
    front = (run.site / "index.html").read_text()
    for name in published:
        assert f'href="{name}.html"' in front
    assert "<b>40.4 %</b>" in front
    assert ">report 1: 40.4\xa0%<" in front and "ledger.html" in front
    assert "Run on the <b>course</b> data" in front


def test_without_a_browser_it_is_said_what_to_install(run, tmp_path):
    folder = run_of_one(run, tmp_path)
    said = site.write(runs.of_run(folder, PROJECT), PROJECT).splitlines()
    assert said[0].startswith("The report, 6 pages")
    assert said[1].startswith("No PDF of it: for one, install Chromium")
    assert not (folder / "report" / "report.pdf").exists()
    front = (folder / "report" / "index.html").read_text()
    listed = re.findall(r"<li[^>]*>(?:<a[^>]*>)?(\d\d .*?)<", contents_of(front))
    assert [line[:2] for line in listed] == [name[:2] for name in NAMES]
    assert [line[:2] for line in listed if not line.endswith(" (not run)")] == [NAMES[1][:2]]
    assert listed[0] == "01 · What the features say about the genres (not run)"
    assert f'href="{NAMES[0]}.html"' not in front


def test_the_leaderboard_of_a_run_and_its_models_are_pages_of_the_site(run, tmp_path):
    folder = run_of_one(run, tmp_path)
    pixel = base64.b64encode(b"\x89PNG a picture").decode()
    models = (
        '<a href="evaluation-my.model.html">my.model</a> <a href="evaluation-gone.html">gone</a>'
    )
    for name, title, body in (
        ("leaderboard", "Leaderboard", f'<h2 id="of-all">Of all</h2>{models}'),
        (
            "evaluation-my.model",
            "my.model",
            f'<img src="data:image/png;base64,{pixel}" alt="seen">',
        ),
    ):
        text = documents.alone(title, f"<h1>{title}</h1>{body}")
        files.write_text(folder / "evaluations" / f"{name}.html", text)
    files.write_text(folder / "evaluations" / "a-class" / "leaderboard.html", "of students")
    said = site.write(runs.of_run(folder, PROJECT), PROJECT, pdf=False)
    assert said.startswith("The report, 8 pages")
    written = {path.stem: path.read_text() for path in (folder / "report").glob("*.html")}
    assert 'href="leaderboard.html"><b>The leaderboard</b>' in written["index"]
    assert "my.model" not in written["index"] and "of students" not in "".join(written.values())
    board, model = contents_of(written["leaderboard"]), written["evaluation-my.model"]
    assert '<li><a href="#of-all">Of all</a></li>' in board
    assert '<li class="below"><a href="evaluation-my.model.html">my.model</a></li>' in board
    assert 'src="media/evaluation-my.model-1.png" alt="seen"' in model and pixel not in model
    assert (folder / "report" / "media" / "evaluation-my.model-1.png").read_bytes()[
        :4
    ] == b"\x89PNG"
    assert "evaluation-gone" not in written["leaderboard"]
    assert "Of all" in written["whole"] and "media/evaluation" not in written["whole"]
    assert '"evaluation-my.model","my.model"' in (folder / "report/search-index.js").read_text()


def test_a_site_that_cannot_be_written_leaves_the_old_one(run, monkeypatch):
    before = (run.site / "index.html").read_bytes()
    monkeypatch.setattr(site.pages, "of_notebook", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        site.write(runs.of_run(run.folder, PROJECT), PROJECT)
    assert (run.site / "index.html").read_bytes() == before
    assert not list(run.folder.glob("report-*"))


def test_what_only_a_notebook_needs_is_left_out(tmp_path):
    data = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "HBox(children=…)"}
    path = write_notebook(tmp_path / "13-live.ipynb", data, "print('\x1b[31mred\x1b[0m')")
    document = json.loads(path.read_text())
    document["cells"].append(code_cell("x", "DATA = '/home/me'", tags=["injected-parameters"]))
    document["cells"][1]["outputs"].append(
        {"output_type": "stream", "name": "stdout", "text": "\x1b[1m<b>\x1b[0m"}
    )
    path.write_text(json.dumps(document))
    page = pages.of_notebook(path, tmp_path)
    assert page.title == "13 · A notebook"
    assert page.question == "What?"
    assert "HBox" not in page.body and "/home/me" not in page.body
    assert "<pre>&lt;b&gt;</pre>" in page.body


def test_formulas_are_drawn_or_at_least_shown():
    page = pages.of_markdown(
        "# T\n\n$$\\frac{a}{b}$$\n\nIt is $x^2$, $\\nosuch$, 5 $ and 6 $.", "t"
    )
    assert page.body.count("data:image/svg+xml") == 2
    assert r'alt="\frac{a}{b}"' in page.body
    assert r"<code>\nosuch</code>" in page.body
    assert "5 $ and 6 $." in page.body


def test_a_number_and_its_percent_sign_are_not_parted():
    text = "It is 5 % here.\n\n| a |\n|--|\n| 29.7 % |\n\n`5 % 3`\n"
    body = pages.of_markdown(text, "t").body
    assert "5\xa0% here" in body and "29.7\xa0%" in body and "5 % 3" in body


def test_links_to_notebooks_lead_to_their_pages():
    text = "[a](02-knn.ipynb) [b](notebooks/02-knn.ipynb#cell-id=1f) [c](GLOSSARY.md) [d](https://x.org/a.md)"
    links = re.findall(r'href="([^"]+)"', pages.of_markdown(text, "t").body)
    assert links == ["02-knn.html", "02-knn.html#cell-1f", "glossary.html", "https://x.org/a.md"]


def test_the_newest_run_is_taken_or_what_is_published(make_toy_project, tmp_path):
    project = make_toy_project(tmp_path).write("02-a", "1")
    assert runs.find(tmp_path).folder == tmp_path / "runs" / "published"
    for name in ("one", "two"):
        (tmp_path / "runs" / name / "notebooks").mkdir(parents=True)
        shutil.copy(project.notebook("02-a"), tmp_path / "runs" / name / "notebooks")
    os.utime(tmp_path / "runs" / "two" / "notebooks" / "02-a.ipynb", (0, 0))
    assert runs.find(tmp_path).folder.name == "one"
    assert runs.find(tmp_path, "two").folder.name == "two"
    assert runs.find(tmp_path, tmp_path / "runs" / "two").folder.name == "two"
    assert runs.find(tmp_path, "published").home == tmp_path


@pytest.mark.parametrize("wanted, words", [("nosuch", "no run"), ("empty", "no executed notebook")])
def test_a_run_that_is_not_there_is_refused(make_toy_project, tmp_path, wanted, words):
    make_toy_project(tmp_path).write("02-a", "1")
    (tmp_path / "runs" / "empty").mkdir(parents=True)
    with pytest.raises(Refusal, match=words):
        runs.find(tmp_path, wanted)


def test_a_run_ends_with_its_site(make_toy_project, tmp_path, capsys, monkeypatch):
    name = "02-knn-baseline"
    project = make_toy_project(tmp_path).write(name, f'keep("{name}", accuracy=0.25)')
    assert run_report(str(project.data), project=tmp_path, quick=True) == 0
    front = (tmp_path / "runs" / "toy-quick" / "report" / "index.html").read_text()
    assert "25.0 %" in front and "A rehearsal" in front
    assert "to read in a browser" in capsys.readouterr().out
    monkeypatch.setattr(site, "_write_pages", lambda *_: 1 / 0)
    shutil.rmtree(tmp_path / "runs" / "toy-quick" / "report")
    assert run_report(str(project.data), project=tmp_path, quick=True) == 0
    assert "web site could not be written: division by zero" in capsys.readouterr().out


def run_of_one(run, folder):
    """Make a run of which a single notebook was executed."""
    (folder / "notebooks").mkdir(parents=True)
    shutil.copy(run.folder / "notebooks" / f"{NAMES[1]}.ipynb", folder / "notebooks")
    return folder


def write_notebook(path, data, source="1"):
    cell = code_cell("a", source)
    cell["outputs"] = [{"output_type": "display_data", "data": data, "metadata": {}}]
    opening = {
        "cell_type": "markdown",
        "id": "o",
        "metadata": {},
        "source": "# 13 · A notebook\n\n**Question.** What?\n\n**Adds** nothing.",
    }
    document = {"cells": [opening, cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(document))
    return path


def silence():
    """Give a wav file of a tenth of a second."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    return written.getvalue()
