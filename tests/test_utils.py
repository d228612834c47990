"""What a notebook says of the report's figures and its own."""

import numpy as np
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


@pytest.mark.parametrize(
    ("reported", "here", "row"),
    [
        ("0.50", 0.540, "| 0.50 | 0.54 | by chance |"),
        ("0.50", 0.504, "| 0.50 | 0.50 | equal |"),
        ("1,000", 990, "| 1,000 | 990 | by chance |"),
        ("1,000", 1000, "| 1,000 | 1,000 | equal |"),
        ("0.5202", 0.5202020, "| 0.5202 | 0.5202 | equal |"),
    ],
)
def test_figures_are_equal_where_they_are_written_alike(said, monkeypatch, reported, here, row):
    bench = utils.Bench("00-test", folders.SYNTHETIC)
    monkeypatch.setattr(bench, "data", type("Data", (), {"name": folders.COURSE}))
    bench.compare([("1.1, tracks", reported, here, "by chance")])
    assert said[-1].endswith(f"| 1.1, tracks {row}")


def test_other_data_are_why_figures_differ(said):
    bench = utils.Bench("00-test", folders.SYNTHETIC)
    bench.compare([("1.1, tracks", "10", 11, "by chance")])
    assert said[-1].endswith("| 11 | other data than the report's |")


def test_a_picture_has_an_alternative_text(monkeypatch, tmp_path):
    shown = {}
    monkeypatch.setenv("GENRE_RUN", str(tmp_path))
    monkeypatch.setattr(utils, "display", lambda shown_object, **options: shown.update(options))
    bench = utils.Bench("00-test", folders.SYNTHETIC)
    lines = {"by track": np.ones((2, 3))}
    bench.show(plots.growth([1, 2, 3], lines, "Growth", "windows", "accuracy"), "growth")
    assert shown["metadata"] == {
        "image/png": {"alt": "Growth. accuracy against windows. Shown: by track."}
    }
    assert (tmp_path / "figures" / "00-test-growth.png").exists()
