"""downloads, catalogue.fetch: what comes is whole and genuine, or it is not there."""

import dataclasses
import gzip
import hashlib
import http.server
import io
import re
import tarfile
import threading
import zipfile
from collections import namedtuple
from contextlib import suppress

import pytest

from genres import Refusal, downloads, files
from genres.data import catalogue
from genres.downloads import RemoteFile, download

CONTENTS = {
    "GenreClassData_5s.txt": b"five " * 50_000,
    "GenreClassData_10s.txt": b"ten " * 20_000,
    "GenreClassData_30s.txt": b"thirty " * 1_000,
}
FIRST, _, LAST = CONTENTS


def remote(name, content, unpacks_to=None):
    hashes = {
        files.git_blob_id: hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(),
        files.md5: hashlib.md5(content).hexdigest(),
    }
    return RemoteFile(name, max(len(content) / 1e6, 0.1), hashes, unpacks_to)


WANTED = {name: remote(name, content) for name, content in CONTENTS.items()}


def contents(folder):
    paths = folder.rglob("*") if folder.exists() else ()
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.is_file()}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Keep every byte that came: of a connection that breaks off, the last chunk is lost."""
    monkeypatch.setattr(downloads, "_CHUNK", 500)


@pytest.fixture
def serve(monkeypatch):
    """Start a server on this machine that responds as told, and notes each request."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    servers = []

    def start(respond):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.rpartition("/")[2]
                begin = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-"))
                self.begin = int(begin[1])
                self.server.requests.append((name, self.begin))
                respond(self, name)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.requests, server.sent = [], 0
        server.released = threading.Event()
        server.address = f"http://127.0.0.1:{server.server_port}/folder"
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.released.set()
        server.shutdown()
        server.server_close()


def send(handler, content, announced=None, status=200):
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content) if announced is None else announced))
    handler.end_headers()
    handler.wfile.write(content)


# What servers do


def good(handler, name):
    send(handler, CONTENTS[name])


def resuming(handler, name):
    rest = CONTENTS[name][handler.begin :]
    send(handler, rest, status=(206 if handler.begin else 200) if rest else 416)


def breaking_off(handler, name):
    """Send 100,000 bytes at a time."""
    rest = CONTENTS[name][handler.begin :]
    send(handler, rest[:100_000], len(rest), 206 if handler.begin else 200)


def tampered(handler, name):
    send(handler, CONTENTS[name].replace(b"t", b"T", 1).replace(b"f", b"F", 1))


def broken_off(handler, name):
    send(handler, CONTENTS[name][:1000], len(CONTENTS[name]))


def cut_short(handler, name):
    send(handler, CONTENTS[name][:1000])


def empty(handler, _):
    send(handler, b"")


def absent(handler, _):
    handler.send_error(404)


def stalled(handler, name):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENTS[name])))
    handler.end_headers()
    handler.wfile.write(CONTENTS[name][:1000])
    handler.server.released.wait(10)


Fault = namedtuple("Fault", "told keeps_part")
FAULTS = {
    tampered: Fault("sent other content", False),
    broken_off: Fault("broke off", True),
    cut_short: Fault("sent other content", False),
    empty: Fault("sent other content", False),
    absent: Fault("responded with status 404", False),
    stalled: Fault("does not respond", True),
}


def endless(handler, name):
    """Send on and on, until nobody reads it any more."""
    handler.send_response(200)
    handler.end_headers()
    with suppress(OSError):
        while not handler.server.released.is_set():
            handler.wfile.write(CONTENTS[name])
            handler.server.sent += len(CONTENTS[name])


def bomb(handler, name):
    content = gzip.compress(bytes(20_000_000), 1)
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    with suppress(OSError):
        handler.wfile.write(content)


def trickling(handler, name):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENTS[name])))
    handler.end_headers()
    with suppress(OSError):
        while not handler.server.released.wait(0.05):
            handler.wfile.write(b".")
            handler.wfile.flush()


