"""audit.page: what was found is shown in a browser, and names are text whatever they are."""

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import visiting

from genres.audit import audit, copies, facts, labels, page, shortcuts

HOSTILE = '"><img src=x onerror="document.title=1"></script><script>document.title=2</script>'
GENRES = ["blues", "jazz & <b>soul</b>", "rock"]
N_CLIPS = 4000
OFFSET = 3.25


def made(folder, n_clips=N_CLIPS):
    """Make the audit of clips of which the first two have sound, without auditing any."""
    rng = np.random.default_rng(0)
    number = np.arange(n_clips)
    clips = pd.DataFrame(
        {
            "path": [str(folder / f"{HOSTILE[:4]}{n}.wav") if n < 3 else "" for n in number],
            "genre": np.array(GENRES)[number % 3],
            "clip": [f"clip {n}" for n in number],
            "type": np.where(number % 4, "Train", "Test"),
            "artist": [f"artist {n % 50}" for n in number],
            "album": "",
            "title": "",
            "fault": "",
            "copies": 0,
            "group": number,
            "fold": 1 + number % 3,
            **{name: np.nan for name in facts.Facts._fields},
        }
    )
    clips.loc[0, ["clip", "artist"]] = HOSTILE
    clips["bandwidth"] = clips["low_pass"] = rng.uniform(5_000, 11_000, n_clips)
    clips["duration"] = np.where(number == 7, 99.0, 30.0)
    clips["format"] = "WAV"
    pairs = pd.DataFrame(
        [(0, 1, OFFSET, 2.0, 0.8, False, True, True)]
        + [(n, n + 1, 0.0, 30.0, 0.5, False, False, False) for n in range(2, 40)],
        columns=[*copies.Match._fields, "across_genres", "across_split"],
    )
    across = pd.DataFrame([("artist", HOSTILE, 3, 1)], columns=["kind", "name", "train", "test"])
    doubtful = pd.DataFrame(
        [(n, clips["genre"][n], "rock", 0.1, 0.8, [1], [2]) for n in (0, 3)],
        columns=list(labels.COLUMNS),
    )
    defects = pd.DataFrame(
        [(2, "clipped", 0.1, HOSTILE)], columns=["clip", "defect", "figure", "sentence"]
    )
    causes = pd.DataFrame(
        [
            ("time", "unheard", 0.9, 0.8, 1.0, 0.01, "jazz was copied last."),
            ("low_pass", "recording", 0.6, 0.5, 0.7, 0.01, "jazz ends at 7 kHz."),
        ],
        columns=["cause", "kind", "accuracy", "low", "high", "p", "sentence"],
    )
    by_genre = pd.DataFrame(columns=["genre", "share", "share_of_others", "sentence"])
    found = shortcuts.Shortcuts(
        *(shortcuts.SHORTCUT, 0.6, 0.5, 0.7, 0.33, 0.01, "low_pass", "It does.", causes, by_genre)
    )
    tables = pairs, across, doubtful, found, defects
    return audit.Audit(HOSTILE, "songs", folder, clips, *tables, {}, {})


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The page of 4,000 clips of which two can be played."""
    folder = tmp_path_factory.mktemp("an audit")
    for number in range(2):
        sound = np.zeros(8000 * 8, np.float32)
        soundfile.write(folder / f"{HOSTILE[:4]}{number}.wav", sound, 8000)
    return page.write(made(folder), folder)


@pytest.fixture
def visit(browser, place):
    """The page in a browser; it remembers what is complained of and asked for."""
    with visiting(browser, place.as_uri()) as shown:
        shown.wait_for_selector("#rows tr")
        yield shown


def test_names_of_files_and_tags_are_text_whatever_they_are(visit, place):
    assert visit.title() == f"Audit of {HOSTILE}"
    assert visit.locator("img").count() == 0
    assert HOSTILE in visit.inner_text("#pairs")
    assert HOSTILE in visit.inner_text("#people")
    assert HOSTILE in visit.inner_text("#defective")
    visit.get_by_role("button", name=HOSTILE).click()
    assert visit.title() == f"Audit of {HOSTILE}"
    missing = "net::ERR_FILE_NOT_FOUND"
    assert [said for said in visit.complaints if missing not in said] == []


def test_it_asks_for_nothing_but_the_sound_beside_it(visit, place):
    folder = place.parent.as_uri()
    assert len(visit.asked) > 1
    assert [url for url in visit.asked if not url.startswith(f"{folder}/")] == []


def test_the_players_of_a_pair_begin_where_both_play_the_same(visit):
    players = visit.locator("#pairs li").first.locator("audio")
    first, second = (players.nth(number).get_attribute("src") for number in range(2))
    assert first.endswith(f"#t={OFFSET:.2f},{OFFSET + 2:.2f}")
    assert second.endswith("#t=0.00,2.00")
    ready = (
        "player => player.readyState ? player.currentTime : new Promise(known => "
        "player.addEventListener('seeked', () => known(player.currentTime)))"
    )
    assert players.nth(0).evaluate(ready) == pytest.approx(OFFSET, abs=0.05)
    tags = visit.locator("#pairs li").first.locator(".tag").all_inner_texts()
    assert tags == ["across genres", "across the split"]


def test_a_time_is_rounded_as_a_whole(visit):
    assert visit.evaluate("[59.97, 60, 3.25, 119.94].map(clock)") == [
        *("1:00.0", "1:00.0", "0:03.3", "1:59.9")
    ]


def test_where_the_sound_is_not_at_hand_that_is_said(visit):
    said = visit.locator("#defective .silent")
    said.wait_for()
    assert "the file is not where it was" in said.inner_text()
    assert "Its sound is not at hand." in visit.locator("#pairs li").nth(2).inner_text()


def test_of_4000_clips_only_a_page_is_in_the_document(visit):
    assert visit.inner_text("#shown") == "4,000 clips of 4,000"
    assert visit.locator("#rows tr").count() == 25
    assert visit.evaluate("document.querySelectorAll('*').length") < 1500
    visit.locator("#clips").get_by_role("button", name="Next").click()
    assert visit.inner_text("#pages .quiet, #clips .pages .quiet") == "26 to 50 of 4,000 clips"


def test_clips_are_sorted_and_filtered_with_the_keyboard_alone(visit):
    visit.locator("#heads button", has_text="Duration").focus()
    visit.keyboard.press("Enter")
    visit.keyboard.press("Enter")
    assert visit.locator("#rows button").first.inner_text() == "clip 7"
    assert visit.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    visit.focus("#search")
    visit.keyboard.type("clip 3999")
    assert visit.inner_text("#shown") == "1 clip of 4,000"
    visit.keyboard.press("Control+A")
    visit.keyboard.press("Delete")
    visit.select_option("#genre", GENRES[1])
    visit.select_option("#finding", "copy")
    assert visit.inner_text("#shown") == "14 clips of 4,000"
    visit.locator("#rows button").first.focus()
    visit.keyboard.press("Enter")
    assert visit.locator("#rows .details").count() == 1
    assert "The same recording as" in visit.inner_text("#rows .details")


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_as_wide_as_its_window(visit, width):
    visit.set_viewport_size({"width": width, "height": 740})
    assert visit.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_bars_nobody(visit, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    visit.emulate_media(color_scheme=scheme)
    visit.locator("#rows button").first.click()
    visit.locator("details summary").first.click()
    found = axe.run(visit, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_pictures_say_what_was_found(visit):
    assert visit.locator("#matrix .across").all_inner_texts() != []
    assert "60 % (50 % to 70 %)" in visit.inner_text("#causes")
    assert "jazz ends at 7 kHz." in visit.inner_text("#causes")
    said = visit.inner_text("#causes")
    assert said.index("jazz ends") < said.index("Not in the sound") < said.index("jazz was copied")
    assert visit.locator("#bandwidth .track").count() == len(GENRES)
    assert "80 %" in visit.inner_text("#doubtful")
