"""A clip becomes the 63 numbers, Kaggle's 57, or a log-mel spectrogram."""

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from genres.data.tables import FEATURES, GTZAN_GENRES
from genres.sound import melstore, spectra
from genres.sound.features import (
    KAGGLE_FEATURES,
    course_features,
    harmonic_and_percussive,
    kaggle_features,
    log_mel,
    mfcc,
    segments,
    separate,
)
from genres.sound.melstore import encode
from genres.synth import corpus

SR = 22050


def synthetic_music(seconds, seed, sr=SR):
    """Decaying notes over noise, two clicks a second, and half a second of silence before."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * sr)) / sr
    samples = 0.01 * rng.normal(size=len(time))
    for start in np.arange(0.5, seconds, 0.5):
        after = np.maximum(time - start, 0)
        pitch = 440 * 2 ** (rng.integers(-24, 24) / 12 + rng.uniform(-0.02, 0.02))
        note = np.exp(-3 * after) * np.sin(2 * np.pi * pitch * after)
        samples += (after > 0) * (0.2 * note + 0.5 * np.exp(-200 * after) * rng.normal())
    samples[: sr // 2] = 0
    return samples.astype(np.float32)


def librosa_features(samples, sr=SR):
    """The 63 features by one call of librosa for each, as the course took them."""
    feature = librosa.feature
    chroma = feature.chroma_stft(y=samples, sr=sr)
    mfcc = feature.mfcc(y=samples, sr=sr)[:12]
    single = [
        feature.zero_crossing_rate(samples),
        feature.rms(y=samples),
        feature.spectral_centroid(y=samples, sr=sr),
        feature.spectral_bandwidth(y=samples, sr=sr),
        feature.spectral_rolloff(y=samples, sr=sr),
        feature.spectral_contrast(y=samples, sr=sr),
        feature.spectral_flatness(y=samples),
    ]
    return np.concatenate(
        [
            [moment(values, dtype=float) for values in single for moment in (np.mean, np.std)],
            *(moment(chroma, axis=1, dtype=float) for moment in (np.mean, np.std)),
            feature.tempo(y=samples, sr=sr),
            *(moment(mfcc, axis=1, dtype=float) for moment in (np.mean, np.std)),
        ]
    )


def real_clip(real_data, name, n_samples=-1):
    path = real_data / "gtzan-mini" / name.split(".")[0] / f"{name}.flac"
    return soundfile.read(path, dtype="float32", frames=n_samples)[0]


@pytest.fixture(scope="module")
def differences(real_data):
    """Every value of the course's tables that there is a clip for: what it is, what came out."""
    found = []
    for seconds, suffix in ((30, "30s"), (10, "10s"), (5, "5s_part")):
        path = real_data / "course" / f"GenreClassData_{suffix}.txt"
        table = pd.read_csv(path, sep="\t")
        spread = table[list(FEATURES)].std().to_numpy()
        for file, rows in table.groupby("File"):
            name = file.removesuffix(".wav").replace("_", ".")
            if (real_data / "gtzan-mini" / name.split(".")[0] / f"{name}.flac").exists():
                clip = real_clip(real_data, name, 30 * SR)
                ours = np.array([course_features(cut) for cut in segments(clip, seconds)])
                theirs = rows[list(FEATURES)].to_numpy()
                assert ours.shape == theirs.shape
                found.append((theirs, ours, np.broadcast_to(spread, ours.shape)))
    return [np.concatenate(values) for values in zip(*found, strict=True)]


def test_all_course_values_at_hand_come_out_again(differences):
    theirs, ours, spread = differences
    assert theirs.shape == (97 * (1 + 3), 63)
    assert (np.abs(ours - theirs) <= 1e-4 * spread).all()
    relative = np.abs(ours - theirs) / np.abs(theirs)
    assert np.mean(relative <= 1e-5) >= 0.999


def test_every_tempo_of_the_course_tables_comes_out_again(differences):
    theirs, ours, _ = differences
    tempo = FEATURES.index("tempo")
    np.testing.assert_allclose(ours[:, tempo], theirs[:, tempo], rtol=1e-12)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("seconds", [1, 5])
def test_features_are_those_of_librosa(seconds, seed):
    samples = synthetic_music(seconds, seed)
    np.testing.assert_allclose(
        course_features(samples), librosa_features(samples), rtol=2e-5, atol=2e-6
    )


