import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from genres import Refusal
from genres.__main__ import main
from genres.data.tables import GTZAN_GENRES
from genres.synth import corpus
from genres.synth.instruments import DRUMS, INSTRUMENTS
from genres.synth.notes import SCALES, VOICINGS, Harmony, Meter, chord
from genres.synth.recording import LOUDNESS
from genres.synth.styles import STYLES

RATE = corpus.SAMPLE_RATE
genres = st.sampled_from(corpus.GENRES)
seeds = st.integers(0, 2**40)
few = settings(max_examples=12, deadline=None, derandomize=True)


def as_meter(bpm=120, beats=4, swing=0.5, swung=1.0, rubato=0.0, seconds=20):
    rng = np.random.default_rng(0)
    return Meter.draw(bpm, seconds, rng, beats, rubato, swing, swung, looseness=0.0)


def test_the_genres_are_those_of_the_course():
    assert corpus.GENRES == GTZAN_GENRES


@few
@given(genres, seeds, st.sampled_from(list(corpus.SHARES)))
def test_a_clip_is_made_again_bit_by_bit(genre, seed, kind):
    first = corpus.render(genre, seed, 2.0, kind)
    np.random.seed(seed % 2**32)
    again = corpus.render(genre, seed, 2.0, kind)
    assert first.samples.tobytes() == again.samples.tobytes()
    assert (first.timeline, first.bpm) == (again.timeline, again.bpm)


@few
@given(genres, seeds)
def test_another_seed_is_another_clip(genre, seed):
    one, other = (corpus.render(genre, s, 2.0) for s in (seed, seed + 1))
    assert one.bpm != other.bpm
    assert abs(np.corrcoef(one.samples, other.samples)[0, 1]) < 0.5


def test_the_same_seed_is_another_clip_in_another_genre():
    places = set()
    for genre in corpus.GENRES:
        low, high = STYLES[genre].bpm
        places.add(round((corpus.render(genre, 3, 0.1).bpm[0] - low) / (high - low), 6))
    assert len(places) == len(corpus.GENRES)


def test_rendering_leaves_the_global_random_state_alone():
    before = np.random.get_state()[1].copy()
    corpus.render("rock", 1, 1.0)
    assert (np.random.get_state()[1] == before).all()


@few
@given(genres, seeds, st.floats(0.05, 40), st.sampled_from(list(corpus.SHARES)))
def test_a_clip_is_sound_of_the_given_length(genre, seed, seconds, kind):
    samples = corpus.render(genre, seed, seconds, kind).samples
    assert samples.dtype == np.float32
    assert samples.shape == (round(seconds * RATE),)
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 1


@pytest.mark.parametrize("genre", corpus.GENRES)
def test_every_genre_sounds_throughout_at_a_drawn_level(genre):
    samples = corpus.render(genre, 11).samples
    assert 0.5 * LOUDNESS[0] < samples.std() < 1.1 * LOUDNESS[1]
    assert np.sqrt(np.mean(samples.reshape(10, -1) ** 2, axis=1)).min() > 1e-3


@few
@given(genres, seeds)
def test_the_tempo_is_from_the_range_of_the_genre(genre, seed):
    (bpm,) = corpus.render(genre, seed, 0.1).bpm
    assert STYLES[genre].bpm[0] <= bpm <= STYLES[genre].bpm[1]


def test_the_tempo_can_be_measured():
    errors = []
    for seed in range(6):
        clip = corpus.render("disco", seed)
        tempo = librosa.feature.tempo(y=clip.samples, sr=RATE)[0]
        errors.append(min(abs(tempo / clip.bpm[0] / ratio - 1) for ratio in (0.5, 1, 2)))
    assert np.median(errors) < 0.04


@few
@given(genres, seeds)
def test_a_switching_clip_records_when_it_changes(genre, seed):
    clip = corpus.render(genre, seed, 30.0, "switching")
    (start, first), (change, then) = clip.timeline
    assert start == 0
    assert 8 <= change <= 22
    assert change == clip.change_seconds
    assert clip.genre == genre == (first if change >= 15 else then)
    assert clip.second_genre == (then if change >= 15 else first) != genre
    assert len(clip.bpm) == 2


