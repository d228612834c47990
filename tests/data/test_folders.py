"""data.folders: the right data are found, and nothing else is taken in their place."""

import hashlib
import os
import shutil
from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest

from genres import Refusal
from genres.data import catalogue, folders, tables


def write_tables(folder, lengths=(30, 10), n_tracks=6, seed=0):
    """Write small sound tables into a folder."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for seconds in lengths:
        table = pd.DataFrame({"Track ID": np.repeat(np.arange(n_tracks), 30 // seconds)})
        table["File"] = [f"{track}.wav" for track in table["Track ID"]]
        features = rng.normal(size=(len(table), len(tables.FEATURES)))
        table = pd.concat([table, pd.DataFrame(features, columns=tables.FEATURES)], axis=1)
        table["GenreID"] = table["Track ID"] % 2
        table["Genre"] = table["GenreID"].map({0: "ska", 1: "dub"})
        table["Type"] = np.where(table["Track ID"] < 2, "Test", "Train")
        table.to_csv(folder / f"GenreClassData_{seconds}s.txt", sep="\t", index=False)


def names(folder):
    return sorted(path.name for path in folder.rglob("*")) if folder.exists() else []


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


# Data


def test_the_finest_complete_table_of_the_course_data_is_the_ten_second_one(real_data):
    data = folders.find(real_data)
    assert (data.name, data.synthetic, data.folder) == ("course", False, real_data)
    assert list(data.tables) == [10, 30]
    seconds, table = data.finest()
    assert (seconds, len(table)) == (10, 2970)
    assert len(data.table(30)) == 990


def test_a_table_that_lacks_tracks_is_passed_over(tmp_path):
    write_tables(tmp_path, [30, 10], n_tracks=6)
    write_tables(tmp_path, [5], n_tracks=5)
    data = folders.find(tmp_path)
    assert list(data.tables) == [5, 10, 30]
    assert data.finest()[0] == 10


@pytest.mark.parametrize(
    "name",
    [
        *("GenreClassData_30s.TXT", "genreclassdata_30S.Csv", "GenreClassData_30s (1).txt"),
        *(
            "GenreClassData_30s(2).csv",
            "GenreClassData_30s - Copy.txt",
            "GenreClassData_30s copy.txt",
        ),
        "GenreClassData_30s.txt.txt",
    ],
)
def test_a_table_is_found_as_systems_rename_it(tmp_path, name):
    write_tables(tmp_path, [30])
    (tmp_path / "GenreClassData_30s.txt").rename(tmp_path / name)
    assert len(folders.find(tmp_path).table(30)) == 6
    (tmp_path / "GenreClassData_30s.csv.gz").touch()
    with pytest.raises(Refusal, match="two tables of 30 s segments"):
        folders.find(tmp_path)


def test_a_table_of_30_s_has_one_row_a_track(tmp_path):
    write_tables(tmp_path, [10])
    (tmp_path / "GenreClassData_10s.txt").rename(tmp_path / "GenreClassData_30s.txt")
    with pytest.raises(Refusal, match=r"30s\.txt: a track has 3 rows, and one in a table of 30 s"):
        folders.find(tmp_path).table(30)


@pytest.mark.parametrize("find", [folders.find, folders.holds_audio_only])
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("features_30_sec.csv", "this is the Kaggle table of GTZAN, whose features are not those"),
        ("features_3_sec (1).csv.gz", "this is the Kaggle table of GTZAN"),
        ("GenreClassData_30s.xlsx", "save a workbook as CSV in UTF-8"),
        ("GenreClassData.csv", "is not called as tables are"),
    ],
)
def test_what_is_nearly_a_table_is_refused_by_its_name(tmp_path, find, name, why):
    touch(tmp_path / name)
    with pytest.raises(Refusal, match=why):
        find(tmp_path)


@pytest.mark.parametrize(
    ("name", "why"), [("features_3_sec.csv", "Kaggle"), ("t.txt", "is a file: name the folder")]
)
def test_a_file_is_refused_where_a_folder_is_asked_for(tmp_path, name, why):
    touch(tmp_path / name)
    assert not folders.holds_audio_only(tmp_path / name)
    with pytest.raises(Refusal, match=why):
        folders.find(tmp_path / name)


def test_kaggles_clips_are_taken_beside_its_tables(tmp_path):
    touch(tmp_path / "features_3_sec.csv", tmp_path / "genres_original" / "blues" / "a.wav")
    assert folders.holds_audio_only(tmp_path)


def test_without_shorter_segments_the_finest_table_is_the_30_s_one(tmp_path):
    write_tables(tmp_path, [30])
    seconds, table = folders.find(tmp_path).finest()
    assert (seconds, len(table)) == (30, 6)


def test_without_the_30_s_table_there_is_no_finest_one(tmp_path):
    write_tables(tmp_path, [10])
    with pytest.raises(Refusal, match=r"no table of 30 s segments .* only of 10 s\."):
        folders.find(tmp_path).finest()


def test_a_missing_table_is_refused_by_name(tmp_path):
    write_tables(tmp_path)
    with pytest.raises(Refusal, match=r"GenreClassData_5s\.txt .* only of 10 s and 30 s\."):
        folders.find(tmp_path).table(5)


def test_an_unsound_table_is_refused_when_it_is_loaded(tmp_path):
    write_tables(tmp_path)
    (tmp_path / "GenreClassData_10s.txt").write_text("")
    with pytest.raises(tables.TableError, match=r"GenreClassData_10s\.txt: the file is empty"):
        folders.find(tmp_path).finest()


def test_the_fingerprint_follows_the_content_and_not_the_place(tmp_path):
    write_tables(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b" / "course")
    before = folders.find(tmp_path / "a").fingerprint()
    assert folders.find(tmp_path / "b").fingerprint() == before
    path = tmp_path / "a" / "GenreClassData_10s.txt"
    path.write_text(path.read_text().replace("ska", "pop"))
    assert folders.find(tmp_path / "a").fingerprint() != before


def write_all(folder):
    """Write what a data folder may hold: tables, a mel store, splits and audio."""
    write_tables(folder)
    for name in ("gtzan-mel/store.npz", "splits/folds.csv", "gtzan-mini/blues/blues.00000.flac"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("one")
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "GenreClassData_10s.txt",
        "gtzan-mel/store.npz",
        "splits/folds.csv",
        "gtzan-mini/blues/blues.00000.flac",
        "splits/another.txt",
        "gtzan-mini/rock/rock.00000.flac",
    ],
)
def test_the_fingerprint_follows_everything_that_notebooks_read(tmp_path, name):
    folder = write_all(tmp_path / "mine")
    before = folders.find(folder).fingerprint()
    moved = folder.rename(tmp_path / "moved")
    (moved / "notes.txt").touch()
    assert folders.find(moved).fingerprint() == before
    (moved / name).parent.mkdir(exist_ok=True)
    with (moved / name).open("a") as file:
        file.write("more")
    assert folders.find(moved).fingerprint() != before


def test_another_content_of_the_same_length_is_another_store_and_another_split(tmp_path):
    folder = write_all(tmp_path)
    seen = {folders.find(folder).fingerprint()}
    for seconds, name in enumerate(("gtzan-mel/store.npz", "splits/folds.csv")):
        (folder / name).write_text("two")
        os.utime(folder / name, (seconds, seconds))  # a clock may be too coarse for tests
        seen.add(folders.find(folder).fingerprint())
    assert len(seen) == 3


# Spectrograms and sound beside the tables


def test_the_real_data_have_a_mel_store_and_audio(real_data):
    data = folders.find(real_data)
    assert data.mel == real_data / "gtzan-mel" / "mel128.npz"
    assert data.audio == real_data / "gtzan-mini"


@pytest.mark.parametrize("place", ["store.npz", "mel/store.npz", "my-mels/128.npz"])
def test_a_mel_store_lies_beside_the_tables_or_in_a_folder_named_after_it(tmp_path, place):
    write_tables(tmp_path)
    touch(tmp_path / place, tmp_path / "models" / "weights.npz")
    assert folders.find(tmp_path).mel == tmp_path / place


def test_tables_in_the_folder_course_have_the_mel_store_and_the_audio_beside_it(tmp_path):
    write_tables(tmp_path / "course")
    touch(tmp_path / "gtzan-mel" / "store.npz", tmp_path / "gtzan-mini/blues/blues.00000.flac")
    data = folders.find(tmp_path)
    assert data.mel == tmp_path / "gtzan-mel" / "store.npz"
    assert data.audio == tmp_path / "gtzan-mini"


def test_two_mel_stores_are_refused(tmp_path):
    write_tables(tmp_path)
    touch(tmp_path / "gtzan-mel" / "a.npz", tmp_path / "mel" / "b.npz")
    with pytest.raises(Refusal, match=r"two mel stores, gtzan-mel/a\.npz and mel/b\.npz: keep one"):
        folders.find(tmp_path)


def test_all_of_gtzan_comes_before_its_mini_version(tmp_path):
    write_tables(tmp_path)
    assert (folders.find(tmp_path).mel, folders.find(tmp_path).audio) == (None, None)
    touch(tmp_path / "gtzan-mini" / "blues" / "blues.00000.flac")
    assert folders.find(tmp_path).audio == tmp_path / "gtzan-mini"
    touch(tmp_path / "gtzan" / "genres" / "blues" / "blues.00000.au")
    assert folders.find(tmp_path).audio == tmp_path / "gtzan" / "genres"


def test_excerpts_lie_beside_the_clips_of_gtzan(tmp_path, real_data):
    write_tables(tmp_path)
    assert folders.find(tmp_path).excerpts is None
    touch(tmp_path / "gtzan-excerpts" / "blues" / "blues.00001.flac")
    assert folders.find(tmp_path).excerpts == tmp_path / "gtzan-excerpts"
    assert folders.find(real_data).excerpts == real_data / "gtzan-excerpts"


def test_taggrams_lie_in_the_data_folder_or_beside_its_tables(tmp_path, project, real_data):
    write_tables(tmp_path / "mine" / "course")
    touch(tmp_path / "mine" / "musicnn" / "LICENSE.md")
    assert folders.find(tmp_path / "mine").taggrams is None
    for place in ("course/musicnn", "musicnn"):
        touch(tmp_path / "mine" / place / "taggrams.npz")
        assert folders.find(tmp_path / "mine").taggrams == tmp_path / "mine" / place
    assert folders.find(real_data).taggrams == real_data / "musicnn"


def test_taggrams_of_a_folder_of_audio_lie_beside_its_tables(tmp_path, project):
    touch(tmp_path / "music" / "ska" / "one.mp3")
    out = folders.extraction_of(tmp_path / "music")
    write_tables(out)
    touch(out / "musicnn" / "taggrams.npz")
    assert folders.find(tmp_path / "music").taggrams == out / "musicnn"


def test_audio_that_tables_were_extracted_from_is_that_of_the_data(tmp_path, project):
    touch(tmp_path / "music" / "ska" / "one.mp3")
    out = folders.extraction_of(tmp_path / "music")
    write_tables(out)
    touch(out / "mel.npz")
    data = folders.find(tmp_path / "music")
    assert (data.mel, data.audio) == (out / "mel.npz", tmp_path / "music")
    before = data.fingerprint()
    (tmp_path / "music" / "ska" / "one.mp3").write_text("sound")
    assert folders.find(tmp_path / "music").fingerprint() != before


# Finding


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty data folder of the project, no GENRE_DATA, and a network that is down."""
    folder = tmp_path / "project" / "data"
    folder.mkdir(parents=True)
    monkeypatch.setattr("genres.project.DATA", folder)
    monkeypatch.delenv("GENRE_DATA", raising=False)

    def fail(*_, **__):
        raise Refusal("a.txt could not be downloaded: example.org does not respond.")

    monkeypatch.setattr(catalogue, "download", fail)
    return folder


