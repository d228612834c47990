"""How is a file of music classified in a browser?"""

import http.client
import json
import re
import shutil
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote, urlsplit

import numpy as np
import psutil
import pytest
from conftest import TOY_GENRES

from genres.__main__ import main
from genres.demo import hearing, workers
from genres.demo.connections import MOST_CONNECTIONS
from genres.demo.server import MOST_WAITING
from genres.demo.sounds import examples
from genres.project import PROJECT
from genres.sound import tagger, tags
from tests.demo_server import SECONDS, files_in_flight, pretending, serving


@pytest.fixture(scope="module")
def server(toy_run):
    with serving("--model", toy_run / "models" / "champion") as server:
        yield server


def test_nobody_is_served_without_the_token(server):
    sounds = ("/sound/example?name=" + next(iter(examples())), "/sound/known?name=clip-5.wav")
    pages = ("/", "/page.js", "/state", "/classify", "/nowhere", "/?token=", "/?token=guess")
    for path in pages + sounds:
        for method in ("GET", "POST", "PUT"):
            status, headers, body = server.request(path, method)
            assert status == 403, (method, path)
            assert "token" in body
            assert "Set-Cookie" not in headers
    status, *_ = server.request("/state", Cookie=f"genre-demo-{server.port}=guess")
    assert status == 403


def test_the_token_is_exchanged_for_a_cookie_that_scripts_and_strangers_do_not_see(server):
    status, headers, _ = server.request(f"/?{urlsplit(server.address).query}")
    assert status == 200
    assert "HttpOnly" in headers["Set-Cookie"]
    assert "SameSite=Strict" in headers["Set-Cookie"]
    assert urlsplit(server.address).query.partition("=")[2] not in headers["Set-Cookie"]
    status, headers, body = server.request("/", **server.enter())
    assert status == 200
    assert "Genre timeline" in body
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")


def test_who_comes_by_another_name_or_from_another_page_is_not_served(server):
    inside = server.enter()
    assert server.request("/state", **inside)[0] == 200
    named = inside | {"Host": f"evil.example:{server.port}"}
    status, _, said = server.request("/state", **named)
    assert status == 403
    assert said.startswith("The demo responds to 127.0.0.1 and localhost alone, and not to evil.")
    elsewhere = inside | {"Origin": "http://127.0.0.1:1"}
    status, _, said = server.request("/classify", "POST", b"x", **elsewhere)
    assert status == 403
    assert said == "The demo serves its own page, and not http://127.0.0.1:1.\n"
    assert server.request("/nowhere", **inside)[0] == 404


def test_sounds_are_given_by_their_names_and_no_file_by_its_path(server, toy_run):
    inside = server.enter()
    paths = ("../../../../etc/passwd", "/etc/passwd", str(toy_run / "models"), "clip-5.wav", "")
    for kind in ("known", "example"):
        for name in paths:
            status, _, said = server.request(f"/sound/{kind}?name={quote(name)}", **inside)
            assert (status, said) == (404, "This sound is not at hand.\n")
    assert server.request("/sound/other?name=x", **inside)[0] == 404


def test_what_is_too_large_is_refused_while_it_comes(server):
    inside = server.enter()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", "/classify?name=long.wav", skip_host=True)
    for name, value in {**server.own, **inside, "Content-Length": "200000001"}.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413
    assert "200 MB" in response.read().decode()
    assert server.request("/state", **inside)[0] == 200


def steps_of(models, path, longest=60):
    """Give the messages that describe a file, and the labels of its steps."""
    labels = []
    messages = hearing.describe(
        str(path), path.name, models, longest, lambda label, share: labels.append(label)
    )
    return list(messages), labels