def test_features_of_what_is_hardly_there_are_those_of_librosa():
    samples = 1e-6 * synthetic_music(3, seed=4)
    # librosa's single precision leaves that much of coefficients whose first is below -1000.
    np.testing.assert_allclose(
        course_features(samples), librosa_features(samples), rtol=2e-5, atol=1e-4
    )


# At 21,556 and 21,560 Hz there are bins just below and just above each border of the contrast's
# octaves, from 200 Hz to 6,400 Hz.
@pytest.mark.parametrize("sr", [21_556, 21_560, 32_000])
def test_features_of_another_rate_are_those_of_librosa(sr):
    samples = synthetic_music(3, seed=5, sr=sr)
    np.testing.assert_allclose(
        course_features(samples, sr), librosa_features(samples, sr), rtol=2e-5, atol=2e-6
    )


def test_a_tone_below_150_hz_does_not_tune_the_chroma():
    sr = 21_900  # where a bin stands at 149.7 Hz, a third of a semitone off the scale
    time = np.arange(2 * sr) / sr
    samples = 0.5 * np.sin(2 * np.pi * 149.7 * time) + 0.3 * np.sin(2 * np.pi * 880 * time)
    samples = samples.astype(np.float32)
    np.testing.assert_allclose(
        course_features(samples, sr), librosa_features(samples, sr), rtol=1e-4, atol=1e-5
    )


@pytest.mark.filterwarnings("ignore:Trying to estimate tuning from empty frequency set")
def test_silence_has_librosas_features():
    silence = np.zeros(3 * SR, np.float32)
    np.testing.assert_allclose(
        course_features(silence), librosa_features(silence), rtol=1e-5, atol=1e-6
    )


def test_loud_noise_keeps_features_finite():
    noise = 1e9 * np.random.default_rng(0).normal(size=2 * SR).astype(np.float32)
    assert np.isfinite(course_features(noise)).all()


@pytest.mark.parametrize("genre", GTZAN_GENRES)
def test_kaggle_values_come_out_again(real_data, genre):
    table = pd.read_csv(real_data / "kaggle" / "features_30_sec.csv", index_col="filename")
    theirs = table.loc[f"{genre}.00004.wav" if genre != "jazz" else "jazz.00005.wav"]
    ours = kaggle_features(real_clip(real_data, theirs.name.removesuffix(".wav")))
    spread = table[list(KAGGLE_FEATURES)].std().to_numpy()
    theirs = theirs[list(KAGGLE_FEATURES)].to_numpy(float)
    assert (np.abs(ours - theirs) <= 2e-5 * spread).all()
    # A mean near zero is left with what rounding left of it; the others have five digits.
    near_zero = np.abs(theirs) < 1e-3 * spread
    small = [KAGGLE_FEATURES.index(name) for name in ("harmony_mean", "perceptr_mean")]
    near_zero[small] = True
    np.testing.assert_allclose(ours[~near_zero], theirs[~near_zero], rtol=5e-5)


def test_kaggle_features_have_that_tables_names(real_data):
    with (real_data / "kaggle" / "features_30_sec.csv").open() as file:
        columns = file.readline().strip().split(",")
    assert columns == ["filename", "length", *KAGGLE_FEATURES, "label"]


def test_kaggle_features_are_librosas_with_mirrored_ends():
    samples = synthetic_music(3, seed=6)
    ours = dict(zip(KAGGLE_FEATURES, kaggle_features(samples), strict=True))
    magnitude = np.abs(librosa.stft(samples, pad_mode="reflect"))
    mel = librosa.power_to_db(librosa.feature.melspectrogram(S=magnitude**2))
    onsets = librosa.onset.onset_strength(S=mel, aggregate=np.median)
    theirs = {
        "chroma_stft": librosa.feature.chroma_stft(S=magnitude**2),
        "rms": librosa.feature.rms(y=samples, pad_mode="reflect"),
        "spectral_centroid": librosa.feature.spectral_centroid(S=magnitude),
        "spectral_bandwidth": librosa.feature.spectral_bandwidth(S=magnitude),
        "rolloff": librosa.feature.spectral_rolloff(S=magnitude),
        "zero_crossing_rate": librosa.feature.zero_crossing_rate(samples),
        **{f"mfcc{i}": row for i, row in enumerate(librosa.feature.mfcc(S=mel), start=1)},
    }
    for name, values in theirs.items():
        assert ours[f"{name}_mean"] == pytest.approx(values.mean(dtype=float), rel=2e-5, abs=1e-5)
        assert ours[f"{name}_var"] == pytest.approx(values.var(dtype=float), rel=2e-5)
    assert ours["tempo"] == pytest.approx(librosa.feature.tempo(onset_envelope=onsets).item())