def trickling_headers(handler, name):
    with suppress(OSError):
        handler.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
        while not handler.server.released.wait(0.05):
            handler.wfile.write(b".")


def responding(head):
    def respond(handler, _):
        handler.wfile.write(head)

    return respond


def redirecting(address):
    return responding(f"HTTP/1.0 302 Found\r\nLocation: {address}\r\n\r\n".encode("latin-1"))


def fetch(folder, *servers, name=FIRST, file=None, announce=tuple):
    mirrors = [server.address for server in servers]
    download(file or WANTED[name], folder, mirrors, timeout=(1, 1), announce=announce)


def part_of(content, folder, name=FIRST):
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.part").write_bytes(content)


# One file


def test_a_good_server_gives_the_file(tmp_path, serve, capsys):
    fetch(tmp_path / "new" / "course", serve(good))
    assert contents(tmp_path / "new" / "course") == {FIRST: CONTENTS[FIRST]}
    assert f"{FIRST}: 100%" in capsys.readouterr().err


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_and_leaves_at_most_a_part(tmp_path, serve, fault):
    with pytest.raises(Refusal) as refusal:
        fetch(tmp_path, serve(fault))
    sentence = str(refusal.value)
    assert sentence.startswith(f"{FIRST} could not be downloaded: 127.0.0.1:")
    assert sentence.endswith(f"{FAULTS[fault].told}.")
    kept = {f"{FIRST}.part": CONTENTS[FIRST][:1000]} if FAULTS[fault].keeps_part else {}
    assert contents(tmp_path) == kept


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("fine", [good, resuming])
def test_after_a_faulty_mirror_the_next_one_is_tried(tmp_path, serve, fault, fine):
    first, second = serve(fault), serve(fine)
    fetch(tmp_path, first, second)
    assert contents(tmp_path) == {FIRST: CONTENTS[FIRST]}
    begin = 1000 if FAULTS[fault].keeps_part else 0
    assert second.requests == [(FIRST, begin)]


def test_every_hash_has_to_be_right(tmp_path, serve):
    file = WANTED[LAST]
    wrong = file._replace(hashes=file.hashes | {files.sha1: "0" * 40})
    with pytest.raises(Refusal, match="sent other content"):
        fetch(tmp_path, serve(good), file=wrong)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("there", [1, 70_000, len(CONTENTS[FIRST]) - 1])
def test_a_part_is_completed_by_what_follows_it(tmp_path, serve, there):
    part_of(CONTENTS[FIRST][:there], tmp_path)
    server = serve(resuming)
    fetch(tmp_path, server)
    assert contents(tmp_path) == {FIRST: CONTENTS[FIRST]}
    assert server.requests == [(FIRST, there)]


def test_a_server_that_cannot_resume_sends_all_again(tmp_path, serve):
    part_of(CONTENTS[FIRST][:70_000], tmp_path)
    fetch(tmp_path, serve(good))
    assert contents(tmp_path) == {FIRST: CONTENTS[FIRST]}


def test_a_part_that_is_whole_already_is_taken(tmp_path, serve):
    part_of(CONTENTS[FIRST], tmp_path)
    server = serve(resuming)
    fetch(tmp_path, server)
    assert contents(tmp_path) == {FIRST: CONTENTS[FIRST]}
    assert len(server.requests) == 1


@pytest.mark.parametrize("wrong", [b"x" * 1000, CONTENTS[FIRST] + b"more"])
def test_a_part_of_something_else_is_thrown_away_and_all_is_requested(tmp_path, serve, wrong):
    part_of(wrong, tmp_path)
    server = serve(resuming)
    fetch(tmp_path, server)
    assert contents(tmp_path) == {FIRST: CONTENTS[FIRST]}
    assert server.requests == [(FIRST, len(wrong)), (FIRST, 0)]