def test_changes_are_spread_over_their_range():
    changes = [entry.change_seconds for entry in corpus.entries(500) if entry.kind == "switching"]
    counts, _ = np.histogram(changes, bins=4, range=(8, 22))
    assert counts.sum() == len(changes) > 100
    assert counts.min() > 0.15 * len(changes)


def test_the_sound_changes_where_the_clip_says_so():
    for seed in range(3):
        clip = corpus.render("classical", seed, 30.0, "switching", "metal")
        at = round(clip.change_seconds * RATE)
        contrast = {
            genre: librosa.feature.spectral_contrast(y=samples, sr=RATE).mean()
            for (_, genre), samples in zip(
                clip.timeline, (clip.samples[:at], clip.samples[at:]), strict=True
            )
        }
        assert contrast["classical"] > contrast["metal"] + 3


def test_a_crossing_clip_keeps_the_tempo_of_its_main_genre():
    for seed in range(5):
        clip = corpus.render("hiphop", seed, 1.0, "crossing", "classical")
        assert clip.second_genre == "classical"
        assert clip.change_seconds is None
        assert STYLES["hiphop"].bpm[0] <= clip.bpm[0] <= STYLES["hiphop"].bpm[1]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("polka", 1), "'polka'"),
        (("pop", -1), "-1"),
        (("pop", 1, 0.0), "0.0"),
        (("pop", 1, float("nan")), "nan"),
        (("pop", 1, 3.0, "mixed"), "'mixed'"),
        (("pop", 1, 3.0, "crossing", "polka"), "'polka'"),
        (("pop", 1, 3.0, "crossing", "pop"), "pop"),
        (("pop", 1, 3.0, "plain", "rock"), "rock"),
    ],
)
def test_what_cannot_be_rendered_is_refused(arguments, named):
    with pytest.raises(Refusal, match=named):
        corpus.render(*arguments)


def test_the_corpus_has_a_fifth_of_each_genre_for_testing():
    entries = corpus.entries(100)
    assert len(entries) == len({entry.name for entry in entries}) == 1000
    for genre in corpus.GENRES:
        own = [entry for entry in entries if entry.genre == genre]
        assert len(own) == 100
        assert sum(entry.split == "Test" for entry in own) == 20


def test_few_clips_of_the_corpus_have_two_genres():
    entries = corpus.entries(100)
    kinds = [entry.kind for entry in entries]
    assert 30 <= kinds.count("crossing") <= 90
    assert 15 <= kinds.count("switching") <= 65
    for entry in entries:
        assert (entry.second_genre is None) == (entry.kind == "plain")
        assert entry.second_genre != entry.genre


def test_a_smaller_corpus_is_part_of_a_larger_one():
    assert set(corpus.entries(7)) <= set(corpus.entries(20))


def test_another_seed_is_another_corpus():
    assert not {e.seed for e in corpus.entries(9, seed=1)} & {
        e.seed for e in corpus.entries(9, seed=2)
    }


def test_names_say_that_the_corpus_is_synthetic():
    assert all(entry.name.startswith("synthetic_") for entry in corpus.entries(2))


def test_an_entry_renders_what_it_describes():
    entry = next(entry for entry in corpus.entries(50) if entry.kind == "switching")
    clip = entry.render(seconds=3.0)
    assert (clip.genre, clip.second_genre, clip.kind) == (
        entry.genre, entry.second_genre, entry.kind,
    )  # fmt: skip
    assert clip.change_seconds == pytest.approx(entry.change_seconds / 10)


def test_a_written_clip_is_read_back(tmp_path):
    clip = corpus.render("reggae", 7, 1.0)
    corpus.write_wav(clip, tmp_path / "reggae.wav")
    samples, rate = soundfile.read(tmp_path / "reggae.wav", dtype="float32")
    assert rate == RATE
    assert np.abs(samples - clip.samples).max() < 2**-15
    assert [path.name for path in tmp_path.iterdir()] == ["reggae.wav"]


def test_a_name_that_promises_another_format_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(corpus, "render", lambda *_: pytest.fail("made"))
    for name in ("reggae.mp3", "reggae.FLAC"):
        assert main(["synth", "--genre", "reggae", "--out", str(tmp_path / name)]) == 2
        said = capsys.readouterr().err
        assert said.endswith(
            f"{name}: clips are written as WAV: choose a name that ends in .wav.\n"
        )