def test_harmonic_and_percussive_parts_are_librosas():
    samples = synthetic_music(3, seed=6)
    harmonic, percussive = librosa.effects.hpss(samples, pad_mode="reflect")
    inside = len(samples) // 512 * 512
    ours = dict(zip(KAGGLE_FEATURES, kaggle_features(samples), strict=True))
    for name, part in (("harmony", harmonic), ("perceptr", percussive)):
        part = np.append(part[:inside], np.zeros(len(samples) - inside)).astype(float)
        assert ours[f"{name}_mean"] == pytest.approx(part.mean(), rel=1e-3, abs=1e-7)
        assert ours[f"{name}_var"] == pytest.approx(part.var(), rel=1e-3)


@pytest.mark.parametrize(
    ("n_mels", "n_fft", "hop_length"), [(128, 2048, 512), (64, 1024, 256), (40, 4096, 1000)]
)
def test_log_mel_is_librosas(n_mels, n_fft, hop_length):
    samples = synthetic_music(2, seed=7)
    power = librosa.feature.melspectrogram(
        y=samples, sr=SR, n_mels=n_mels, n_fft=n_fft, hop_length=hop_length
    )
    ours = log_mel(samples, SR, n_mels=n_mels, n_fft=n_fft, hop_length=hop_length)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, librosa.power_to_db(power, ref=np.max), atol=1e-3)


@pytest.mark.parametrize("name", ["blues.00000", "metal.00004", "pop.00002"])
def test_a_mel_stores_columns_come_out_again(real_data, name):
    with np.load(real_data / "gtzan-mel" / "mel128.npz") as store:
        place = list(store["track"]).index(name.replace(".", "_") + ".wav")
        theirs = store["mel"][place].astype(int)
    ours = encode(real_clip(real_data, name)).astype(int)
    assert ours.shape == theirs.shape == (128, 387)
    assert np.abs(ours - theirs).max() <= 1


def test_silence_has_a_mel_store_of_one_step():
    assert len(np.unique(encode(np.zeros(5 * SR, np.float32)))) == 1


@pytest.fixture(params=["blues.00000", "synthetic"])
def decibels(request):
    """A log-mel spectrogram that was not rounded: of a real clip, and of a synthetic one."""
    if request.param == "synthetic":
        return log_mel(corpus.render("jazz", 1).samples)
    return log_mel(real_clip(request.getfixturevalue("real_data"), request.param))


def test_mfcc_of_a_spectrogram_are_librosas(decibels):
    theirs = librosa.feature.mfcc(S=decibels)
    np.testing.assert_allclose(mfcc(decibels), theirs, rtol=0, atol=1e-4)
    np.testing.assert_allclose(mfcc(decibels, n_mfcc=13), theirs[:13], rtol=0, atol=1e-4)


def test_mfcc_of_many_spectrograms_are_those_of_each(decibels):
    stack = np.stack([decibels[:, :200], decibels[:, 200:400] / 2, decibels[:, -200:]])
    coefficients = mfcc(stack)
    assert coefficients.shape == (3, 20, 200)
    for ours, spectrogram in zip(coefficients, stack, strict=True):
        theirs = librosa.feature.mfcc(S=spectrogram)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


def test_the_level_of_a_spectrogram_is_in_the_first_coefficient_alone(decibels):
    change = mfcc(decibels + np.float32(10)) - mfcc(decibels)
    np.testing.assert_allclose(change[0], 10 * np.sqrt(128), atol=1e-3)
    np.testing.assert_allclose(change[1:], 0, atol=1e-3)


@pytest.mark.parametrize("name", ["blues.00000", "metal.00004", "pop.00002", "country.00001"])
def test_mfcc_of_a_mel_store_are_the_clips_own_but_for_rounding_and_level(real_data, name):
    store = melstore.load(real_data / "gtzan-mel" / "mel128.npz")
    (place,) = np.flatnonzero(store.track == name.replace(".", "_") + ".wav")
    power = librosa.feature.melspectrogram(y=real_clip(real_data, name))
    own = librosa.power_to_db(power)
    frames = (np.arange(387) + 0.5) * own.shape[1] / 387.5
    theirs = librosa.feature.mfcc(S=own)[:, frames.astype(int)]
    # Where a clip spans less than 80 dB, that is the range that this store has of it.
    ours = mfcc(melstore.decibels(store.mel[place], own.max() - own.min()))
    errors = np.abs(ours - theirs).max(axis=1)
    assert (errors[1:] < 0.8).all()
    assert errors[0] > 100
    level = own.max() * np.sqrt(128)
    assert np.abs(ours[0] + level - theirs[0]).max() < 3


