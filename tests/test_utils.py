"""What a notebook says of the report's figures and its own."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import utils
from genres.data import folders
from genres.lab import plots


@pytest.fixture
def said(monkeypatch):
    """Collect what a notebook would show, as text."""
    texts = []
    monkeypatch.setattr(utils, "display", lambda shown, **_: texts.append(shown.data))
    return texts


@pytest.fixture
def compared(said, monkeypatch):
    """Give the rows of what a notebook compares on some data."""

    def compare(notebook, data, **found):
        bench = utils.Bench(notebook, folders.SYNTHETIC)
        monkeypatch.setattr(bench, "data", SimpleNamespace(name=data))
        bench.compare(**found)
        return said[-1].splitlines()[2:]

    return compare


def test_reported_figures_are_read_from_the_ledger(compared):
    rows = compared("02-knn-baseline", folders.COURSE, accuracy=80 / 198, macro_f1=0.41)
    assert rows == [
        "| section 3.2, k-NN on four features: accuracy | 40.4 % | 40.4 % | equal |",
        "| section 3.2, k-NN on four features: macro F1 | 0.398 | 0.410 | – |",
    ]


def test_numbers_are_taken_as_a_notebook_has_them(compared):
    counted = {"n_train": np.int64(792), "n_test": np.array([198, 198])}
    rows = compared("09-genre-maps", folders.COURSE, **counted)
    assert [row.split(" | ")[2] for row in rows] == ["990"]


def test_equal_figures_of_unequal_things_are_no_reproduction(compared):
    (row,) = compared("05-lstm-ensemble", folders.COURSE, order={"in order": 0.769})
    assert row.startswith(
        "| section 6.3, one LSTM: mean accuracy | 76.9 % | 76.9 % | same figure, but "
    )
    assert "equal" not in row


def test_a_claim_without_a_figure_has_a_dash_beside_what_was_found(compared):
    claims = {"smallest_overlap_of_others": {"spectral_centroid_mean": 0.5439}}
    (row,) = compared("01-feature-distributions", folders.COURSE, claims=claims)
    assert row.startswith("| section 4.2, ")
    assert row.split(" | ")[1:3] == ["–", "0.544"]


def test_other_data_are_why_figures_differ(compared):
    (row,) = compared("02-knn-baseline", "mine", accuracy=0.5)
    assert row.endswith("| 40.4 % | 50.0 % | other data than the report's |")
    (row,) = compared("03-feature-search", "mine", n_combinations=236)
    assert row.endswith("| 236 | 236 | same figure, on other data |")
    (row,) = compared("05-lstm-ensemble", "mine", order={"in order": 0.769})
    assert row.endswith("| 76.9 % | 76.9 % | same figure, on other data |")


def test_a_picture_has_an_alternative_text(monkeypatch, tmp_path):
    shown = {}
    monkeypatch.setenv("GENRE_RUN", str(tmp_path))
    monkeypatch.setattr(utils, "display", lambda what, **options: shown.update(options, what=what))
    bench = utils.Bench("00-test", folders.SYNTHETIC)
    lines = {"by track": np.ones((2, 3))}
    bench.show(plots.growth([1, 2, 3], lines, "Growth", "windows", "accuracy"), "growth")
    assert shown["metadata"] == {
        "image/png": {"alt": "Growth. accuracy against windows. Shown: by track."}
    }
    kept = tmp_path / "figures" / "00-test-growth.png"
    assert kept.read_bytes() == shown["what"].data


def test_a_table_has_a_caption_and_the_digits_of_each_column(monkeypatch):
    shown = []
    monkeypatch.setattr(utils, "display", lambda bundle, raw: shown.append(bundle))
    frame = pd.DataFrame(
        {"n": [198, 792], "accuracy": [0.5202, np.nan], "p": [4e-7, 0.0456], "F": [1.23456, 2]},
        index=["base", "k < 5"],
    )
    utils.shown(frame, {"accuracy": "{:.1%}", "p": utils.p_value}, "Two of <all> choices")
    assert [line.split() for line in shown[0]["text/plain"].splitlines()] == [
        ["Two", "of", "<all>", "choices"],
        ["n", "accuracy", "p", "F"],
        ["base", "198", "52.0", "%", "<", "0.001", "1.235"],
        ["k", "<", "5", "792", "–", "0.046", "2.000"],
    ]
    page = shown[0]["text/html"]
    assert "<caption>Two of &lt;all&gt; choices</caption>\n" in page
    assert "<th>k &lt; 5</th>\n      <td>792</td>\n      <td>–</td>" in page
    assert "<td>&lt; 0.001</td>" in page


def test_percentages_in_a_caption_and_in_texts_have_a_space(monkeypatch):
    shown = []
    monkeypatch.setattr(utils, "display", lambda bundle, raw: shown.append(bundle))
    frame = pd.DataFrame({"accuracy": ["52.0% (45.1% to 58.8%)"], "n": [198]}, ["base"])
    utils.shown(frame, caption="At 95%")
    assert shown[0]["text/plain"].split("\n")[0] == "At 95 %"
    assert "<td>52.0 % (45.1 % to 58.8 %)</td>" in shown[0]["text/html"]


@pytest.mark.parametrize(
    ("kept", "ending"), [(True, " s, with what an earlier run had kept*"), (False, " s*")]
)
def test_a_time_says_when_it_is_not_that_of_the_work(monkeypatch, kept, ending):
    lines = []
    line = SimpleNamespace(update=lambda shown: lines.append(shown.data))
    monkeypatch.setattr(utils, "display", lambda *_, **__: line)
    with utils.Bench("00-test", folders.SYNTHETIC).progress("three folds", 6) as step:
        step(3)
        step(3, kept=kept)
    assert lines[-1].startswith("*three folds: ") and lines[-1].endswith(ending)


def test_figures_of_the_reports_stand_beside_what_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("GENRE_RUN", str(tmp_path))
    monkeypatch.setattr(utils, "display", lambda *shown, **options: None)
    bench = utils.Bench("04-model-exploration", "synthetic")
    reported = bench.reported("earlier")
    assert list(reported.columns) == ["training_accuracies", "accuracies"]
    assert reported.loc["hybrid: CNN then LSTM"].to_list() == [0.628, 0.535]
    assert len(bench.reported("networks")) == 21
