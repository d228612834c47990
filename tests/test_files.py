"""files: whole or not at all, and nowhere else."""

import hashlib
import os
import zipfile
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genres import Refusal, files


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_finished_block_leaves_the_file_and_nothing_else(tmp_path):
    with files.atomic(tmp_path / "new" / "a.txt") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "new" / "a.txt").read_text() == "whole"
    assert names(tmp_path / "new") == ["a.txt"]


def test_the_file_is_not_there_before_the_block_has_ended(tmp_path):
    with files.atomic(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        assert not (tmp_path / "a.txt").exists()


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_whatever_stops_the_block_the_old_file_stays_as_it_was(tmp_path, failure):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(failure), files.atomic(target) as temporary:
        temporary.write_text("half")
        raise failure
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_block_that_writes_nothing_fails_and_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(FileNotFoundError), files.atomic(target):
        pass
    assert target.read_text() == "old"


@pytest.mark.parametrize("name", ["m.keras", "t.parquet", "m.weights.h5", "plain"])
def test_the_temporary_file_has_the_suffix_and_the_folder_of_the_real_one(tmp_path, name):
    with files.atomic(tmp_path / name) as temporary:
        assert temporary.suffix == (tmp_path / name).suffix
        assert temporary.parent == tmp_path
        temporary.touch()


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    with files.atomic(tmp_path / "a.txt") as first, files.atomic(tmp_path / "a.txt") as second:
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a.txt").read_text() == "first"
    assert names(tmp_path) == ["a.txt"]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")))
def test_text_comes_back_as_it_was_written(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("text") / "a.txt"
    files.write_text(path, text)
    assert path.read_bytes() == text.encode()


def test_json_takes_numpy_values_and_keeps_the_order_of_keys(tmp_path):
    value = {
        "z": np.float64(0.5),
        "a": np.arange(3),
        "m": np.bool_(True),
        "n": [np.int64(2), None, "é"],
    }
    files.write_json(tmp_path / "a.json", value)
    back = files.read_json(tmp_path / "a.json")
    assert back == {"z": 0.5, "a": [0, 1, 2], "m": True, "n": [2, None, "é"]}
    assert list(back) == list(value)


@pytest.mark.parametrize("value", [float("nan"), np.float32("inf"), np.array([1, np.nan])])
def test_json_refuses_what_is_not_a_number_and_keeps_the_old_file(tmp_path, value):
    files.write_json(tmp_path / "a.json", 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "a.json", {"value": value})
    assert files.read_json(tmp_path / "a.json") == 1


def test_json_refuses_a_type_it_does_not_know(tmp_path):
    with pytest.raises(TypeError, match="set"):
        files.write_json(tmp_path / "a.json", {"value": {1, 2}})
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "line 1"),
        (b'{"a": 1,\n "b":', "line 2"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[" * 100_000, "can be read here"),
        (b"9" * 5_000, "can be read here"),
        (None, "No such file"),
    ],
)
def test_a_broken_json_file_is_refused_by_name(tmp_path, content, reason):
    path = tmp_path / "broken.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Refusal, match=reason) as refusal:
        files.read_json(path)
    assert str(path) in str(refusal.value)


def test_hashes_are_those_of_the_whole_content(tmp_path):
    path = tmp_path / "long.bin"
    content = b"0123456789" * 300_000
    path.write_bytes(content)
    assert files.sha256(path) == hashlib.sha256(content).hexdigest()
    assert files.md5(path) == hashlib.md5(content).hexdigest()
    assert files.sha1(path) == hashlib.sha1(content).hexdigest()
    header = f"blob {len(content)}\0".encode()
    assert files.git_blob_id(path) == hashlib.sha1(header + content).hexdigest()


def test_the_blob_id_is_gits(tmp_path):
    path = tmp_path / "empty"
    path.touch()
    # What git gives every empty file.
    assert files.git_blob_id(path) == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def test_the_real_tables_have_the_hashes_that_are_known(real_data):
    path = real_data / "course" / "GenreClassData_30s.txt"
    assert files.git_blob_id(path) == "25b9cb48f3296b5067028cb970c018cc689b1823"
    assert files.sha256(path) == "b0e13ad5c324c2f129ee5b3422dbc242daf27e3d148a9ee772c3e89fc1a95dd4"


def test_only_regular_files_of_bounded_size_are_read(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "device.json").symlink_to("/dev/zero")
    (tmp_path / "folder.json").mkdir()
    for name in ("pipe.json", "device.json", "folder.json"):
        with pytest.raises(Refusal, match=f"{name} cannot be read: it is not a regular file"):
            files.read_json(tmp_path / name)
    (tmp_path / "large.json").write_bytes(bytes(1 << 21))
    monkeypatch.setattr(files, "_MOST_JSON", 1 << 20)
    with pytest.raises(Refusal, match=r"large\.json is larger than 1 MiB"):
        files.read_json(tmp_path / "large.json")


def test_an_archive_is_regular_whole_and_of_bounded_size(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(1 << 22))
    files.require_archive(path, 1 << 22)
    with pytest.raises(Refusal, match=r"a\.zip claims to hold more than 1 MiB"):
        files.require_archive(path, 1 << 20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("text", "some text")
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        with suppress(Refusal):
            files.require_archive(path, 1 << 22)
    path.write_bytes(content[:-1])
    with pytest.raises(Refusal, match=r"a\.zip is damaged"):
        files.require_archive(path, 1 << 22)
