"""What does the demo's page show, and how is it used?"""

import csv
import io
import json
import re
import shutil
from pathlib import Path

import pytest
from conftest import TOY_GENRES

from genres.decoding import formats
from tests.demo_server import SECONDS, drop, files_in_flight, opened, pretending, serving

DURATION = """audio => audio.readyState ? audio.duration : new Promise(known =>
    audio.addEventListener("loadedmetadata", () => known(audio.duration)))"""

REACHED = """(({ ariaLabel, textContent, id }) => ariaLabel || textContent.trim() || id)(
    document.activeElement)"""

DROP = """text => {
    const dragged = new DataTransfer();
    dragged.items.add(new File([text], "text.wav"));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: dragged, bubbles: true }));
}"""


@pytest.fixture(scope="module")
def server(toy_run):
    with serving("--model", toy_run / "models" / "champion") as server:
        yield server


@pytest.fixture
def page(browser, server):
    with opened(browser, server.address) as page:
        yield page


@pytest.fixture(scope="module")
def analysed(browser, server, music):
    """A page on which all is known of a file; its slider is at the beginning."""
    with opened(browser, server.address) as page:
        drop(page, music / "song.wav")
        wait_until_done(page)
        yield page


def wait_until_done(page):
    page.wait_for_selector("#files li.done:last-child")


def stop(page):
    """Stop the last file of the list, or take it out where it is done by now."""
    page.evaluate("document.querySelector('#files li:last-child button:last-child').click()")


def test_wav_and_mp3_get_a_timeline_and_a_text_named_wav_a_sentence(page, music):
    for name in ("song.wav", "song.mp3"):
        drop(page, music / name)
        assert page.inner_text("#title") == f"{name}, 0:{SECONDS}"
        assert re.fullmatch(r"classical \d+\s%.* from 0:00; metal .*", page.inner_text("#summary"))
        likeliest = page.locator("#rows td:nth-child(3)").all_text_contents()
        assert likeliest[0].startswith("classical ")
        assert likeliest[-1].startswith("metal ")
        assert page.locator("audio").evaluate(DURATION) == pytest.approx(SECONDS, abs=0.2)

    page.evaluate(DROP, "This is no music.\n" * 100)
    page.wait_for_selector("#alert:not(:empty)")
    assert page.inner_text("#alert") == ("text.wav is a text file, not audio.")
    assert page.inner_text("#title").startswith("song.mp3")
    assert page.is_visible("#track")
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
        stop(page)  # what is left of its analysis takes longest


