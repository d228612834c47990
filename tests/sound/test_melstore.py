"""sound.melstore: a sound mel store is read as it was written, anything else refused."""

import os
import re
import zipfile

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genres import Refusal
from genres.sound import melstore

N_BANDS, N_COLUMNS = 8, 32
NAMES = ["pop_00000.wav", "pop_00001.wav", "ska/three.mp3"]


def sound(**changes):
    """Give what a sound store of three clips holds, or holds after changes."""
    mel = np.random.default_rng(0).integers(256, size=(3, N_BANDS, N_COLUMNS), dtype=np.uint8)
    return {"mel": mel, "track": np.array(NAMES), **changes}


@pytest.fixture
def write(tmp_path):
    """Write arrays into a file the way that NumPy does, and give its path."""

    def write(arrays, save=np.savez_compressed):
        save(tmp_path / "store.npz", **arrays)
        return tmp_path / "store.npz"

    return write


def relist(path, name, **said):
    """Change what the list at an archive's end says of a member."""
    with zipfile.ZipFile(path, "a") as archive:
        for what, value in said.items():
            setattr(archive.getinfo(f"{name}.npy"), what, value)
        archive.writestr("note", "makes zipfile write the list anew")


# A sound store


def test_a_store_is_read_as_it_was_written(write):
    store = melstore.load(write(sound()))
    np.testing.assert_array_equal(store.mel, sound()["mel"])
    assert store.mel.dtype == np.uint8
    assert store.track.tolist() == NAMES
    assert (store.range_db, store.columns_per_second) == (80, 12.9)


def test_a_store_that_is_written_clip_by_clip_has_them_all(tmp_path):
    mel = np.random.default_rng(0).integers(0, 256, (3, 128, 40), np.uint8)
    melstore.write(tmp_path / "mel.npz", NAMES, (clip.tobytes() for clip in mel), 40)
    store = melstore.load(tmp_path / "mel.npz")
    np.testing.assert_array_equal(store.mel, mel)
    assert store.track.tolist() == list(NAMES)


def test_a_store_may_say_its_range_and_its_columns_a_second(write):
    for range_db, columns_per_second in ((60, 25.8), (0.5, 0.5), (1000, 1000)):
        said = {"range_db": range_db, "columns_per_second": np.array(columns_per_second)}
        store = melstore.load(write(sound(**said)))
        assert (store.range_db, store.columns_per_second) == (range_db, columns_per_second)


def test_the_real_store_has_999_clips(real_data):
    store = melstore.load(real_data / "gtzan-mel" / "mel128.npz")
    assert store.mel.shape == (999, 128, 387)
    assert "pop_00072.wav" in store.track
    assert "jazz_00054.wav" not in store.track


# Steps and decibels


def test_a_step_is_worth_its_middle_and_the_loudest_one_nothing():
    steps = np.array([[0, 1], [254, 255]], np.uint8)
    decibels = melstore.decibels(steps)
    expected = [[0.5 / 255 * 80 - 80, 1.5 / 255 * 80 - 80], [254.5 / 255 * 80 - 80, 0]]
    np.testing.assert_allclose(decibels, expected, rtol=1e-6)
    assert decibels.dtype == np.float32


def test_another_range_is_taken_from_the_same_end():
    decibels = melstore.decibels(np.array([0, 255], np.uint8), range_db=51)
    np.testing.assert_allclose(decibels, [0.1 - 51, 0], atol=1e-5)


@given(arrays(np.float32, 20, elements=st.floats(-80, 0, width=32)))
def test_what_was_rounded_down_comes_back_within_half_a_step(levels):
    steps = ((levels / 80 + 1) * 255).astype(np.uint8)
    assert np.abs(melstore.decibels(steps) - levels).max() <= 80 / 255 / 2 + 1e-4


# From sound to steps


SR = 22050