def test_a_champion_that_reads_tags_gets_each_part_tagged(music):
    class Reader:
        """A champion that keeps the tags that it is given."""

        genres_, n_steps_, reads_tags, base_ = TOY_GENRES, 3, True, MappingProxyType({})

        def predict_proba(self, tracks):
            given.append(tracks.tags)
            return np.full((len(tracks), 2), 0.5)

    given = []

    said, labels = steps_of({"champion": Reader()}, music / "song.wav")
    (shown,) = [message["tags"] for message in said if "tags" in message]
    assert len(shown["edges"]) == len(shown["taggram"]) + 1
    assert (shown["edges"][0], shown["edges"][-1]) == (0, SECONDS)
    parts = (hearing.WHOLE, hearing.HARMONIC, hearing.PERCUSSIVE)
    assert {f"Tagging the {part}" for part in parts} <= {*labels}
    assert [of_part.shape[1] for of_part in given] == [50, 50, 50]


def test_one_that_reads_none_has_only_the_whole_tagged(toy_run, music):
    said, labels = steps_of(hearing.load(toy_run / "models" / "champion"), music / "song.wav")
    assert sum("tags" in message for message in said) == 1
    assert {label for label in labels if "Tagging" in label} == {"Tagging the whole sound"}


def test_the_steps_of_a_description_are_one_course(toy_run, music):
    models = hearing.load(toy_run / "models" / "champion")
    _, labels = steps_of(models, music / "song.wav")
    assert list(dict.fromkeys(labels)) == list(hearing.steps(models))


def test_the_bars_of_a_training_are_those_of_the_notebook():
    notebook = (PROJECT / "notebooks" / "11-champion.ipynb").read_text()
    of_extraction, *of_notebook, _ = workers._BARS
    assert of_extraction == "extract"
    for start in of_notebook:
        assert re.search(rf'(progress|predict_jobs)\(.*\\"{start}', notebook)


def test_without_the_taggers_weights_all_else_is_described(toy_run, music, monkeypatch):
    monkeypatch.setattr(tagger, "network", tagger.network.__wrapped__)
    monkeypatch.setattr(tags, "_PACKAGE", "no_such_package")
    said, _ = steps_of(hearing.load(toy_run / "models" / "champion"), music / "song.wav")
    (why,) = [message["untagged"] for message in said if "untagged" in message]
    assert why.startswith("The tagger's weights are not installed: ")
    assert sum("timeline" in message for message in said) == 6


def test_the_process_that_describes_files_may_not_take_all_memory(server):
    server.request(
        "/classify?name=a", "POST", b"x", **server.enter()
    )  # returns once it has started
    assert server.hearing().rlimit(psutil.RLIMIT_DATA) == (
        workers.MOST_MEMORY,
        workers.MOST_MEMORY,
    )


@pytest.fixture(scope="module")
def pretender(toy_run, tmp_path_factory):
    """A demo whose child process only pretends, and its folder; it has no complaint to the end."""
    folder = tmp_path_factory.mktemp("pretender")
    shutil.copytree(toy_run, folder / "toy")
    with pretending(folder) as server:
        yield server, folder
        server.process.terminate()
        assert server.process.communicate(timeout=30)[1] == ""


def test_a_file_that_finds_no_room_on_the_disk_gets_a_sentence_and_leaves_it(toy_run, tmp_path):
    shutil.copytree(toy_run, tmp_path / "toy")
    small_disk = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    with pretending(tmp_path, before=small_disk) as server:
        inside = server.enter()
        for size in (100_010, 1_000_000):  # the end of the first is written when all of it is there
            status, _, said = server.request("/classify?name=a", "POST", bytes(size), **inside)
            assert status == 507
            assert said == "The file cannot be kept on this machine's disk (file too large).\n"
            assert files_in_flight(tmp_path) == []
        assert server.request("/classify?name=a", "POST", b"x", **inside)[0] == 200


