"""report.ledger: what the reports showed, and where it is here."""

import ast
import re
from collections import defaultdict

import numpy as np
import pytest
from conftest import PROJECT, run_report

from genres import Refusal, files
from genres.report import ledger
from genres.report.ledger import NONE
from genres.report.publish import BEGIN, END, TIMES, ledger_text, publish

KNN = "02-knn-baseline"

# Counted in the texts of the reports: captions, and numbers that only the text names. Report 5
# numbers none of its pictures. The tasks are those that report 1 has sections for.
NUMBERED = {
    "task sheet": {"Task": 4},
    "1": {"Figure": 10},
    "2": {"Figure": 3, "Table": 1},
    "3": {"Figure": 7},
    "4": {"Figure": 5},
    "5": {},
    "beyond": {},
}

# The values that each report leads with: in its abstract, its headline table, its conclusion.
HEADLINES = {
    "1": {"40.4%", "0.398", "52.02%", "0.521", "67%, 72%", "76.9%", "80.3%", "0.803"},
    "2": {".95, .84, .82", ".85, .59, .53"},
    "3": {"203,338", "90.35%"},
    "4": {"10,747"},
    "5": {"0.28", "0.60", "0.54", "0.06", "0.17", "0.50", "0.831", "28%"},
}

RESULTS = {
    KNN: {
        "accuracy": 0.40404,
        "per_genre": {"pop": {"tp": 12, "fn": 8, "f1": 8 / 15}},
        "models": {"both: two, in 10. s": {"accuracies": [0.5, 0.25, 0.75]}},
        "features": ["tempo", "rmse_var"],
        "n_train": 10_747,
        "n_test": 198,
        "interval": [0.34, 0.47],
    }
}

HEADER = ",".join(ledger.Row._fields)
HEADLINE = f"1,Figure 1,it,,{KNN},cell-0,accuracy,,F1,0.0%,0\n"


def row(reported="", key="", **fields):
    """Give a row of report 1 with a cell of the k-NN notebook."""
    known = {"report": "1", "place": "Figure 1", "shows": "it", "notebook": KNN, "cell": "cell-0"}
    known |= dict.fromkeys(("why", "headline", "form", "tolerance"), "")
    return ledger.Row(**{**known, "reported": reported, "key": key, **fields})


@pytest.fixture(scope="module")
def rows():
    return ledger.read(PROJECT / ledger.PLACE)


# The ledger of the project


def test_every_numbered_figure_table_and_task_has_a_row(rows):
    found = {report: defaultdict(set) for report in ledger.REPORTS}
    for each in rows:
        if numbered := re.fullmatch(r"(Figure|Table|Task) (\d+)", each.place):
            found[each.report][numbered[1]].add(int(numbered[2]))
    expected = {
        report: {kind: set(range(1, count + 1)) for kind, count in kinds.items()}
        for report, kinds in NUMBERED.items()
    }
    assert found == expected


def test_every_headline_of_the_reports_has_a_row(rows):
    for report, values in HEADLINES.items():
        assert values <= {each.reported for each in rows if each.report == report}


def test_the_tasks_are_mapped_to_notebooks(rows):
    tasks = [(each.place, each.notebook[:2]) for each in rows if each.report == "task sheet"]
    assert tasks == [
        ("Task 1", "02"),
        ("Task 2", "01"),
        ("Task 3", "03"),
        ("Task 4", "04"),
        ("Task 4", "05"),
    ]


def test_every_cell_of_the_ledger_is_a_code_cell_of_its_notebook(rows):
    for name in {each.notebook for each in rows} - {""}:
        cells = files.read_json(PROJECT / "notebooks" / f"{name}.ipynb")["cells"]
        code = {cell["id"] for cell in cells if cell["cell_type"] == "code" and cell["source"]}
        assert {each.cell for each in rows if each.notebook == name} <= code, name


def first_names(key):
    """Give the names under which a notebook keeps what a key leads to."""
    return {re.split(r"[/|]", part)[0] for part in re.split(" plus | minus ", key) if part}


def published_rows(rows, published):
    """Give the rows that lead to what was published; what a notebook keeps anew will be."""
    for each in rows:
        if each.key and first_names(each.key) <= set(published.get(each.notebook, ())):
            yield each