def test_a_connection_that_breaks_off_after_a_while_is_taken_up_again(tmp_path, serve):
    server = serve(breaking_off)
    fetch(tmp_path, server)
    assert contents(tmp_path) == {FIRST: CONTENTS[FIRST]}
    assert server.requests == [(FIRST, 0), (FIRST, 100_000), (FIRST, 200_000)]


def test_a_server_that_always_breaks_off_is_given_up(tmp_path, serve, monkeypatch):
    monkeypatch.setattr(downloads, "_CONNECTIONS_AT_MOST", 2)
    with pytest.raises(Refusal, match=r"127\.\S+ broke off 2 times\.$"):
        fetch(tmp_path, serve(breaking_off))
    assert contents(tmp_path) == {f"{FIRST}.part": CONTENTS[FIRST][:200_000]}


def test_a_host_that_does_not_respond_is_tried_once(tmp_path, serve):
    server = serve(stalled)
    with pytest.raises(Refusal, match=r"could not be downloaded: 127\.\S+ does not respond\.$"):
        fetch(tmp_path, server, server, server)
    assert len(server.requests) == 1


def test_a_host_that_is_not_there_is_told(tmp_path, serve):
    server = serve(good)
    server.shutdown()
    server.server_close()
    with pytest.raises(Refusal, match=r"could not be downloaded: no server can be reached\.$"):
        fetch(tmp_path, server)


def test_a_file_that_is_there_is_not_requested(tmp_path, serve):
    (tmp_path / FIRST).write_bytes(CONTENTS[FIRST])
    server = serve(good)
    fetch(tmp_path, server)
    assert server.requests == []


def test_a_file_of_that_name_with_other_content_is_never_overwritten(tmp_path, serve):
    (tmp_path / FIRST).write_text("mine")
    with pytest.raises(Refusal, match=f"{FIRST} is not the published file of that name"):
        fetch(tmp_path, serve(good))
    assert contents(tmp_path) == {FIRST: b"mine"}


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path, serve):
    (tmp_path / "course").write_text("a file where the folder should be")
    with pytest.raises(Refusal, match=f"{FIRST} cannot be written"):
        fetch(tmp_path / "course", serve(good))


@pytest.mark.parametrize("respond", [endless, bomb])
@pytest.mark.parametrize("begun", [b"", CONTENTS[FIRST][:1000]])
def test_more_than_the_file_has_is_not_kept_and_the_next_mirror_is_tried(
    tmp_path, serve, respond, begun
):
    if begun:
        part_of(begun, tmp_path)
    bad = serve(respond)
    with pytest.raises(Refusal, match=r"127\.\S+ sent more than the 0\.25 MB of the file\.$"):
        fetch(tmp_path, bad)
    assert contents(tmp_path) == {}
    assert bad.sent < 10_000_000
    fetch(tmp_path, bad, serve(good))
    assert contents(tmp_path) == {FIRST: CONTENTS[FIRST]}


@pytest.mark.parametrize("respond", [trickling, trickling_headers])
def test_a_server_that_takes_too_long_is_left_for_the_next_mirror(
    tmp_path, serve, respond, monkeypatch
):
    monkeypatch.setattr(downloads, "_PATIENCE", 0.5)
    monkeypatch.setattr(downloads, "_SLOWEST", 1e9)
    slow = serve(respond)
    with pytest.raises(Refusal, match=r"127\.\S+ is too slow\.$"):
        fetch(tmp_path, slow, slow)
    assert len(slow.requests) == 1
    fetch(tmp_path, slow, serve(good))
    assert contents(tmp_path) == {FIRST: CONTENTS[FIRST]}


