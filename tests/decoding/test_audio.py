"""A file becomes samples, or a clear refusal."""

import os
import struct
import tracemalloc

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from genres.decoding import audio, decoders
from genres.decoding.audio import SAMPLE_RATE, AudioError, read, read_whole

ENCODINGS = [
    *(("wav", subtype) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")),
    *(("au", subtype) for subtype in ("PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")),
    *(("flac", subtype) for subtype in ("PCM_S8", "PCM_16", "PCM_24")),
    ("ogg", "VORBIS"),
    ("mp3", "MPEG_LAYER_III"),
]


def tone(seconds, sr=SAMPLE_RATE, hertz=440.0):
    time = np.arange(round(seconds * sr)) / sr
    return 0.5 * np.sin(2 * np.pi * hertz * time)


def hertz_of(samples):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.argmax(spectrum) * SAMPLE_RATE / len(samples)


@pytest.mark.parametrize(("suffix", "subtype"), ENCODINGS)
def test_every_format_and_depth_is_decoded(tmp_path, suffix, subtype):
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, tone(1.5), SAMPLE_RATE, subtype=subtype)
    sound = read(path, seconds=1)
    assert sound.samples.dtype == np.float32
    assert sound.samples.shape == (SAMPLE_RATE,)
    assert not sound.silent
    lossy = suffix in ("ogg", "mp3")
    error = np.abs(sound.samples - tone(1))[1000:-1000].max()
    assert error < (0.05 if lossy else 0.01 if "8" in subtype else 1e-4)


@pytest.mark.parametrize("sr", [8_000, 11_025, 32_000, 44_100, 48_000, 96_000, 192_000])
def test_every_rate_is_brought_to_22050(tmp_path, sr):
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(2, sr), sr)
    samples = read(path, seconds=1).samples
    assert samples.shape == (SAMPLE_RATE,)
    assert hertz_of(samples) == pytest.approx(440, abs=1)
    # Up to its last sample: the filter looks beyond the end.
    assert np.abs(samples - tone(1))[100:].max() < 1e-3


@pytest.mark.parametrize(("sign", "rate"), [(1, 44_100), (-1, 44_100), (0.5, 22_050)])
def test_what_is_read_as_it_is_mixes_to_what_is_read_whole(tmp_path, sign, rate):
    path = tmp_path / "two.flac"
    channel = tone(13, rate)  # more than a piece
    soundfile.write(path, np.stack([channel, sign * channel], axis=1), rate)
    recording = audio.read_as_it_is(path)
    assert {(part.shape[1], its_rate) for part, its_rate in recording.parts} == {(2, rate)}
    assert sum(len(part) for part, _ in recording.parts) == 13 * rate
    assert recording.encoding[:3] == ("FLAC", "flac", True)
    mixed, whole = audio.mixed(recording), read_whole(path)
    np.testing.assert_array_equal(mixed.samples, whole.samples)
    assert mixed[1:] == whole[1:] == (False, sign == -1, False)


def test_what_is_read_as_it_is_is_refused_alike(tmp_path):
    soundfile.write(tmp_path / "long.wav", tone(2), SAMPLE_RATE)
    with pytest.raises(AudioError, match=r"lasts longer than 0\.025 min"):
        audio.read_as_it_is(tmp_path / "long.wav", longest=1.5)
    soundfile.write(tmp_path / "none.wav", tone(0), SAMPLE_RATE)
    with pytest.raises(AudioError, match="audio without any sample"):
        audio.read_as_it_is(tmp_path / "none.wav")
    with pytest.raises(AudioError, match="does not exist"):
        audio.read_as_it_is(tmp_path / "nothing.wav")


