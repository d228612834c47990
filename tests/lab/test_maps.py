"""Maps of genres, still and to be turned."""

import base64
import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

import utils
from genres.lab import maps, plots

GENRES = ["pop", "jazz", "Old-Time / Historic"]
LABELS = np.array([0, 0, 1, 1, 1])
NAMES = np.array([f"clip {number}" for number in range(5)])


@pytest.fixture(autouse=True)
def closed_pictures():
    plots.set_style()
    yield
    plt.close("all")


def drawn(n_axes, labels=LABELS):
    coordinates = np.random.default_rng(0).normal(size=(len(labels), n_axes))
    return maps.Map(coordinates, labels, NAMES)


def traces(turnable):
    return turnable._repr_mimebundle_()[maps.PLOTLY]["data"]


def test_each_genre_of_each_map_has_a_panel_with_its_title():
    figure = maps.plane({"PCA": drawn(2), "LDA": drawn(2)}, GENRES)
    assert [axis.get_title() for axis in figure.axes] == [
        f"{method}: {genre}" for method in ("PCA", "LDA") for genre in GENRES
    ]
    assert figure.get_supxlabel() == "axis 1"


def test_a_genre_has_its_colour_and_its_median_and_all_others_are_grey():
    shown = drawn(2)
    figure = maps.plane({"PCA": shown}, GENRES)
    for label, axis in zip((0, 1), figure.axes, strict=False):
        others, own = axis.collections
        colour = to_hex(plots.genre_colours(GENRES)[GENRES[label]])
        assert to_hex(others.get_facecolor()[0]) == to_hex("0.88")
        assert to_hex(own.get_facecolor()[0]) == colour
        of_genre = shown.coordinates[shown.labels == label]
        np.testing.assert_allclose(own.get_offsets(), of_genre)
        (median,) = axis.lines
        np.testing.assert_allclose(np.ravel(median.get_data()), np.median(of_genre, axis=0))
        assert to_hex(median.get_markerfacecolor()) == colour


def test_panels_of_a_map_show_the_same_clips_on_the_same_axes():
    figure = maps.plane({"PCA": drawn(2)}, GENRES)
    assert len({(axis.get_xlim(), axis.get_ylim()) for axis in figure.axes}) == 1


def test_a_genre_without_clips_has_a_grey_panel():
    *_, last = maps.plane({"PCA": drawn(2)}, GENRES).axes
    assert last.get_title() == f"PCA: {GENRES[2]}"
    assert not last.lines


def test_panels_that_no_genre_needs_stay_white():
    figure = maps.plane({"PCA": drawn(2)}, [f"genre {number}" for number in range(7)])
    assert [axis.get_visible() for axis in figure.axes] == [True] * 7 + [False] * 3


def test_a_still_picture_saved_twice_is_the_same():
    turnable = maps.space({"PCA": drawn(3)}, GENRES)
    first, second = (turnable._repr_mimebundle_()["image/png"] for _ in range(2))
    assert first == second


def test_a_turnable_map_is_one_output_of_two_kinds():
    bundle = maps.space({"PCA": drawn(3)}, GENRES)._repr_mimebundle_()
    assert set(bundle) == {maps.PLOTLY, "image/png", "text/plain"}
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert "PCA" in bundle["text/plain"]
    json.dumps(bundle, allow_nan=False)


def test_a_turnable_map_tells_place_name_and_genre_of_a_clip():
    shown = drawn(3)
    pop, jazz = traces(maps.space({"PCA": shown}, GENRES))
    assert (pop["name"], jazz["name"]) == ("pop", "jazz")
    assert list(jazz["text"]) == ["clip 2", "clip 3", "clip 4"]
    assert "jazz" in jazz["hovertemplate"]
    places = np.transpose([jazz["x"], jazz["y"], jazz["z"]])
    np.testing.assert_array_equal(places, np.round(shown.coordinates[shown.labels == 1], 3))


def test_the_legend_of_turnable_maps_names_each_genre_once():
    second = drawn(3, np.array([2, 2, 1, 1, 1]))
    found = traces(maps.space({"PCA": drawn(3), "LDA": second}, GENRES))
    assert [t["name"] for t in found if t["showlegend"]] == GENRES
    assert {t["scene"] for t in found} == {"scene", "scene2"}
    assert all(t["legendgroup"] == t["name"] for t in found)


def test_a_turnable_map_stays_small_and_brings_no_script():
    n_clips = 1000
    many = maps.Map(
        np.random.default_rng(0).normal(size=(n_clips, 3)),
        np.arange(n_clips) % 3,
        np.array([f"clip_{number:05}.wav" for number in range(n_clips)]),
    )
    text = json.dumps(maps.space({"PCA": many}, GENRES)._repr_mimebundle_()[maps.PLOTLY])
    assert len(text) < 60 * n_clips
    assert "<script" not in text


def test_a_flat_map_can_be_drawn_in_space():
    flat = drawn(3)
    flat.coordinates[:, 2] = 0
    bundle = maps.space({"LDA": flat}, GENRES)._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.setenv("GENRE_RUN", str(tmp_path))
    return utils.Bench("09-toy", "synthetic")


def test_a_bench_keeps_the_still_picture_of_a_turnable_map_and_shows_both(
    bench, tmp_path, monkeypatch
):
    shown = []
    monkeypatch.setattr(utils, "display", lambda what, **_: shown.append(what))
    turnable = maps.space({"PCA": drawn(3)}, GENRES)
    bench.show(turnable, "space", synthetic=True)
    assert shown == [turnable]
    assert (tmp_path / "figures" / "09-toy-space.png").read_bytes().startswith(b"\x89PNG")
    assert not plt.get_fignums()


@pytest.mark.parametrize("synthetic", [True, False])
def test_both_kinds_of_a_turnable_map_say_that_music_is_synthetic(bench, synthetic):
    turnable = maps.space({"PCA": drawn(3)}, GENRES)
    bench.show(turnable, "space", synthetic=synthetic)
    written = turnable._repr_mimebundle_()[maps.PLOTLY]["layout"]["annotations"]
    assert any(note["text"] == "synthetic music" for note in written) is synthetic
    assert any(t.get_text() == "synthetic music" for t in turnable.figure.texts) is synthetic