@settings(max_examples=30, deadline=None)
@given(n_samples=st.integers(0, 5000), seconds=st.integers(1, 7))
def test_segments_are_the_clip_without_its_rest(n_samples, seconds):
    clip = np.arange(n_samples)
    cut = segments(clip, seconds, sr=100)
    assert cut.shape == (n_samples // (seconds * 100), seconds * 100)
    np.testing.assert_array_equal(cut.ravel(), clip[: cut.size])


@pytest.mark.parametrize("describe", [course_features, kaggle_features])
@pytest.mark.parametrize(
    ("samples", "sr", "complaint"),
    [
        (np.zeros(2047, np.float32), SR, "too short"),
        (np.full(SR, np.nan, np.float32), SR, "NaN"),
        (np.zeros(SR, np.float32), 11025, "12,800"),
    ],
)
def test_what_has_no_features_is_refused(describe, samples, sr, complaint):
    with pytest.raises(ValueError, match=complaint):
        describe(samples, sr)


def test_parts_taken_piece_by_piece_are_those_of_the_whole():
    t = np.arange(40 * SR) / SR
    sound = (np.sin(2 * np.pi * 440 * t) * 0.3).astype(np.float32)
    sound[:: SR // 2] = 0.9
    sound += np.random.default_rng(0).normal(0, 0.001, len(sound)).astype(np.float32)
    shares = []
    parts, wholes = separate(sound, shares.append), harmonic_and_percussive(sound)
    for part, whole in zip(parts, wholes, strict=True):
        np.testing.assert_allclose(part, whole, atol=1e-4)
    assert shares[-1] == 1


def test_a_tone_is_harmonic_and_clicks_are_percussive():
    t = np.arange(4 * SR) / SR
    tone = (0.3 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
    clicks = np.zeros_like(tone)
    clicks[SR // 4 :: SR // 2] = 0.9
    middle = slice(SR // 2, -SR // 2)
    harmonic, percussive = separate(tone + clicks)
    assert np.abs(harmonic - tone)[middle].mean() < 0.1 * np.abs(tone).mean()
    assert np.abs(percussive - clicks)[middle].mean() < 0.1 * np.abs(tone).mean()


def test_a_peak_whose_parabola_is_lost_in_rounding_stays_in_its_bin():
    power = np.array([[0.5, np.nextafter(np.float32(1), 0), 1, 1, 0.5]], np.float32).T
    found = spectra._interpolate_peaks(power, np.zeros(1, np.float32), 1, 4, 10.0)
    np.testing.assert_array_equal(found, [[20], [1]])


def test_a_track_is_separated_thirty_seconds_after_thirty_seconds(monkeypatch):
    chunk, margin = 1292 * 512, 43 * 512
    sound = np.random.default_rng(0).normal(size=2 * chunk + 30_000).astype(np.float32)
    lengths, shares = [], []

    def split(samples):
        lengths.append(len(samples))
        return samples, -2 * samples

    monkeypatch.setattr("genres.sound.features.harmonic_and_percussive", split)
    harmonic, percussive = separate(sound, shares.append)
    np.testing.assert_array_equal(harmonic, sound)
    np.testing.assert_array_equal(percussive, -2 * sound)
    assert lengths == [chunk + margin, margin + chunk + margin, margin + 30_000]
    assert shares == [chunk / len(sound), 2 * chunk / len(sound), 1]


@pytest.mark.filterwarnings("ignore:Trying to estimate tuning from empty frequency set")
def test_a_frame_is_enough_and_any_rate_above_the_lowest():
    assert np.isfinite(course_features(np.zeros(2048, np.float32))).all()
    assert np.isfinite(course_features(synthetic_music(1, 0, sr=12_801), 12_801)).all()
    with pytest.raises(ValueError, match="these are 12,800"):
        course_features(np.zeros(SR, np.float32), 12_800)


def test_settings_that_are_not_named_are_the_usual_ones():
    samples = synthetic_music(1, seed=8)
    usual = log_mel(samples, SR, n_mels=128, n_fft=2048, hop_length=512)
    np.testing.assert_array_equal(log_mel(samples), usual)
    np.testing.assert_array_equal(course_features(samples), course_features(samples, SR))
    np.testing.assert_array_equal(kaggle_features(samples), kaggle_features(samples, SR))
    assert segments(np.zeros(SR), 1).shape == (1, SR)