@pytest.fixture(scope="module")
def uneven():
    """Twelve seconds of noise, each half second of another loudness."""
    rng = np.random.default_rng(0)
    loudness = np.repeat(10 ** rng.uniform(-2, -0.5, 24), SR // 2)
    return (loudness * rng.normal(size=12 * SR)).astype(np.float32)


@pytest.fixture(scope="module")
def levels_in_frames(uneven):
    """What librosa has of it, in dB, shape (128, n_frames)."""
    power = librosa.feature.melspectrogram(y=uneven.astype(float), sr=SR)
    return 10 * np.log10(np.maximum(power, 1e-10))


def test_a_second_has_thirteen_columns_spread_over_its_frames():
    frames = melstore.kept_frames(SR)
    assert frames.tolist() == [1, 4, 8, 11, 14, 17, 21, 24, 27, 30, 34, 37, 40]


def test_a_column_is_what_sounds_at_its_middle():
    middles = (np.arange(387) + 0.5) / 12.9
    np.testing.assert_allclose(melstore.kept_frames(30 * SR) * 512 / SR, middles, atol=0.07)


def test_a_clip_spans_all_steps(uneven, levels_in_frames):
    steps = melstore.encode(uneven)
    low, high = levels_in_frames.min(), levels_in_frames.max()
    assert high - low < 80
    levels = levels_in_frames[:, melstore.kept_frames(len(uneven))]
    np.testing.assert_allclose(steps, (levels - low) / (high - low) * 255, atol=1.1)


def test_windows_as_long_as_the_range_looks_are_those_of_the_clip(uneven):
    windows = melstore.encode_windows(uneven, np.array([0, 5, 11.9]), 13, seconds=12)
    whole = melstore.encode(uneven)
    for window, first in zip(windows, (0, 64, whole.shape[1] - 13), strict=True):
        assert np.abs(window - whole[:, first : first + 13].astype(float)).max() <= 1


def test_the_range_of_a_window_is_that_of_the_sound_around_it(uneven, levels_in_frames):
    kept, n_frames = melstore.kept_frames(len(uneven)), levels_in_frames.shape[1]
    firsts, width = np.arange(116), 39
    windows = melstore.encode_windows(uneven, firsts / 12.9, width, seconds=4)
    around = 1 + 4 * SR // 512
    for window, first in zip(windows, firsts, strict=True):
        begin = np.clip(kept[first + width // 2] - around // 2, 0, n_frames - around)
        near = levels_in_frames[:, begin : begin + around]
        levels = levels_in_frames[:, kept[first : first + width]]
        steps = (levels - near.min()) / (near.max() - near.min()) * 255
        np.testing.assert_allclose(window, np.maximum(steps, 0), atol=1.1)


@pytest.mark.parametrize("seconds", [2, 4, 12, 30])
@pytest.mark.parametrize("rising", [True, False])
def test_the_range_around_a_column_reaches_as_far_to_both_sides(rising, seconds):
    # Sound that only rises, or falls, has its extremes at the ends of what is looked at.
    loudness = 10 ** np.linspace(-3, 0, 12 * SR)[:: 1 if rising else -1]
    samples = (loudness * np.sin(2 * np.pi * 1000 * np.arange(12 * SR) / SR)).astype(np.float32)
    power = librosa.feature.melspectrogram(y=samples.astype(float), sr=SR)
    levels = 10 * np.log10(np.maximum(power, 1e-10))
    n_frames, kept = levels.shape[1], melstore.kept_frames(len(samples))
    decibels, lowest, highest = melstore._levels(samples, seconds, SR)
    np.testing.assert_allclose(decibels, levels[:, kept], atol=0.01)
    around = min(1 + seconds * SR // 512, n_frames)
    begins = np.clip(kept - around // 2, 0, n_frames - around)
    near = [levels[:, begin : begin + around] for begin in begins]
    np.testing.assert_allclose(lowest, [part.min() for part in near], atol=0.01)
    np.testing.assert_allclose(highest, [part.max() for part in near], atol=0.01)


def test_windows_look_at_thirty_seconds_and_are_no_wider_than_the_range():
    rng = np.random.default_rng(0)
    samples = (10 ** np.linspace(-3, 0, 36 * SR) * rng.normal(size=36 * SR)).astype(np.float32)
    starts = np.array([0.0, 9.98, 10.02])
    windows = melstore.encode_windows(samples, starts, 20)
    assert windows.shape == (3, 128, 20)
    assert windows.dtype == np.uint8
    np.testing.assert_array_equal(
        windows, melstore.encode_windows(samples, starts, 20, seconds=30, sr=SR)
    )
    for seconds in (29, 31):
        other = melstore.encode_windows(samples, starts, 20, seconds=seconds)
        assert (other != windows).any()
    np.testing.assert_array_equal(windows[1], windows[2])  # both begin in column 129


def test_silence_and_what_spans_more_than_the_range_have_steps_too():
    assert (melstore.encode_windows(np.zeros(4 * SR, np.float32), np.zeros(1), 5) == 255).all()
    samples = np.zeros(4 * SR, np.float32)
    samples[2 * SR :] = np.random.default_rng(0).normal(size=2 * SR)
    (window,) = melstore.encode_windows(samples, np.zeros(1), 51)
    assert (window[:, :20] == 0).all()
    assert window.max() == 255


def test_steps_are_rounded_down_and_end_with_the_range():
    levels = np.array([0, -0.1, -39.99, -40.0, -79.9, -80.0, -200.0])
    steps = melstore.steps(levels, 80)
    assert steps.tolist() == [255, 254, 127, 127, 0, 0, 0]
    assert steps.dtype == np.uint8
    assert melstore.steps(np.array([-1.0]), 2).tolist() == [127]


# What is no sound store


def load_refused(path):
    """Give the sentence with which a file is refused."""
    with pytest.raises(Refusal) as refusal:
        melstore.load(path)
    sentence = str(refusal.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert not sentence.endswith("..")
    return sentence


def test_no_file_is_a_refusal(tmp_path):
    assert "cannot be read: No such file or directory" in load_refused(tmp_path / "gone.npz")


@pytest.mark.parametrize("content", [b"", b"no zip", b"\x93NUMPY\x01\x00"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "store.npz"
    path.write_bytes(content)
    assert "is no mel store, or a damaged one: " in load_refused(path)


@pytest.mark.parametrize("compression", ["STORED", "DEFLATED", "BZIP2", "LZMA"])
@pytest.mark.parametrize("what", ["cut off", "overwritten"])
def test_a_damaged_store_is_refused(write, compression, what):
    path = write(sound(mel=sound()["mel"] // 128))
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", getattr(zipfile, f"ZIP_{compression}")) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    damaged = bytearray(path.read_bytes())
    if what == "cut off":
        del damaged[150:]
    else:
        damaged[150:190] = b"\xff" * 40
    path.write_bytes(damaged)
    assert re.search("is no mel store, or a damaged one|cannot be read", load_refused(path))


@pytest.mark.parametrize("said", [{"compress_type": 99}, {"flag_bits": 1}])
def test_a_store_of_unknown_compression_or_with_a_password_is_refused(write, said):
    path = write(sound())
    relist(path, "mel", **said)
    assert "is no mel store, or a damaged one: " in load_refused(path)


@pytest.mark.parametrize("n_tracks", [10**12, 2**70, -3])
def test_an_array_that_claims_another_size_than_it_has_is_refused(write, n_tracks):
    content = sound()
    mel = content.pop("mel")
    path = write(content)
    header = {"descr": "|u1", "fortran_order": False, "shape": (n_tracks, *mel.shape[1:])}
    with zipfile.ZipFile(path, "a") as archive, archive.open("mel.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, header)
        member.write(mel.tobytes())
    assert "is no mel store, or a damaged one: " in load_refused(path)


@pytest.mark.parametrize("name", ["mel", "track"])
def test_a_store_that_lacks_an_array_is_refused(write, name):
    content = sound()
    del content[name]
    assert f"has no array '{name}'" in load_refused(write(content))


@pytest.mark.parametrize("name", ["mel", "track", "range_db"])
def test_a_member_that_is_no_array_is_refused(write, name):
    content = sound()
    content.pop(name, None)
    path = write(content)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{name}.npy", "80")
    assert "is no mel store" in load_refused(path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"mel": sound()["mel"] / 255}, "uint8 of three dimensions .*, not float64 of 3"),
        ({"mel": sound()["mel"][0]}, "uint8 of three dimensions .*, not uint8 of 2"),
        ({"mel": sound()["mel"][:, :7]}, "7 bands and 32 columns a track: at least 8 and 32"),
        ({"mel": sound()["mel"][:, :, :31]}, "8 bands and 31 columns a track"),
        ({"track": np.array(NAMES[:2])}, "3 spectrograms, but names of 2 tracks"),
        ({"track": np.array([NAMES])}, "3 spectrograms, but names of 3 tracks"),
        ({"track": np.array(["a", "b", "a"])}, "names the track a twice"),
        ({"range_db": 0}, "have to be positive"),
        ({"range_db": -80}, "have to be positive"),
        ({"range_db": np.nan}, "have to be positive"),
        ({"range_db": np.inf}, "have to be positive"),
        ({"columns_per_second": 0}, "have to be positive"),
        ({"columns_per_second": np.inf}, "have to be positive"),
        ({"columns_per_second": -1}, "have to be positive"),
        ({"range_db": "loud"}, "no mel store"),
        ({"range_db": 80j}, "no mel store"),
        ({"range_db": [80, 80]}, "no mel store"),
    ],
)
def test_unsound_content_is_refused(write, changes, told):
    assert re.search(told, load_refused(write(sound(**changes))))


class Trap:
    """What unpickling would spring."""

    def __reduce__(self):
        return pytest.fail, ("it was unpickled",)


@pytest.mark.parametrize("name", ["mel", "track", "range_db"])
def test_nothing_is_unpickled(write, name):
    trap = np.array([Trap()] * 3, object)
    assert "no mel store" in load_refused(write(sound(**{name: trap})))


def test_more_than_8_gib_are_refused_unread(write, monkeypatch):
    path = write(sound())
    relist(path, "mel", file_size=8 << 30)
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    assert load_refused(path) == f"{path} claims to hold more than 8 GiB."


def test_a_pipe_is_refused_unread(tmp_path):
    os.mkfifo(tmp_path / "store.npz")
    with pytest.raises(Refusal, match=r"store\.npz cannot be read: it is not a regular file"):
        melstore.load(tmp_path / "store.npz")