ODD_RESPONSES = {
    "no address": redirecting(""),
    "brackets": redirecting("http://[::1"),
    "a port that is none": redirecting("http://127.0.0.1:99999999/"),
    "a host that is none": redirecting("http://.example..com/"),
    "a long host": redirecting(f"http://{'a' * 300}/"),
    "a file": redirecting("file:///etc/passwd"),
    "other bytes": redirecting("http://\xff\xfe/"),
    "a circle": lambda handler, name: redirecting(f"/folder/{name}")(handler, name),
    "two lengths": responding(b"HTTP/1.0 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello"),
    "a length in words": responding(b"HTTP/1.0 200 OK\r\nContent-Length: many\r\n\r\nhello"),
    "a negative length": responding(b"HTTP/1.0 200 OK\r\nContent-Length: -1\r\n\r\nhello"),
    "a long length": responding(
        b"HTTP/1.0 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nhello"
    ),
    "no number of a length": responding(
        "HTTP/1.0 200 OK\r\nContent-Length: ²\r\n\r\nhello".encode("latin-1")
    ),
    "chunks of no length": responding(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello"
    ),
    "no gzip": responding(b"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\nhello"),
    "no HTTP": responding(b"hello\r\n\r\n"),
    "an odd status": responding(b"HTTP/1.0 abc\r\n\r\n"),
    "nothing": responding(b""),
}


@pytest.mark.parametrize("respond", ODD_RESPONSES.values(), ids=ODD_RESPONSES)
def test_after_a_response_that_cannot_be_read_the_next_mirror_is_tried(tmp_path, serve, respond):
    bad = serve(respond)
    with pytest.raises(Refusal, match=rf"^{FIRST} could not be downloaded: 127\.0\.0\.1:[^\n]+\.$"):
        fetch(tmp_path, bad)
    fetch(tmp_path, bad, serve(good))
    assert contents(tmp_path) == {FIRST: CONTENTS[FIRST]}


# Collections


def tar_gz(members):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return archive.getvalue()


def zipped(members):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return archive.getvalue()


ARCHIVES = {
    "genres.tar.gz": tar_gz({f"genres/blues/blues.{n:05d}.au": b".snd%d" % n for n in range(3)}),
    "fma_metadata.zip": zipped({"fma_metadata/tracks.csv": b"..."}),
    "fma_small.zip": zipped({"fma_small/000/000002.mp3": b"ID3"}),
    "fma_medium.zip": zipped({"fma_medium/000/000002.mp3": b"ID3", "fma_medium/README.txt": b""}),
}
CONTENTS |= ARCHIVES


@pytest.fixture
def served(serve, monkeypatch):
    """Let a known collection be downloaded from a server of this machine; give the server."""

    def start(respond, *known):
        server = serve(respond)
        for name in known:
            corpus = catalogue.CORPORA[name]
            wanted = tuple(
                remote(file.name, CONTENTS[file.name], file.unpacks_to) for file in corpus.files
            )
            here = dataclasses.replace(corpus, files=wanted, mirrors=(server.address,))
            monkeypatch.setitem(catalogue.CORPORA, name, here)
        return server

    return start


def test_licence_size_and_source_are_said_once_before_the_first_byte_is_kept(
    tmp_path, served, capsys
):
    server = served(good, "course")
    catalogue.fetch("course", tmp_path)
    said, *_ = capsys.readouterr().err.partition(f"{FIRST}:  ")
    for part in (*WANTED, "0.4 MB", server.address, "Licence: none stated", "Source: NTNU"):
        assert said.count(part) == 1


def test_the_course_tables_come_with_the_whole_tracks_last(tmp_path, served):
    server = served(resuming, "course")
    assert catalogue.fetch("course", tmp_path) == tmp_path / "course"
    assert contents(tmp_path / "course") == {name: CONTENTS[name] for name in WANTED}
    assert [name for name, _ in server.requests] == list(WANTED)
    assert list(WANTED)[-1] == LAST