def test_a_file_that_stops_coming_leaves_nothing_behind(pretender):
    server, folder = pretender
    inside = server.enter()
    for _ in range(MOST_WAITING + 1):  # none of them takes the place of another
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.putrequest("POST", "/classify?name=a", skip_host=True)
        for name, value in {**server.own, **inside, "Content-Length": "1000"}.items():
            connection.putheader(name, value)
        connection.endheaders(b"the beginning")
        while not files_in_flight(folder):
            time.sleep(0.01)
        connection.close()
        while files_in_flight(folder):
            time.sleep(0.01)
    assert server.request("/classify?name=a", "POST", b"x", **inside)[0] == 200


def begin_upload(server, inside, length="1000"):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", "/classify?name=a", skip_host=True)
    for name, value in {**server.own, **inside, "Content-Length": length}.items():
        connection.putheader(name, value)
    connection.endheaders(b"x")
    return connection


def is_closed(sock, within=30):
    """Wait for the other side to close a connection."""
    sock.settimeout(within)
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


@pytest.fixture(scope="module")
def impatient(toy_run, tmp_path_factory):
    """A demo with a child process that only pretends, which waits for 2 s at most; its folder."""
    folder = tmp_path_factory.mktemp("impatient")
    shutil.copytree(toy_run, folder / "toy")
    with pretending(folder, before="from genres.demo import server\nserver.STALLED = 2") as server:
        yield server, folder


def test_files_that_stop_coming_make_room_for_others(impatient):
    server, folder = impatient
    inside = server.enter()
    stalled = [begin_upload(server, inside) for _ in range(MOST_WAITING)]
    for connection in stalled:
        response = connection.getresponse()
        assert response.status == 408
        assert "nothing more of the file came" in response.read().decode()
    assert server.request("/classify?name=a", "POST", b"x", **inside)[0] == 200
    assert files_in_flight(folder) == []


def test_who_takes_no_response_does_not_hold_up_the_others(impatient):
    server, _ = impatient
    inside = server.enter()
    lazy = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    lazy.request("POST", "/classify?name=floods", b"x", server.own | inside)
    lazy.getresponse().read(1)
    assert server.request("/classify?name=a", "POST", b"x", **inside)[0] == 200


def test_who_shows_no_token_cannot_hold_all_connections(pretender):
    server, folder = pretender
    inside = server.enter()
    upload = begin_upload(server, inside, "2")
    while not files_in_flight(folder):
        time.sleep(0.01)
    address = ("127.0.0.1", server.port)
    idle = [socket.create_connection(address) for _ in range(MOST_CONNECTIONS + 20)]
    assert is_closed(idle[0])
    assert server.request("/state", **inside)[0] == 200
    upload.send(b"x")
    assert upload.getresponse().status == 200
    for sock in idle:
        sock.close()


def test_a_connection_that_asks_for_nothing_or_never_ends_is_ended(tmp_path):
    with pretending(
        tmp_path, before="from genres.demo import connections\nconnections.IDLE = 1"
    ) as server:
        for sent in (b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx"):
            with socket.create_connection(("127.0.0.1", server.port)) as sock:
                sock.sendall(sent)
                assert is_closed(sock)
        server.process.terminate()
        assert server.process.communicate(timeout=30)[1] == ""


def test_with_few_descriptors_it_goes_on_and_says_so_once(toy_run, tmp_path):
    shutil.copytree(toy_run, tmp_path / "toy")
    few = """
import resource
from genres.demo import server
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
"""
    with pretending(tmp_path, before=few) as server:
        inside = server.enter()
        idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(60)]
        for _ in range(3):
            assert server.request("/classify?name=a", "POST", b"x", **inside)[0] == 200
        for sock in idle:
            sock.close()
        server.process.terminate()
        (said,) = server.process.communicate(timeout=30)[1].splitlines()
        assert said.startswith("Not every connection can be accepted (too many open files)")


