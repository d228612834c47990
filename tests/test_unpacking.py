"""downloads.unpack: what is packed comes out below its folder, whole or not at all."""

import io
import stat
import struct
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from genres import Refusal, downloads


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


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
    downloads.unpack(archive, folder, max_bytes=max_bytes, **options)


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
@pytest.mark.parametrize("path", ["/tmp/x", "../x", "a/../../x", "C:x", "a\\..\\x"])
def test_a_path_that_leads_out_leads_nowhere(tmp_path, name, path):
    archive = tmp_path / "in" / name
    archive.parent.mkdir()
    WRITERS[name](archive, {"good": b"1", path: b"2"})
    with suppress(Refusal):
        unpack(archive, tmp_path / "out")
    assert names(tmp_path) in (["in"], ["in", "out"])
    assert not Path("/tmp/x").exists()


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc"),
        (tarfile.SYMTYPE, "good"),
        (tarfile.LNKTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "gone"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_links_and_devices_in_a_tar_are_refused(refused, kind, target):
    sentence = refused("a.tar", {"good": b"1", "bad": (kind, target)})
    assert "is not unpacked: 'bad' " in sentence


@pytest.mark.parametrize("time", ["inf", "nan", "1e20"])
def test_what_a_tar_says_of_times_and_rights_does_not_count(tmp_path, time):
    info = tarfile.TarInfo("late")
    info.mode = stat.S_ISUID | 0o777
    info.pax_headers = {"mtime": time}
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as file:
        file.addfile(info)
    unpack(tmp_path / "a.tar", tmp_path / "out")
    found = (tmp_path / "out" / "late").stat()
    assert abs(found.st_mtime - (tmp_path / "a.tar").stat().st_mtime) < 60
    assert not found.st_mode & (stat.S_IXUSR | stat.S_ISUID)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_in_a_zip_become_plain_files(tmp_path, kind):
    write_zip(tmp_path / "a.zip", {"bad": (kind, b"/etc")})
    unpack(tmp_path / "a.zip", tmp_path / "out")
    assert stat.S_ISREG((tmp_path / "out" / "bad").lstat().st_mode)


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
@pytest.mark.parametrize("share", [0, 0.3, 0.7])
def test_a_damaged_archive_is_refused(tmp_path, name, share):
    noise = np.random.default_rng(0).bytes(15_000)
    WRITERS[name](tmp_path / name, {"genres/noise": noise})
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(Refusal, match="damaged"):
        unpack(tmp_path / name, tmp_path / "out", max_bytes=20_000)
    assert names(tmp_path / "out") == []


@pytest.mark.parametrize("name", WRITERS)
def test_an_archive_with_other_bytes_here_and_there_is_unpacked_or_refused(tmp_path, name):
    rng = np.random.default_rng(0)
    WRITERS[name](tmp_path / name, MEMBERS)
    content = np.frombuffer((tmp_path / name).read_bytes(), np.uint8)
    for number in range(300):
        damaged = content.copy()
        places = rng.integers(len(content), size=rng.integers(1, 8))
        damaged[places] = rng.choice([0, 255, ord("/"), ord("-"), ord("9")], size=len(places))
        (tmp_path / name).write_bytes(damaged.tobytes())
        with suppress(Refusal):
            unpack(tmp_path / name, tmp_path / f"out-{number}")


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
