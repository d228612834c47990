"""judge.page and judge.leaderboard: what evaluations look like in a browser."""

import hashlib
import re
from types import SimpleNamespace

import pytest
from conftest import violations, visiting
from tiny import GENRES, MEANS, judged, make, write

from genres.judge import evaluations, leaderboard, page
from genres.judge.benchmark import SESSION, Bench

HOSTILE = '<img src=x onerror="document.title=1">&"\'$x^$'
CODE = MEANS + "# </pre></main><script>document.title = 2</script>\n"
BROKEN = 'Fitting it failed in line 3: ValueError: <script>document.title = 3</script> {"a": 1}.'
ORDER = ["best", "middling", HOSTILE, "k-NN", "only-course"]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(make(tmp_path_factory.mktemp("data") / "tiny"), progress=False)


@pytest.fixture(scope="module")
def board(bench, tmp_path_factory):
    """The pages of five models, one of them hostile, one the report's, and of a broken one."""
    folder, models = tmp_path_factory.mktemp("evaluations"), tmp_path_factory.mktemp("models")
    path = write(models, "hostile.py", CODE)
    made = [
        judged(bench, "best", 1.0, file=SESSION),
        judged(bench, "middling", 0.7),
        judged(bench, HOSTILE, 0.4, file=path),
        judged(bench, "k-NN", 0.1),
        judged(bench, "only-course", 0.9, "course"),
        bench.evaluation(SimpleNamespace(name="broken", inputs="mel"), "broken.py", ""),
    ]
    by_course = judged(bench, "best", 0.5, "course")
    made[0].protocols["course"] = by_course.protocols["course"]
    made[0].predictions["course"] = by_course.predictions["course"]
    made[2].digest = hashlib.sha256(path.read_bytes()).hexdigest()
    made[2].protocols["artists"]["n_listed"] += 1
    made[3].reference = True
    made[5].failures["file"] = BROKEN
    bench.compare(made[2], [made[3]])
    for one in made:
        evaluations.write(folder, one)
    evaluations.path_of(folder, "broken").with_suffix(".log").write_text("<b>so far")
    rows = leaderboard.rank(made, bench)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "_ALONE", len(made))  # no other process, which would take longer
        leaderboard.write(rows, bench, folder, f"Leaderboard of {HOSTILE}", progress=False)
    return SimpleNamespace(folder=folder, rows=rows, made=made, file=path)


@pytest.fixture
def visit(board, browser):
    """Open pages in a browser, and know what it complains of and asks for."""
    with visiting(browser, (board.folder / leaderboard.HTML).as_uri()) as visited:
        yield visited


def names(visit):
    """Give the names of the models in the order of the table."""
    links = visit.locator("table.sortable tbody th a").all()
    return [link.inner_text() for link in links]


def sorted_by(visit):
    """Give the columns that say that they are sorted by, and how."""
    heads = visit.locator("table.sortable [aria-sort]").all()
    return [(head.inner_text().split(" ")[0], head.get_attribute("aria-sort")) for head in heads]


# In a browser


def test_the_leaderboard_is_sorted_by_click(visit):
    assert names(visit) == ORDER
    assert sorted_by(visit) == [("artist", "descending")]
    assert visit.locator("thead [scope=colgroup]").all_inner_texts() == [
        "artists kept apart",
        "artists not kept apart",
    ]
    column = visit.get_by_role("button", name="course split")
    column.click()
    assert names(visit)[:2] == ["only-course", "best"]
    assert sorted_by(visit) == [("course", "descending")]
    column.click()
    assert names(visit)[:2] == ["best", "only-course"]  # who has no figure stays last
    assert sorted_by(visit) == [("course", "ascending")]
    visit.get_by_role("button", name="model").click()
    assert names(visit) == sorted(ORDER, key=str.casefold)
    assert sorted_by(visit) == [("model", "ascending")]
    assert visit.complaints == []


def test_the_leaderboard_is_sorted_by_keyboard(visit):
    visit.get_by_role("button", name="rank").focus()
    visit.keyboard.press("Enter")
    assert names(visit) == ORDER and sorted_by(visit) == [("rank", "ascending")]
    visit.keyboard.press("Space")
    assert names(visit)[0] == "k-NN" and names(visit)[-1] == "only-course"
    visit.keyboard.press("Tab")
    assert visit.evaluate("document.activeElement.textContent") == "model"


def test_every_model_has_its_page_and_every_page_leads_back(visit):
    assert len(names(visit)) == len(ORDER)
    for name in ORDER:
        visit.get_by_role("link", name=name, exact=True).click()
        assert visit.locator("h1").inner_text() == name and visit.title() == name
        visit.get_by_role("link", name="Leaderboard").click()
        assert visit.locator("h1").inner_text() == f"Leaderboard of {HOSTILE}"
    assert visit.complaints == []
    assert {url.partition(":")[0] for url in visit.asked} <= {"file", "data"}


