import json
import os
import threading
import time
from contextlib import closing

import numpy as np
import psutil
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tiny import MEANS, make, write

from genres import Refusal, files, project
from genres.data import folders, tables
from genres.judge import benchmark as judging
from genres.judge import evaluations, protocols
from genres.judge.benchmark import Bench, benchmark
from genres.judge.process import Failure, Model, Process

EXAMPLES = project.PROJECT / "examples"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(scope="module")
def bench(data):
    return Bench(data, progress=False)


@pytest.fixture(scope="module")
def process():
    with closing(Process()) as process:
        yield process


def judged(bench, path, only=None):
    """Judge the model in a file by all protocols, or by some."""
    model = Model("one", str(path))
    by = [one for one in bench.protocols_for("features") if only is None or one.name in only]
    made = bench.evaluation(model, str(path), "")
    for _, *outcome in bench.judge([(model, by)], timeout=60):
        bench.note(made, *outcome)
    return made


# Which clips?


def test_protocols_keep_apart_what_they_say(bench):
    found = {one.name: one for one in bench.protocols}
    assert list(found) == list(protocols.TITLES)
    for one in found.values():
        for train, test in one.folds:
            assert not set(train) & set(test)
    artists, clips = bench.clips.artists, bench.clips
    for name in protocols.HONEST:
        for train, test in found[name].folds:
            assert not set(artists[train]) & set(artists[test])
    valid = clips.names[18:24]
    listed = np.concatenate(found[protocols.FILTERED].folds[0])
    assert not set(valid) & set(clips.names[listed])
    of = found[protocols.TOGETHER].clips
    assert all(
        not set(of[train]) & set(of[test]) for train, test in found["segments-together"].folds
    )
    assert any(set(of[train]) & set(of[test]) for train, test in found["segments-shuffled"].folds)
    assert [len(test) for _, test in found[protocols.RANDOM].folds] == [9] * 10


def test_data_without_splits_allow_fewer_protocols(tmp_path):
    bench = Bench(make(tmp_path / "plain", splits=False), progress=False)
    assert not {one.name for one in bench.protocols} & set(protocols.HONEST)
    with pytest.raises(Refusal, match="does not allow the protocol artists"):
        Bench(bench.data, ["artists"])
    with pytest.raises(Refusal, match="no protocol luck; there are course, artists"):
        Bench(bench.data, ["luck"])


def test_segments_are_read_in_time_order(bench):
    inputs, by = bench.inputs("segments"), bench.protocols[0]
    table = bench.data.finest()[1]
    of_clip = table[table["File"] == bench.clips.names[4]][list(tables.FEATURES)].to_numpy()
    assert np.allclose(inputs.of(by, np.array([4]))[0], of_clip)
    together = bench.protocols[-1]
    assert np.allclose(inputs.of(together, np.array([13]))[0, 0], of_clip[1])


def test_what_data_lack_is_refused(bench):
    for kind in ("tags", "mel", "texture"):
        with pytest.raises(Refusal, match="has no"):
            bench.inputs(kind)


# What does a model get, and what may it do?


def test_a_model_gets_its_fold_and_no_more(bench, process, tmp_path):
    looks = """
import json, os, pathlib, sys
seen = {"files": sorted(os.listdir(os.environ["TMPDIR"])), "argv": sys.argv}
class Looks:
    def fit(self, x, y):
        folder = next(pathlib.Path(os.environ["TMPDIR"]).glob("*/y_train.npy")).parent
        seen["fold"] = sorted(path.name for path in folder.iterdir())
        seen["genre"] = [name for name in os.environ if name.startswith("GENRE")]
        print(json.dumps(seen))
        self.label = int(y[0])
    def predict(self, x):
        return [self.label] * len(x)
model = Looks()
"""
    os.environ["GENRE_DATA"], before = str(tmp_path), os.environ.get("GENRE_DATA")
    try:
        with closing(Process()) as fresh:
            fold = fresh.fit_and_predict(
                Model("looks", str(write(tmp_path, "looks.py", looks))),
                np.zeros((4, 2)), np.array([1, 1, 0, 0]), np.zeros((3, 2)), 2,
            )  # fmt: skip
    finally:
        os.environ.pop("GENRE_DATA")
        if before:
            os.environ["GENRE_DATA"] = before
    seen = json.loads(fold.printed)
    assert seen["fold"] == ["x_test.npy", "x_train.npy", "y_train.npy"]
    assert not seen["genre"] and len(seen["files"]) == 1 and len(seen["argv"]) <= 1
    assert fold.labels.tolist() == [1, 1, 1]


