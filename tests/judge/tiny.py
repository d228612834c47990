"""Tiny data of three genres, and models to judge by them."""

import numpy as np
import pandas as pd

from genres.data import folders
from genres.data.tables import FEATURES
from genres.judge.process import Fold, Model

N_PER_GENRE, N_TEST = 12, 3
GENRES = ("blues", "jazz", "rock")

MEANS = """
import numpy as np
class Means:
    def fit(self, x, y):
        x = x.reshape(len(x), -1)
        self.classes_ = np.unique(y)
        self.means_ = np.stack([x[y == one].mean(axis=0) for one in self.classes_])
        return self
    def predict_proba(self, x):
        x = x.reshape(len(x), -1)
        near = np.exp(-((x[:, None] - self.means_) ** 2).mean(axis=2))
        return near / near.sum(axis=1, keepdims=True)
    def predict(self, x):
        return self.classes_[self.predict_proba(x).argmax(axis=1)]
model = Means
"""


def make(folder, splits=True):
    """Write tables of 30 s and 10 s, and splits, into a folder; give the data."""
    rng, rows, segments = np.random.default_rng(0), [], []
    shift = 0.8 * (np.arange(len(FEATURES)) % 9 == 0)
    for track in range(3 * N_PER_GENRE):
        number, genre = divmod(track, 3)
        part = "Test" if number < N_TEST else "Train"
        head = {"Track ID": track, "File": f"{GENRES[genre]}_{number:05}.wav"}
        about = {"GenreID": genre, "Genre": GENRES[genre], "Type": part}
        values = rng.normal(size=len(FEATURES)) + genre * shift
        rows.append(head | dict(zip(FEATURES, values, strict=True)) | about)
        for _ in range(3):
            moved = values + rng.normal(scale=0.5, size=len(FEATURES))
            segments.append(head | dict(zip(FEATURES, moved, strict=True)) | about)
    folder.mkdir(parents=True)
    for seconds, table in ((30, rows), (10, segments)):
        path = folder / f"GenreClassData_{seconds}s.txt"
        pd.DataFrame(table).to_csv(path, sep="\t", index=False)
    if splits:
        _write_splits(folder / "splits", [row["File"] for row in rows])
    return folders.find(folder)


def _write_splits(folder, names):
    """Write folds by artist, two clips of each genre to one, and a fault-filtered split."""
    folder.mkdir()
    lines = [f"{name},{at // 6},{at // 6 % 3}" for at, name in enumerate(names)]
    (folder / "artist_folds.csv").write_text("\n".join(["file,artist_group,fold", *lines, ""]))
    for kind, part in (("train", names[:18]), ("valid", names[18:24]), ("test", names[24:])):
        listed = "\n".join(f"{name[:-10]}/{name[:-10]}.{name[-9:-4]}.wav" for name in part)
        (folder / f"fault_filtered_{kind}.txt").write_text(f"{listed}\n")


def write(folder, name, text):
    """Write a model; give its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def judged(bench, name, accuracy, protocol="artists", seed=0, file=None):
    """Make an evaluation that is correct, and confident, for a share of the clips."""
    by = next(one for one in bench.protocols if one.name == protocol)
    made = bench.evaluation(Model(name, ""), str(file or name), "")
    rng, folds = np.random.default_rng(seed), []
    for _, test in by.folds:
        labels = bench.clips.labels[by.clips[test]]
        wrong = rng.permutation(len(test)) >= round(accuracy * len(test))
        predicted = (labels + wrong) % len(GENRES)
        seconds = {"fit": 0.1, "predict": 0.0}
        folds.append(Fold(predicted, np.eye(len(GENRES))[predicted], seconds, 0, ""))
    bench.note(made, by, folds)
    return made