def test_the_mean_of_the_channels_is_taken(tmp_path):
    left, right, centre = tone(1), tone(1, hertz=1000), tone(1, hertz=3000)
    path = tmp_path / "three.wav"
    soundfile.write(path, np.stack([left, right, centre], axis=1), SAMPLE_RATE, subtype="FLOAT")
    mean = (left + right + centre) / 3
    np.testing.assert_allclose(read(path, seconds=1).samples, mean, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(values=st.lists(st.integers(-(2**15), 2**15 - 1), min_size=100, max_size=400))
def test_a_file_at_22050_is_not_touched(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("exact") / "exact.flac"
    soundfile.write(path, np.array(values, np.int16), SAMPLE_RATE)
    samples = read(path, seconds=100 / SAMPLE_RATE).samples
    np.testing.assert_array_equal(samples, np.array(values[:100]) / 2**15)


def test_an_mp3_is_decoded_without_a_seam(tmp_path):
    path = tmp_path / "stereo.mp3"
    soundfile.write(path, np.stack([tone(40, 44_100), 0.5 * tone(40, 44_100)], axis=1), 44_100)
    whole, _ = soundfile.read(path, dtype="float32")
    whole = librosa.resample(whole.mean(axis=1), orig_sr=44_100, target_sr=SAMPLE_RATE)
    np.testing.assert_allclose(read(path).samples, whole[: 30 * SAMPLE_RATE], atol=1e-6)


def test_many_channels_are_decoded_without_a_seam(tmp_path, monkeypatch):
    monkeypatch.setattr(decoders, "_VALUES_AT_ONCE", 1000)
    path = tmp_path / "five.flac"
    soundfile.write(path, np.stack([tone(1)] * 5, axis=1), SAMPLE_RATE, subtype="PCM_24")
    np.testing.assert_allclose(read(path, seconds=1).samples, tone(1), atol=1e-6)


def test_real_clips_are_not_touched(real_data):
    path = real_data / "gtzan-mini" / "blues" / "blues.00000.flac"
    exact, _ = soundfile.read(path, dtype="float32", frames=30 * SAMPLE_RATE)
    np.testing.assert_array_equal(read(path).samples, exact)


def test_what_a_file_holds_counts_and_not_its_name(tmp_path):
    soundfile.write(tmp_path / "tone.flac", tone(1), SAMPLE_RATE)
    (tmp_path / "tone.flac").rename(tmp_path / "tone.mp3")
    assert hertz_of(read(tmp_path / "tone.mp3", seconds=1).samples) == 440


def test_silence_is_kept_and_said(tmp_path):
    soundfile.write(tmp_path / "silence.ogg", np.zeros(SAMPLE_RATE), SAMPLE_RATE)
    sound = read(tmp_path / "silence.ogg", seconds=1)
    assert sound.silent
    assert len(sound.samples) == SAMPLE_RATE


def test_a_name_need_not_be_utf_8(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    soundfile.write(tmp_path / "plain.wav", tone(1), SAMPLE_RATE)
    (tmp_path / "plain.wav").rename(path)
    assert len(read(path, seconds=1).samples) == SAMPLE_RATE


def test_a_little_may_be_missing_where_that_is_allowed(tmp_path):
    path = tmp_path / "short.wav"
    soundfile.write(path, tone(0.98), SAMPLE_RATE)
    with pytest.raises(AudioError, match=r"lasts 0\.980 s, shorter than the 1 s"):
        read(path, seconds=1)
    samples = read(path, seconds=1, missing=0.03).samples
    assert len(samples) == SAMPLE_RATE
    assert not samples[round(0.98 * SAMPLE_RATE) :].any()


def test_one_sample_less_than_needed_is_short(tmp_path):
    path = tmp_path / "short.wav"
    soundfile.write(path, tone(1)[:-1], SAMPLE_RATE)
    with pytest.raises(AudioError) as refusal:
        read(path, seconds=1)
    assert refusal.value.reason == "short"


@pytest.fixture
def peak_memory():
    """A function that gives the most bytes that Python held since the test began."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def test_a_day_long_file_does_not_fill_memory(tmp_path, peak_memory):
    path = tmp_path / "day.wav"
    soundfile.write(path, tone(1), SAMPLE_RATE)
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, 4, 24 * 3600 * SAMPLE_RATE * 2 + 36)
    struct.pack_into("<I", content, 40, 24 * 3600 * SAMPLE_RATE * 2)
    path.write_bytes(content)
    os.truncate(path, 24 * 3600 * SAMPLE_RATE * 2 + 44)  # the rest is a hole: it takes no disk
    assert len(read(path).samples) == 30 * SAMPLE_RATE
    assert peak_memory() < 20e6


def test_a_header_that_lies_takes_no_memory(tmp_path, peak_memory):
    path = tmp_path / "lie.flac"
    soundfile.write(path, tone(1), SAMPLE_RATE)
    content = bytearray(path.read_bytes())
    content[21] |= 0x0F
    content[22:26] = b"\xff" * 4  # 68,719,476,735 samples
    path.write_bytes(content)
    with pytest.raises(AudioError, match=r"damaged or cut off after 1\.000 s"):
        read(path, seconds=30)
    assert peak_memory() < 20e6


def test_the_mp3_decoders_messages_stay_off_the_screen(tmp_path, capfd):
    path = tmp_path / "noise.mp3"
    soundfile.write(path, tone(2), SAMPLE_RATE)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) // 2))
    with pytest.raises(AudioError):
        read(path, seconds=2)
    assert capfd.readouterr() == ("", "")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(AudioError, match="not a file"):
        read(tmp_path / "pipe.wav")


def test_a_refusal_is_one_sentence_with_a_reason(tmp_path):
    with pytest.raises(AudioError) as refusal:
        read(tmp_path / "nowhere.wav")
    assert str(refusal.value) == f"{tmp_path / 'nowhere.wav'} does not exist."
    assert refusal.value.reason == "missing"


def test_all_of_a_file_is_read_up_to_a_limit(tmp_path):
    soundfile.write(tmp_path / "long.wav", tone(2.5), SAMPLE_RATE)
    samples, beginning = read_whole(tmp_path / "long.wav").samples, read(tmp_path / "long.wav", 2)
    assert len(samples) == round(2.5 * SAMPLE_RATE)
    np.testing.assert_array_equal(samples[: 2 * SAMPLE_RATE], beginning.samples)
    with pytest.raises(AudioError, match=r"lasts longer than 0\.03 min") as refusal:
        read_whole(tmp_path / "long.wav", longest=1.8)
    assert refusal.value.reason == "long"
    with pytest.raises(AudioError, match=r"lasts 2\.500 s, shorter than the 3 s needed"):
        read_whole(tmp_path / "long.wav", shortest=3)