def test_names_sentences_and_code_are_shown_as_they_are_and_run_nothing(visit, board):
    assert visit.title() == f"Leaderboard of {HOSTILE}"
    assert visit.locator("li").inner_text() == f"broken: {BROKEN}"
    assert visit.locator("img").count() == 1  # the picture
    visit.goto(page.path_of(board.folder, HOSTILE).as_uri())
    assert visit.title() == HOSTILE
    assert visit.locator(".code > pre").inner_text().strip() == CODE.strip()
    assert visit.locator(".code .k").count() > 3
    assert board.made[2].digest in visit.locator("main").inner_text()
    visit.goto((board.folder / leaderboard.HTML).as_uri())
    visit.get_by_role("link", name="broken").click()
    assert visit.locator(".failed").inner_text() == BROKEN
    visit.get_by_text("What it printed").click()
    assert visit.locator("pre").first.inner_text() == "<b>so far"
    assert visit.complaints == []


def test_no_script_but_the_pages_own_runs(visit, board):
    path = board.folder / "injected.html"
    text = (board.folder / leaderboard.HTML).read_text()
    path.write_text(text.replace("</main>", "<script>document.title = 4</script></main>"))
    visit.goto(path.as_uri())
    assert visit.title() == f"Leaderboard of {HOSTILE}"
    assert any("Content Security Policy" in words for words in visit.complaints)
    path.unlink()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_bars_anybody_or_is_wider_than_its_window(visit, board, axe, scheme):
    visit.emulate_media(color_scheme=scheme)
    visit.set_viewport_size({"width": 360, "height": 740})
    for path in (leaderboard.HTML, page.path_of(board.folder, HOSTILE).name):
        visit.goto((board.folder / path).as_uri())
        assert violations(visit, axe) == [], path
        assert visit.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_print_keeps_the_names_of_columns(visit):
    visit.emulate_media(media="print")
    assert visit.get_by_role("button", name="artist folds").is_visible()
    assert not visit.locator(".theme").is_visible()


# Without one


def text_of(board, name):
    return page.path_of(board.folder, name).read_text(encoding="utf-8")


def test_a_page_has_the_pictures_that_its_figures_allow(board):
    def titles(name):
        return re.findall(r'alt="([^"]+?)\. ', text_of(board, name))

    by_count, hostile = "The same classifier, by how one counts", titles(HOSTILE)
    assert hostile == [
        by_count,
        "By the artist folds, on the same clips",
        "Confidence and accuracy",
        "Artist folds",
    ]
    assert titles("best")[-2:] == ["Artist folds", "Course split"]
    assert titles("broken") == []
    assert "* Not all clips" in text_of(board, HOSTILE) and "* Not" not in text_of(board, "best")
    assert "A model of a notebook" in text_of(board, "best")
    assert f"{GENRES[0]} for {GENRES[1]} (" in text_of(board, HOSTILE)


def test_a_path_of_the_machine_is_not_told(board):
    for path in board.folder.glob("*.html"):
        assert str(board.file.parent) not in path.read_text()


def test_a_page_is_drawn_again_only_if_its_evaluation_has_changed(board, bench, tmp_path):
    made = judged(bench, "one", 0.5, file=write(tmp_path, "one.py", MEANS))
    evaluations.write(tmp_path, made)

    def pages():
        leaderboard.write(leaderboard.rank([made], bench), bench, tmp_path, progress=False)
        return {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("eval*.html")}

    first = pages()
    assert first.keys() == {"evaluation-one.html"} and pages() == first
    assert "The file has changed since." in page.path_of(tmp_path, "one").read_text()
    made.failures["course"] = "It takes more than 1 s."
    evaluations.write(tmp_path, made)
    assert pages() != first
    assert "<b>Course split.</b> It takes" in page.path_of(tmp_path, "one").read_text()
    evaluations.path_of(tmp_path, "one").unlink()
    assert pages() == {}


def test_a_student_called_like_a_model_of_the_report_keeps_the_own_page(bench, tmp_path):
    reference, student = judged(bench, "k-NN, 4", 0.1), judged(bench, "k-NN-4", 0.9)
    evaluations.write(tmp_path, student)
    rows = leaderboard.rank([reference, student], bench)
    leaderboard.write(rows, bench, tmp_path, progress=False)
    assert "90" in page.path_of(tmp_path, "k-NN-4").read_text()
    board = (tmp_path / leaderboard.HTML).read_text()
    assert board.count('href="evaluation-k-NN-4.html"') == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"\xff\xfe", "It is not shown"), (b"#" * 200_000, "It is not shown"), (None, "not shown")],
)
def test_a_file_that_cannot_be_shown_is_not(bench, tmp_path, content, sentence):
    path = tmp_path / "model.py"
    if content:
        path.write_bytes(content)
    made = bench.evaluation(SimpleNamespace(name="one", inputs="mel"), str(path), "")
    made.digest = hashlib.sha256(content or b"").hexdigest()
    assert sentence in "".join(page._file(made))
