"""audit.facts: each is told of made sound, as far as it is known there."""

import math

import numpy as np
import pytest
import scipy.signal
import soundfile

from benchmarks._versions import mp3, ogg
from genres.audit import facts
from genres.decoding import audio
from genres.synth import corpus

SR = 44_100
SECONDS = 4


def of_samples(samples, folder, rate=SR, subtype="PCM_16", name="made.wav"):
    soundfile.write(folder / name, samples, rate, subtype)
    return facts.of_file(folder / name)


def tone(frequency, level, seconds=SECONDS, rate=SR):
    return level * np.sin(2 * np.pi * frequency * np.arange(seconds * rate) / rate)


def noise(level, seed=0, seconds=SECONDS, rate=SR):
    return level * np.random.default_rng(seed).standard_normal(seconds * rate)


def low_passed(samples, frequency, rate=SR):
    return scipy.signal.sosfilt(
        scipy.signal.ellip(12, 0.1, 80, frequency, fs=rate, output="sos"), samples
    )


@pytest.fixture(scope="module")
def clip():
    return corpus.render("rock", 3, 8.0).samples


def test_level_and_peak_are_told_against_full_scale(tmp_path):
    told = of_samples(tone(1000, 0.5), tmp_path)
    assert told.level == pytest.approx(-9.03, abs=0.01)
    assert told.peak == pytest.approx(-6.02, abs=0.01)
    assert told.duration == SECONDS and told.sample_rate == SR
    assert told.silence == told.noise == told.clipped == 0


def test_digital_silence_has_neither_bits_nor_bandwidth(tmp_path):
    told = of_samples(np.zeros(SR), tmp_path)
    assert told.level == told.peak == facts.LOWEST_LEVEL
    assert told.silence == 1 and told.clipped == 0
    assert all(map(math.isnan, (told.bits, told.bandwidth, told.low_pass)))


def test_the_share_of_silence_is_told(tmp_path):
    told = of_samples(np.concatenate([noise(0.1), np.zeros(SR)]), tmp_path)
    assert told.silence == pytest.approx(1 / 5, abs=0.02)


@pytest.mark.parametrize("ceiling", [1.0, 0.6])
def test_clipping_is_told_at_full_scale_and_below(tmp_path, ceiling):
    samples = np.clip(tone(200, 1.5 * ceiling), -ceiling, ceiling)
    above = 1 - 2 / np.pi * np.arcsin(1 / 1.5)
    assert of_samples(samples, tmp_path).clipped == pytest.approx(above, abs=0.01)
    assert of_samples(tone(200, ceiling), tmp_path).clipped < 1e-3


def test_clipping_is_told_where_decoded_samples_pass_full_scale(tmp_path):
    told = of_samples(tone(200, 1.5), tmp_path, subtype="FLOAT")
    assert told.clipped > 0.4 and told.peak > 0


def test_dc_is_that_of_the_channel_where_it_is_largest(tmp_path):
    samples = np.stack([noise(0.1), noise(0.1, 1) - 0.02], axis=1)
    samples -= samples.mean(axis=0) + np.array([0, 0.02])
    assert of_samples(samples, tmp_path).dc == pytest.approx(-0.02, abs=1e-4)


@pytest.mark.parametrize(
    ("left", "right", "relation", "mixdown"),
    [
        (1, 1, "identical", 0),
        (1, -1, "cancelling", -np.inf),
        (1, 0, "one side", -3.01),
        (1, None, "stereo", -3.01),
    ],
)
def test_the_relation_of_two_channels_is_told(tmp_path, left, right, relation, mixdown):
    other = noise(0.1, 1) if right is None else right * noise(0.1)
    told = of_samples(np.stack([left * noise(0.1), other], axis=1), tmp_path)
    assert told.channels == 2 and told.relation == relation
    assert told.mixdown == pytest.approx(max(mixdown, -100), abs=0.1) or told.mixdown < -60


def test_one_channel_is_mono(tmp_path):
    told = of_samples(noise(0.1), tmp_path)
    assert (told.channels, told.relation, told.mixdown) == (1, "mono", pytest.approx(0, abs=1e-3))


