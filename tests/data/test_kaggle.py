"""data.kaggle: the table of windows is found and read, or refused where it is unsound."""

import gzip
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import put

from genres.data import folders, kaggle, tablefiles, tables
from genres.run import runner
from genres.sound.features import KAGGLE_FEATURES

N_CLIPS, N_WINDOWS = 10, 3


def make_table(genres=("pop", "blues"), seed=0):
    """A small sound table, its rows in the order of Kaggle's."""
    names = [
        (f"{genre}.{clip:05d}.{window}.wav", genre)
        for genre in sorted(genres)
        for clip in range(N_CLIPS)
        for window in range(N_WINDOWS)
    ]
    filenames, labels = zip(*names, strict=True)
    values = np.random.default_rng(seed).uniform(size=(len(names), len(KAGGLE_FEATURES)))
    table = pd.DataFrame(values, columns=KAGGLE_FEATURES)
    table.insert(0, "filename", filenames)
    table.insert(1, "length", 66149)
    return table.assign(label=labels)


def write(path, table):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = table.to_csv(index=False)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.fixture
def table():
    return make_table()


# Where it lies


@pytest.mark.parametrize("place", ["", "Data", "archive/Data"])
@pytest.mark.parametrize("name", ["features_3_sec.csv", "features_3_sec.csv.gz"])
def test_a_complete_table_is_taken_before_a_part_wherever_it_lies(tmp_path, table, place, name):
    part = write(tmp_path / "kaggle" / "features_3_sec_part.csv.gz", table)
    assert kaggle.find(tmp_path) == part
    whole = write(tmp_path / "kaggle" / place / name, table)
    assert kaggle.find(tmp_path) == whole


def test_other_tables_and_folders_are_passed_over(tmp_path, table):
    assert kaggle.find(tmp_path) is None
    write(tmp_path / "kaggle" / "features_30_sec.csv", table)
    write(tmp_path / "features_3_sec.csv", table)
    (tmp_path / "kaggle" / "features_3_sec_old.csv").mkdir()
    assert kaggle.find(tmp_path) is None


def test_two_complete_tables_are_refused(tmp_path, table):
    write(tmp_path / "kaggle" / "features_3_sec.csv", table)
    write(tmp_path / "kaggle" / "Data" / "features_3_sec.csv", table)
    with pytest.raises(tablefiles.TableError, match=r"keep one of them\.$"):
        kaggle.find(tmp_path)


def test_another_table_is_another_fingerprint(tmp_path, table):
    shutil.copytree(folders.find("synthetic").folder, tmp_path / "data")
    before = folders.find(tmp_path / "data").fingerprint()
    place = tmp_path / "data" / "kaggle" / "features_3_sec.csv"
    write(place, table)
    first = folders.find(tmp_path / "data").fingerprint()
    write(place, table.assign(tempo=120.0))
    assert len({before, first, folders.find(tmp_path / "data").fingerprint()}) == 3


# What it holds


def test_windows_are_read_in_the_files_order(tmp_path, table):
    mixed = table.sample(frac=1, random_state=0)
    windows = kaggle.load(write(tmp_path / "features_3_sec.csv", mixed))
    assert windows.genres == ["pop", "blues"]  # in the course's order
    assert [windows.genres[label] for label in windows.labels] == mixed["label"].tolist()
    names = zip(windows.clips, windows.numbers, strict=True)
    assert [f"{clip}.{number}.wav" for clip, number in names] == mixed["filename"].tolist()
    assert np.array_equal(windows.values[:, 0], np.full(len(mixed), 66149))
    assert np.array_equal(windows.values[:, 1:], mixed[list(KAGGLE_FEATURES)])


def test_columns_may_stand_in_any_order_beside_row_numbers(tmp_path, table):
    plain = kaggle.load(write(tmp_path / "features_3_sec.csv", table))
    shuffled = table[table.columns[::-1]].reset_index(names="Unnamed: 0")
    other = kaggle.load(write(tmp_path / "features_3_sec.csv.gz", shuffled))
    assert np.array_equal(plain.values, other.values)