@pytest.mark.parametrize("genre", corpus.GENRES)
def test_styles_name_only_what_there_is(genre):
    style = STYLES[genre]
    assert set(style.scales) <= set(SCALES)
    for form in style.forms:
        assert set(form.split()) <= set(corpus.PARTS)
    for bar in " ".join(style.progressions).replace("-", " ").split():
        assert len(chord(bar)) in (3, 4)
    patterns = []
    for kit in style.kits:
        assert set(kit) <= set(DRUMS)
        patterns += [(pattern, ".Xxo?") for pattern in kit.values()]
    for line in style.lines:
        assert set(line.instruments.split(",")) <= set(INSTRUMENTS)
        assert line.voicing in VOICINGS
        signs = ".135678w" if line.voicing == "bass" else ".Xxo?"
        patterns += [(pattern, signs) for pattern in line.patterns]
    for pattern, signs in patterns:
        for bar in pattern.replace(" ", "").split("|"):
            assert len(bar) in (12, 16), pattern
            assert set(bar) <= set(signs), pattern


@pytest.mark.parametrize(
    ("numeral", "notes"),
    [
        ("I", (0, 4, 7)),
        ("vi", (9, 12, 16)),
        ("bVII", (10, 14, 17)),
        ("V7", (7, 11, 14, 17)),
        ("ii7", (2, 5, 9, 12)),
        ("I7M", (0, 4, 7, 11)),
    ],
)
def test_chords_are_read_from_roman_numerals(numeral, notes):
    assert chord(numeral) == notes


def test_a_progression_goes_bar_by_bar_and_splits_a_bar_at_its_dash():
    harmony = Harmony(0, "major", "ii7-V7 I")
    assert harmony.chord_at(0, 0.0)[0] == 2
    assert harmony.chord_at(0, 0.5)[0] == 7
    assert harmony.chord_at(1, 0.9)[0] == harmony.chord_at(3, 0.0)[0] == 0


def test_a_backbeat_falls_on_two_and_four():
    hits = list(as_meter().hits(".... X... .... X...", range(2)))
    assert hits == [(1, "X"), (3, "X"), (5, "X"), (7, "X")]


def test_a_bar_of_three_takes_three_quarters_of_a_pattern():
    hits = [beat for beat, _ in as_meter(beats=3).hits("x...x...x...x...", range(2))]
    assert hits == [0, 1, 2, 3, 4, 5]


def test_swing_delays_the_off_beats_of_straight_patterns_only():
    swung = as_meter(swing=2 / 3)
    straight = [beat for beat, _ in swung.hits("x.x.x.x.x.x.x.x.", range(1))]
    assert straight == pytest.approx([0, 2 / 3, 1, 5 / 3, 2, 8 / 3, 3, 11 / 3])
    triplets = [beat for beat, _ in swung.hits("x.xx.xx.xx.x", range(1))]
    assert triplets == pytest.approx([0, 2 / 3, 1, 5 / 3, 2, 8 / 3, 3, 11 / 3])


def test_swung_sixteenths_leave_the_eighths_alone():
    hits = [beat for beat, _ in as_meter(swing=0.6, swung=0.5).hits("xxxx............", range(1))]
    assert hits == pytest.approx([0, 0.3, 0.5, 0.8])


def test_a_steady_clock_keeps_its_tempo_and_rubato_wanders():
    assert np.diff(as_meter(bpm=90).beat_seconds) == pytest.approx(60 / 90)
    wandering = np.diff(as_meter(bpm=90, rubato=0.05).beat_seconds)
    assert wandering.std() > 0.01
    assert wandering.mean() == pytest.approx(60 / 90, rel=0.05)


@few
@given(st.floats(40, 200), st.floats(0.05, 60), st.sampled_from([3, 4]), st.floats(0, 0.07))
def test_a_clock_runs_to_the_end_of_the_clip(bpm, seconds, beats, rubato):
    meter = as_meter(bpm=bpm, seconds=seconds, beats=beats, rubato=rubato)
    assert meter.seconds(meter.n_bars * meter.beats) >= seconds
