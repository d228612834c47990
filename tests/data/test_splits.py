"""Which other ways to split GTZAN's clips does a data folder know?"""

from types import SimpleNamespace

import pytest

from genres import Refusal
from genres.data import folders


@pytest.fixture
def data(tmp_path):
    (tmp_path / "splits").mkdir()
    return SimpleNamespace(folder=tmp_path)


def test_the_real_splits_are_those_of_the_reference(real_data):
    data = folders.find(real_data)
    folds = folders.artist_folds(data)
    assert len(folds) == 948
    assert sorted(folds["fold"].unique()) == [1, 2, 3]
    kinds = folders.fault_filtered(data)
    assert kinds.value_counts().to_dict() == {"train": 443, "test": 290, "valid": 197}
    tracks = set(data.table(30)["File"])
    assert folds.index.isin(tracks).sum() == 938
    in_tables = kinds[kinds.index.isin(tracks)].value_counts()
    assert in_tables.to_dict() == {"train": 439, "test": 289, "valid": 192}


def test_a_folder_without_splits_has_none(data):
    assert folders.artist_folds(data) is None
    assert folders.fault_filtered(data) is None


def test_folds_that_share_an_artist_are_refused(data):
    lines = "file,artist_group,fold\na_00001.wav,7,0\na_00002.wav,7,1\n"
    (data.folder / "splits" / "artist_folds.csv").write_text(lines)
    with pytest.raises(Refusal, match="artist in two folds"):
        folders.artist_folds(data)


def test_a_table_that_is_none_of_folds_is_refused(data):
    (data.folder / "splits" / "artist_folds.csv").write_text("file,artist\na_00001.wav,7\n")
    with pytest.raises(Refusal, match="lacks the column 'artist_group'"):
        folders.artist_folds(data)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("a_00001.wav,7,zero", "line 2, column fold: 'zero' is not a whole number"),
        ("a,1.5,0", "1.5"),
    ],
)
def test_folds_that_are_no_whole_numbers_are_refused_where_they_are(data, line, why):
    path = data.folder / "splits" / "artist_folds.csv"
    path.write_text(f"file,artist_group,fold\n{line}\n")
    with pytest.raises(Refusal, match=why):
        folders.artist_folds(data)


def test_lists_that_are_no_text_are_refused(data):
    write_lists(data, "", "", "")
    (data.folder / "splits" / "fault_filtered_valid.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(Refusal, match=r"valid\.txt is no list of clips"):
        folders.fault_filtered(data)


def write_lists(data, train, valid, test):
    for kind, text in (("train", train), ("valid", valid), ("test", test)):
        (data.folder / "splits" / f"fault_filtered_{kind}.txt").write_text(text)


def test_lists_give_each_clip_its_kind_by_its_name_in_tables(data):
    write_lists(data, "a/a.00001.wav\n", "a/a.00002.wav\n", "b/b.00001.wav\nb/b.00002.wav\n")
    assert folders.fault_filtered(data).to_dict() == {
        "a_00001.wav": "train",
        "a_00002.wav": "valid",
        "b_00001.wav": "test",
        "b_00002.wav": "test",
    }


@pytest.mark.parametrize(
    ("line", "why"), [("a/song.wav", "names no clip"), ("a/a.00001.wav", "in two lists")]
)
def test_unsound_lists_are_refused(data, line, why):
    write_lists(data, "a/a.00001.wav\n", f"{line}\n", "b/b.00001.wav\n")
    with pytest.raises(Refusal, match=why):
        folders.fault_filtered(data)


def test_folds_are_given_by_clip(data):
    path = data.folder / "splits" / "artist_folds.csv"
    path.write_text("fold,file,artist_group\n1,b_00001.wav,7\n2.0,a_00002.wav,-3\n")
    folds = folders.artist_folds(data)
    assert folds.loc["b_00001.wav"].to_dict() == {"artist": 7, "fold": 1}
    assert folds.loc["a_00002.wav"].to_dict() == {"artist": -3, "fold": 2}
    with path.open("a") as file:
        file.write("1,b_00001.wav,7\n")
    with pytest.raises(Refusal, match="or a clip twice"):
        folders.artist_folds(data)


def test_lists_of_more_than_sixteen_mebibytes_are_not_read(data):
    write_lists(data, "", "a/a.00002.wav", "b/b.00001.wav")
    assert len(folders.fault_filtered(data)) == 2
    path = data.folder / "splits" / "fault_filtered_train.txt"
    for size, told in ((1 << 24, "names no clip"), ((1 << 24) + 1, "larger than 16 MiB")):
        with path.open("wb") as file:
            file.truncate(size)
        with pytest.raises(Refusal, match=told):
            folders.fault_filtered(data)
    path.unlink()
    assert folders.fault_filtered(data) is None
