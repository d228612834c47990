import csv
import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import pytest
from tiny import MEANS, judged, make, write

from genres import Refusal, files, project
from genres.__main__ import main
from genres.judge import handins, leaderboard, page, protocols, references
from genres.judge.benchmark import Bench
from genres.lab import recordings
from genres.models import champion
from genres.project import RunFolder

RAISES = """
class Broken:
    def fit(self, x, y):
        print("so far so good")
        raise ValueError("not today")
    def predict(self, x): return x
model = Broken()
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Folder of runs, in which the report's models are judged once."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def evaluate(data, out, capsys, monkeypatch):
    """Type the command; give its exit status and what it printed. Its pages hold but a name."""
    monkeypatch.setattr(page, "_body", lambda row, _: f"<h1>{row.made.name}</h1>")
    monkeypatch.setattr(page, "_ALONE", 99)  # pages for which no other process is started

    def command(*arguments):
        status = main(["evaluate", "--data", str(data.folder), "--out", str(out), *arguments])
        return status, *capsys.readouterr()

    return command


def test_a_model_is_judged_beside_the_reports(evaluate, out, tmp_path):
    shown = ("course", "artists", "random", "segments-together")
    only = [part for name in shown for part in ("--protocol", name)]
    status, printed, _ = evaluate(str(write(tmp_path, "means.py", MEANS)), *only)
    assert status == 0
    lines = printed.splitlines()
    assert max(len(line) for line in lines[1:] if str(out) not in line) <= 100
    for name in shown:
        assert any(line.startswith(protocols.TITLES[name]) for line in lines)
    assert "Against the report's models, artist folds, on the same clips:" in printed
    assert "SVM, 63 features" in printed
    kept = files.read_json(out / "tiny" / "evaluations" / "means.json")
    assert list(kept["protocols"]) and kept["file"] == str(tmp_path / "means.py")
    board = (out / "tiny" / "evaluations" / leaderboard.MARKDOWN).read_text()
    assert "| means |" in board and "| *SVM, 63 features* |" in board
    shown = page.path_of(out / "tiny" / "evaluations", "means")
    assert lines[-1] == f"To read in a browser: {shown}" and shown.exists()
    assert f'href="{shown.name}"' in shown.with_name(leaderboard.HTML).read_text()
    _, again, _ = evaluate(str(tmp_path / "means.py"), "--protocol", "course")
    after = files.read_json(out / "tiny" / "evaluations" / "means.json")
    assert list(after["protocols"]) == list(kept["protocols"]) and "takes the place" not in again
    write(tmp_path, "means.py", MEANS.replace(" ** 2", " ** 4"))
    _, changed, _ = evaluate(str(tmp_path / "means.py"), "--protocol", "course")
    after = files.read_json(out / "tiny" / "evaluations" / "means.json")
    assert list(after["protocols"]) == ["course"]
    assert "It takes the place of an earlier version: course split" in changed
    board = (out / "tiny" / "evaluations" / leaderboard.MARKDOWN).read_text()
    assert "artist folds" in board  # the report's own models have these figures still
    assert not (out / "tiny" / "evaluations" / "means-2.json").exists()


def test_a_broken_model_is_refused_in_a_sentence(evaluate, out, tmp_path):
    status, _, said = evaluate(str(write(tmp_path, "raises.py", RAISES)), "--protocol", "course")
    assert status == 2
    assert "raises.py: Fitting it failed in line 5: ValueError: not today." in said
    log = out / "tiny" / "evaluations" / "raises.log"
    assert str(log) in said and "so far so good" in log.read_text()
    assert not (out / "tiny" / "evaluations" / "raises.json").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Name one file that defines 'model'"),
        (["a.py", "--class", "."], "Name one file that defines 'model'"),
        (["nowhere.py"], "There is no file nowhere.py."),
        (["."], ". is a folder: name a file in it, or --class . for all of them."),
        (["--class", "nowhere"], "There is no folder nowhere."),
        (["a.py", "--timeout", "0"], "--timeout is a number above 0"),
        (["a.py", "--workers", "0"], "0 workers cannot do anything"),
        (["a.py", "--protocol", "luck"], "There is no protocol luck"),
    ],
)
def test_what_cannot_be_asked_for_is_said(arguments, sentence, evaluate, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_text(MEANS)
    status, _, said = evaluate(*arguments)
    assert status == 2 and sentence in said


def test_a_class_gets_its_leaderboard_whatever_is_broken(evaluate, out, tmp_path):
    students = tmp_path / "class-of-26"
    write(students, "ada.py", MEANS)
    write(students, "grace/MODEL.py", MEANS.replace(" ** 2", " ** 4"))
    write(students, "alan/model.py", RAISES)
    write(students, "kurt.py", "model = (")
    write(students, "_helper.py", "")
    write(students, "sklearn.py", MEANS)  # which no other model takes for the library
    status, printed, said = evaluate("--class", str(students), "--protocol", "artists")
    assert status == 1
    assert "alan: Fitting it failed in line 5: ValueError: not today." in said
    assert "kurt: Running it failed in line 1: SyntaxError" in said
    assert said.count("failed") == 2 and "ada" in printed and "grace" in printed
    place = out / "tiny" / "evaluations" / "class-of-26"
    with (place / leaderboard.CSV).open() as file:
        rows = {row["model"]: row for row in csv.DictReader(file)}
    assert {"ada", "grace", "sklearn", "alan", "kurt", "SVM, 63 features"} <= set(rows)
    assert "_helper" not in rows
    assert rows["ada"]["rank"] and not rows["alan"]["rank"]
    assert rows["ada"]["artists accuracy"] == rows["sklearn"]["artists accuracy"]
    assert printed.splitlines()[-1] == f"To read in a browser: {place / leaderboard.HTML}"
    shown = {path.name for path in place.glob("*.html")}
    of_each = {f"evaluation-{name}.html" for name in ("ada", "grace", "alan", "kurt", "sklearn")}
    assert shown == {leaderboard.HTML, *of_each}
    board = (place / leaderboard.MARKDOWN).read_text()
    assert board.startswith("# Leaderboard of class-of-26")
    assert "- kurt: Running it failed in line 1" in board
    write(students, "kurt.py", MEANS)
    again, printed, said = evaluate("--class", str(students), "--protocol", "artists")
    assert again == 1 and "3 of 5 have not changed since they were judged." in printed
    assert "kurt" in printed and "kurt" not in said and "alan" in said
    with (place / leaderboard.CSV).open() as file:
        changed = {row["model"]: row for row in csv.DictReader(file)}
    assert changed["ada"] == rows["ada"]
    assert changed["kurt"]["artists accuracy"] == rows["ada"]["artists accuracy"]


def test_a_folder_without_models_is_refused(tmp_path):
    (tmp_path / "_private.py").touch()
    with pytest.raises(Refusal, match=r"neither <name>\.py nor <name>/model\.py"):
        handins.find(tmp_path)


def test_ctrl_c_ends_at_once_and_leaves_nothing_running(data, tmp_path):
    hangs = RAISES.replace('raise ValueError("not today")', "import time; time.sleep(1000)")
    path = write(tmp_path, "hangs.py", hangs.replace("so far", f"{tmp_path} so far"))
    command = [sys.executable, "-m", "genres", "evaluate", str(path), "--data", str(data.folder)]
    running = subprocess.Popen(
        [*command, "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        start_new_session=True,
    )
    while not list(tmp_path.glob("genres-judge-*/*/y_train.npy")):
        assert running.poll() is None
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 130 and b"Traceback" not in said
    assert list(tmp_path.glob("genres-judge-*")) == []


# Who is ahead?


def test_models_that_cannot_be_told_apart_share_a_rank(data):
    bench = Bench(data, progress=False)
    of = [
        judged(bench, "good", 1.0),
        judged(bench, "alike", 0.5, seed=1),
        judged(bench, "like", 0.5, seed=2),
        judged(bench, "bad", 0.0),
        judged(bench, "flattered", 1.0, "course"),
    ]
    rows = leaderboard.rank(of, bench)
    assert [row.made.name for row in rows] == ["good", "alike", "like", "bad", "flattered"]
    assert [row.rank for row in rows] == [1, 2, 2, 4, None]
    assert max(map(len, leaderboard.as_text(rows).splitlines())) <= 100


def test_figures_of_other_folds_are_left_out(data):
    bench = Bench(data, progress=False)
    old = judged(bench, "old", 1.0)
    old.protocols["artists"]["digest"] = "of other folds"
    (row,) = leaderboard.rank([old], bench)
    assert row.rank is None and row.figures == {}


def test_without_artists_no_figure_is_called_honest(tmp_path):
    bench = Bench(make(tmp_path / "plain", splits=False), progress=False)
    rows = leaderboard.rank([judged(bench, "one", 1.0, "course")], bench)
    assert rows[0].rank is None
    assert "no figure here is honest" in leaderboard.as_markdown(rows, bench, "Leaderboard")


def test_a_name_cannot_break_the_table(data):
    bench = Bench(data, progress=False)
    rows = leaderboard.rank([judged(bench, "a|b\n<script>*", 1.0)], bench)
    text = leaderboard.as_markdown(rows, bench, "Leaderboard")
    assert "| a\\|b\\n&lt;script>\\* |" in text


# The report's own models


def test_the_reports_models_are_judged_once(data, tmp_path, monkeypatch):
    bench = Bench(data, ["course"], progress=False)
    first = references.quick(bench, tmp_path, workers=1, progress=False)
    monkeypatch.setattr(Bench, "judge", lambda *_, **__: iter(()))
    again = references.quick(bench, tmp_path, workers=1, progress=False)
    assert [one.protocols for one in again] == [one.protocols for one in first]
    assert len(first) == 3 and all(one.protocols for one in first)


def test_what_a_run_has_not_kept_is_said(data, tmp_path):
    bench = Bench(data, progress=False)
    found, sentences = references.kept(bench, RunFolder(tmp_path))
    assert found == [] and len(sentences) == 1
    assert sentences[0].startswith("Not compared with: LSTM ensemble (course split, artist folds")


def test_predictions_are_looked_for_where_there_can_be_some(data, tmp_path, monkeypatch):
    run, asked = RunFolder(tmp_path), []
    run.predictions.mkdir(parents=True)

    def kept():
        references.kept(Bench(data, ["course"], progress=False), run, progress=False)
        return len(asked)

    with monkeypatch.context() as patch:  # no run has made spectrograms of these data
        patch.setattr(protocols, "spectrograms_of", lambda *_: pytest.fail("made in vain"))
        assert not recordings.has_spectrograms(data) and kept() == 0
    monkeypatch.setattr(references, "_IN_VAIN", set())
    monkeypatch.setattr(recordings, "has_spectrograms", lambda _: True)
    monkeypatch.setattr(references, "_predict", lambda *_, **__: asked.append(1))
    assert [kept(), kept()] == [1, 1]
    (run.predictions / "more.npz").touch()
    assert [kept(), kept()] == [2, 2]


def test_predictions_that_a_run_kept_are_taken(real_data, tmp_path, monkeypatch):
    from genres.data import folders

    bench = Bench(folders.find(real_data), ["artists"], progress=False)
    asked = []

    def kept(base, X, y, splits, *, classes, folder, **how):
        import numpy as np

        asked.append((list(base), len(y), folder))
        return {name: np.eye(len(classes))[y] for name in base}

    monkeypatch.setattr(champion, "cross_val_predict_proba", kept)
    (tmp_path / "models" / "predictions").mkdir(parents=True)
    found, sentences = references.kept(bench, RunFolder(tmp_path), progress=False)
    names = [*[*references._BASE.values()][::-1], "CNNs on mel"]
    assert asked == [(names, 938, tmp_path / "models" / "predictions")]
    assert [one.name for one in found] == [references.LSTMS, references.CHAMPION]
    assert all(one.protocols["artists"]["accuracy"] == 1 for one in found) and not sentences


def test_the_examples_say_what_they_read():
    from genres.judge.process import Process

    with closing(Process()) as process:
        reads = {
            path.stem: process.describe(path)
            for path in sorted((project.PROJECT / "examples").glob("*.py"))
        }
    assert reads == {
        "cheat": "features",
        "gradient_boosting": "features",
        "keras_cnn": "mel",
        "knn": "features",
        "svm": "features",
    }