def test_every_key_of_the_ledger_begins_with_a_name_that_its_notebook_keeps(rows):
    kept = {name: kept_names(name) for name in {each.notebook for each in rows if each.key}}
    assert all(names for names in kept.values())
    for each in rows:
        if each.key and None not in kept[each.notebook]:  # where **names are kept, too
            assert first_names(each.key) <= kept[each.notebook], each


def kept_names(notebook):
    cells = files.read_json(PROJECT / "notebooks" / f"{notebook}.ipynb")["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    keep = [call for call in calls if ast.unparse(call.func) == "bench.keep"]
    return {keyword.arg for call in keep for keyword in call.keywords}


def test_every_key_of_the_ledger_has_a_value_in_the_published_results(rows, published):
    held = list(published_rows(rows, published))
    assert len(held) > 100
    for each in held:
        assert ledger.here(each, published) != NONE, each


def test_a_reported_value_and_the_one_here_have_equally_many_parts(rows, published):
    for each in published_rows(rows, published):
        if each.reported:
            parts = ledger.find(each.key, published[each.notebook])
            assert len(parts) == len(each.reported.split(", ")), each


def test_wherever_two_values_are_not_equal_the_ledger_says_why(rows, published):
    for each in rows:
        if ledger.here(each, published) != each.reported:
            assert each.why, each


def test_nothing_in_the_ledger_breaks_a_table(rows):
    for each in rows:
        assert not re.search(r"[|\n]", "".join(each._replace(key="")))


def test_the_k_nn_of_report_1_is_here_to_the_last_digit(rows, published):
    places = ("Figure 2", "Figure 7", "section 3.2")
    exact = [each for each in rows if each.report == "1" and each.place in places]
    assert len(exact) == 24
    for each in exact:
        assert ledger.here(each, published) == each.reported


def test_every_notebook_has_one_headline_and_other_rows_have_none(rows):
    names = sorted(path.stem for path in (PROJECT / "notebooks").glob("[0-9]*.ipynb"))
    assert sorted(each.notebook for each in rows if each.headline) == names
    for each in rows:
        assert bool(each.headline) == bool(each.form) == bool(each.tolerance)


def test_the_page_of_the_ledger_is_that_of_the_published_results(rows, published):
    page = (PROJECT / "docs" / "LEDGER.md").read_text(encoding="utf-8")
    assert page == ledger_text(rows, published, PROJECT)


def test_every_link_of_the_ledger_leads_to_a_cell():
    page = (PROJECT / "docs" / "LEDGER.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((\.\./notebooks/[^)#]+)#cell-id=([^)]+)\)", page)
    assert len(links) > 100
    ids = {}
    for path, cell in links:
        if path not in ids:
            cells = files.read_json(PROJECT / "docs" / path)["cells"]
            ids[path] = {cell["id"] for cell in cells}
        assert cell in ids[path]


# A value, as it is found and written


@pytest.mark.parametrize(
    ("reported", "key", "written"),
    [
        ("40.4%", "accuracy", "40.4%"),
        ("0.404", "accuracy", "0.404"),
        (".40", "accuracy", ".40"),
        ("", "accuracy", "0.404"),
        ("10,747", "n_train", "10,747"),
        ("1000", "n_train", "10747"),
        ("", "n_train", "10,747"),
        ("0.7", "models/both: two, in 10. s/accuracies", "0.5"),
        ("0.7", "models/both: two, in 10. s/accuracies/2", "0.8"),
        ("12, 8, 0.533", "per_genre/pop/tp|fn|f1", "12, 8, 0.533"),
        ("rmse_var, tempo", "features", "tempo, rmse_var"),
        ("1000", "n_train plus n_test", "10945"),
        (".05", "interval/0 minus interval/1", "-.13"),
        ("about a half", "accuracy", "0.404"),
        ("0.1, 0.2", "accuracy", "0.404"),
        ("0.5", "", NONE),
        ("0.5", "per_genre/jazz/f1", NONE),
        ("0.5", "accuracy/3", NONE),
        ("0.5", "per_genre/pop", NONE),
        ("0.5", "features/none", NONE),
    ],
)
def test_a_value_is_written_as_exactly_as_the_reports(reported, key, written):
    assert ledger.here(row(reported, key), RESULTS) == written


def test_a_notebook_without_results_has_no_value():
    assert ledger.here(row("0.5", "accuracy", notebook="03-feature-search"), RESULTS) == NONE


def test_the_table_says_what_is_equal_and_what_is_not(tmp_path, make_toy_project):
    make_toy_project(tmp_path).write(KNN, "1 + 1", "", "2 + 2")
    of_it = [
        row("40.4%", "accuracy"),
        row("0.5", "accuracy", cell="cell-2", why="other tracks"),
        row("0.404", "accuracy", why="other genres"),
        row(report="2", place="Figure 3", notebook="", cell="", why="lost"),
    ]
    assert ledger.summary(of_it, RESULTS) == (
        "4 rows: 1 different, 1 equal, 1 equal from different comparisons, 1 not comparable"
    )
    lines = ledger.page("What.", of_it, RESULTS, tmp_path, tmp_path / "docs").splitlines()
    assert lines[2] == "What."
    link = f"../notebooks/{KNN}.ipynb#cell-id=cell-"
    assert f"| Figure 1 | it | 40.4 % | 40.4 % | [02, cell 3]({link}0) | equal |" in lines
    assert f"| Figure 1 | it | 0.5 | 0.4 | [02, cell 4]({link}2) | other tracks |" in lines
    assert (
        f"| Figure 1 | it | 0.404 | 0.404 | [02, cell 3]({link}0) | "
        "same figure, but not the same thing: other genres |" in lines
    )
    assert "| Figure 3 | it | – | – | – | lost |" in lines
    assert [line for line in lines if "<summary>" in line] == [
        f"<details><summary><b>{ledger.REPORTS['1']}</b> (3 rows: 1 different, 1 equal, "
        "1 equal from different comparisons)</summary>",
        f"<details><summary><b>{ledger.REPORTS['2']}</b> (1 row, none comparable)</summary>",
    ]


# A headline


@pytest.mark.parametrize(
    ("reported", "key", "form", "written"),
    [
        ("1000", "n_train", "1,000", ("report 1: 1,000", "10,747")),
        ("90.35%", "accuracy", "0.0%", ("report 1: 90.3 %", "40.4 %")),
        (".82", "models/both: two, in 10. s/accuracies", "0.0%", ("report 1: 82.0 %", "50.0 %")),
        ("0.521", "accuracy", "0.000", ("report 1: 0.521", "0.404")),
        ("", "accuracy", "0.0%", (NONE, "40.4 %")),
        ("0.5", "per_genre/jazz/f1", "0.000", ("report 1: 0.500", NONE)),
        ("0.5", "per_genre", "0.000", ("report 1: 0.500", NONE)),
    ],
)
def test_a_headline_and_the_reports_figure_are_written_alike(reported, key, form, written):
    headline = row(reported, key, headline="it", form=form, tolerance="0")
    assert ledger.headline(headline, RESULTS[KNN]) == written


# What is refused


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "does not begin with the columns report, place, "),
        ("report,place\n1,Figure 1\n", "does not begin with the columns"),
        (f"{HEADER}\n1,Figure 1,it\n", "line 2, has 3 columns instead of 11"),
        (
            f"{HEADER}\n6,Figure 1,it,,,,,,,,\n",
            "line 2, is of report '6', where there are task sheet",
        ),
        (f"{HEADER}\n1,Figure 1,,,,,,,,,\n", "line 2, does not say where something stands"),
        (f"{HEADER}\n1,Figure 1,it,,{KNN},,,,,,\n", "line 2, lacks a notebook or the cell in it"),
        (f"{HEADER}\n1,Figure 1,it,,,cell-0,,,,,\n", "line 2, lacks a notebook or the cell in it"),
        (f"{HEADER}\n1,Figure 1,it,,,,accuracy,,,,\n", "line 2, lacks a notebook or the cell"),
        (f"{HEADER}\n1,Figure 1,it,,{KNN},cell-0,f1,,F1,0.0%,\n", "line 2, is a headline without"),
        (f"{HEADER}\n1,Figure 1,it,half,{KNN},cell-0,f1,,F1,0.0%,0\n", "line 2, is a headline"),
        (f"{HEADER}\n{2 * HEADLINE}", f"has more than one headline for {KNN}"),
        (f'{HEADER}\n1,Figure 1,it,,,,,"\n', "cannot be read as a ledger"),
    ],
)
def test_a_bad_ledger_is_refused_in_one_sentence(tmp_path, text, sentence):
    path = tmp_path / "ledger.csv"
    path.write_text(text)
    with pytest.raises(Refusal, match=re.escape(sentence)) as refusal:
        ledger.read(path)
    assert "\n" not in str(refusal.value)


