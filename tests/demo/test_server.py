"""How is a file of music classified in a browser?"""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
import soundfile

from genres.__main__ import main
from genres.demo import hearing, workers
from genres.demo.connections import MOST_CONNECTIONS
from genres.demo.server import MOST_WAITING
from genres.models import champion, networks
from genres.models.champion import Champion, Mixture
from genres.models.classifiers import LstmClassifier
from genres.models.kernel import TextureClassifier
from genres.sound import measurements, tagger, tags
from genres.synth import corpus

PROJECT = Path(__file__).resolve().parents[2]
GENRES = ["classical", "metal"]
SECONDS = 24
PATIENCE = 120_000  # ms

DURATION = """audio => audio.readyState ? audio.duration : new Promise(known =>
    audio.addEventListener("loadedmetadata", () => known(audio.duration)))"""

DROP = """text => {
    const dragged = new DataTransfer();
    dragged.items.add(new File([text], "text.wav"));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: dragged, bubbles: true }));
}"""

HAS_TIMELINE_OF = """name => document.querySelector("#title").textContent.startsWith(name)
    && !document.querySelector("#track").hidden && document.querySelector("#rows tr")"""

# Takes the place of Python as what starts child processes: one trains, and one describes files.
STAND_IN = """\
import json, pathlib, shutil, sys, time
if sys.argv[1] == "genres":
    print("Training with", *sys.argv[2:])
    if not {model!r}:
        sys.exit("No luck today.")
    shutil.copytree({model!r}, {runs!r} + "/synthetic-quick/models/champion")
    sys.exit()
print('{{"ready": []}}', flush=True)
for line in sys.stdin:
    name = json.loads(line)["name"]
    if name.startswith("dies"):
        sys.exit()
    while name == "hangs":
        time.sleep(0.1)
    if name == "floods":
        print(json.dumps({{"sound": "x" * 50_000_000}}), flush=True)
    print('{{"sound": {{}}}}\\n{{"end": true}}', flush=True)
"""


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Folder of a run whose models were trained on six clips of two synthetic genres."""
    folder = tmp_path_factory.mktemp("runs") / "toy"
    clips = [corpus.render(genre, seed) for seed in range(3) for genre in GENRES]
    names, labels = [f"clip-{number}.wav" for number in range(6)], np.arange(6) % 2
    tracks = measurements.measure([clip.samples for clip in clips], 3, names)

    base = {"kernel machine on texture": TextureClassifier()}
    kept = Champion(base, Mixture.alone(*base), GENRES).fit(tracks, labels)
    champion.save(kept, folder / "models" / "champion")

    lstms = LstmClassifier(n_members=1, epochs=2, random_state=0).fit(tracks, labels)
    preparation = {**lstms.preparation_, "seconds": 10, "genres": GENRES}
    networks.save_ensemble(lstms.ensemble_, folder / "models" / "lstm-ensemble", preparation)
    return folder


@pytest.fixture(scope="session")
def music(tmp_path_factory):
    """Folder of a clip that changes its genre, as WAV and as MP3."""
    folder = tmp_path_factory.mktemp("music")
    n_samples = SECONDS * corpus.SAMPLE_RATE // 2
    samples = np.concatenate([corpus.render(genre, 0).samples[:n_samples] for genre in GENRES])
    soundfile.write(folder / "song.wav", samples, corpus.SAMPLE_RATE)
    soundfile.write(folder / "song.mp3", samples, corpus.SAMPLE_RATE)
    return folder


class Server:
    """A demo that serves, and what it has printed."""

    def __init__(self, process):
        self.process, self.printed = process, []
        while not (self.printed and "?token=" in self.printed[-1]):
            self.printed.append(process.stdout.readline())
            assert self.printed[-1], process.communicate()
        self.address = self.printed[-1].split()[-1]
        self.port = urlsplit(self.address).port
        self.own = {"Host": f"127.0.0.1:{self.port}"}

    def request(self, path="/", method="GET", body=None, **headers):
        """Give status, headers and body of the response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, self.own | headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()

    def enter(self):
        """Give the headers of who has the cookie."""
        address = urlsplit(self.address)
        _, headers, _ = self.request(f"/?{address.query}")
        cookie = headers["Set-Cookie"].partition(";")[0]
        return {"Cookie": cookie, "Origin": f"http://127.0.0.1:{self.port}"}

    def hearing(self):
        """Give the process that describes files."""
        (child,) = psutil.Process(self.process.pid).children()
        return child


