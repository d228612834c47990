"""How does a file become samples, or a clear refusal?"""

import os
import re
from pathlib import Path
from typing import NamedTuple

import librosa
import numpy as np
import soundfile

from genres import Refusal
from genres.screen import without_stderr

SAMPLE_RATE = 22050
"""Samples per second of everything that is read here."""

PASSING = ("missing", "unreadable")
"""Reasons of an `AudioError` that are not the file's: tried again, it may well be read."""

_CONTAINERS = ("WAV", "WAVEX", "RF64", "AU", "FLAC", "OGG", "MP3", "AIFF")
_LOWEST_RATE, _HIGHEST_RATE = 8_000, 192_000
_MOST_CHANNELS = 64
_SILENT_PEAK = 1e-4
# Files of 32-bit integers written as float reach this; squares of what is beyond it overflow.
_LOUDEST_PEAK = 2.0**31
# Read beyond the end, so that the resampling filter meets no edge there.
_MARGIN_SECONDS = 0.1
_VALUES_AT_ONCE = 1 << 22
_HEAD_BYTES = 512

_AUDIO = {b".snd": "AU", b"fLaC": "FLAC", b"OggS": "Ogg", b"FORM": "AIFF", b"ID3": "MP3"}
_OTHER_AUDIO = {
    b"0&\xb2u": "Windows Media",
    b"MThd": "MIDI",
    b"wvpk": "WavPack",
    b"MAC ": "Monkey's Audio",
    b"\x1aE\xdf\xa3": "Matroska or WebM",
    b"caff": "Core Audio",
}
_NO_AUDIO = {
    b"PK": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"%PDF": "a PDF document",
    b"<": "a web page or XML",
    b"{": "JSON",
}
_ADVICE = "convert it to WAV, FLAC, Ogg Vorbis or MP3"
_WAV_ENCODINGS = (1, 3, 0xFFFE)
_AU_ENCODINGS = range(1, 8)


class AudioError(Refusal):
    """A file that cannot be used as audio.

    Attributes
    ----------
    reason : str
        The kind of fault in a word or two, equal for equal faults.
    """

    def __init__(self, reason, sentence):
        super().__init__(reason, sentence)
        self.reason = reason

    def __str__(self):
        return self.args[1]


class Sound(NamedTuple):
    """What was read of a file.

    Attributes
    ----------
    samples : array of float32, shape (n_samples,)
        Mono, 22,050 samples per second.
    silent : bool
        Whether it stays below -80 dB throughout.
    """

    samples: np.ndarray
    silent: bool


def read(path: str | Path, seconds: float = 30.0, missing: float = 0.0):
    """Read the beginning of an audio file.

    Only what is needed is decoded, however long the file is, and nothing is believed of its
    header that would need memory.

    Parameters
    ----------
    path : str or Path
        A file in WAV, AU, FLAC, Ogg (Vorbis, Opus), MP3 or AIFF; its name does not matter. 8 to
        192 kHz, any number of bits, up to 64 channels, of which the mean is taken.
    seconds : float
        How much to read.
    missing : float
        How many seconds of that may be missing at the end; silence takes their place.

    Returns
    -------
    Sound
        ``round(seconds * 22050)`` samples. A file at 22,050 samples per second is not resampled.

    Raises
    ------
    AudioError
        If there is no such file, or it is not audio, damaged, shorter, or holds samples that are
        not finite.
    """
    samples = _resampled(Path(path), seconds, seconds - missing)
    samples = librosa.util.fix_length(samples, size=round(seconds * SAMPLE_RATE))
    return _sound(samples)


def read_whole(path: str | Path, shortest: float = 1.0, longest: float = 3600.0):
    """Read all of an audio file.

    Parameters
    ----------
    path : str or Path
        As `read` has it.
    shortest, longest : float
        Seconds that it has to last, and may last. No more than that is decoded.

    Returns
    -------
    Sound

    Raises
    ------
    AudioError
        As `read` does, and if the file lasts longer.
    """
    path = Path(path)
    samples = _resampled(path, longest + 1, shortest)
    if len(samples) > longest * SAMPLE_RATE:
        raise AudioError("long", f"{path} lasts longer than {longest / 60:g} min.")
    return _sound(samples)


def _resampled(path, longest, shortest):
    """Give up to `longest` seconds of a file, and at least `shortest`, at 22,050 a second."""
    try:
        _check_file(path)
        with without_stderr():
            samples, rate = _decode(path, longest, shortest)
    except FileNotFoundError as error:
        raise AudioError("missing", f"{path} does not exist.") from error
    except OSError as error:
        raise AudioError("unreadable", f"{path} cannot be read: {error.strerror}.") from error
    _check_samples(samples, path)
    if rate != SAMPLE_RATE:
        samples = librosa.resample(samples, orig_sr=rate, target_sr=SAMPLE_RATE)
    return samples


def _sound(samples):
    return Sound(samples, bool(np.abs(samples).max() < _SILENT_PEAK))


def _check_file(path):
    n_bytes = path.stat().st_size
    if path.is_dir():
        next(path.iterdir(), None)  # that it cannot be read comes first
        raise AudioError("folder", f"{path} is a folder, not an audio file.")
    if not path.is_file():
        raise AudioError("not a file", f"{path} is a device or a pipe, not a file.")
    if n_bytes == 0:
        raise AudioError("empty", f"{path} is empty: it has 0 bytes.")


