"""Files as people have them: heard in full, and refused where a part is lost."""

import errno
import io
import itertools
import os
import tracemalloc
from contextlib import suppress
from functools import partial
from pathlib import Path

import av
import librosa
import numpy as np
import pytest
import soundfile
from scipy.signal import correlate

from genres.decoding import audio, decoders
from genres.decoding.audio import SAMPLE_RATE, AudioError, read, read_whole

LENGTHS = {
    "vbr-no-xing.mp3": 40.0,
    "abr-piped.mp3": 40.0,
    "piped.flac": 31.0,
    "piped-20s.wav": 20.0,
    "size-zero.wav": 40.0,
    "chained.ogg": 40.0,
    "flac-in-ogg.ogg": 31.0,
    "speech.spx": 40.0,
    "voice.opus": 40.0,
    "adts.aac": 40.0,
    "adts-named.mp3": 40.0,
    "phone.m4a": 40.0,
    "cinema.ac3": 40.0,
    "zeros-then-mp3.mp3": 40.0,
    "opposite-phase.wav": 31.0,
}


@pytest.mark.parametrize("name", LENGTHS)
def test_the_length_is_that_of_what_is_decoded(real_data, name):
    sound = read_whole(real_data / "cases" / name)
    assert len(sound.samples) / SAMPLE_RATE == pytest.approx(LENGTHS[name], abs=0.1)
    assert not sound.silent
    # The same clip whatever the format, but for what an encoder puts before it.
    same = "opposite-phase.wav" if LENGTHS[name] == 31 else "size-zero.wav"
    assert similarity(sound.samples, read_whole(real_data / "cases" / same).samples) > 0.5


def similarity(samples, others):
    """Give the largest correlation of two sounds of which one begins up to 0.2 s later."""
    beginning, others = (part[: 10 * SAMPLE_RATE].astype(float) for part in (samples, others))
    products = correlate(beginning, others, method="fft")
    at, around = len(others) - 1, SAMPLE_RATE // 5
    most = np.abs(products[at - around : at + around + 1]).max()
    return most / np.sqrt(np.dot(beginning, beginning) * np.dot(others, others))


def test_a_piped_wav_is_short_and_not_cut_off(real_data):
    with pytest.raises(AudioError, match=r"lasts 20\.000 s, shorter than the 30 s") as refusal:
        read(real_data / "cases" / "piped-20s.wav")
    assert refusal.value.reason == "short"


def sweep(seconds, sr=SAMPLE_RATE):
    time = np.arange(round(seconds * sr)) / sr
    return 0.5 * np.sin(2 * np.pi * (200 + 50 * time) * time)


def encoded(form, samples, sr=SAMPLE_RATE, **options):
    file = io.BytesIO()
    soundfile.write(file, samples, sr, format=form, **options)
    return file.getvalue()