@contextmanager
def serving(*options, before="", folder=None):
    """Serve the demo, in a Python that has executed some code before."""
    code = f"import sys\nfrom genres.__main__ import main\n{before}\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "demo", "--no-browser", *map(str, options)]
    environment = os.environ | ({"TMPDIR": str(folder)} if folder else {})
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, **pipes)
    try:
        yield Server(process)
    finally:
        process.terminate()
        process.communicate(timeout=30)


@contextmanager
def pretending(folder, model="", before="", place=None, python=None):
    """Serve the demo of a project without a model, with child processes that only pretend."""
    stand_in = folder / "stand_in.py"
    stand_in.write_text(STAND_IN.format(model=str(model), runs=str(folder)))
    before += f"""
import pathlib
from genres import project
from genres.demo import workers
project.RUNS = pathlib.Path({str(folder)!r})
workers.PYTHON = {python or (sys.executable, str(stand_in))!r}
workers.PATIENCE = 10
"""
    with serving(before=before, folder=place or folder) as server:
        yield server


def files_in_flight(folder):
    return list(folder.glob("genre-demo-*/*"))


@pytest.fixture(scope="module")
def server(run):
    with serving("--model", run / "models" / "champion") as server:
        yield server


@pytest.fixture
def page(browser, server):
    with opened(browser, server.address) as page:
        yield page


@contextmanager
def opened(browser, address):
    """Open the page; fail if its script does."""
    page, faults = browser.new_page(), []
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: line.type == "error" and faults.append(line.text))
    page.goto(address)
    yield page
    page.close()
    assert not faults


def drop(page, path):
    """Choose a file, and wait until its first timeline is there."""
    page.wait_for_selector("#drop")  # it is there when the page is ready for a file
    page.set_input_files("#file", path)
    page.wait_for_function(HAS_TIMELINE_OF, arg=path.name)


def test_nobody_is_served_without_the_token(server):
    for path in ("/", "/page.js", "/state", "/classify", "/nowhere", "/?token=", "/?token=guess"):
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


def test_wav_and_mp3_get_a_timeline_and_a_text_named_wav_a_sentence(page, music):
    for name in ("song.wav", "song.mp3"):
        drop(page, music / name)
        assert page.inner_text("#title") == f"{name}, 0:{SECONDS}"
        assert re.fullmatch(r"classical \d+ %.* from 0:00; metal .*", page.inner_text("#summary"))
        assert page.locator("#marks i").count() == page.locator("#spans li").count() - 1
        likeliest = page.locator("#rows td:nth-child(3)").all_text_contents()
        assert likeliest[0].startswith("classical ")
        assert likeliest[-1].startswith("metal ")
        assert page.locator("audio").evaluate(DURATION) == pytest.approx(SECONDS, abs=0.2)

    page.evaluate(DROP, "This is no music.\n" * 100)
    page.wait_for_selector("#alert:not(:empty)")
    assert page.inner_text("#alert") == (
        "text.wav is not audio whatever its name: its content is text."
    )
    assert page.is_hidden("#track")
    drop(page, music / "song.wav")
    assert page.inner_text("#alert") == ""


CASES = {name: "0:40" for name in (
    *("vbr-no-xing.mp3", "abr-piped.mp3", "size-zero.wav", "chained.ogg", "speech.spx"),
    *("voice.opus", "adts.aac", "adts-named.mp3", "phone.m4a", "cinema.ac3", "zeros-then-mp3.mp3"),
)}  # fmt: skip
CASES |= {name: "0:31" for name in ("piped.flac", "flac-in-ogg.ogg", "opposite-phase.wav")}
CASES |= {"piped-20s.wav": "0:20"}


def test_files_as_people_have_them_are_shown_in_full(page, real_data):
    for name, length in CASES.items():
        drop(page, real_data / "cases" / name)
        assert page.inner_text("#title") == f"{name}, {length}"
        cancels = "Its channels cancel each other: the loudest alone was taken."
        assert page.inner_text("#notes") == (cancels if name == "opposite-phase.wav" else "")