def test_a_ledger_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Refusal, match="cannot be read as a ledger: No such file or directory"):
        ledger.read(tmp_path / "ledger.csv")


# A run, and what is published of it


def make_project(make_toy_project, folder):
    """Make a toy project with a ledger of one row."""
    project = make_toy_project(folder).write(KNN, f'keep("{KNN}", accuracy=0.25)')
    (folder / "docs").mkdir()
    (folder / "docs" / "SPEED.md").write_text("\n".join(TIMES))
    (folder / "README.md").write_text(f"{BEGIN}\n{END}\n")
    line = f"1,Figure 1,it,0.404,{KNN},cell-0,accuracy,other tracks,k-NN,0.0%,0"
    (folder / ledger.PLACE).write_text(f"{HEADER}\n{line}\n")
    return project


def test_a_run_ends_with_its_own_ledger(make_toy_project, tmp_path, capsys):
    project = make_project(make_toy_project, tmp_path)
    assert run_report(str(project.data), project=tmp_path, quick=True) == 0
    said = capsys.readouterr().out
    assert "\nThe ledger of the five reports: " in said
    assert (
        "toy-quick/ledger.md\n"
        "  1 row: 1 different. This is a rehearsal: its figures are rough.\n" in said
    )
    text = (tmp_path / "runs" / "toy-quick" / "ledger.md").read_text()
    assert "on toy. This is a rehearsal: its figures are rough." in text
    # The executed notebook has one cell more, in which papermill puts the parameters.
    link = f"[02, cell 4](notebooks/{KNN}.ipynb#cell-id=cell-0)"
    assert f"| Figure 1 | it | 0.404 | 0.250 | {link} | other tracks |" in text


