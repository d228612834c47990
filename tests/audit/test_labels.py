"""audit.labels: changed labels are found, with clips that sound alike as reasons."""

import numpy as np
import pytest

from genres.audit import labels

GENRES = np.repeat(["jazz", "metal", "pop"], 20)


@pytest.fixture(scope="module")
def textures():
    """Draw the texture of clips of three genres, which differ in one of two families."""
    rng = np.random.default_rng(0)
    centres = np.repeat(np.eye(3), 20, axis=0)
    return [
        {"one": rng.normal(4 * centre, 1).astype(np.float32), "other": rng.normal(size=5)}
        for centre in centres
    ]


def test_changed_labels_are_found_and_clips_that_sound_alike_named(textures):
    genres = GENRES.copy()
    genres[[3, 25, 50]] = ["metal", "pop", "jazz"]
    found = labels.doubtful(textures, genres)
    assert set(found["clip"][:3]) == {3, 25, 50} and len(found) < 8
    suggested = dict(zip(found["clip"], found["suggested"], strict=True))
    assert [suggested[clip] for clip in (3, 25, 50)] == GENRES[[3, 25, 50]].tolist()
    for row in found.itertuples():
        assert genres[row.like_given].tolist() == [row.given] * 3
        assert genres[row.like_suggested].tolist() == [row.suggested] * 3
        assert 0 <= row.p_given < row.p_suggested <= 1


def test_most_of_the_labels_changed_at_random_are_found_and_few_others(textures):
    found, correct = 0, 0
    for seed in range(10):
        rng, genres = np.random.default_rng(seed), GENRES.copy()
        changed = rng.choice(len(genres), 6, replace=False)
        genres[changed] = [rng.choice(np.setdiff1d(GENRES, genre)) for genre in genres[changed]]
        hits = labels.doubtful(textures, genres)["clip"].isin(changed)
        found, correct = found + len(hits), correct + hits.sum()
    assert correct / 60 >= 0.7 and correct / found >= 0.8


def test_nothing_is_doubted_where_genres_do_not_show_in_textures():
    rng = np.random.default_rng(0)
    noise = [{"one": rng.normal(size=9).astype(np.float32)} for _ in GENRES]
    assert labels.doubtful(noise, GENRES).empty
    same = labels.doubtful([noise[0]] * 12, ["jazz", "pop"] * 6)
    assert same.empty and same["clip"].dtype == int


def test_a_clip_is_not_judged_by_its_own_group(textures):
    groups = np.arange(len(GENRES))
    groups[[0, 1]] = 0
    genres = GENRES.copy()
    genres[[0, 1]] = "pop"
    twice = [textures[0], textures[0], *textures[2:]]  # copies, which would vouch for each other
    found = labels.doubtful(twice, genres, groups)
    assert {0, 1} <= set(found["clip"])
    reasons = found.set_index("clip").loc[0]
    assert 1 not in [*reasons["like_given"], *reasons["like_suggested"]]


def test_probabilities_are_calibrated_on_other_clips(textures):
    codes = np.repeat([0, 1, 2], 20)
    rows = np.stack([clip["one"] for clip in textures])
    similarity = np.exp(-((rows[:, None] - rows) ** 2).sum(axis=2))
    p = labels.probabilities(similarity, codes, np.arange(60))
    assert p.sum(axis=1) == pytest.approx(1)
    assert (p.argmax(axis=1) == codes).mean() > 0.9


def test_a_large_collection_is_judged_in_parts(textures, monkeypatch):
    monkeypatch.setattr(labels, "MOST_TOGETHER", 31)
    genres = GENRES.copy()
    genres[[3, 25]] = "pop", "jazz"
    found = labels.doubtful(textures, genres)
    assert {3, 25} <= set(found["clip"])


def test_a_genre_of_one_artist_is_not_judged(textures):
    groups = np.where(GENRES == "pop", -1, np.arange(len(GENRES)))
    found = labels.doubtful(textures, GENRES, groups)
    assert not {"pop"} & set(found["given"])
    assert labels.doubtful(textures[:20], GENRES[:20]).empty
    assert labels.doubtful([], []).empty


def test_two_artists_of_unequal_size_are_enough(textures):
    groups = np.zeros(len(GENRES), int)
    groups[[0, 20, 40]] = 1
    genres = GENRES.copy()
    genres[5] = "pop"
    assert len(labels.doubtful(textures, genres, groups)) <= len(genres)
