"""audit.copies: versions of a recording are found with their offset, other clips are not."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks._versions import VERSIONS
from genres.audit import copies, fingerprints
from genres.decoding import audio
from genres.sound import melstore
from genres.synth import corpus

SR = corpus.SAMPLE_RATE
SECONDS = 24.0
GENRES = ("hiphop", "classical")
N_ALIKE = 3  # clips of a genre: they share its instruments

GTZAN_COPIES = {
    *[("reggae", 81, "reggae", 82), ("hiphop", 39, "hiphop", 45), ("pop", 54, "pop", 60)],
    *[("pop", 67, "pop", 71), ("metal", 40, "metal", 61), ("metal", 41, "metal", 62)],
    *[("metal", 42, "metal", 63), ("metal", 43, "metal", 64), ("metal", 44, "metal", 65)],
    *[("metal", 45, "metal", 66), ("metal", 34, "metal", 94), ("hiphop", 76, "hiphop", 78)],
    *[("disco", 98, "disco", 99), ("metal", 58, "rock", 16)],
}


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """Write clips of three genres, and all versions of the first of each.

    Gives the paths, the fingerprints, and which clip each file is of.
    """
    folder = tmp_path_factory.mktemp("collection")
    paths, clips = [], []
    for genre in GENRES:
        for seed in range(N_ALIKE):
            clip = corpus.render(genre, seed, SECONDS)
            path = folder / f"{genre}-{seed}.wav"
            corpus.write_wav(clip, path)
            made = {path: None}
            if seed == 0:
                made |= {folder / f"{genre}-{name}": make for name, make in VERSIONS.items()}
            for version, make in made.items():
                if make:
                    version.write_bytes(make(clip.samples))
                paths.append(version)
                clips.append((genre, seed))
    return paths, fingerprints.of_files(paths, 1, progress=False), clips


def test_all_versions_of_a_clip_are_found_and_no_other_pairs(collection):
    _, taken, clips = collection
    found = {(match.first, match.second) for match in copies.find(taken, progress=False)}
    expected = {
        (first, second)
        for first, second in combinations(range(len(clips)), 2)
        if clips[first] == clips[second]
    }
    assert found == expected


def test_a_match_says_where_the_second_begins_and_how_long_both_play(collection):
    paths, taken, _ = collection
    expected = {"trimmed.wav": (3.0, SECONDS - 3), "excerpt.wav": (8.4, 15.0)}
    for match in copies.find(taken, progress=False):
        first, second = paths[match.first], paths[match.second]
        if first.stem.endswith("-0"):  # the original
            name = second.name.partition("-")[2]
            offset, overlap = expected.get(name, (0.0, SECONDS))
            assert match.offset == pytest.approx(offset, abs=0.02)
            assert match.overlap == pytest.approx(overlap, abs=0.1)
            assert 0.3 < match.agreement <= 1 and not match.exact


def test_versions_are_found_in_mel_stores_too(collection):
    paths, _, clips = collection
    taken = [fingerprints.of_mel(melstore.encode(audio.read_whole(path).samples)) for path in paths]
    for match in copies.find(taken, progress=False):
        assert clips[match.first] == clips[match.second]
    groups = copies.groups(copies.find(taken, progress=False))
    assert [len(group) for group in groups] == [1 + len(VERSIONS)] * len(GENRES)


def test_excerpts_that_do_not_overlap_are_no_copies():
    samples = corpus.render("pop", 5, SECONDS).samples
    parts = [samples[: 10 * SR], samples[12 * SR :]]
    assert copies.find([fingerprints.of_sound(part) for part in parts], progress=False) == []


def test_clips_of_which_only_the_ends_agree_are_no_copies():
    samples = corpus.render("pop", 5, SECONDS).samples
    ends = [samples[: 13 * SR], samples[10 * SR :]]
    assert copies.find([fingerprints.of_sound(end) for end in ends], progress=False) == []
    within = [samples, samples[10 * SR : 13 * SR]]
    (match,) = copies.find([fingerprints.of_sound(part) for part in within], progress=False)
    assert match.offset == pytest.approx(10, abs=0.02)


def test_exact_copies_are_listed_with_the_first_of_them():
    one, other = (corpus.render("pop", seed, 5.0).samples for seed in (1, 2))
    taken = [fingerprints.of_sound(samples) for samples in (other, one, one, other, one)]
    matches = copies.find(taken, progress=False)
    assert [(match.first, match.second) for match in matches] == [(0, 3), (1, 2), (1, 4)]
    assert all(match.exact and match.agreement == 1 and match.offset == 0 for match in matches)
    assert matches[0].overlap == pytest.approx(5, abs=0.1)
    assert copies.groups(matches) == [[1, 2, 4], [0, 3]]


def test_silent_clips_are_no_copies():
    silent = fingerprints.of_sound(np.zeros(5 * SR, np.float32))
    assert copies.find([silent, silent], progress=False) == []


def test_nothing_has_no_copies():
    assert copies.find([], progress=False) == []
    assert copies.groups([]) == []


def test_sound_and_mel_stores_are_not_compared():
    samples = corpus.render("pop", 1, 5.0).samples
    mixed = [fingerprints.of_sound(samples), fingerprints.of_mel(melstore.encode(samples))]
    with pytest.raises(ValueError, match="different scales"):
        copies.find(mixed, progress=False)


def drawn(rng, n_landmarks=400):
    """Draw the fingerprint of a clip of 30 s."""
    frames = np.sort(rng.integers(2, 1290, n_landmarks)).astype(np.int32)
    bands = rng.integers(8, 512, n_landmarks).astype(np.int32)
    return fingerprints.Fingerprint(frames, bands, 1292, rng.bytes(16), fingerprints.SOUND)


def worn(fingerprint, rng):
    """Take a fifth of a clip's landmarks away, as an encoder may."""
    kept = rng.random(len(fingerprint.frames)) < 0.8
    frames, bands = fingerprint.frames[kept], fingerprint.bands[kept]
    return fingerprint._replace(frames=frames, bands=bands, digest=rng.bytes(16))


