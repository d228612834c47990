"""genres.corpora: the right data are found, and a download is whole and genuine or not there."""

import hashlib
import http.server
import shutil
import threading

import numpy as np
import pandas as pd
import pytest

from genres import Refusal, corpora, tables

CONTENTS = {
    "GenreClassData_5s.txt": b"five " * 50_000,
    "GenreClassData_10s.txt": b"ten " * 20_000,
    "GenreClassData_30s.txt": b"thirty " * 1_000,
}


def blob_id(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


WANTED = [corpora.RemoteFile(name, 0.1, blob_id(content)) for name, content in CONTENTS.items()]


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


# Data


def test_the_finest_complete_table_of_the_course_data_is_the_ten_second_one(real_data):
    data = corpora.find(real_data)
    assert (data.name, data.synthetic, data.folder) == ("course", False, real_data)
    assert list(data.tables) == [10, 30]
    seconds, table = data.finest()
    assert (seconds, len(table)) == (10, 2970)
    assert len(data.table(30)) == 990


def test_a_table_that_lacks_tracks_is_passed_over(tmp_path):
    write_tables(tmp_path, [30, 10], n_tracks=6)
    write_tables(tmp_path, [5], n_tracks=5)
    data = corpora.find(tmp_path)
    assert list(data.tables) == [5, 10, 30]
    assert data.finest()[0] == 10


def test_without_shorter_segments_the_finest_table_is_the_30_s_one(tmp_path):
    write_tables(tmp_path, [30])
    seconds, table = corpora.find(tmp_path).finest()
    assert (seconds, len(table)) == (30, 6)


def test_without_the_30_s_table_there_is_no_finest_one(tmp_path):
    write_tables(tmp_path, [10])
    with pytest.raises(Refusal, match=r"no table of 30 s segments .* only of 10 s\."):
        corpora.find(tmp_path).finest()


def test_a_missing_table_is_refused_by_name(tmp_path):
    write_tables(tmp_path)
    with pytest.raises(Refusal, match=r"GenreClassData_5s\.txt .* only of 10 s and 30 s\."):
        corpora.find(tmp_path).table(5)


def test_an_unsound_table_is_refused_when_it_is_loaded(tmp_path):
    write_tables(tmp_path)
    (tmp_path / "GenreClassData_10s.txt").write_text("")
    with pytest.raises(tables.TableError, match=r"GenreClassData_10s\.txt: the file is empty"):
        corpora.find(tmp_path).finest()


def test_the_fingerprint_follows_the_content_and_not_the_place(tmp_path):
    write_tables(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b" / "course")
    before = corpora.find(tmp_path / "a").fingerprint()
    assert corpora.find(tmp_path / "b").fingerprint() == before
    path = tmp_path / "a" / "GenreClassData_10s.txt"
    path.write_text(path.read_text().replace("ska", "pop"))
    assert corpora.find(tmp_path / "a").fingerprint() != before


# Finding


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty data folder of the project, no GENRE_DATA, and a network that is down."""
    folder = tmp_path / "project" / "data"
    folder.mkdir(parents=True)
    monkeypatch.setattr(corpora, "PROJECT_DATA", folder)
    monkeypatch.delenv("GENRE_DATA", raising=False)

    def fail(folder):
        raise Refusal("a.txt could not be downloaded: example.org does not answer.")

    monkeypatch.setattr(corpora, "fetch_course", fail)
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
    data = corpora.find(given)
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
    assert list(corpora.find(tmp_path).tables) == [30]


def test_tables_in_the_folder_course_come_before_those_beside_it(tmp_path):
    write_tables(tmp_path, [10, 30])
    write_tables(tmp_path / "course", [30])
    data = corpora.find(tmp_path)
    assert (data.name, data.folder, list(data.tables)) == ("course", tmp_path, [30])


def test_two_tables_of_one_length_are_refused(tmp_path):
    write_tables(tmp_path)
    (tmp_path / "GenreClassData_10s.parquet").touch()
    with pytest.raises(Refusal, match=r"GenreClassData_10s\.parquet and GenreClassData_10s\.txt"):
        corpora.find(tmp_path)


def test_what_is_asked_for_comes_before_the_environment_and_that_before_the_project(
    tmp_path, project, monkeypatch
):
    for name in ("asked", "environment"):
        write_tables(tmp_path / name)
    write_tables(project / "course")
    assert corpora.find().name == "course"
    monkeypatch.setenv("GENRE_DATA", str(tmp_path / "environment"))
    found = corpora.find()
    assert found.name == "environment"
    assert "as GENRE_DATA says" in found.reason
    assert corpora.find(tmp_path / "asked").name == "asked"
    assert corpora.find("course").folder == project


def test_a_folder_that_is_not_there_is_refused(tmp_path, project, monkeypatch):
    with pytest.raises(Refusal, match=r"no folder .*gone \(as asked for\)"):
        corpora.find(tmp_path / "gone")
    monkeypatch.setenv("GENRE_DATA", str(tmp_path / "gone"))
    with pytest.raises(Refusal, match=r"no folder .*gone \(as GENRE_DATA says\)"):
        corpora.find()


def test_a_folder_without_tables_is_refused_and_nothing_else_is_taken(tmp_path, project):
    write_tables(project / "course")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Refusal, match=r"empty .* holds no feature table: .*GenreClassData_"):
        corpora.find(tmp_path / "empty")


def test_without_tables_the_course_tables_are_downloaded(project, monkeypatch):
    monkeypatch.setattr(corpora, "fetch_course", write_tables)
    data = corpora.find()
    assert (data.name, data.folder) == ("course", project)
    assert "downloaded just now" in data.reason


@pytest.mark.parametrize("there", [[], [10]])
def test_a_download_that_did_not_come_to_its_end_is_taken_up_again(project, monkeypatch, there):
    write_tables(project / "course", there)
    monkeypatch.setattr(corpora, "fetch_course", write_tables)
    assert list(corpora.find("course").tables) == [10, 30]


def test_offline_nothing_is_downloaded(project, monkeypatch):
    monkeypatch.setattr(corpora, "fetch_course", write_tables)
    with pytest.raises(Refusal, match="offline"):
        corpora.find("course", offline=True)
    with pytest.raises(Refusal, match="offline"):
        corpora.find(offline=True)
    assert names(project) == []


@pytest.mark.parametrize("offline", [False, True])
def test_the_built_in_corpus_is_taken_last_and_called_synthetic(project, offline):
    write_tables(project / "synthetic")
    data = corpora.find(offline=offline)
    assert (data.name, data.synthetic) == ("synthetic", True)
    assert ("offline" if offline else "example.org does not answer") in data.reason
    assert corpora.find("synthetic").reason.endswith("as asked for")


def test_the_course_tables_asked_for_by_name_are_not_replaced_by_the_built_in_corpus(project):
    write_tables(project / "synthetic")
    with pytest.raises(Refusal, match=r"example\.org does not answer"):
        corpora.find("course")


def test_no_data_at_all_is_refused_with_the_three_ways_to_give_some(project):
    with pytest.raises(Refusal) as refusal:
        corpora.find()
    sentence = str(refusal.value)
    for way in (f"into {project / 'course'}", "--data or GENRE_DATA", "go online"):
        assert way in sentence
    assert sentence.endswith("(a.txt could not be downloaded: example.org does not answer).")


def test_the_built_in_corpus_asked_for_while_it_is_not_there_is_refused(project):
    with pytest.raises(Refusal, match="synthetic"):
        corpora.find("synthetic")


# Downloading


@pytest.fixture
def serve(monkeypatch):
    """Start a server on this machine that answers as told; give its address."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    servers = []

    def start(answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.server.asked.append(self.path)
                answer(self, self.path.rpartition("/")[2])

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.asked = []
        server.address = f"http://127.0.0.1:{server.server_port}/folder"
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def send(handler, content, announced=None):
    handler.send_response(200)
    handler.send_header("Content-Length", str(announced or len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def good(handler, name):
    send(handler, CONTENTS[name])


def tampered(handler, name):
    send(handler, CONTENTS[name].replace(b"t", b"T", 1).replace(b"f", b"F", 1))


def broken_off(handler, name):
    send(handler, CONTENTS[name][:1000], len(CONTENTS[name]))


def cut_short(handler, name):
    send(handler, CONTENTS[name][:1000])


def absent(handler, _):
    handler.send_error(404)


def stalled(handler, name):
    handler.server.released = threading.Event()
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENTS[name])))
    handler.end_headers()
    handler.wfile.write(CONTENTS[name][:1000])
    handler.server.released.wait(10)


FAULTS = {
    tampered: "sent other content",
    broken_off: "broke off",
    cut_short: "sent other content",
    absent: "answered with status 404",
}


def fetch(folder, *servers, wanted=WANTED, timeout=(1, 1)):
    mirrors = [server.address for server in servers]
    corpora.fetch_course(folder, mirrors=mirrors, wanted=wanted, timeout=timeout)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_good_server_gives_the_files_after_a_word_about_them(tmp_path, serve, capsys):
    server = serve(good)
    fetch(tmp_path / "course", server)
    assert contents(tmp_path / "course") == CONTENTS
    told = capsys.readouterr().err
    announced = told.splitlines()[0]
    for part in ("3 files", "0.3 MB", server.address, "states no licence"):
        assert part in announced
    assert "GenreClassData_30s.txt: 100%" in told


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_leaves_nothing_behind_and_is_told(tmp_path, serve, fault):
    with pytest.raises(Refusal) as refusal:
        fetch(tmp_path / "course", serve(fault))
    sentence = str(refusal.value)
    assert sentence.startswith("GenreClassData_5s.txt could not be downloaded: 127.0.0.1:")
    assert sentence.endswith(f"{FAULTS[fault]}.")
    assert names(tmp_path / "course") == []


@pytest.mark.parametrize("fault", FAULTS)
def test_after_a_faulty_mirror_the_next_one_is_asked(tmp_path, serve, fault):
    bad, fine = serve(fault), serve(good)
    fetch(tmp_path / "course", bad, fine)
    assert contents(tmp_path / "course") == CONTENTS
    assert len(bad.asked) == len(fine.asked) == 3


def test_content_with_the_right_blob_id_but_another_sha256_is_refused(tmp_path, serve):
    wanted = [WANTED[2]._replace(sha256="0" * 64)]
    with pytest.raises(Refusal, match="sent other content"):
        fetch(tmp_path, serve(good), wanted=wanted)
    assert names(tmp_path) == []


def test_a_server_that_stalls_is_given_up_and_leaves_nothing(tmp_path, serve):
    server = serve(stalled)
    with pytest.raises(Refusal, match="does not answer"):
        fetch(tmp_path / "course", server, timeout=(0.2, 0.2))
    server.released.set()
    assert len(server.asked) == 1
    assert names(tmp_path / "course") == []


def test_a_host_that_does_not_answer_is_asked_once(tmp_path, serve, monkeypatch):
    server = serve(good)
    server.shutdown()
    server.server_close()
    calls = []
    download = corpora._download
    monkeypatch.setattr(corpora, "_download", lambda *a: (calls.append(a), download(*a)))
    with pytest.raises(Refusal, match=r"_5s\.txt could not be downloaded: .* does not answer\.$"):
        fetch(tmp_path / "course", server, server, server)
    assert len(calls) == 1


def test_files_that_came_before_a_fault_are_kept_and_not_asked_for_again(tmp_path, serve):
    def first_only(handler, name):
        (good if "5s" in name else broken_off)(handler, name)

    with pytest.raises(Refusal, match="GenreClassData_10s"):
        fetch(tmp_path, serve(first_only))
    assert names(tmp_path) == ["GenreClassData_5s.txt"]
    server = serve(good)
    fetch(tmp_path, server)
    assert contents(tmp_path) == CONTENTS
    assert [path.rpartition("/")[2] for path in server.asked] == list(CONTENTS)[1:]


def test_when_all_is_there_no_server_is_asked(tmp_path, serve, capsys):
    for name, content in CONTENTS.items():
        (tmp_path / name).write_bytes(content)
    server = serve(good)
    fetch(tmp_path, server)
    assert server.asked == []
    assert capsys.readouterr().err == ""


def test_a_file_of_that_name_with_other_content_is_never_overwritten(tmp_path, serve):
    path = tmp_path / "GenreClassData_10s.txt"
    path.write_text("mine")
    with pytest.raises(Refusal, match=r"GenreClassData_10s\.txt is not the course's table"):
        fetch(tmp_path, serve(good))
    assert path.read_text() == "mine"
    assert names(tmp_path) == [path.name]


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path, serve):
    (tmp_path / "course").write_text("a file where the folder should be")
    with pytest.raises(Refusal, match=r"GenreClassData_5s\.txt cannot be written"):
        fetch(tmp_path / "course", serve(good))


def test_the_real_tables_are_those_that_a_download_would_accept(real_data):
    for file in corpora.COURSE_FILES[1:]:
        assert file.is_at(real_data / "course" / file.name)
    assert not corpora.COURSE_FILES[1].is_at(real_data / "course" / "GenreClassData_30s.txt")


def test_the_30_s_table_is_downloaded_last():
    assert corpora.COURSE_FILES[-1].name == "GenreClassData_30s.txt"