def _decode(path, longest, shortest):
    """Give up to `longest` seconds and a margin as mono samples, and their rate."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    try:
        sound = soundfile.SoundFile(os.fsencode(path))  # which need not be UTF-8
    except soundfile.LibsndfileError as error:
        raise _not_opened(path, head, error) from error
    with sound:
        _check_header(sound, head, path)
        rate = sound.samplerate
        margin = 0 if rate == SAMPLE_RATE else _MARGIN_SECONDS
        try:
            samples = _mix_down(sound, round((longest + margin) * rate))
        except soundfile.LibsndfileError as error:
            what = f"is damaged or cut off: it cannot be decoded for {shortest:g} s"
            raise AudioError("damaged", f"{path} {what}.") from error
        if len(samples) < round(shortest * rate):
            raise _too_short(sound, len(samples), shortest, path)
    return samples, rate


def _mix_down(sound, n_frames):
    # An MP3 in one piece, as one decoded in pieces has faults where they meet; what may have many
    # channels, in pieces, as it would need much memory.
    at_once = n_frames if sound.format == "MP3" else _VALUES_AT_ONCE // sound.channels
    parts = []
    while n_frames > 0:
        part = sound.read(min(n_frames, at_once), dtype="float32", always_2d=True)
        if len(part) == 0:
            break
        parts.append(part.mean(axis=1) if sound.channels > 1 else part[:, 0])
        n_frames -= len(part)
    return np.concatenate(parts) if parts else np.empty(0, np.float32)


def _check_header(sound, head, path):
    # libsndfile takes anything named .au for raw samples.
    if sound.format == "RAW":
        raise _not_audio(path, head)
    if sound.format not in _CONTAINERS:
        raise AudioError("format", f"{path} is {sound.format_info}: {_ADVICE}.")
    if not _LOWEST_RATE <= sound.samplerate <= _HIGHEST_RATE:
        what = f"{sound.samplerate:,} samples per second: {_LOWEST_RATE:,} to {_HIGHEST_RATE:,}"
        raise AudioError("sample rate", f"{path} says that it has {what} can be read.")
    if sound.channels > _MOST_CHANNELS:
        what = f"{sound.channels:,} channels: up to {_MOST_CHANNELS}"
        raise AudioError("channels", f"{path} says that it has {what} can be read.")


def _check_samples(samples, path):
    if np.isnan(samples).any():
        raise AudioError("NaN", f"{path} holds samples that are not numbers (NaN).")
    peak = np.abs(samples).max()
    if np.isinf(peak):
        raise AudioError("infinite", f"{path} holds samples that are infinite.")
    if peak > _LOUDEST_PEAK:
        raise AudioError("too loud", f"{path} holds samples up to {peak:.1e}: 1 is full scale.")


def _too_short(sound, n_frames, shortest, path):
    length = f"{n_frames / sound.samplerate:.3f} s"
    # libsndfile lowers what the header promises to what the file holds, and notes that.
    promised_more = re.search(r"data\s*(size)?\s*: \d+ \(should be", sound.extra_info, re.I)
    if n_frames == 0 and sound.format == "OGG":
        reason = "truncated"
        what = "gives no sound: it is empty, or it is cut off, and Ogg needs its end"
    elif promised_more or sound.frames > n_frames:
        reason, what = "truncated", f"is cut off after {length}, and {shortest:g} s are needed"
    elif n_frames == 0:
        reason, what = "no samples", "is audio without any sample"
    else:
        reason, what = "short", f"lasts {length}, shorter than the {shortest:g} s needed"
    return AudioError(reason, f"{path} {what}.")


def _not_opened(path, head, error):
    kind = _kind(head)
    if kind is None:
        return _not_audio(path, head)
    if _has_odd_encoding(head):
        return AudioError("encoding", f"{path} is {kind} in an unknown encoding: {_ADVICE}.")
    detail = error.error_string.removeprefix("Error : ").rstrip(".")
    if kind == "MP3":
        detail = "no MP3 frame follows"
    return AudioError("header", f"{path} begins like {kind}, but its header is damaged ({detail}).")


def _kind(head):
    """Give the format of audio that a file begins like, or None."""
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "WAV"
    if head[:1] == b"\xff" and head[1:2] >= b"\xe0":  # the eleven bits of every MPEG frame
        return "MP3"
    return _named(head, _AUDIO)


def _has_odd_encoding(head):
    """Tell whether a WAV or AU header names an encoding that is none of the usual ones."""
    if head[:4] == b"RIFF" and head[12:16] == b"fmt ":
        return int.from_bytes(head[20:22], "little") not in _WAV_ENCODINGS
    return head[:4] == b".snd" and int.from_bytes(head[12:16], "big") not in _AU_ENCODINGS


def _not_audio(path, head):
    other = "MPEG-4" if head[4:8] == b"ftyp" else _named(head, _OTHER_AUDIO)
    if other:
        return AudioError("format", f"{path} is {other}: {_ADVICE}.")
    what = _named(head, _NO_AUDIO)
    if what is None:
        what = "nothing but zeros" if not any(head) else "text" if _is_text(head) else "unknown"
    return AudioError("not audio", f"{path} is not audio whatever its name: its content is {what}.")


def _named(head, names):
    return next((name for magic, name in names.items() if head.startswith(magic)), None)


def _is_text(head):
    return all(byte >= 32 or byte in b"\t\n\r\f" for byte in head) and head.isascii()
