"""audit.shortcuts: what gives genres away is found and named, and nothing else is accused."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from benchmarks._versions import mp3
from genres.audit import facts, shortcuts
from genres.decoding import audio
from genres.synth import corpus

N = 25
GENRES = ["blues", "country", "jazz"]


def drawn(seed=0, n=3 * N):
    """Draw the facts of clips whose genres nothing tells, as a table."""
    rng = np.random.default_rng(seed)
    bitrate = rng.choice([128.0, 192.0, 320.0], n)
    return pd.DataFrame(
        {
            "format": rng.choice(["MP3", "WAV"], n),
            "codec": "mp3",
            "sample_rate": rng.choice([44_100, 48_000], n),
            "bits": np.nan,
            "bitrate": bitrate,
            "constant": bitrate < 300,
            "relation": rng.choice(["mono", "stereo"], n),
            "mixdown": rng.uniform(-3, 0, n),
            "duration": rng.normal(30, 0.1, n),
            "time": rng.uniform(1e9, 1.1e9, n),
            "level": rng.normal(-18, 4, n),
            "peak": -rng.exponential(1, n),
            "clipped": np.maximum(rng.normal(0, 1e-3, n), 0),
            "dc": rng.normal(0, 1e-3, n),
            "silence": np.maximum(rng.normal(0, 0.1, n), 0),
            "bandwidth": rng.choice([16_000.0, 22_050.0], n),
            "low_pass": rng.choice([16_000.0, np.nan], n),
        }
    )


@pytest.fixture
def genres():
    return np.repeat(GENRES, N)


def row(found, cause):
    return found.causes.set_index("cause").loc[cause]


@pytest.mark.parametrize(
    ("cause", "value", "phrase"),
    [
        ("low_pass", 10_000.0, "end at 10 kHz"),
        ("sample_rate", 96_000, "are sampled at 96 kHz"),
        ("duration", 28.5, "last 28.5 s"),
        ("dc", 0.012, "have an offset of 1.2 % of full scale"),
        ("relation", "identical", "are mono in several channels"),
        ("format", "FLAC", "are FLAC files"),
        ("bitrate", 64.0, "take 64 kbit/s"),
    ],
)
def test_a_cause_of_the_recording_is_named_with_its_genre(genres, cause, value, phrase):
    table = drawn()
    most = (genres == "country") & (np.arange(len(genres)) % N < 22)
    table.loc[most, cause] = value
    table.loc[most, "constant"] = True
    found = shortcuts.find(table, genres)
    assert (found.verdict, found.worst) == (shortcuts.SHORTCUT, cause)
    assert found.sentence == f"country: 22 of 25 clips {phrase}, of other genres 0 of 50."
    assert found.low > found.chance == pytest.approx(1 / 3)
    assert found.p <= row(found, cause).p <= shortcuts.SURE
    assert found.genres.iloc[0].tolist() == ["country", 0.88, 0.0, found.sentence]


def test_what_music_may_explain_is_said_and_is_no_shortcut(genres):
    table = drawn()
    table.loc[genres == "jazz", "level"] -= 12
    found = shortcuts.find(table, genres)
    assert (found.verdict, found.worst) == (shortcuts.PERHAPS, "")
    assert found.sentence.startswith("jazz: ") and "have a level of" in found.sentence
    assert row(found, "level").kind == shortcuts.MUSIC


def test_lengths_of_whole_pieces_may_follow_from_the_music(genres):
    table = drawn()
    table["duration"] = 200 * np.random.default_rng(0).lognormal(0, 0.5, len(table))
    table.loc[genres == "jazz", "duration"] *= 5
    found = shortcuts.find(table, genres)
    assert found.verdict == shortcuts.PERHAPS
    assert row(found, "duration").kind == shortcuts.MUSIC


def test_bit_rates_that_vary_may_follow_from_the_music(genres):
    table = drawn()
    table["constant"] = False
    table.loc[genres == "jazz", "bitrate"] = 90
    assert shortcuts.find(table, genres).verdict == shortcuts.PERHAPS


def test_folders_written_one_after_another_are_no_shortcut(genres):
    table = drawn()
    table["time"] = np.arange(len(table), dtype=float)
    found = shortcuts.find(table, genres)
    assert found.verdict == shortcuts.NONE
    assert row(found, "time").p <= shortcuts.SURE


def test_quiet_music_that_hides_an_encoders_edge_is_not_accused(genres):
    table = drawn()
    table["low_pass"] = np.where(np.arange(len(table)) % 2, 16_000, 19_000)
    table["bandwidth"] = table.low_pass + 500
    quiet = genres == "jazz"
    table.loc[quiet, "low_pass"] = np.nan
    table.loc[quiet, "bandwidth"] = 9_000
    found = shortcuts.find(table, genres)
    assert found.verdict == shortcuts.PERHAPS  # the bandwidth
    assert row(found, "low_pass").p > shortcuts.SURE


def test_what_all_clips_share_tells_nothing(genres):
    found = shortcuts.find(drawn().assign(low_pass=16_000.0), genres)
    assert row(found, "low_pass")[["accuracy", "p"]].tolist() == [pytest.approx(1 / 3), 1]
    assert row(found, "low_pass").sentence == "All clips end at 16 kHz."


def test_clips_that_differ_in_nothing_are_not_accused(genres):
    table = drawn()
    found = shortcuts.find(table.iloc[np.zeros(len(table), int)], genres)
    assert (found.verdict, found.p) == (shortcuts.NONE, 1)
    assert found.sentence == "None of these causes is seen to tell the genres apart."
    assert found.causes.accuracy.tolist() == [pytest.approx(1 / 3)] * len(found.causes)


def test_genres_that_nothing_tells_are_seldom_accused(genres):
    accused = sum(shortcuts.find(drawn(seed), genres).p <= shortcuts.SURE for seed in range(6))
    assert accused <= 1


def test_an_artists_way_of_recording_is_not_a_genres(genres):
    table = drawn()
    artists = np.arange(len(table)) // 5  # five of each genre, each with an edge of their own
    table["low_pass"] = 10_000.0 + 500 * np.random.default_rng(0).permutation(15)[artists]
    assert shortcuts.find(table, genres).verdict == shortcuts.SHORTCUT
    assert shortcuts.find(table, genres, artists).p > shortcuts.SURE


def test_genres_of_other_sizes_count_alike():
    genres = np.repeat(["rock", "jazz"], [90, 10])
    found = shortcuts.find(drawn(n=100), genres)
    assert found.chance == 0.5 and found.low < 0.5 < found.high


def test_two_findings_with_one_seed_are_equal(genres):
    first, second = (shortcuts.find(drawn(), genres, seed=4) for _ in range(2))
    assert first[:8] == second[:8]
    pd.testing.assert_frame_equal(first.causes, second.causes)


@pytest.mark.parametrize("genres", [["jazz"] * 20, ["jazz", "rock"] * 4, []])
def test_too_few_clips_or_genres_are_said(genres):
    found = shortcuts.find(drawn(n=len(genres)), genres)
    assert found.verdict == shortcuts.UNKNOWN
    assert "cannot be found out" in found.sentence
    assert found.causes.empty and found.genres.empty


def test_genres_of_one_artist_each_are_said_to_tell_nothing():
    genres = np.repeat([f"genre {number}" for number in range(12)], 5)
    found = shortcuts.find(drawn(n=60), genres, groups=genres)
    assert found.verdict == shortcuts.UNKNOWN
    assert found.sentence.endswith("all clips of a genre belong together.")


def test_shuffles_in_many_batches_give_the_same(genres, monkeypatch):
    whole = shortcuts.find(drawn(), genres)
    monkeypatch.setattr(shortcuts, "_VALUES_AT_ONCE", 20_000)
    pd.testing.assert_frame_equal(shortcuts.find(drawn(), genres).causes, whole.causes)


def test_other_numbers_of_clips_and_genres_are_refused(genres):
    with pytest.raises(ValueError, match="75 clips, 74 genres"):
        shortcuts.find(drawn(), genres[1:])


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Tables of built-in clips as they are, and with the country clips through an MP3 encoder.

    All of them are files of one format: only the edge of the encoder is left.
    """
    folder = tmp_path_factory.mktemp("recorded")
    plain, encoded, names = [], [], []
    for genre in GENRES:
        for seed in range(8):
            samples = corpus.render(genre, seed, 4.0).samples
            names.append(genre)
            path = folder / "clip.wav"
            soundfile.write(path, samples, corpus.SAMPLE_RATE)
            plain.append(facts.of_file(path))
            if genre == "country":
                (folder / "clip.mp3").write_bytes(mp3(samples, 32))
                samples = audio.read_whole(folder / "clip.mp3").samples[: len(samples)]
                soundfile.write(path, samples, corpus.SAMPLE_RATE)
            encoded.append(facts.of_file(path))
    return pd.DataFrame(plain), pd.DataFrame(encoded), names


def test_a_genre_cut_by_its_encoder_is_found_out_and_others_are_not_accused(recorded):
    plain, encoded, names = recorded
    found = shortcuts.find(encoded, names)
    assert (found.verdict, found.worst) == (shortcuts.SHORTCUT, "low_pass")
    assert found.sentence.startswith("country: 8 of 8 clips end at ")
    assert "of other genres 0 of 16" in found.sentence
    assert shortcuts.find(plain, names).verdict != shortcuts.SHORTCUT
