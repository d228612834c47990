"""genres.files: whole or not at all, and nowhere else."""

import hashlib
import io
import stat
import struct
import tarfile
import zipfile

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


# Unpacking

MEMBERS = {
    "genres/": None,
    "genres/blues/blues.00000.au": b".snd" * 1000,
    "genres/jazz/jazz.00054.au": b"",
    "genres/Señor.txt": b"!",
}


def write_tar(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if content is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(content, bytes):
                info.size = len(content)
            else:
                info.type, info.linkname = content
            file.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)


def write_zip(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = compression
            if isinstance(content, tuple):
                kind, content = content
                info.external_attr = (kind | 0o777) << 16
            file.writestr(info, content or b"")


WRITERS = {
    "a.tar.gz": write_tar,
    "a.tar": lambda path, members: write_tar(path, members, "w"),
    "a.tar.xz": lambda path, members: write_tar(path, members, "w:xz"),
    "a.zip": write_zip,
    "stored.zip": lambda path, members: write_zip(path, members, zipfile.ZIP_STORED),
}


def unpack(archive, folder, max_bytes=10_000, **options):
    files.unpack(archive, folder, max_bytes=max_bytes, **options)


@pytest.fixture
def refused(tmp_path):
    """Unpack an archive that is to be refused; give the sentence."""

    def unpack_and_fail(name, members, **options):
        archive = tmp_path / "in" / name
        archive.parent.mkdir(exist_ok=True)
        WRITERS[name](archive, members)
        before = names(tmp_path)
        with pytest.raises(Refusal) as refusal:
            unpack(archive, tmp_path / "out", **options)
        out = tmp_path / "out"
        assert not out.exists() or names(out) == []
        assert names(tmp_path) in (before, sorted([*before, "out"]))
        assert str(archive) in str(refusal.value)
        return str(refusal.value)

    return unpack_and_fail


@pytest.mark.parametrize("name", WRITERS)
def test_an_archive_is_unpacked_below_the_folder(tmp_path, name):
    WRITERS[name](tmp_path / name, MEMBERS)
    unpack(tmp_path / name, tmp_path / "out" / "deep")
    found = {
        str(path.relative_to(tmp_path / "out" / "deep")): path.read_bytes()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert found == {name: content for name, content in MEMBERS.items() if content is not None}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("path", ["/tmp/x", "../x", "a/../../x", "a/..", "C:x", "a\\..\\x"])
def test_a_path_that_leads_out_is_refused(refused, name, path):
    sentence = refused(name, {"good": b"1", path: b"2"})
    assert f"'{path}', a path that leads out of its folder." in sentence


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc"),
        (tarfile.SYMTYPE, "good"),
        (tarfile.LNKTYPE, "/etc/passwd"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_links_and_devices_in_a_tar_are_refused(refused, kind, target):
    sentence = refused("a.tar", {"good": b"1", "bad": (kind, target), "bad/inside": b"2"})
    assert "'bad', which is neither a file nor a folder." in sentence


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_in_a_zip_are_refused(refused, kind):
    sentence = refused("a.zip", {"good": b"1", "bad": (kind, b"/etc")})
    assert "'bad', which is neither a file nor a folder." in sentence


@pytest.mark.parametrize("name", WRITERS)
def test_more_than_there_may_be_is_refused(refused, name):
    zeros = {"zeros": bytes(5_000), "more": bytes(5_001)}
    assert refused(name, zeros).endswith("holds more than 0.0 MB.")
    many = {str(number): b"" for number in range(5)}
    assert refused(name, many, max_members=4).endswith("holds more than 4 files and folders.")


def test_the_size_is_believed_before_anything_is_written(tmp_path):
    info = tarfile.TarInfo("bomb")
    info.size = 10**12
    (tmp_path / "bomb.tar").write_bytes(info.tobuf())
    with pytest.raises(Refusal, match=r"bomb\.tar holds more than 0\.0 MB"):
        unpack(tmp_path / "bomb.tar", tmp_path / "out")


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path):
    path = tmp_path / "liar.zip"
    write_zip(path, {"zeros": bytes(10**6)})
    lie = path.read_bytes().replace(struct.pack("<L", 10**6), struct.pack("<L", 10))
    path.write_bytes(lie)
    with pytest.raises(Refusal, match="damaged"):
        unpack(path, tmp_path / "out")
    assert names(tmp_path / "out") == []


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_there_twice_is_refused(refused, name):
    assert "'a/b' twice." in refused(name, {"a/b": b"1", "a/./b": b"2"}).replace("a/./b", "a/b")


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("share", [0, 0.3, 0.7])
def test_a_damaged_archive_is_refused(tmp_path, name, share):
    noise = np.random.default_rng(0).bytes(15_000)
    WRITERS[name](tmp_path / name, {"genres/noise": noise})
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(Refusal, match="damaged"):
        unpack(tmp_path / name, tmp_path / "out", max_bytes=20_000)
    assert names(tmp_path / "out") == []


def test_a_missing_archive_is_refused(tmp_path):
    with pytest.raises(Refusal, match=r"gone\.zip cannot be unpacked into .*: No such file"):
        unpack(tmp_path / "gone.zip", tmp_path / "out")


def test_what_is_there_already_is_not_overwritten(tmp_path):
    write_zip(tmp_path / "a.zip", MEMBERS)
    (tmp_path / "genres").mkdir()
    with pytest.raises(Refusal, match=r"genres is there already: move it away"):
        unpack(tmp_path / "a.zip", tmp_path)
    assert names(tmp_path) == ["a.zip", "genres"]


def test_what_a_killed_unpacking_left_is_cleared_away(tmp_path):
    write_zip(tmp_path / "a.zip", MEMBERS)
    (tmp_path / ".a.zip-unpacking").mkdir()
    (tmp_path / ".a.zip-unpacking" / "half").touch()
    unpack(tmp_path / "a.zip", tmp_path)
    assert names(tmp_path) == ["a.zip", "genres"]


def test_unpacked_files_have_no_rights_of_their_own(tmp_path):
    write_zip(tmp_path / "a.zip", {"tool": (stat.S_IFREG | stat.S_ISUID, b"#!")})
    unpack(tmp_path / "a.zip", tmp_path)
    assert not (tmp_path / "tool").stat().st_mode & (stat.S_IXUSR | stat.S_ISUID)