def test_files_that_came_before_a_fault_are_kept_and_not_requested_again(tmp_path, served):
    def first_only(handler, name):
        (good if name == FIRST else absent)(handler, name)

    served(first_only, "course")
    with pytest.raises(Refusal, match="GenreClassData_10s"):
        catalogue.fetch("course", tmp_path)
    server = served(good, "course")
    catalogue.fetch("course", tmp_path)
    assert [name for name, _ in server.requests] == list(WANTED)[1:]
    assert catalogue.fetch("course", tmp_path) == tmp_path / "course"
    assert len(server.requests) == 2


def test_a_table_of_another_origin_is_not_taken_for_the_courses(tmp_path, served):
    server = served(good, "course")
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / FIRST).write_text("mine")
    with pytest.raises(Refusal, match=f"{FIRST} is not the published file"):
        catalogue.fetch("course", tmp_path)
    assert server.requests == []


def test_an_archive_that_was_not_unpacked_yet_is_not_downloaded_again(tmp_path, served, capsys):
    server = served(good, "gtzan")
    (tmp_path / "gtzan").mkdir()
    (tmp_path / "gtzan" / "genres.tar.gz").write_bytes(CONTENTS["genres.tar.gz"])
    assert catalogue.fetch("gtzan", tmp_path) == tmp_path / "gtzan" / "genres"
    assert server.requests == []
    assert capsys.readouterr().err == ""


def test_gtzan_is_downloaded_and_unpacked_once(tmp_path, served):
    server = served(good, "gtzan")
    place = catalogue.fetch("gtzan", tmp_path)
    assert place == tmp_path / "gtzan" / "genres"
    assert contents(place) == {f"blues/blues.{n:05d}.au": b".snd%d" % n for n in range(3)}
    assert catalogue.fetch("gtzan", tmp_path) == place
    assert len(server.requests) == 1


def test_the_metadata_of_both_fma_subsets_are_downloaded_once(tmp_path, served):
    server = served(good, "fma-small", "fma-medium")
    assert catalogue.fetch("fma-small", tmp_path) == tmp_path / "fma" / "fma_small"
    assert catalogue.fetch("fma-medium", tmp_path) == tmp_path / "fma" / "fma_medium"
    assert [name for name, _ in server.requests] == [
        "fma_metadata.zip",
        "fma_small.zip",
        "fma_medium.zip",
    ]


def test_a_download_for_which_there_is_no_room_is_not_begun(tmp_path, served, monkeypatch):
    server = served(good, "gtzan")
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(catalogue.shutil, "disk_usage", lambda folder: usage(150_000))
    with pytest.raises(Refusal, match=r"gtzan has no room for the 0\.2 MB.*: 0\.1 MB are free"):
        catalogue.fetch("gtzan", tmp_path / "new")
    assert server.requests == []
    assert not (tmp_path / "new").exists()


def test_an_archive_that_holds_something_else_is_told(tmp_path, served, monkeypatch):
    monkeypatch.setitem(CONTENTS, "genres.tar.gz", tar_gz({"genres/README": b""}))
    served(good, "gtzan")
    with pytest.raises(Refusal, match=r"gtzan does not hold what gtzan should: blues/blues"):
        catalogue.fetch("gtzan", tmp_path)


def test_the_real_tables_are_those_that_a_download_would_accept(real_data):
    _, ten, thirty = catalogue.CORPORA["course"].files
    for file in (ten, thirty):
        assert file.is_at(real_data / "course" / file.name)
    assert not ten.is_at(real_data / "course" / thirty.name)


def test_where_no_server_responds_nothing_but_the_refusal_is_said(tmp_path, serve, capsys):
    server, begun = serve(good), []
    server.shutdown()
    server.server_close()
    with pytest.raises(Refusal):
        fetch(tmp_path, server, announce=lambda: begun.append("begun"))
    assert (begun, capsys.readouterr()) == ([], ("", ""))


def test_a_download_is_announced_when_it_begins(tmp_path, serve, capsys):
    begun = []
    fetch(tmp_path, serve(good), announce=lambda: begun.append(capsys.readouterr().err))
    assert begun[0] == ""
    assert FIRST in capsys.readouterr().err