def test_a_hundred_copies_of_one_clip_are_one_group():
    rng = np.random.default_rng(0)
    original = drawn(rng)
    taken = [worn(original, rng) if place % 2 else drawn(rng) for place in range(200)]
    groups = copies.groups(copies.find(taken, progress=False))
    assert groups == [list(range(1, 200, 2))]


def test_two_clips_that_sound_every_note_at_every_moment_are_no_copies():
    rng = np.random.default_rng(0)
    assert copies.find([drawn(rng, 20_000), drawn(rng, 20_000)], progress=False) == []


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_groups_are_what_matches_connect(pairs):
    pairs = [(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]]
    expected = []
    for pair in pairs:
        touched = [group for group in expected if group & set(pair)]
        expected = [group for group in expected if group not in touched]
        expected.append(set(pair).union(*touched))
    groups = copies.groups([copies.Match(*pair, 0.0, 30.0, 1.0, False) for pair in pairs])
    assert sorted(groups) == sorted(sorted(group) for group in expected)
    assert [len(group) for group in groups] == sorted(map(len, groups), reverse=True)


def test_gtzans_exact_copies_are_found_in_its_mel_store(real_data):
    store = melstore.load(real_data / "gtzan-mel" / "mel128.npz")
    genres = {genre for genre, *_ in GTZAN_COPIES} | {"rock"}
    few = [place for place, name in enumerate(store.track) if name.split("_")[0] in genres]
    matches = copies.find([fingerprints.of_mel(store.mel[place]) for place in few], progress=False)
    exact = {
        (str(store.track[few[match.first]]), str(store.track[few[match.second]]))
        for match in matches
        if match.exact
    }
    named = {
        (f"{genre}_{number:05}.wav", f"{another}_{other:05}.wav")
        for genre, number, another, other in GTZAN_COPIES
    }
    assert exact == named
    assert 20 <= len(matches) - len(exact) <= 40  # other encodings and excerpts of one recording