def test_a_file_that_is_cut_off_is_shown_and_that_is_said(page, music, tmp_path):
    content = (music / "song.wav").read_bytes()
    (tmp_path / "part.wav").write_bytes(content[: len(content) // 2 + 1000])
    drop(page, tmp_path / "part.wav")
    assert page.inner_text("#title") == f"part.wav, 0:{SECONDS // 2}"
    assert page.inner_text("#notes") == "It is cut off: the rest of it is lost."


def test_the_parts_and_the_other_model_follow_and_the_nearest_tracks(analysed):
    for name in ("whole sound", "harmonic part", "percussive part"):
        analysed.get_by_role("radio", name=name).check()
        for model in ("LSTM ensemble", "champion"):
            analysed.get_by_role("radio", name=model).check()
            assert analysed.inner_text("#summary")
    analysed.wait_for_selector("#working", state="hidden")
    assert analysed.locator("#nearest li").count() == 5
    assert re.search(r"synthetic_.*\d+\s%", analysed.inner_text("#nearest"), re.S)


def test_the_keyboard_moves_the_cursor_and_the_values_are_said(analysed):
    analysed.focus("#lanes")
    for key in ("Home", "ArrowRight", "ArrowRight", "PageUp"):
        analysed.keyboard.press(key)
    slider = analysed.get_by_role("slider", name="Position in the track")
    assert slider.get_attribute("aria-valuenow") == "12.0"
    said = slider.get_attribute("aria-valuetext")
    assert re.fullmatch(
        r"0:12: \w+ \d+\s%, \w+ \d+\s%; tags: [^,]+ \d+\s%(, [^,]+ \d+\s%){2}", said
    )
    assert analysed.inner_text("#when") == "At 0:12"
    assert sorted(analysed.locator("#values span:nth-child(3)").all_text_contents()) == TOY_GENRES


def test_the_tags_of_the_moment_that_plays_are_shown(analysed):
    named = analysed.locator("#tag-values li")
    assert named.count() == 6
    at_first = named.all_inner_texts()
    assert re.fullmatch(r"\D+\s+\d+\s%", at_first[0])
    analysed.evaluate(f"document.querySelector('audio').currentTime = {0.75 * SECONDS}")
    analysed.wait_for_function("() => document.querySelector('#when').textContent === 'At 0:18'")
    assert named.all_inner_texts() != at_first
    assert (
        analysed.locator("#taggram").bounding_box()["width"]
        == (analysed.locator("#mel").bounding_box()["width"])
    )
    assert "not on these genres" in analysed.inner_text("#tags-note")
    assert "%" in analysed.locator("#rows td:nth-child(5)").first.text_content()


def test_the_page_is_as_wide_as_its_window(analysed):
    for width in (360, 1280):
        analysed.set_viewport_size({"width": width, "height": 800})
        assert analysed.evaluate("document.documentElement.scrollWidth") == width


FOLLOW_THE_BAR = """() => {
  const bar = document.getElementById("progress");
  window.shares = [];
  new MutationObserver(() => shares.push(bar.value)).observe(bar, { attributes: true });
}"""


def test_without_a_model_the_page_says_what_makes_one_and_has_a_rough_one_trained(
    browser, toy_run, tmp_path
):
    with pretending(tmp_path, toy_run / "models" / "champion") as server:
        said = "There is no trained model yet: .venv/bin/genres run --only 11 makes one."
        assert server.printed[0].startswith(said)
        assert server.request("/classify", "POST", b"x", **server.enter())[0] == 409
        assert server.request("/sound/known?name=a", **server.enter())[0] == 409
        with opened(browser, server.address) as page:
            page.wait_for_selector("#training")
            assert page.inner_text("#how-to-train").startswith(said)
            assert page.is_hidden("#drop")
            page.evaluate(FOLLOW_THE_BAR)
            page.click("#train")
            page.wait_for_selector("#drop")
            shares = page.evaluate("shares")
            assert len(set(shares)) >= 2
            assert shares == sorted(shares)  # one bar, of all bars that the run has
            assert "from a rehearsal" in page.inner_text("#model")
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
    browser, toy_run, tmp_path
):
    shutil.copytree(toy_run, tmp_path / "toy")
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


def test_three_examples_play_at_a_press_and_run_with_a_press(page):
    page.wait_for_selector("#drop")
    assert "Synthetic" in page.inner_text("#examples")
    examples = page.locator("#example-clips li")
    assert examples.count() == 3
    second = examples.nth(1)
    assert second.inner_text().startswith("Disco, then metal")
    second.get_by_role("button", name="Play Disco, then metal").click()
    second.get_by_role("button", name="Stop Disco, then metal").click()
    for _ in range(2):  # who presses twice gets it once
        second.get_by_role("button", name="Classify Disco, then metal").press("Enter")
    page.wait_for_selector("#track:not([hidden])")
    assert page.inner_text("#title") == "synthetic_disco_00059.wav, 0:30"
    wait_until_done(page)
    assert page.locator("#files li").count() == 1


def test_the_formats_named_are_those_that_are_read(page):
    page.wait_for_selector("#drop")
    assert f"Formats: {formats.READ}; up to 200 MB and 60 minutes each" in page.inner_text(
        "#limits"
    )


def test_files_take_turns_in_a_list_and_a_wrong_one_hides_no_result(page, music, tmp_path):
    (tmp_path / "text.wav").write_text("This is no music.")
    page.wait_for_selector("#drop")
    files = [music / "song.wav", tmp_path / "text.wav", music / "song.mp3"]
    page.set_input_files("#file", files)
    rows = page.locator("#files li")
    assert rows.nth(0).inner_text().split("\n")[:2] == ["song.wav", "is being analysed"]
    assert rows.nth(1).locator("span").inner_text() == "waits for 1 file before it"
    assert rows.nth(2).locator("span").inner_text() == "waits for 2 files before it"
    wait_until_done(page)
    assert page.inner_text("#title").startswith("song.wav")
    refusal = "text.wav is a text file, not audio."
    assert rows.nth(1).locator("span").inner_text() == refusal
    assert re.fullmatch(r"\w+ \d+\s%, \w+ \d+\s%", rows.nth(2).locator("span").inner_text())
    page.click("text=song.mp3")
    assert page.inner_text("#title").startswith("song.mp3")
    assert page.locator("#nearest li").count() == 5
    assert page.get_by_role("button", name="song.mp3", exact=True).get_attribute("aria-current")
    with page.expect_download() as download:
        page.click("#save-list")
    saved = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert [row["file"] for row in saved] == ["song.wav", "song.mp3"]
    assert sum(float(saved[0][genre]) for genre in TOY_GENRES) == pytest.approx(1, abs=1e-3)


def test_a_file_can_be_stopped_and_taken_out(page, music):
    page.wait_for_selector("#drop")
    page.set_input_files("#file", [music / "song.wav", music / "song.mp3"])
    page.evaluate("document.querySelector('#files li button:last-child').click()")  # at once
    rows = page.locator("#files li")
    assert rows.nth(0).inner_text().split() == ["song.wav", "stopped", "Remove"]
    rows.nth(1).get_by_role("button", name="Stop song.mp3").click()
    assert page.is_hidden("#working")
    page.set_input_files("#file", music / "song.wav")  # once more, then
    wait_until_done(page)
    assert page.is_visible("#track")
    page.get_by_role("button", name="Remove song.wav").last.click()
    assert page.is_hidden("#track")
    assert rows.count() == 2


def test_what_is_known_of_a_file_is_saved_as_a_table_a_document_and_a_picture(analysed):
    saved = {}
    for form in ("csv", "json", "png"):
        with analysed.expect_download() as download:
            analysed.click(f"#save-{form}")
        assert download.value.suggested_filename == f"song-genres.{form}"
        saved[form] = Path(download.value.path()).read_bytes()
    rows = list(csv.DictReader(io.StringIO(saved["csv"].decode())))
    assert list(rows[0])[:7] == ["file", "model", "part", "start", "end", "genre", "confidence"]
    assert [rows[0]["genre"], rows[0]["start"], rows[-1]["end"]] == ["classical", "0", str(SECONDS)]
    assert {row["part"] for row in rows} == {"whole sound", "harmonic part", "percussive part"}
    assert all(
        sum(float(row[genre]) for genre in TOY_GENRES) == pytest.approx(1, abs=1e-3) for row in rows
    )
    document = json.loads(saved["json"])
    assert document["file"] == "song.wav"
    assert len(document["timelines"]) == 6
    assert document["nearest"][0]["known"][0]["name"].startswith("synthetic_")
    assert len(document["tags"]["names"]) == 50
    assert saved["png"].startswith(b"\x89PNG")


def test_known_tracks_whose_sound_is_at_hand_can_be_played(analysed):
    names = analysed.locator("#nearest li span:first-child").all_inner_texts()
    assert [analysed.get_by_role("button", name=f"Play {name}").count() for name in names] == [
        int(name.startswith("synthetic_")) for name in names
    ]
    known = next(name for name in names if name.startswith("synthetic_"))
    with analysed.expect_response("**/sound/known**") as response:
        analysed.get_by_role("button", name=f"Play {known}").click()
    assert response.value.headers["content-type"] == "audio/wav"
    analysed.get_by_role("button", name=f"Stop {known}").wait_for()
    assert analysed.inner_text("#alert") == ""


def test_page_up_goes_on_and_page_down_back_as_the_page_says(analysed):
    assert "Page Up ten on, Page Down ten back" in analysed.inner_text("#keys")
    slider = analysed.get_by_role("slider", name="Position in the track")
    slider.focus()
    for key, moment in (
        ("Home", "0.0"),
        ("PageUp", "10.0"),
        ("PageUp", "20.0"),
        ("PageDown", "10.0"),
    ):
        analysed.keyboard.press(key)
        assert slider.get_attribute("aria-valuenow") == moment


def test_all_is_reached_by_the_keyboard_alone(page):
    page.wait_for_selector("#drop")
    reached = []

    def go_to(name):
        while name not in reached[-1:]:
            page.keyboard.press("Tab")
            reached.append(page.evaluate(REACHED))
            assert len(reached) < 100, reached

    go_to("file")
    go_to("Play Classical")
    go_to("Classify Classical")
    page.keyboard.press("Enter")
    wait_until_done(page)
    go_to("synthetic_classical_00012.wav")
    go_to("Position in the track")
    page.keyboard.press("PageUp")
    assert page.inner_text("#when") == "At 0:10"
    go_to("Save CSV")
    with page.expect_download():
        page.keyboard.press("Enter")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_and_the_page_follows_the_systems_preference(
    page, music, tmp_path, scheme
):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-core").Axe()
    (tmp_path / "text.wav").write_text("This is no music.")
    page.emulate_media(color_scheme=scheme)
    page.wait_for_selector("#drop")
    assert axe.run(page).violations_count == 0
    page.set_input_files("#file", [tmp_path / "text.wav", music / "song.wav"])
    wait_until_done(page)
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        found = axe.run(page)
        assert found.violations_count == 0, found.generate_report()
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", paper))) > 384) == (scheme == "light")