@pytest.mark.parametrize(
    ("place", "given", "name"),
    [
        ("songs", "songs", "songs"),
        ("songs/course", "songs", "course"),
        ("songs/course", "songs/course", "course"),
        ("synthetic", "synthetic/../synthetic", "synthetic"),
    ],
)
def test_data_are_named_by_their_folder(tmp_path, project, monkeypatch, place, given, name):
    write_tables(tmp_path / place)
    monkeypatch.chdir(tmp_path)
    data = folders.find(given)
    assert data.name == name
    assert data.synthetic == (name == "synthetic")
    assert data.folder == (tmp_path / given).resolve()
    assert "10 s and 30 s" in data.reason
    assert "as asked for" in data.reason


@pytest.mark.parametrize("ending", ["txt", "csv", "txt.gz", "csv.gz", "parquet"])
def test_a_table_is_known_by_its_name(tmp_path, ending):
    (tmp_path / f"GenreClassData_30s.{ending}").touch()
    for other in ("GenreClassData_5s_part.txt", "GenreClassData_10s.txt.bak", "Genre_10s.txt"):
        (tmp_path / other).touch()
    assert list(folders.find(tmp_path).tables) == [30]


def test_tables_in_the_folder_course_come_before_those_beside_it(tmp_path):
    write_tables(tmp_path, [10, 30])
    write_tables(tmp_path / "course", [30])
    data = folders.find(tmp_path)
    assert (data.name, data.folder, list(data.tables)) == ("course", tmp_path, [30])