def test_some_of_the_windows_can_be_taken(tmp_path, table):
    windows = kaggle.load(write(tmp_path / "features_3_sec.csv", table))
    some = windows.take(windows.numbers == 2)
    assert some.clips.tolist() == windows.clips[2::N_WINDOWS].tolist()
    assert np.array_equal(some.values, windows.values[2::N_WINDOWS])
    assert some.numbers.tolist() == [2] * len(some.labels)
    assert some.genres == windows.genres


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (put(4, "tempo", "fast"), "line 6, column tempo: 'fast' is not a finite number."),
        (put(4, "tempo", np.inf), "line 6, column tempo: 'inf' is not a finite number."),
        (put(4, "mfcc1_var", ""), "line 6, column mfcc1_var: '' is not a finite number."),
        (put(4, "tempo", "1e-400"), "line 6, column tempo: '1e-400' is too large or too small"),
        (
            put(4, "filename", "blues.00001.wav"),
            "line 6, column filename: 'blues.00001.wav' names no window of 3 s, as "
            "blues.00000.1.wav does.",
        ),
        (
            put(4, "filename", "blues.00001.0.wav"),
            "line 6, column filename: 'blues.00001.0.wav' stands there before.",
        ),
        (put(4, "label", "pop"), "line 6, column label: 'pop' is not the genre in the filename."),
        (put(4, "label", ""), "line 6, column label: '' is not the genre in the filename."),
        (lambda t: t.drop(columns="rms_mean"), "the table lacks the column 'rms_mean'."),
        (lambda t: t.assign(loudness=1), "the table has an unknown column 'loudness'."),
        (lambda t: t[t["label"] == "pop"], "the number of genres is 1; 2 to 50 are taken."),
        (
            lambda t: t[N_WINDOWS:],
            "the number of clips of blues is 9, and at least 10 are needed: take the whole table.",
        ),
        (lambda t: t[:0], "the table has no rows."),
    ],
)
def test_an_unsound_table_is_refused_where_it_is_unsound(tmp_path, table, change, told):
    path = write(tmp_path / "features_3_sec.csv", change(table))
    with pytest.raises(tablefiles.TableError) as refusal:
        kaggle.load(path)
    assert str(refusal.value).startswith(str(path))
    assert told in str(refusal.value)


def test_an_unsound_table_is_refused_before_anything_is_executed(tmp_path, table):
    data = tmp_path / "data"
    shutil.copytree(folders.find("synthetic").folder, data)
    write(data / "kaggle" / "features_3_sec.csv", put(4, "tempo", "fast")(table))
    with pytest.raises(tablefiles.TableError, match="line 6, column tempo: 'fast'"):
        runner.run_report(str(data), only=["10"], out=tmp_path / "runs")
    assert not list(tmp_path.rglob("*.ipynb"))


# Copies


def test_clips_that_share_a_window_are_found(tmp_path, table):
    features = list(KAGGLE_FEATURES)
    table.loc[7, features] = table.loc[1, features].to_numpy()  # blues.00002 and blues.00000
    table.loc[5, features] = table.loc[4, features].to_numpy()  # two windows of one clip
    windows = kaggle.load(write(tmp_path / "features_3_sec.csv", table))
    assert kaggle.shared_windows(windows) == {"blues.00002": "blues.00000"}


def test_windows_of_silence_make_no_copies(tmp_path, table):
    table.loc[::N_WINDOWS, list(KAGGLE_FEATURES)] = 0.0
    windows = kaggle.load(write(tmp_path / "features_3_sec.csv", table))
    assert kaggle.shared_windows(windows) == {}


def test_windows_of_no_level_make_no_copies_whatever_else_is_measured_of_them(tmp_path, table):
    table.loc[::N_WINDOWS, list(KAGGLE_FEATURES)] = 1.0
    table.loc[::N_WINDOWS, "rms_mean"] = 0.0
    windows = kaggle.load(write(tmp_path / "features_3_sec.csv", table))
    assert kaggle.shared_windows(windows) == {}


def test_gtzans_table_is_sound_and_its_copies_are_known(real_data):
    windows = kaggle.load(kaggle.find(real_data))
    assert windows.values.shape == (7992, 58)
    assert windows.genres == tables.genre_names(folders.find(real_data).table(30))
    _, n_windows = np.unique(windows.clips, return_counts=True)
    assert len(n_windows) == 1000
    assert (n_windows.min(), n_windows.max()) == (4, 10)
    assert np.unique(windows.values[:, 0]).tolist() == [66149]
    copies = kaggle.shared_windows(windows)
    pairs = tables.copies(folders.find(real_data).table(30))
    known = zip(pairs["file_a"], pairs["file_b"], strict=True)
    names = {tuple(file[:-4].replace("_", ".") for file in pair) for pair in known}
    assert names <= {(original, copy) for copy, original in copies.items()}
    assert len(copies) == 15