def test_a_folder_for_files_that_was_taken_is_made_anew(toy_run, tmp_path):
    shutil.copytree(toy_run, tmp_path / "toy")
    place = tmp_path / "tmp"
    place.mkdir()
    with pretending(tmp_path, place=place) as server:
        inside = server.enter()
        shutil.rmtree(next(place.glob("genre-demo-*")))
        assert server.request("/classify?name=a", "POST", b"x", **inside)[0] == 200
        assert len(list(place.glob("genre-demo-*"))) == 1
        shutil.rmtree(place)
        status, _, said = server.request("/classify?name=a", "POST", b"x", **inside)
        assert status == 507
        assert said.endswith("disk (no such file or directory).\n")
        place.mkdir()
        assert server.request("/classify?name=a", "POST", b"x", **inside)[0] == 200
        server.process.terminate()
        assert server.process.communicate(timeout=30)[1] == ""
    assert not list(place.iterdir())


MALFORMED = [
    b"\r\n\r\n",
    b"GET\r\n\r\n",
    b"\xff\xfe / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nCookie: \xff=\xfe; =; ;;\r\n\r\n",
    b"GET /?token=%ff%00&token=\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    *(
        b"POST /classify HTTP/1.1\r\nHost: 127.0.0.1\r\n" + headers + b"\r\n\r\n" + body
        for headers, body in [
            (b"Content-Length: " + b"9" * 5000, b""),
            (b"Content-Length: " + b"0" * 5000, b""),
            (b"Content-Length: -1", b""),
            (b"Content-Length: \xd9\xa3", b""),
            (b"Content-Length: 1, 2", b""),
            (b"Transfer-Encoding: chunked", b"zz\r\n"),
            (b"Transfer-Encoding: chunked", b"2\r\nxxxx\r\n"),
            (b"Transfer-Encoding: chunked", b"9" * 5000 + b"\r\n"),
            (b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"0\r\n\r\n"),
            (b"Transfer-Encoding: gzip", b"x"),
            (b"Content-Length: 3\r\nContent-Type: multipart/form-data; boundary=b", b"--b"),
            (b"Content-Length: 3\r\nContent-Encoding: gzip", b"abc"),
        ]
    ),
]


def test_what_is_malformed_is_refused_without_a_traceback(pretender):
    server, _ = pretender
    cookie = b"\r\n".join(
        b"%s: %s" % (name.encode(), value.encode()) for name, value in server.enter().items()
    )
    for sent in MALFORMED:
        for sent_too in (b"", cookie + b"\r\n"):
            with socket.create_connection(("127.0.0.1", server.port), timeout=30) as sock:
                sock.sendall(sent.replace(b"\r\n", b"\r\n" + sent_too, 1))
                sock.shutdown(socket.SHUT_WR)
                status = sock.makefile("rb").readline()
            assert re.match(rb"HTTP/1.1 [24]\d\d |$", status), (sent, status)
    assert server.request("/state", **server.enter())[0] == 200


def test_a_body_in_chunks_and_a_length_of_5000_digits_are_bad_requests(pretender):
    server, _ = pretender
    inside = server.enter()
    assert server.request("/train", "POST", iter([b"x"]), **inside)[0] == 400
    for digit in "09":
        long = inside | {"Content-Length": 5000 * digit}
        assert server.request("/classify", "POST", b"", **long)[0] == 400


def test_a_process_that_cannot_be_started_is_said(tmp_path):
    before = "from genres.demo import workers"
    with pretending(tmp_path, before=before, python=("/nowhere",)) as server:
        _, _, said = server.request("/train", "POST", b"", **server.enter())
        last = json.loads(said.splitlines()[-1])
        assert last == {"refusal": "The training failed: No such file or directory."}
        server.process.terminate()
        assert server.process.communicate(timeout=30)[1] == ""


def test_only_so_many_files_may_come_at_once(pretender):
    server, folder = pretender
    inside, coming = server.enter(), []
    for number in range(MOST_WAITING):
        coming.append(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60))
        coming[-1].putrequest("POST", "/classify?name=a", skip_host=True)
        for name, value in {**server.own, **inside, "Content-Length": "1"}.items():
            coming[-1].putheader(name, value)
        coming[-1].endheaders()
        while len(files_in_flight(folder)) <= number:
            time.sleep(0.01)
    assert server.request("/classify?name=a", "POST", b"x", **inside)[0] == 503
    for connection in coming:
        connection.send(b"x")
        assert connection.getresponse().status == 200