def test_two_tables_of_one_length_are_refused(tmp_path):
    write_tables(tmp_path)
    (tmp_path / "GenreClassData_10s.parquet").touch()
    with pytest.raises(Refusal, match=r"GenreClassData_10s\.parquet and GenreClassData_10s\.txt"):
        folders.find(tmp_path)


def test_what_is_named_comes_before_the_environment_and_that_before_the_project(
    tmp_path, project, monkeypatch
):
    for name in ("named", "environment"):
        write_tables(tmp_path / name)
    write_tables(project / "course")
    assert folders.find().name == "course"
    monkeypatch.setenv("GENRE_DATA", str(tmp_path / "environment"))
    found = folders.find()
    assert found.name == "environment"
    assert "as GENRE_DATA says" in found.reason
    assert folders.find(tmp_path / "named").name == "named"
    assert folders.find("course").folder == project


def test_a_folder_that_is_not_there_is_refused(tmp_path, project, monkeypatch):
    with pytest.raises(Refusal, match=r"no folder .*gone \(as asked for\)"):
        folders.find(tmp_path / "gone")
    monkeypatch.setenv("GENRE_DATA", str(tmp_path / "gone"))
    with pytest.raises(Refusal, match=r"no folder .*gone \(as GENRE_DATA says\)"):
        folders.find()