def test_a_run_that_fails_leaves_no_ledger(make_toy_project, tmp_path):
    project = make_project(make_toy_project, tmp_path)
    path = tmp_path / "runs" / "toy" / "ledger.md"
    path.parent.mkdir(parents=True)
    path.write_text("of an earlier run")
    project.write(KNN, "1 / 0")
    assert run_report(str(project.data), project=tmp_path) == 1
    assert not path.exists()


def test_an_unsound_ledger_is_refused_before_anything_is_executed(make_toy_project, tmp_path):
    project = make_project(make_toy_project, tmp_path)
    (tmp_path / ledger.PLACE).write_text("bad")
    with pytest.raises(Refusal, match="does not begin with the columns"):
        run_report(str(project.data), project=tmp_path)
    assert not (tmp_path / "runs").exists()


def test_publishing_writes_the_page_of_the_ledger(make_toy_project, tmp_path, monkeypatch):
    project = make_project(make_toy_project, tmp_path)
    assert run_report(str(project.data), project=tmp_path) == 0
    monkeypatch.setattr("genres.run.provenance.commit_of", lambda *_: "0" * 40)
    publish(tmp_path / "runs" / "toy", tmp_path)
    page = (tmp_path / "docs" / "LEDGER.md").read_text()
    link = f"[02, cell 3](../notebooks/{KNN}.ipynb#cell-id=cell-0)"
    assert f"| Figure 1 | it | 0.404 | 0.250 | {link} | other tracks |" in page
    assert "| k-NN | report 1: 40.4 % | 25.0 % |" in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize("kind", [float, np.float32, np.float64])
def test_a_figure_beside_a_picture_keeps_its_decimals_whatever_its_kind(kind):
    row = ledger.Row(*[""] * len(ledger.Row._fields))._replace(notebook="a", key="loss")
    assert ledger.here(row, {"a": {"loss": kind(0.625)}}) == "0.625"
    assert ledger.here(row, {"a": {"loss": np.int64(1200)}}) == "1,200"