def test_a_file_that_is_cut_off_is_shown_and_that_is_said(page, music, tmp_path):
    content = (music / "song.wav").read_bytes()
    (tmp_path / "part.wav").write_bytes(content[: len(content) // 2 + 1000])
    drop(page, tmp_path / "part.wav")
    assert page.inner_text("#title") == f"part.wav, 0:{SECONDS // 2}"
    assert page.inner_text("#notes") == "It is cut off: the rest of it is lost."


def test_the_parts_and_the_other_model_follow_and_the_nearest_tracks(page, music):
    drop(page, music / "song.wav")
    for name in ("whole sound", "harmonic part", "percussive part"):
        page.get_by_role("radio", name=name).check()
        for model in ("LSTM ensemble", "champion"):
            page.get_by_role("radio", name=model).check()
            assert page.inner_text("#summary")
    page.wait_for_selector("#working", state="hidden")
    assert page.locator("#nearest li").count() == 5
    assert re.search(r"clip-.*\d+ %", page.inner_text("#nearest"), re.S)


def test_the_keyboard_moves_the_cursor_and_the_values_are_said(page, music):
    drop(page, music / "song.wav")
    page.focus("#lanes")
    for key in ("Home", "ArrowRight", "ArrowRight", "PageUp"):
        page.keyboard.press(key)
    slider = page.get_by_role("slider", name="Position in the track")
    assert slider.get_attribute("aria-valuenow") == "12.0"
    said = slider.get_attribute("aria-valuetext")
    assert re.fullmatch(r"0:12: \w+ \d+ %, \w+ \d+ %; tags: [^,]+ \d+ %(, [^,]+ \d+ %){2}", said)
    assert page.inner_text("#when") == "At 0:12"
    assert sorted(page.locator("#values span:nth-child(3)").all_text_contents()) == GENRES


def test_the_tags_of_the_moment_that_plays_are_shown(page, music):
    drop(page, music / "song.wav")
    named = page.locator("#tag-values li")
    assert named.count() == 6
    at_first = named.all_inner_texts()
    assert re.fullmatch(r"\D+\s+\d+ %", at_first[0])
    page.evaluate(f"document.querySelector('audio').currentTime = {0.75 * SECONDS}")
    page.wait_for_function("() => document.querySelector('#when').textContent === 'At 0:18'")
    assert named.all_inner_texts() != at_first
    assert (
        page.locator("#taggram").bounding_box()["width"]
        == (page.locator("#mel").bounding_box()["width"])
    )
    assert "not on these genres" in page.inner_text("#tags-note")
    assert "%" in page.locator("#rows td:nth-child(5)").first.text_content()


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

        genres_, n_steps_, reads_tags, base_ = GENRES, 3, True, MappingProxyType({})

        def predict_proba(self, tracks):
            given.append(tracks.tags)
            return np.full((len(tracks), 2), 0.5)

    given = []

    said, labels = steps_of({"champion": Reader()}, music / "song.wav")
    (shown,) = [message["tags"] for message in said if "tags" in message]
    assert len(shown["edges"]) == len(shown["taggram"]) + 1
    assert (shown["edges"][0], shown["edges"][-1]) == (0, SECONDS)
    assert {"Tagging it", "Tagging the harmonic part", "Tagging the percussive part"} <= {*labels}
    assert [of_part.shape[1] for of_part in given] == [50, 50, 50]


def test_one_that_reads_none_has_only_the_whole_tagged(run, music):
    said, labels = steps_of(hearing.load(run / "models" / "champion"), music / "song.wav")
    assert sum("tags" in message for message in said) == 1
    assert not [label for label in labels if label.startswith("Tagging the")]


def test_without_the_taggers_weights_all_else_is_described(run, music, monkeypatch):
    monkeypatch.setattr(tagger, "network", tagger.network.__wrapped__)
    monkeypatch.setattr(tags, "_PACKAGE", "no_such_package")
    said, _ = steps_of(hearing.load(run / "models" / "champion"), music / "song.wav")
    (why,) = [message["untagged"] for message in said if "untagged" in message]
    assert why.startswith("The tagger's weights are not installed: ")
    assert sum("timeline" in message for message in said) == 6


def test_the_page_is_as_wide_as_its_window(page, music):
    drop(page, music / "song.wav")
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_process_that_describes_files_may_not_take_all_memory(server):
    server.request(
        "/classify?name=a", "POST", b"x", **server.enter()
    )  # returns once it has started
    assert server.hearing().rlimit(psutil.RLIMIT_DATA) == (
        workers.MOST_MEMORY,
        workers.MOST_MEMORY,
    )


def test_without_a_model_the_page_says_what_makes_one_and_has_a_rough_one_trained(
    browser, run, tmp_path
):
    with pretending(tmp_path, run / "models" / "champion") as server:
        said = "There is no trained model yet: .venv/bin/genres run --only 11 makes one."
        assert server.printed[0].startswith(said)
        assert server.request("/classify", "POST", b"x", **server.enter())[0] == 409
        with opened(browser, server.address) as page:
            page.wait_for_selector("#training")
            assert page.inner_text("#how-to-train").startswith(said)
            assert page.is_hidden("#drop")
            page.click("#train")
            page.wait_for_selector("#drop")
            assert "of a rehearsal" in page.inner_text("#model")
        status, _, body = server.request("/classify", "POST", b"x", **server.enter())
        assert status == 200
        assert '{"sound": {}}' in body.splitlines()


def test_a_training_that_fails_is_said(browser, tmp_path):
    with pretending(tmp_path) as server, opened(browser, server.address) as page:
        page.click("#train")
        page.wait_for_selector("#alert:not(:empty)")
        assert page.inner_text("#alert") == "The training failed: No luck today."
        assert page.is_enabled("#train")


def test_a_process_that_dies_or_hangs_costs_a_sentence_and_the_next_file_gets_its_turn(
    browser, run, tmp_path
):
    shutil.copytree(run, tmp_path / "toy")
    with pretending(tmp_path) as server:
        first, inside = server.hearing().pid, server.enter()
        with opened(browser, server.address) as page:
            page.wait_for_selector("#drop")
            file = {"name": "dies.mp3", "mimeType": "audio/mpeg", "buffer": b"x"}
            page.set_input_files("#file", file)
            page.wait_for_selector("#alert:not(:empty)")
            said = "dies.mp3: the process that analysed it ended"
            assert page.inner_text("#alert").startswith(said)
        for name, said in (
            ("dies", "dies: the process that analysed it ended"),
            ("song", ""),
            ("hangs", "hangs: its analysis gave no sign for 10 s"),
            ("song", ""),
        ):
            _, _, body = server.request(f"/classify?name={name}", "POST", b"x", **inside)
            last = json.loads(body.splitlines()[-1])
            assert last.get("refusal", "").startswith(said)
            assert "sound" in last or said
        assert server.hearing().pid != first
        assert files_in_flight(tmp_path) == []


def test_a_file_that_finds_no_room_on_the_disk_gets_a_sentence_and_leaves_it(run, tmp_path):
    shutil.copytree(run, tmp_path / "toy")
    small_disk = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    with pretending(tmp_path, before=small_disk) as server:
        inside = server.enter()
        for size in (100_010, 1_000_000):  # the end of the first is written when all of it is there
            status, _, said = server.request("/classify?name=a", "POST", bytes(size), **inside)
            assert status == 507
            assert said == "The file cannot be kept on this machine's disk (file too large).\n"
            assert files_in_flight(tmp_path) == []
        assert server.request("/classify?name=a", "POST", b"x", **inside)[0] == 200


def test_a_file_that_stops_coming_leaves_nothing_behind(run, tmp_path):
    shutil.copytree(run, tmp_path / "toy")
    with pretending(tmp_path) as server:
        inside = server.enter()
        for _ in range(MOST_WAITING + 1):  # none of them takes the place of another
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            connection.putrequest("POST", "/classify?name=a", skip_host=True)
            for name, value in {**server.own, **inside, "Content-Length": "1000"}.items():
                connection.putheader(name, value)
            connection.endheaders(b"the beginning")
            while not files_in_flight(tmp_path):
                time.sleep(0.01)
            connection.close()
            while files_in_flight(tmp_path):
                time.sleep(0.01)
        assert server.request("/classify?name=a", "POST", b"x", **inside)[0] == 200
        server.process.terminate()
        assert server.process.communicate(timeout=30)[1] == ""


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


def test_files_that_stop_coming_make_room_for_others(run, tmp_path):
    shutil.copytree(run, tmp_path / "toy")
    before = "from genres.demo import server\nserver.STALLED = 2"
    with pretending(tmp_path, before=before) as server:
        inside = server.enter()
        stalled = [begin_upload(server, inside) for _ in range(MOST_WAITING)]
        for connection in stalled:
            response = connection.getresponse()
            assert response.status == 408
            assert "nothing more of the file came" in response.read().decode()
        assert server.request("/classify?name=a", "POST", b"x", **inside)[0] == 200
        assert files_in_flight(tmp_path) == []


def test_who_takes_no_response_does_not_hold_up_the_others(run, tmp_path):
    shutil.copytree(run, tmp_path / "toy")
    before = "from genres.demo import server\nserver.STALLED = 2"
    with pretending(tmp_path, before=before) as server:
        inside = server.enter()
        lazy = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        lazy.request("POST", "/classify?name=floods", b"x", server.own | inside)
        lazy.getresponse().read(1)
        assert server.request("/classify?name=a", "POST", b"x", **inside)[0] == 200


def test_who_shows_no_token_cannot_hold_all_connections(run, tmp_path):
    shutil.copytree(run, tmp_path / "toy")
    with pretending(tmp_path) as server:
        inside = server.enter()
        upload = begin_upload(server, inside, "2")
        while not files_in_flight(tmp_path):
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


def test_with_few_descriptors_it_goes_on_and_says_so_once(run, tmp_path):
    shutil.copytree(run, tmp_path / "toy")
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


def test_a_folder_for_files_that_was_taken_is_made_anew(run, tmp_path):
    shutil.copytree(run, tmp_path / "toy")
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


def test_what_is_malformed_is_refused_without_a_traceback(run, tmp_path):
    shutil.copytree(run, tmp_path / "toy")
    with pretending(tmp_path) as server:
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
        server.process.terminate()
        assert server.process.communicate(timeout=30)[1] == ""


def test_a_body_in_chunks_and_a_length_of_5000_digits_are_bad_requests(tmp_path):
    with pretending(tmp_path) as server:
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


def test_only_so_many_files_may_come_at_once(run, tmp_path):
    shutil.copytree(run, tmp_path / "toy")
    with pretending(tmp_path) as server:
        inside, coming = server.enter(), []
        for number in range(MOST_WAITING):
            coming.append(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60))
            coming[-1].putrequest("POST", "/classify?name=a", skip_host=True)
            for name, value in {**server.own, **inside, "Content-Length": "1"}.items():
                coming[-1].putheader(name, value)
            coming[-1].endheaders()
            while len(files_in_flight(tmp_path)) <= number:
                time.sleep(0.01)
        assert server.request("/classify?name=a", "POST", b"x", **inside)[0] == 503
        for connection in coming:
            connection.send(b"x")
            assert connection.getresponse().status == 200


def test_the_token_is_in_no_program_s_arguments(run, tmp_path):
    shutil.copytree(run, tmp_path / "toy")
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
def test_a_signal_ends_it_quietly_and_nothing_is_left(run, tmp_path, number):
    with serving("--model", run / "models" / "champion", folder=tmp_path) as server:
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


def test_a_damaged_ensemble_beside_a_sound_champion_is_left_out(run, tmp_path, capsys):
    models = tmp_path / "models"
    shutil.copytree(run / "models", models)
    assert list(hearing.load(models / "champion")) == ["champion", "LSTM ensemble"]
    member = models / "lstm-ensemble" / "member-01.keras"
    content = bytearray(member.read_bytes())
    content[len(content) // 2] ^= 0xFF
    member.write_bytes(content)
    assert list(hearing.load(models / "champion")) == ["champion"]
    assert capsys.readouterr().err == (
        f"The LSTM ensemble is left out: {member} is damaged: make it again.\n"
    )