def test_the_order_of_clips_tells_nothing_of_their_labels(process, tmp_path):
    tells = """
import numpy as np
class Tells:
    def fit(self, x, y): pass
    def predict(self, x):
        print(x[:, 0].tolist())
        return np.arange(len(x)) % 3
model = Tells()
"""
    x, model = np.arange(30.0)[:, None], Model("tells", str(write(tmp_path, "tells.py", tells)))
    x_train, y_train = np.zeros((3, 1)), np.arange(3)
    fold = process.fit_and_predict(model, x_train, y_train, x, 3)
    order = json.loads(fold.printed)
    assert order != x[:, 0].tolist() and sorted(order) == x[:, 0].tolist()
    shuffled = np.random.default_rng(0).permutation(30)
    again = process.fit_and_predict(model, x_train, y_train, x[shuffled], 3)
    assert json.loads(again.printed) == order
    assert again.labels.tolist() == fold.labels[shuffled].tolist()


def test_the_cheat_gets_no_more_than_its_honest_twin(bench):
    by = ["course", "artists", "segments-shuffled"]
    cheat, honest = (judged(bench, EXAMPLES / f"{name}.py", by) for name in ("cheat", "knn"))
    assert not cheat.failures and list(cheat.protocols) == list(honest.protocols)
    for name, scores in cheat.protocols.items():
        assert scores["confusion"] == honest.protocols[name]["confusion"]


def test_a_rerun_gives_the_same_numbers(bench, tmp_path):
    chance = """
import random
import numpy as np
class Chance:
    def fit(self, x, y): self.n = len(set(y))
    def predict(self, x):
        return [(random.randrange(3) + np.random.randint(3)) % self.n for _ in x]
model = Chance()
"""
    path = write(tmp_path, "chance.py", chance)
    first, second = (judged(bench, path, ["course", "artists"]).predictions for _ in range(2))
    for name, predictions in first.items():
        assert np.array_equal(predictions.predicted, second[name].predicted)


def model_of(fit="return self", predict="return [0] * len(x)", more=""):
    return f"""
import ctypes, os, sys, time
from pathlib import Path
import numpy as np
class Broken:
    def fit(self, x, y):
        {fit}
    def predict(self, x):
        {predict}
    {more}
model = Broken()
"""