def test_the_token_is_in_no_program_s_arguments(toy_run, tmp_path):
    shutil.copytree(toy_run, tmp_path / "toy")
    seen = tmp_path / "seen"
    before = f"""
from genres.demo import server
server._show = lambda address: open({str(seen)!r}, "w").write(address)
sys.argv.remove("--no-browser")
"""
    with pretending(tmp_path, before=before) as server:
        deadline = time.monotonic() + 60
        while not (seen.exists() and seen.read_text()):
            assert time.monotonic() < deadline, "no page was shown"
            time.sleep(0.01)
        opened = Path(urlsplit(seen.read_text()).path)
        assert urlsplit(server.address).query.partition("=")[2] not in seen.read_text()
        assert opened.stat().st_mode & 0o777 == 0o600
        assert server.address in opened.read_text()
    assert not opened.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_quietly_and_nothing_is_left(toy_run, tmp_path, number):
    with serving("--model", toy_run / "models" / "champion", folder=tmp_path) as server:
        hearing = server.hearing()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("POST", "/classify?name=a", b"x", server.own | server.enter())
        assert "step" in json.loads(connection.getresponse().readline())
        server.process.send_signal(number)
        _, said = server.process.communicate(timeout=30)
        assert said == ""
    assert server.process.returncode == 128 + number
    assert not list(tmp_path.iterdir())
    assert not hearing.is_running()


def test_what_a_killed_server_left_is_removed_by_the_next_but_not_what_is_in_use(tmp_path):
    with pretending(tmp_path) as server:
        server.process.kill()
        server.process.wait(30)
    (left,) = tmp_path.glob("genre-demo-*")
    with pretending(tmp_path):
        (one,) = tmp_path.glob("genre-demo-*")
        assert one != left
        with pretending(tmp_path):
            assert len([*tmp_path.glob("genre-demo-*")]) == 2
    assert not [*tmp_path.glob("genre-demo-*")]


def test_it_serves_without_what_windows_lacks(toy_run, tmp_path):
    shutil.copytree(toy_run, tmp_path / "toy")
    before = f"sys.path.insert(0, {str(PROJECT / 'tests')!r})\nimport like_windows"
    with pretending(tmp_path, before=before) as server:
        assert server.request("/classify?name=a", "POST", b"x", **server.enter())[0] == 200
        server.process.send_signal(signal.SIGINT)
        _, said = server.process.communicate(timeout=30)
    assert (server.process.returncode, said) == (128 + signal.SIGINT, "")
    assert not list(tmp_path.glob("*genre-demo-*"))


@pytest.mark.parametrize("options", [["--model", "nowhere"], ["--port", "70000"], ["--port"]])
def test_what_cannot_be_served_is_refused_in_a_sentence(capsys, options):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        if options == ["--port"]:
            options = ["--port", str(taken.getsockname()[1])]
        with suppress(SystemExit):
            assert main(["demo", "--no-browser", *options]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert options[1] in printed.err or "65535" in printed.err


def test_a_damaged_ensemble_beside_a_sound_champion_is_left_out(toy_run, tmp_path, capsys):
    models = tmp_path / "models"
    shutil.copytree(toy_run / "models", models)
    assert list(hearing.load(models / "champion")) == ["champion", "LSTM ensemble"]
    member = models / "lstm-ensemble" / "member-01.keras"
    content = bytearray(member.read_bytes())
    content[len(content) // 2] ^= 0xFF
    member.write_bytes(content)
    assert list(hearing.load(models / "champion")) == ["champion"]
    assert capsys.readouterr().err == (
        f"The LSTM ensemble is left out: {member} is damaged: make it again.\n"
    )