def test_the_name_of_a_collection_is_refused_with_its_place_or_the_way_to_get_it(project):
    no_folder = r"There is no folder gtzan \(as asked for\); "
    with pytest.raises(Refusal, match=f"{no_folder}.*data fetch gtzan downloads it, 1.2 GB.$"):
        folders.find("gtzan")
    place = project / "gtzan" / "genres"
    touch(place / "blues" / "blues.00000.au")
    with pytest.raises(Refusal, match=f"{no_folder}the collection of that name is in {place}.$"):
        folders.find("gtzan/")


def test_a_folder_without_tables_is_refused_and_nothing_else_is_taken(tmp_path, project):
    write_tables(project / "course")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Refusal, match=r"empty .* holds no feature table: .*GenreClassData_"):
        folders.find(tmp_path / "empty")


def test_without_tables_the_course_tables_are_downloaded(project, monkeypatch):
    monkeypatch.setattr(catalogue, "fetch", lambda name: write_tables(project / name))
    data = folders.find()
    assert (data.name, data.folder) == ("course", project)
    assert "downloaded just now" in data.reason


@pytest.mark.parametrize("there", [[], [10]])
def test_a_download_that_did_not_come_to_its_end_is_taken_up_again(project, monkeypatch, there):
    write_tables(project / "course", there)
    monkeypatch.setattr(catalogue, "fetch", lambda name: write_tables(project / name))
    assert list(folders.find("course").tables) == [10, 30]


