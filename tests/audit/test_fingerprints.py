"""audit.fingerprints: landmarks of sound and of mel stores, and digests of exact copies."""

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from genres.audit import fingerprints
from genres.decoding.audio import AudioError
from genres.sound import melstore
from genres.synth import corpus

SR = corpus.SAMPLE_RATE


@pytest.fixture(scope="module")
def clip():
    return corpus.render("jazz", 3, 12.0).samples


def landmarks(fingerprint):
    return set(zip(fingerprint.frames.tolist(), fingerprint.bands.tolist(), strict=True))


def test_music_has_some_landmarks_a_second_in_time_order(clip):
    fingerprint = fingerprints.of_sound(clip)
    assert fingerprint.n_frames == 1 + len(clip) // 512
    assert 10 < len(fingerprint.frames) / 12 < 40
    assert (np.diff(fingerprint.frames) >= 0).all()


def test_a_tone_that_starts_is_a_landmark_where_and_as_high_as_it_starts():
    seconds = np.arange(4 * SR) / SR
    samples = np.where(seconds > 2, np.sin(2 * np.pi * 1000 * seconds) * np.exp(2 - seconds), 0)
    fingerprint = fingerprints.of_sound(samples.astype(np.float32))
    near = [frame for frame, band in landmarks(fingerprint) if abs(band - 1000 * 2048 / SR) < 1]
    assert near == [pytest.approx(2 * SR / 512, abs=3)]


def test_level_moves_no_landmark(clip):
    quieter = fingerprints.of_sound(clip / 4)
    assert landmarks(quieter) == landmarks(fingerprints.of_sound(clip))
    assert quieter.digest != fingerprints.of_sound(clip).digest


def test_a_long_sound_has_the_same_landmarks_piece_by_piece(clip, monkeypatch):
    whole = fingerprints.of_sound(clip)
    monkeypatch.setattr(fingerprints, "_PIECE", 100)
    assert landmarks(fingerprints.of_sound(clip)) == landmarks(whole)


def test_silence_has_neither_landmarks_nor_a_digest():
    for silence in (np.zeros(3 * SR, np.float32), np.full(3 * SR, 5e-5, np.float32)):
        fingerprint = fingerprints.of_sound(silence)
        assert len(fingerprint.frames) == 0 and fingerprint.digest == b""
        assert len(fingerprints.of_mel(melstore.encode(silence)).frames) == 0
    assert fingerprints.of_mel(melstore.encode(np.zeros(3 * SR, np.float32))).digest == b""


@given(st.integers(1, 3 * 2048), st.sampled_from([0.0, 1e-9, 1.0]))
def test_landmarks_are_inside_sound_of_any_length(n_samples, level):
    noise = np.random.default_rng(n_samples).standard_normal(n_samples)
    fingerprint = fingerprints.of_sound((level * noise).astype(np.float32))
    assert all(0 <= frame < fingerprint.n_frames for frame in fingerprint.frames)


def test_a_mel_stores_clip_has_landmarks_in_its_columns_and_bands(clip):
    mel = melstore.encode(clip)
    fingerprint = fingerprints.of_mel(mel)
    assert fingerprint.n_frames == mel.shape[1]
    assert 8 < len(fingerprint.frames) / 12 < 30
    assert fingerprint.bands.max() < len(mel)


def test_a_file_has_the_digest_of_its_samples_whatever_holds_them(clip, tmp_path):
    numbers = (clip * 30_000).astype(np.int16)
    paths = [tmp_path / name for name in ("a.wav", "b.flac", "c.aiff")]
    for path in paths:
        soundfile.write(path, np.column_stack([numbers, numbers[::-1]]), 44_100, "PCM_16")
    taken = fingerprints.of_files(paths, 1, progress=False)
    assert len({fingerprint.digest for fingerprint in taken}) == 1


def test_a_file_that_cannot_be_used_says_why_in_its_place(clip, tmp_path):
    sound, text = tmp_path / "a.wav", tmp_path / "b.mp3"
    soundfile.write(sound, clip, SR)
    text.write_text("no music")
    unusable, missing, taken = fingerprints.of_files(
        [text, tmp_path / "none.wav", sound], 1, progress=False
    )
    assert isinstance(unusable, AudioError) and str(text) in str(unusable)
    assert isinstance(missing, AudioError) and "does not exist" in str(missing)
    assert len(taken.frames) > 0