PROBABILITIES = "def predict_proba(self, x): return "
FAKES = "next(Path(os.environ['TMPDIR']).glob('*/')).joinpath('answer.json').write_text('[1]')"
BROKEN = {
    "raises": (
        model_of("raise ValueError('no\\x1b[31m more')"),
        "Fitting it failed in line 7: V.*b",
    ),
    "exits": (model_of("sys.exit(0)"), "Fitting it failed in line 7: it calls sys.exit"),
    "ends": (model_of("os._exit(7)"), "It ended its own process .status 7"),
    "crashes": (model_of("ctypes.string_at(0)"), "Its process was ended by SIGSEGV"),
    "hangs": (model_of("time.sleep(60)"), "It took longer than 1 s for a fold"),
    "hungry": (model_of("np.ones(1 << 40)"), "it needs more than 6 GiB of memory"),
    "unknown": (model_of(predict="return [7] * len(x)"), "the label 7, and genres are .* 0 to 2"),
    "half": (model_of(predict="return [0.5] * len(x)"), "the label 0.5"),
    "names": (model_of(predict="return ['jazz'] * len(x)"), "a label is a number of y_train"),
    "few": (model_of(predict="return [0]"), r"labels of the shape \(1,\), but \(3,\) are needed"),
    "nan": (model_of(more=f"{PROBABILITIES}np.full((3, 3), np.nan)"), "NaN or infinite for 3 of 3"),
    "logits": (model_of(more=f"{PROBABILITIES}np.full((3, 3), 2.0)"), "as after a softmax"),
    "wide": (model_of(more=f"{PROBABILITIES}np.full((3, 5), 0.2)"), r"shape \(3, 5\)"),
    "fakes": (model_of(f"{FAKES}; os._exit(0)"), "What it predicted cannot be read"),
    "classes": (
        model_of(more=f"classes_ = ['a', 'b', 'c']\n    {PROBABILITIES}np.eye(3)"),
        "classes_ are not",
    ),
    "syntax": ("model = (", "Running it failed in line 1: SyntaxError"),
    "nothing": ("x = 1", "it defines no name 'model'"),
    "number": ("model = 1", "'model' is a int, without fit and predict"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_model_gets_one_sentence(name, process, tmp_path):
    text, sentence = BROKEN[name]
    model = Model(name, str(write(tmp_path, f"{name}.py", text)))
    arrays = np.zeros((3, 2)), np.arange(3), np.zeros((3, 2))
    with pytest.raises(Failure, match=sentence) as failure:
        process.fit_and_predict(model, *arrays, 3, timeout=1 if name == "hangs" else 30)
    assert "\n" not in str(failure.value) and "\x1b" not in str(failure.value)
    good = Model("good", str(write(tmp_path, "good.py", model_of())))
    assert process.fit_and_predict(good, *arrays, 3).labels.tolist() == [0, 0, 0]


def test_what_a_model_forks_ends_with_its_fold(process, tmp_path):
    forks = model_of("os.fork(); os.fork() or (os.setsid(), time.sleep(1000))")
    model = Model("forks", str(write(tmp_path, "forks.py", forks)))
    process.fit_and_predict(model, np.zeros((3, 2)), np.arange(3), np.zeros((3, 2)), 3)
    inside = psutil.Process(process._process.pid).children(recursive=True)
    assert [one for one in inside if one.status() != psutil.STATUS_ZOMBIE] == []


def test_what_a_model_prints_hinders_nothing(process, tmp_path):
    prints = model_of("print('{}' * 200_000); os.write(1, b'\\xff' * 200_000)")
    model = Model("prints", str(write(tmp_path, "prints.py", prints)))
    fold = process.fit_and_predict(model, np.zeros((3, 2)), np.arange(3), np.zeros((3, 2)), 3)
    assert fold.labels.tolist() == [0, 0, 0] and len(fold.printed) <= 1 << 15


def test_a_model_finds_nothing_of_one_that_ran_before_it(bench, tmp_path, monkeypatch):
    leaves = """
import os, pathlib, sys, tempfile
import numpy as np
class Leaves:
    def fit(self, x, y):
        folder = pathlib.Path(tempfile.gettempdir())
        assert os.environ["TMPDIR"] == str(folder)
        print(os.getppid(), sorted(path.name for path in folder.iterdir()), hasattr(np, "left"))
        folder.joinpath("left").touch()
        np.left = True
    def predict(self, x):
        return [0] * len(x)
model = Leaves()
"""
    model = Model("leaves", str(write(tmp_path, "leaves.py", leaves)))
    by, seen = [one for one in bench.protocols_for("features") if one.name == "course"], []
    monkeypatch.setattr(Process, "_idle", [])
    for _ in range(2):
        seen += [outcome.folds[0].printed for outcome in bench.judge([(model, by)], workers=1)]
    one, two = (printed.split(maxsplit=1) for printed in seen)
    assert one == two and one[1].strip() == "['fold'] False"
    monkeypatch.setenv("OF_THE_SESSION", "another")
    started = Process._idle[0]._process
    seen = [outcome.folds[0].printed for outcome in bench.judge([(model, by)], workers=1)]
    assert started.poll() is not None and seen[0].split()[0] != one[0]
    Process._idle[0].close()


def test_no_process_is_left_when_who_waits_goes(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    process = Process()
    model = Model("hangs", str(write(tmp_path, "hangs.py", model_of("time.sleep(1000)"))))

    def ask():
        with pytest.raises(Failure):
            process.fit_and_predict(model, np.zeros((3, 2)), np.arange(3), np.zeros((3, 2)), 3)

    asking = threading.Thread(target=ask)
    asking.start()
    while process._process is None or not psutil.Process(process._process.pid).children():
        time.sleep(0.05)
    started = psutil.Process(process._process.pid).children(recursive=True)
    process.close()
    asking.join()
    assert psutil.wait_procs(started, timeout=10)[1] == []
    assert list(tmp_path.glob("genres-judge-*")) == []


def test_a_model_that_fails_in_one_protocol_goes_on_in_the_others(bench, tmp_path):
    choosy = MEANS.replace("        x = x.res", "        assert len(x) != 18\n        x = x.res", 1)
    made = judged(bench, write(tmp_path, "choosy.py", choosy))
    assert list(made.failures) == [protocols.FILTERED]
    assert set(made.protocols) == set(protocols.TITLES) - {protocols.FILTERED}


# What is it worth?


def test_scores_are_those_of_scikit_learn_by_hand(bench):
    made = judged(bench, EXAMPLES / "knn.py", only=[protocols.COURSE])
    table = bench.data.table(30)
    train, columns = tables.is_train(table), list(tables.BASE_FEATURES)
    knn = make_pipeline(StandardScaler(), KNeighborsClassifier(5, weights="distance"))
    knn.fit(table.loc[train, columns].to_numpy(), table.loc[train, "GenreID"])
    predicted = knn.predict(table.loc[~train, columns].to_numpy())
    scores, made = made.protocols["course"], made.predictions["course"]
    assert made.predicted.tolist() == predicted.tolist()
    assert made.clip.tolist() == table.loc[~train, "File"].tolist()
    assert scores["accuracy"] == np.mean(predicted == table.loc[~train, "GenreID"])
    assert np.sum(scores["confusion"]) == scores["n"] == 9


def test_a_model_compared_with_itself_is_no_better(bench, tmp_path):
    path = write(tmp_path, "means.py", MEANS)
    one, same = (judged(bench, path, ["course", "artists", "random"]) for _ in range(2))
    same.name = "same"
    bench.compare(one, [same])
    for name, scores in one.protocols.items():
        than = scores["against"]["same"]
        assert (than["points"], than["low"], than["high"]) == (0, 0, 0)
        assert than["p"] == (None if name == protocols.RANDOM else 1)


def test_an_evaluation_is_read_as_it_was_written(bench, tmp_path):
    made = judged(bench, write(tmp_path, "means.py", MEANS), only=["course", "artists"])
    read = evaluations.read(evaluations.write(tmp_path, made))
    assert read.protocols == made.protocols and read.genres == made.genres
    for name, predictions in made.predictions.items():
        for mine, other in zip(predictions, read.predictions[name], strict=True):
            assert np.array_equal(mine, other)
    described = files.read_json(tmp_path / "one.json")
    files.write_json(tmp_path / "one.json", described | {"schema": 0})
    assert evaluations.read_all(tmp_path)[0] == []
    assert "evaluate it again" in evaluations.read_all(tmp_path)[1][0]


def test_no_other_models_evaluation_is_overwritten(bench, tmp_path):
    made = judged(bench, write(tmp_path, "one.py", MEANS), only=["course"])
    evaluations.write(tmp_path, made)
    assert evaluations.free_name(tmp_path, "one", made.file) == "one"
    assert evaluations.free_name(tmp_path, "one", "/elsewhere/one.py") == "one-2"


def test_a_model_of_a_session_is_judged_as_its_file(data, bench, tmp_path):
    def means():
        defined = {}
        exec(MEANS, defined)
        return defined["model"]()

    made = benchmark(
        means, data, only=["course", "artists"], folder=tmp_path, workers=1, progress=False
    )
    same = judged(bench, write(tmp_path, "means.py", MEANS), only=["course", "artists"])
    assert made.name == "means" and made.file == judging.SESSION
    for name, scores in same.protocols.items():
        assert made.protocols[name]["confusion"] == scores["confusion"]
    assert set(made.protocols["artists"]["against"]) == {
        "k-NN, 4 features",
        "k-NN, 63 features",
        "SVM, 63 features",
    }
    assert made.table().loc["artist folds", "clips"] == 36


def test_what_cannot_be_judged_is_refused(data, tmp_path):
    how = {"folder": tmp_path, "progress": False, "only": ["course"]}
    with pytest.raises(Refusal, match="There is no file"):
        benchmark(tmp_path / "none.py", data, **how)
    with pytest.raises(Refusal, match="no inputs 'sound'"):
        benchmark(KNeighborsClassifier(), data, "sound", **how)
    lock = threading.Lock()
    with pytest.raises(Refusal, match="cannot be sent to a process"):
        benchmark(lambda: lock, data, **how)
    asks = write(tmp_path, "asks.py", 'inputs = "sound"\nmodel = 1')
    with pytest.raises(Refusal, match="It asks for inputs 'sound'; there are \"features\""):
        benchmark(asks, data, **how)


# On the real data, what the notebooks found


def test_the_reports_k_nn_equals_notebook_02_in_every_cell(real_data, published):
    bench = Bench(folders.find(real_data), ["course"], progress=False)
    scores = judged(bench, EXAMPLES / "knn.py").protocols["course"]
    found, genres = published["02-knn-baseline"], bench.clips.genres
    confusion = {
        true: {
            guess: n
            for guess, n in zip(genres, row, strict=True)
            if n or guess in found["confusion"][true]
        }
        for true, row in zip(genres, scores["confusion"], strict=True)
    }
    assert confusion == {
        true: {guess: n for guess, n in row.items()} for true, row in found["confusion"].items()
    }
    assert scores["accuracy"] == found["accuracy"] and scores["macro_f1"] == found["macro_f1"]
    assert scores["interval"] == found["interval"]


def test_artist_folds_equal_those_of_notebook_06_in_every_digit(real_data, published):
    bench = Bench(folders.find(real_data), protocols.HONEST, progress=False)
    made = judged(bench, EXAMPLES / "svm.py")
    for protocol, fault in ((protocols.ARTISTS, "artist"), (protocols.FILTERED, "fault_filtered")):
        found = published["06-honest-evaluation"]["faults"][fault]["SVM"]
        scores = made.protocols[protocol]
        assert scores["accuracy"] == found["honest"]
        assert scores["interval"] == [found["low"], found["high"]]
