"""The picture of a file over time, in a browser: what it shows of a long track, and how one zooms.

The page is that of the demo; what the demo would say is made up here.
"""

import base64
import json

import numpy as np
import pytest

from genres.demo import hearing, server

HOME = "http://127.0.0.1:9"
SECONDS = 780
GENRES = ["blues", "jazz", "metal"]
STATE = {
    "model": "A model",
    "how_to_train": "",
    "most_bytes": 1e9,
    "longest": 3600,
    "too_large": "",
    "formats": "WAV",
    "examples": {},
}


def describe(seconds=SECONDS):
    """Describe a track whose genre flickers at every step, as real ones do."""
    rng = np.random.default_rng(0)
    edges = np.linspace(0, seconds, seconds // 2 + 1)
    shares = rng.dirichlet([0.3] * 3, len(edges) - 1)
    wave, mel = rng.random(1200).round(3), rng.integers(0, 256, (64, 1200), np.uint8)
    sound = {"seconds": seconds, "low": (-wave).tolist(), "high": wave.tolist()}
    sound |= {"mel": base64.b64encode(mel.tobytes()).decode(), "shape": [64, 1200]}
    half = seconds / 2
    spans = [
        {"start": 0, "end": half, "genres": ["blues"], "shares": [0.5]},
        {"start": half, "end": seconds, "genres": ["jazz"], "shares": [0.5]},
    ]
    timeline = {"model": "champion", "part": "whole sound", "genres": GENRES, "window": 10}
    timeline |= {"colours": ["#1f77b4", "#ff7f0e", "#2ca02c"], "edges": edges.tolist()}
    timeline |= {"probabilities": shares.tolist(), "spans": spans, "changes": [half]}
    return [{"sound": sound | {"silent": False}}, {"timeline": timeline}]


def opened(browser, **settings):
    """Open the page, and show that track in it."""
    context = browser.new_context(viewport={"width": 1100, "height": 1000}, **settings)
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    lines = "".join(json.dumps(message) + "\n" for message in describe())

    def respond(route):
        name = route.request.url.removeprefix(f"{HOME}/").split("?")[0]
        if name == "state":
            route.fulfill(json=STATE)
        elif name == "classify":
            route.fulfill(body=lines, content_type="application/x-ndjson")
        else:
            content = server._FILES[name or "page.html"]
            kind = server._TYPES[f".{(name or 'page.html').rsplit('.', 1)[-1]}"]
            route.fulfill(body=content, content_type=kind)

    page.route(f"{HOME}/**", respond)
    page.goto(HOME)
    silence = b"RIFF\x24\0\0\0WAVE"
    page.set_input_files("#file", {"name": "x.wav", "mimeType": "audio/wav", "buffer": silence})
    page.wait_for_selector("#values li")
    return page


@pytest.fixture
def page(browser):
    page = opened(browser)
    yield page
    assert page.errors == []
    page.context.close()


def shown(page):
    """Give the first and the last second that are shown."""
    return page.evaluate("import('/view.js').then(({ inView }) => [inView().from, inView().to])")


def place(page, share):
    """Give the place on the screen of a share of the pictures' width, in their middle."""
    page.locator("#band").scroll_into_view_if_needed()
    box = page.locator("#band").bounding_box()
    return box["x"] + share * box["width"], box["y"] + box["height"] / 2


def count_light(page):
    """Count the pixels of the picture of genres that are as light as an outline."""
    return page.evaluate(
        """() => {
          const band = document.getElementById("band");
          const { data } = band.getContext("2d").getImageData(0, 0, band.width, band.height);
          let n = 0;
          for (let at = 0; at < data.length; at += 4) {
            n += data[at] > 235 && data[at + 1] > 235 && data[at + 2] > 235;
          }
          return n / (data.length / 4);
        }"""
    )


def test_steps_without_room_are_averaged_and_get_no_outlines(page):
    letters_alone = count_light(page)
    page.focus("#lanes")
    for _ in range(3):
        page.keyboard.press("+")
    assert count_light(page) > 5 * letters_alone


def test_keys_zoom_around_the_position_and_show_all_again(page):
    page.focus("#lanes")
    assert shown(page) == [0, SECONDS]
    assert page.locator("#overview").is_hidden()
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert shown(page) == [0, SECONDS / 4]
    assert page.locator("#shown").inner_text() == "Shown: 0:00 – 3:15 of 13:00"
    assert page.locator("#overview").is_visible()
    page.keyboard.press("-")
    assert shown(page) == [0, SECONDS / 2]
    page.keyboard.press("0")
    assert shown(page) == [0, SECONDS]
    for _ in range(20):
        page.keyboard.press("+")
    assert shown(page) == [0, 10]
    assert page.locator("#in").is_disabled()


def test_buttons_zoom_too(page):
    for name, expected in (("in", SECONDS / 2), ("in", SECONDS / 4), ("out", SECONDS / 2)):
        page.click(f"#{name}")
        assert shown(page) == [0, expected]
    page.click("#whole")
    assert shown(page) == [0, SECONDS]
    assert page.locator("#out").is_disabled()


def test_the_wheel_zooms_where_the_pointer_is_if_ctrl_is_held(page):
    page.mouse.move(*place(page, 0.5))
    page.mouse.wheel(0, -200)
    assert shown(page) == [0, SECONDS]  # the page has scrolled
    page.mouse.move(*place(page, 0.5))
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    page.wait_for_function("document.getElementById('shown').textContent")
    assert shown(page) == pytest.approx([SECONDS / 4, 3 * SECONDS / 4], abs=2)
    assert page.evaluate("visualViewport.scale") == 1


def test_dragging_over_a_part_shows_it_and_its_place_in_the_overview(page):
    (left, y), (right, _) = place(page, 0.25), place(page, 0.5)
    page.mouse.move(left, y)
    page.mouse.down()
    page.mouse.move(right, y, steps=5)
    assert page.locator("#selection").is_visible()
    page.mouse.up()
    assert shown(page) == pytest.approx([SECONDS / 4, SECONDS / 2], abs=2)
    assert page.locator("#selection").is_hidden()
    assert page.locator("#lanes").get_attribute("aria-valuenow") in ("0", "0.0")  # no click
    page.locator("#overview").scroll_into_view_if_needed()
    box = page.locator("#overview").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    assert shown(page) == pytest.approx([SECONDS * 0.625, SECONDS * 0.875], abs=2)


def test_two_fingers_zoom_and_one_moves(browser):
    page = opened(browser, has_touch=True)
    touch = page.context.new_cdp_session(page)
    x, y = place(page, 0.5)

    def fingers(kind, *places):
        points = [{"x": at, "y": y, "id": number} for number, at in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", x - 50)
    fingers("touchStart", x - 50, x + 50)
    for apart in (60, 80, 100):
        fingers("touchMove", x - apart, x + apart)
    fingers("touchEnd")
    page.wait_for_function("document.getElementById('shown').textContent")
    start, end = shown(page)
    assert end - start == pytest.approx(SECONDS / 2, rel=0.1)
    assert (start + end) / 2 == pytest.approx(SECONDS / 2, rel=0.1)
    fingers("touchStart", x)
    for by in (20, 60, 100):
        fingers("touchMove", x + by)
    fingers("touchEnd")
    assert shown(page)[0] < start - 20
    assert page.errors == []
    page.context.close()


def test_a_silent_file_is_drawn_as_silent_and_a_long_one_fine_enough_to_zoom():
    def levels(described):
        return np.frombuffer(base64.b64decode(described["mel"]), np.uint8)

    quiet, tone = np.zeros(44100, np.float32), np.sin(np.arange(44100, dtype=np.float32))
    assert levels(hearing.picture(quiet, silent=True)).max() == 0
    assert levels(hearing.picture(tone)).max() == 255
    minutes = hearing.picture(np.tile(tone, 150))
    assert len(minutes["low"]) == 3000 and 2000 < minutes["shape"][1] <= 3000