@pytest.mark.parametrize("edge", [5_000, 10_000, 16_000])
def test_the_edge_of_a_low_pass_is_told(tmp_path, edge):
    told = of_samples(low_passed(noise(0.1), edge), tmp_path)
    assert told.low_pass == pytest.approx(edge, abs=300)
    assert told.bandwidth == pytest.approx(edge, abs=1000) or edge == 16_000


def test_a_pilot_tone_hides_no_edge(tmp_path):
    told = of_samples(low_passed(noise(0.1), 10_000) + tone(19_000, 0.01), tmp_path)
    assert told.low_pass == pytest.approx(10_000, abs=300)


def test_noise_and_slopes_as_instruments_have_them_have_no_edge(tmp_path):
    slope = scipy.signal.sosfilt(scipy.signal.butter(4, 4_000, fs=SR, output="sos"), noise(0.3))
    for samples in (noise(0.1), slope):
        assert math.isnan(of_samples(samples, tmp_path).low_pass)
    assert of_samples(noise(0.1), tmp_path).bandwidth == SR / 2


def test_a_tone_has_its_bandwidth_and_no_edge(tmp_path):
    many = sum(tone(440 * k, 0.05) for k in range(1, 11))
    told = of_samples(many, tmp_path)
    assert math.isnan(told.low_pass)


def test_an_encoders_edge_is_told_of_what_it_encoded(tmp_path, clip):
    for kilobits, edge in ((32, 8_400), (128, None)):
        (tmp_path / "made.mp3").write_bytes(mp3(clip, kilobits))
        told = facts.of_file(tmp_path / "made.mp3")
        if edge:
            assert told.low_pass == pytest.approx(edge, abs=400)
        else:
            assert not told.low_pass < 10_000
        assert (told.format, told.codec, told.constant) == ("MP3", "mp3", True)
        assert told.bitrate == pytest.approx(kilobits, rel=0.01)
        assert math.isnan(told.bits)


def test_a_variable_bit_rate_is_told(tmp_path, clip):
    (tmp_path / "made.ogg").write_bytes(ogg(clip))
    told = facts.of_file(tmp_path / "made.ogg")
    assert (told.format, told.codec, told.constant) == ("Ogg", "vorbis", False)
    assert 20 < told.bitrate < 100


@pytest.mark.parametrize(
    ("subtype", "given", "bits"),
    [
        ("PCM_U8", 8, 8),
        ("PCM_16", 16, 16),
        ("PCM_24", 24, 24),
        ("PCM_24", 16, 16),
        ("FLOAT", 0, 32),
    ],
)
def test_bits_are_those_that_samples_use(tmp_path, subtype, given, bits):
    samples = noise(0.1)
    if given:
        samples = np.rint(samples * 2 ** (given - 1)) / 2 ** (given - 1)
    told = of_samples(samples, tmp_path, subtype=subtype)
    assert told.bits == bits
    assert told.bitrate == SR * int("".join(filter(str.isdigit, subtype)) or 32) / 1000


def test_loud_white_noise_is_told_from_music(tmp_path, clip):
    broken = np.concatenate([clip, np.clip(noise(0.5, seconds=8, rate=corpus.SAMPLE_RATE), -1, 1)])
    assert of_samples(broken, tmp_path, corpus.SAMPLE_RATE).noise == pytest.approx(0.5, abs=0.02)
    assert of_samples(clip, tmp_path, corpus.SAMPLE_RATE).noise == 0


def test_a_file_that_is_cut_off_is_told(tmp_path):
    told = of_samples(noise(0.1), tmp_path)
    assert not told.cut_off
    content = (tmp_path / "made.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(content[: len(content) // 2])
    cut = facts.of_file(tmp_path / "cut.wav")
    assert cut.cut_off and cut.duration == pytest.approx(SECONDS / 2, abs=0.01)


def test_a_few_samples_are_facts_too(tmp_path):
    told = of_samples(noise(0.1)[:100], tmp_path)
    assert told.level == pytest.approx(-20, abs=2)


def test_what_is_no_audio_is_refused_as_everywhere(tmp_path):
    (tmp_path / "made.wav").write_text("no audio")
    with pytest.raises(audio.AudioError, match="not audio"):
        facts.of_file(tmp_path / "made.wav")
