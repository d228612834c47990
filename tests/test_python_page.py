"""docs/PYTHON.md: its examples run in their order, by its words alone, and show what it says."""

import contextlib
import io
import re
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker

import numpy as np
import pytest

from genres import project
from genres.models import champion
from genres.models.champion import Champion, Mixture
from genres.models.kernel import TextureClassifier
from genres.sound import measurements
from genres.synth import corpus

PAGE = (project.PROJECT / "docs" / "PYTHON.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"^## (\d+)\. .+?^```python\n(.+?)^```\n\n```text\n(.+?)^```$", PAGE, re.M | re.S
)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A project's runs, of which one has trained a small champion."""
    genres = ["jazz", "reggae"]
    clips = [
        measurements.windows(corpus.render(genre, seed, seconds=10).samples)[0]
        for genre in genres
        for seed in (1, 2)
    ]
    base = {"kernel machine on texture": TextureClassifier()}
    tracks, labels = measurements.measure(clips, 3), np.repeat(range(2), 2)
    trained = Champion(base, Mixture.alone(*base), genres).fit(tracks, labels)
    champion.save(trained, tmp_path / "runs" / "synthetic" / "models" / "champion")
    monkeypatch.setattr(project, "RUNS", tmp_path / "runs")


def test_there_are_twelve_short_examples():
    assert [int(number) for number, _, _ in EXAMPLES] == list(range(1, 13))
    assert PAGE.count("```python") == PAGE.count("```text") == 12
    assert max(len(code.splitlines()) for _, code, _ in EXAMPLES) <= 10


def test_the_examples_show_what_the_page_says(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    for number, code, expected in EXAMPLES:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, names)
        wanted, options = expected.replace("…", "..."), ELLIPSIS | NORMALIZE_WHITESPACE
        shown = printed.getvalue()
        assert OutputChecker().check_output(wanted, shown, options), f"{number}: {shown}"
