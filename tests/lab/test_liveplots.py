"""Pictures that follow a control: numbers, titles and names have room, and nothing is cut."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import RendererAgg

from genres.lab import liveplots, plots

GENRES = ["blues", "jazz", "pop"]


def neighbour_picture(genres=GENRES, longest="a track (pop)", n_explained=3):
    plots.set_style()
    labels = np.arange(40) % len(genres)
    return liveplots.NeighbourPicture(genres, labels, labels[:2], 4, n_explained, "2", longest)


def show_neighbours(picture, points, near, name="a track (pop)", track=(0.0, 0.0), n=3):
    picture.update(
        np.array([0, 0]),
        name=name,
        features=["tempo", "spectral_bandwidth_mean", "spectral_contrast_mean", "rmse_var"],
        track=np.array(track),
        points=points,
        near=near,
        names=[f"{name}  no vote"] * n,
        parts=np.ones((n, 4)),
    )


def test_neighbours_in_one_place_share_a_number_and_genres_have_a_legend():
    picture = neighbour_picture()
    points = np.zeros((40, 2))
    points[:3] = [1, 1], [5, 5], [5.01, 5]
    show_neighbours(picture, points, [0, 1, 2])
    assert [text.get_text() for text in picture.numbers] == ["1", "2, 3", ""]
    named = [text.get_text() for text in picture.plane.get_legend().get_texts()]
    assert named == list(GENRES)
    assert "Shown: tempo, spectral_bandwidth_mean," in plots.describe(picture.figure)
    show_neighbours(picture, points, [0])
    assert [text.get_text() for text in picture.numbers] == ["1", "", ""]
    plt.close(picture.figure)


def test_a_number_is_in_its_dot_or_a_line_leads_to_it():
    picture = neighbour_picture()
    points = np.zeros((40, 2))
    points[:3] = [1, 1], [5, 5], [5.7, 5]
    show_neighbours(picture, points, [0, 1, 2])
    to_pixels, n_pixels = picture.plane.transData.transform, picture.figure.dpi / 72
    middles = [
        to_pixels(text.xy) + np.multiply(text.get_position(), n_pixels) for text in picture.numbers
    ]
    leads = [to_pixels(line) for line in picture.leaders.get_segments()]
    for dot, middle, lead in zip(to_pixels(points[:3]), middles, leads, strict=True):
        np.testing.assert_allclose(lead, [dot, middle])
    far = np.hypot(*(to_pixels(points[:3]) - middles).T)
    assert far[0] == 0
    assert min(far[1:]) > 0
    plt.close(picture.figure)


def test_names_that_end_differently_stay_apart():
    names = [f"A Long Artist Name - The Title of a Song, part {n}.wav" for n in (1, 2)]
    one, other = (liveplots.caption(name, "pop") for name in names)
    assert one == "A Long Artist N…ng, part 1.wav (pop)"
    assert one != other


def test_the_title_says_of_how_many_the_nearest_are_taken_apart():
    picture = neighbour_picture()
    points = np.random.default_rng(7).uniform(-1, 1, (40, 2))
    for k, words in ((3, "its neighbours"), (11, "the 3 nearest of 11")):
        show_neighbours(picture, points, np.arange(k))
        assert picture.explained.get_title() == f"Why {words} are near a track (pop)"
    plt.close(picture.figure)


@pytest.mark.parametrize("spread", [0.02, 0.2, 1.0])
def test_no_number_of_a_neighbour_covers_another_one_or_leaves_the_plane(spread):
    picture, rng = neighbour_picture(n_explained=5), np.random.default_rng(5)
    for _ in range(12):
        points = rng.uniform(-1, 1, (40, 2))
        points[:9] = rng.normal(0, spread, (9, 2))
        show_neighbours(picture, points, np.arange(9), n=5)
        picture.figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in picture.numbers if text.get_text()]
        for number, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[:number])
            assert picture.plane.bbox.contains(*box.min)
            assert picture.plane.bbox.contains(*box.max)
    plt.close(picture.figure)


LONG = [f"Experimental electronic music, part {n}" for n in range(7)]


@pytest.mark.parametrize("genres", [GENRES, LONG, [f"genre {n}" for n in range(20)], LONG * 3])
def test_nothing_that_is_written_is_cut_or_covers_something_else(genres, monkeypatch):
    genres = [f"{genre}{n // 7}" if genres == LONG * 3 else genre for n, genre in enumerate(genres)]
    name = liveplots.caption("The Name of an Artist - And of a Long Song.mp3", genres[0])
    assert name.startswith("The Name of an … Long Song.mp3 (")
    picture = neighbour_picture(genres, name, n_explained=5)
    points = np.random.default_rng(6).uniform(-1e5, -9e4, (40, 2))
    show_neighbours(picture, points, np.arange(35), name, points[7], n=5)
    plots.mark_synthetic(picture.figure)
    drawn = []
    draw = RendererAgg.draw_text
    monkeypatch.setattr(
        RendererAgg, "draw_text", lambda *a, mtext, **k: drawn.append(mtext) or draw(*a, **k)
    )
    plots.as_png(picture.figure)
    assert name in " ".join(text.get_text() for text in drawn)
    boxes = [text.get_window_extent() for text in drawn]
    for text, box in zip(drawn, boxes, strict=True):
        assert picture.figure.bbox.contains(*box.min), text
        assert picture.figure.bbox.contains(*box.max), text
    upright = [
        box for text, box in zip(drawn, boxes, strict=True) if text.get_rotation() in (0, 90)
    ]
    if len(genres) <= 7:  # of more, some lie close in a matrix
        assert not any(one.overlaps(other) for one, other in combinations(upright, 2))
    plt.close(picture.figure)


def test_no_picture_needs_a_layout_anew(tmp_path):
    picture, places = neighbour_picture(), []
    for n in range(3):  # a run saves a picture as a file, and then in the notebook
        assert not picture.figure.get_constrained_layout()
        picture.figure.savefig(tmp_path / f"{n}.png", bbox_inches="tight")
        places.append([axis.get_position().bounds for axis in picture.figure.axes])
    assert places[0] == places[1] == places[2]
    plt.close(picture.figure)