def test_offline_nothing_is_downloaded(project, monkeypatch):
    monkeypatch.setattr(catalogue, "fetch", lambda name: write_tables(project / name))
    with pytest.raises(Refusal, match="offline"):
        folders.find("course", offline=True)
    with pytest.raises(Refusal, match="offline"):
        folders.find(offline=True)
    assert names(project) == []


@pytest.mark.parametrize("offline", [False, True])
def test_the_built_in_corpus_is_taken_last_and_called_synthetic(project, offline):
    write_tables(project / "synthetic")
    data = folders.find(offline=offline)
    assert (data.name, data.synthetic) == ("synthetic", True)
    assert ("offline" if offline else "example.org does not respond") in data.reason
    assert folders.find("synthetic").reason.endswith("as asked for")


def test_the_course_tables_by_name_are_not_replaced_by_the_built_in_corpus(project):
    write_tables(project / "synthetic")
    with pytest.raises(Refusal, match=r"example\.org does not respond"):
        folders.find("course")


def test_no_data_at_all_is_refused_with_the_three_ways_to_give_some(project):
    with pytest.raises(Refusal) as refusal:
        folders.find()
    sentence = str(refusal.value)
    for way in (f"into {project / 'course'}", "--data or GENRE_DATA", "go online"):
        assert way in sentence
    assert sentence.endswith("(a.txt could not be downloaded: example.org does not respond).")


def test_the_built_in_corpus_named_while_it_is_not_there_is_refused(project):
    with pytest.raises(Refusal, match="synthetic"):
        folders.find("synthetic")


def test_found_data_do_not_change(tmp_path):
    write_tables(tmp_path, [5, 10, 30])
    data = folders.find(tmp_path)
    assert "tables of 5 s, 10 s and 30 s segments of music" in data.reason
    with pytest.raises(FrozenInstanceError):
        data.name = "other"


def test_audio_only_is_what_a_folder_holds_that_is_not_empty_and_has_no_table(
    tmp_path, project, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name in ("music", "course", "synthetic"):
        touch(tmp_path / name / "ska" / "one.mp3")
    write_tables(tmp_path / "tables")
    (tmp_path / "empty").mkdir()
    for name in ("", None, "course", "synthetic", "tables", "empty", "gone"):
        assert folders.holds_audio_only(name) is False
    assert folders.holds_audio_only("music") is True
    monkeypatch.setenv("GENRE_DATA", "music")
    assert folders.holds_audio_only(None) is True
    assert folders.holds_audio_only("empty") is False


def test_what_is_extracted_is_kept_by_the_folders_name_and_place(tmp_path, project):
    (tmp_path / "music").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "music")
    place = hashlib.sha256(str((tmp_path / "music").resolve()).encode()).hexdigest()[:8]
    wanted = project / "extracted" / f"music-{place}"
    assert folders.extraction_of(tmp_path / "music") == wanted
    assert folders.extraction_of(str(tmp_path / "link")) == wanted


def test_segments_shorter_than_the_whole_may_be_one_a_track(tmp_path):
    write_tables(tmp_path, [30])
    (tmp_path / "GenreClassData_30s.txt").rename(tmp_path / "GenreClassData_10s.txt")
    assert len(folders.find(tmp_path).table(10)) == 6