def written(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
@pytest.mark.parametrize("n_channels", [1, 2, 5, 8])
def test_flac_is_decoded_to_the_same_bits_as_by_libsndfile(tmp_path, subtype, n_channels):
    samples = np.random.default_rng(0).uniform(-1, 1, (30_000, n_channels))
    path = written(tmp_path / "noise.flac", encoded("FLAC", samples, subtype=subtype))
    exact, _ = soundfile.read(path, dtype="float32", always_2d=True)
    mean = exact.mean(axis=1) if n_channels > 1 else exact[:, 0]
    np.testing.assert_array_equal(read_whole(path).samples, mean)


def test_eight_channels_of_vorbis_are_read_and_nine_are_refused(tmp_path):
    for n_channels in (8, 9, 31):
        samples = np.stack([sweep(6)] * n_channels, axis=1)
        path = written(tmp_path / f"{n_channels}.ogg", encoded("OGG", samples))
        if n_channels == 8:
            np.testing.assert_allclose(read_whole(path).samples, sweep(6), atol=0.05)
        else:
            with pytest.raises(AudioError, match=f"has {n_channels} channels: up to 8") as refusal:
                read_whole(path)
            assert refusal.value.reason == "channels"


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM"])
def test_a_block_of_adpcm_that_is_cut_off_is_dropped(tmp_path, subtype):
    content = encoded("WAV", sweep(2), subtype=subtype)
    whole = read_whole(written(tmp_path / "whole.wav", content)).samples
    block = 512  # bytes, and somewhat over a thousand samples
    one_less = read_whole(written(tmp_path / "less.wav", content[:-block])).samples
    assert len(whole) - len(one_less) in range(1000, 1030)
    for cut in (1, 100, block - 1):
        part = read_whole(written(tmp_path / "part.wav", content[:-cut])).samples
        np.testing.assert_array_equal(part, one_less)
    with pytest.raises(AudioError, match=r"is cut off after 1\.9\d\d s") as refusal:
        read(tmp_path / "part.wav", seconds=2)
    assert refusal.value.reason == "truncated"


def parts_of(content, magic):
    """Give where parts begin, by what each begins with, and where the last one ends."""
    starts, at = [], content.find(magic)
    while at >= 0:
        starts.append(at)
        at = content.find(magic, at + 1)
    return [*starts, len(content)]


def without_third(content, starts):
    return content[: starts[3]] + content[starts[4] :]


def third_twice(content, starts):
    return content[: starts[4]] + content[starts[3] :]


def bit_of_third_flipped(content, starts):
    middle = (starts[3] + starts[4]) // 2
    return content[:middle] + bytes([content[middle] ^ 16]) + content[middle + 1 :]


@pytest.mark.parametrize("change", [without_third, third_twice, bit_of_third_flipped])
@pytest.mark.parametrize(("form", "magic"), [("FLAC", None), ("OGG", b"OggS")])
def test_a_part_lost_doubled_or_damaged_is_refused(tmp_path, form, magic, change):
    content = encoded(form, sweep(20))
    if form == "FLAC":
        magic = content[(at := content.index(b"\xff\xf8")) : at + 4]
    path = written(tmp_path / "whole", content)
    assert len(read_whole(path).samples) == 20 * SAMPLE_RATE
    path = written(tmp_path / "changed", change(content, parts_of(content, magic)))
    with pytest.raises(AudioError) as refusal:
        read_whole(path)
    assert refusal.value.reason == "damaged"


def test_a_hole_in_an_mp3_is_refused_and_what_stands_around_it_is_not(tmp_path):
    content = encoded("MP3", sweep(10))
    middle = len(content) // 2
    hole = content[:middle] + bytes(3000) + content[middle + 3000 :]
    with pytest.raises(AudioError, match=r"damaged or cut off after [45]\.\d{3} s"):
        read_whole(written(tmp_path / "hole.mp3", hole))
    noise = np.random.default_rng(0).bytes(3000)
    for number, around in enumerate([content + b"TAG" + bytes(125), content + noise]):
        samples = read_whole(written(tmp_path / f"{number}.mp3", around)).samples
        assert len(samples) == pytest.approx(10 * SAMPLE_RATE, abs=0.1 * SAMPLE_RATE)


@pytest.mark.parametrize("suffix", ["raw", "vox", "gsm", "au", "mp3", "aiff", "sd2", "txt", ""])
@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3", "AIFF"])
def test_no_ending_of_a_name_changes_what_is_read(tmp_path, form, suffix):
    path = written(tmp_path / f"song.{suffix}", encoded(form, sweep(6)))
    assert len(read_whole(path).samples) == 6 * SAMPLE_RATE


@pytest.mark.parametrize("suffix", ["raw", "vox", "gsm", "au"])
def test_noise_is_no_audio_whatever_its_name(tmp_path, suffix):
    path = written(tmp_path / f"noise.{suffix}", np.random.default_rng(7).bytes(30_000))
    with pytest.raises(AudioError, match="not audio in any known format"):
        read(path)


@pytest.mark.parametrize("n_silent", [0, 1])
def test_channels_that_cancel_are_said_and_the_loudest_is_taken(tmp_path, n_silent):
    quiet = [np.zeros(2 * SAMPLE_RATE)] * n_silent
    channels = np.stack([*quiet, sweep(2), -sweep(2)], axis=1)
    path = written(tmp_path / "opposite.wav", encoded("WAV", channels, subtype="FLOAT"))
    sound = read_whole(path)
    assert sound.cancelling
    assert not sound.silent
    np.testing.assert_allclose(sound.samples, sweep(2), atol=1e-6)


def test_one_sounding_channel_of_many_does_not_cancel(tmp_path):
    channels = np.zeros((SAMPLE_RATE, 64))
    channels[:, 5] = sweep(1)
    path = written(tmp_path / "many.wav", encoded("WAV", channels, subtype="FLOAT"))
    sound = read_whole(path)
    assert not sound.cancelling
    np.testing.assert_allclose(sound.samples, sweep(1) / 64, atol=1e-6)


def test_a_peak_of_a_thousand_is_read_and_one_above_is_refused(tmp_path):
    path = written(tmp_path / "loud.wav", encoded("WAV", 2000 * sweep(1), subtype="FLOAT"))
    assert np.abs(read_whole(path).samples).max() == pytest.approx(1000, rel=1e-3)
    path = written(tmp_path / "louder.wav", encoded("WAV", 2100 * sweep(1), subtype="FLOAT"))
    with pytest.raises(AudioError, match=r"1,050 times full scale") as refusal:
        read_whole(path)
    assert refusal.value.reason == "too loud"


@pytest.mark.parametrize("sr", [8_000, 44_100, 48_000, 192_000])
def test_a_file_is_resampled_in_pieces_as_librosa_does_in_one(tmp_path, sr):
    samples = np.random.default_rng(0).uniform(-1, 1, 7 * sr + 13).astype(np.float32)
    path = written(tmp_path / "noise.wav", encoded("WAV", samples, sr, subtype="FLOAT"))
    whole = librosa.resample(samples, orig_sr=sr, target_sr=audio.SAMPLE_RATE)
    np.testing.assert_array_equal(read_whole(path).samples, whole)


def test_long_files_of_high_rates_are_resampled_in_little_memory(tmp_path):
    path, second = tmp_path / "silence.flac", np.zeros(192_000, np.int16)
    with soundfile.SoundFile(path, "w", 192_000, 1) as file:
        for _ in range(120):
            file.write(second)
    tracemalloc.start()
    sound = read_whole(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sound.silent
    assert len(sound.samples) == 120 * SAMPLE_RATE
    assert peak < 2.5 * sound.samples.nbytes  # decoded in one piece it would be nine times


def test_a_file_that_names_others_opens_none(tmp_path):
    written(tmp_path / "secret.wav", encoded("WAV", sweep(2)))
    for number, text in enumerate(
        (
            "ffconcat version 1.0\nfile secret.wav\n",
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsecret.wav\n#EXT-X-ENDLIST\n",
        )
    ):
        path = written(tmp_path / f"{number}.mp3", text.encode())
        with pytest.raises(AudioError, match="is a text file, not audio"):
            read_whole(path)


def fails_after(monkeypatch, n_pieces):
    """Let no file be read any more after some pieces: its descriptor becomes one for writing."""
    monkeypatch.setattr(decoders, "_VALUES_AT_ONCE", 10_000)
    check, n_read = audio._check_samples, itertools.count(1)

    def fail(piece):
        if next(n_read) == n_pieces:
            with Path(os.devnull).open("w") as nowhere:
                for link in Path("/proc/self/fd").iterdir():
                    if str(link.resolve()).endswith("failing"):
                        os.dup2(nowhere.fileno(), int(link.name))
        check(piece)

    monkeypatch.setattr(audio, "_check_samples", fail)


@pytest.mark.parametrize("way", [partial(read, seconds=29), read_whole])
@pytest.mark.parametrize("form", ["WAV", "AIFF", "FLAC", "MP3", "OGG"])
def test_a_disk_that_fails_in_the_middle_is_not_the_file_s_fault(tmp_path, monkeypatch, form, way):
    path = written(tmp_path / "failing", encoded(form, sweep(30)))
    fails_after(monkeypatch, 3)
    with pytest.raises(AudioError, match=r"failing cannot be read: \w") as refusal:
        way(path)
    assert refusal.value.reason in audio.PASSING


def test_memory_that_does_not_do_is_not_the_file_s_fault(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise av.error.MemoryError(errno.ENOMEM, "Cannot allocate memory")

    path = written(tmp_path / "song.mp3", encoded("MP3", sweep(2)))
    monkeypatch.setattr(decoders.av, "open", fail)
    with pytest.raises(AudioError, match=r"song\.mp3 needs more memory than there is") as refusal:
        read_whole(path)
    assert refusal.value.reason in audio.PASSING


@pytest.mark.parametrize(
    ("form", "options"),
    [("WAV", {}), ("WAV", {"subtype": "IMA_ADPCM"}), ("AIFF", {}), ("AU", {}), ("OGG", {})],
)
def test_what_is_cut_off_is_read_and_said(tmp_path, form, options):
    content = encoded(form, sweep(20), **options)
    assert not read_whole(written(tmp_path / "whole", content)).cut_off
    path = written(tmp_path / "part", content[: len(content) // 2 - 3])
    assert read_whole(path).cut_off
    assert not read(path, seconds=1).cut_off  # of that nothing lacks


def test_a_bit_flipped_in_ac_3_is_found_by_its_checksum(tmp_path, real_data):
    content = bytearray((real_data / "cases" / "cinema.ac3").read_bytes()[:60_000])
    content[30_000] ^= 1
    with pytest.raises(AudioError, match="damaged or cut off after"):
        read_whole(written(tmp_path / "changed.ac3", bytes(content)))


def test_an_encoding_that_nobody_knows_is_refused(tmp_path):
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("libopus", rate=48_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.int16), "s16", "mono")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    content = file.getvalue()
    assert b"A_OPUS" in content
    path = written(tmp_path / "odd.mka", content.replace(b"A_OPUS", b"A_ODDS"))
    with pytest.raises(AudioError, match=r"encoding that is not read \(unknown\)"):
        read_whole(path)


def test_pages_behind_the_end_of_ogg_are_refused_and_a_tag_is_not(tmp_path):
    content = encoded("OGG", sweep(20))
    third = parts_of(content, b"OggS")[3]
    tagged = read_whole(written(tmp_path / "tagged.ogg", content + b"TAG" + bytes(125)))
    assert len(tagged.samples) == 20 * SAMPLE_RATE
    with pytest.raises(AudioError, match="damaged"):
        read_whole(written(tmp_path / "twice.ogg", content + b"TAG" + content[third:]))


@pytest.mark.parametrize("change", ["bit", "lost"])
def test_the_first_frame_of_flac_is_checked_as_others_are(tmp_path, change):
    content = encoded("FLAC", sweep(5))
    first = content.index(b"\xff\xf8")
    second = content.index(content[first : first + 4], first + 1)
    bit = bytes([content[first + 50] ^ 1])
    changed = {
        "bit": content[: first + 50] + bit + content[first + 51 :],
        "lost": content[:first] + content[second:],
    }
    path = written(tmp_path / "changed.flac", changed[change])
    for way in (read_whole, partial(read, seconds=1)):
        with pytest.raises(AudioError) as refusal:
            way(path)
        assert refusal.value.reason == "damaged"


def test_a_place_that_a_header_invents_is_no_traceback(tmp_path, capfd):
    content = encoded("MP3", sweep(2))
    lying = b"wvpk" + b"\xff" * 28 + content
    with suppress(AudioError):
        read_whole(written(tmp_path / "lying.wv", lying))
    assert capfd.readouterr().err == ""
