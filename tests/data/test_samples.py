"""data.samples: a table as scikit-learn takes it, in groups that belong together."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from genres import Refusal
from genres.data import folders, samples, tables
from genres.data.clips import ARTIST_FOLDS, SPLITS


def write_folds(folder, text):
    (folder / SPLITS).mkdir(parents=True)
    (folder / SPLITS / ARTIST_FOLDS).write_text(f"file,artist_group,fold\n{text}")


@pytest.fixture
def folder(tmp_path):
    """A data folder of the built-in corpus's table, without what lies beside it."""
    table = folders.find("synthetic").table(10)
    table.to_csv(tmp_path / "GenreClassData_10s.csv", index=False)
    return tmp_path


def test_without_artists_the_segments_of_a_clip_are_a_group():
    X, y, groups = samples.load("synthetic", seconds=5)
    table = folders.find("synthetic").table(5)
    pd.testing.assert_frame_equal(
        X.reset_index(drop=True), table[list(tables.FEATURES)].reset_index(drop=True)
    )
    assert (X.index == table["File"]).all()
    assert y.tolist() == table["Genre"].tolist()
    assert pd.Series(groups).groupby(X.index).nunique().eq(1).all()
    assert len(np.unique(groups)) == 1000
    scores = cross_val_score(KNeighborsClassifier(), X, y, groups=groups, cv=GroupKFold(2))
    assert (scores > 0.2).all()


def test_artists_are_groups_and_clips_that_they_leave_out_are_left_out(folder):
    artists = {f"synthetic_pop_0000{number}.wav": artist for number, artist in ((3, 7), (1, 4))}
    write_folds(folder, "".join(f"{clip},{a},{a}\n" for clip, a in artists.items()))
    X, y, groups = samples.load(folder, seconds=10)
    assert len(X) == len(y) == 6
    assert groups.tolist() == [artists[clip] for clip in X.index]


def test_folds_of_other_clips_are_refused(folder):
    write_folds(folder, "other.wav,0,0\n")
    with pytest.raises(Refusal, match=r"^artist_folds\.csv of .* names no clip of its tables\.$"):
        samples.load(folder, seconds=10)


def test_the_artists_of_gtzan_are_its_groups(real_data):
    X, y, groups = samples.load(real_data)
    assert (len(X), y.nunique()) == (938, 10)
    assert pd.Series(groups).nunique() < 938
