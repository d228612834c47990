"""How does a file become samples, or a clear refusal?"""

from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr

from genres import Refusal
from genres.decoding import decoders
from genres.decoding.formats import Fault

SAMPLE_RATE = 22050
"""Samples per second of everything that is read here."""

PASSING = ("missing", "unreadable", "memory")
"""Reasons of an `AudioError` that are not the file's: tried again, it may well be read."""

_LOWEST_RATE, _HIGHEST_RATE = 8_000, 192_000
_MOST_CHANNELS = 64
_SILENT_PEAK = 1e-4
_LOUDEST_PEAK = 1000.0
# Of the root mean square of all channels. The mean of 64 of which one sounds has an eighth.
_CANCELLED = 0.01
# Read beyond the end, so that the resampling filter meets no edge there.
_MARGIN_SECONDS = 0.1


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
    cancelling : bool
        Whether the channels cancel each other in their mean. Then the loudest of them was taken.
    cut_off : bool
        Whether the file was read to its end and promises more than it holds.
    """

    samples: np.ndarray
    silent: bool
    cancelling: bool = False
    cut_off: bool = False


class Recording(NamedTuple):
    """All of a file as it is: every channel, at its own rate.

    Attributes
    ----------
    parts : list of (array of float32, shape (n_samples, n_channels); int)
        The samples, and how many there are a second. Both rate and channels may change.
    encoding : Encoding
        How the file holds them.
    cut_off : bool
        As `Sound` has it.
    """

    parts: list
    encoding: decoders.Encoding
    cut_off: bool

    def pieces(self):
        """Give the parts in turn, as a decoder does."""
        return iter(self.parts)


def read(path: str | Path, seconds: float = 30.0, missing: float = 0.0):
    """Read the beginning of an audio file.

    Only what is needed is decoded, however long the file is, and nothing is believed of its
    header that would need memory.

    Parameters
    ----------
    path : str or Path
        A file in WAV, AU, AIFF, FLAC, MP3, Ogg (Vorbis, Opus, Speex, FLAC), AAC, M4A, AC-3,
        Windows Media, WavPack, Monkey's Audio, AMR or Matroska; its name does not matter. 8 to
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
        not finite or above a thousand times full scale.
    """
    sound = _resampled(Path(path), seconds, seconds - missing)
    return sound._replace(samples=_of_length(sound.samples, round(seconds * SAMPLE_RATE)))


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
    sound = _resampled(path, longest + 1, shortest)
    if len(sound.samples) > longest * SAMPLE_RATE:
        raise _too_long(path, longest)
    return sound


def read_as_it_is(path: str | Path, longest: float = 3600.0):
    """Read all of an audio file, with all its channels, at its own rate.

    Parameters
    ----------
    path : str or Path
        As `read` has it.
    longest : float
        Seconds that it may last.

    Returns
    -------
    Recording
        `mixed` makes of it what `read_whole` gives, and the file is decoded but once.

    Raises
    ------
    AudioError
        As `read_whole` does, but for none that are short.
    """
    path, parts, seconds = Path(path), [], 0.0
    with _opened(path) as file:
        decoder = decoders.decoder(file)
        for piece, rate in decoder.pieces():
            _check_format(rate, piece.shape[1])
            _check_samples(piece)
            parts.append((piece, rate))
            seconds += len(piece) / rate
            if seconds > longest:
                raise _too_long(path, longest)
        if not parts:
            raise _too_short(decoder.cut_off, 0.0, 0.0)
        return Recording(parts, decoder.encoding, bool(decoder.cut_off))


def mixed(recording: Recording):
    """Give the mean of a recording's channels, or the loudest where they cancel each other.

    Returns
    -------
    Sound
        What `read_whole` gives of its file.
    """
    seconds = sum(len(samples) / rate for samples, rate in recording.parts)
    return _sound(lambda: recording, seconds + 1, 0.0)


def _resampled(path, longest, shortest):
    """Give up to `longest` seconds of a file, and at least `shortest`, at 22,050 a second."""
    with _opened(path) as file:

        def start():
            file.seek(0)
            return decoders.decoder(file)

        return _sound(start, longest, shortest)


def _sound(start, longest, shortest):
    """Mix what a decoder gives, which `start` starts from the beginning."""
    mix = _Mix(longest, shortest).of(start())
    cancelling = mix.cancelled
    if cancelling:
        mix = _Mix(longest, shortest, mix.loudest).of(start())
    return Sound(mix.samples, mix.silent, cancelling, mix.cut_off)


@contextmanager
def _opened(path):
    """Open a file, and tell whatever is wrong with it as an `AudioError`."""
    try:
        _check_file(path)
        with path.open("rb", buffering=0) as file:
            yield file
    except Fault as fault:
        raise AudioError(fault.reason, f"{path} {fault.what}.") from fault
    except FileNotFoundError as error:
        raise AudioError("missing", f"{path} does not exist.") from error
    except OSError as error:
        raise AudioError("unreadable", f"{path} cannot be read: {error.strerror}.") from error
    except MemoryError as error:
        raise AudioError("memory", f"{path} needs more memory than there is.") from error


def _check_file(path):
    n_bytes = path.stat().st_size
    if path.is_dir():
        next(path.iterdir(), None)  # that it cannot be read comes first
        raise AudioError("folder", f"{path} is a folder, not an audio file.")
    if not path.is_file():
        raise AudioError("not a file", f"{path} is a device or a pipe, not a file.")
    if n_bytes == 0:
        raise AudioError("empty", f"{path} is empty: it has 0 bytes.")


class _Mix:
    """The mean of a file's channels, or one of them, resampled piece by piece."""

    def __init__(self, longest, shortest, channel=None):
        self._longest, self._shortest, self._channel = longest, shortest, channel
        self._energy, self._mixed_energy = np.zeros(1), 0.0
        self.cut_off = False

    def of(self, decoder):
        parts, seconds, resampler = [], 0.0, None
        for piece, rate in decoder.pieces():
            _check_format(rate, piece.shape[1])
            margin = 0 if rate == SAMPLE_RATE else _MARGIN_SECONDS
            piece = piece[: round((self._longest + margin - seconds) * rate)]
            if resampler is None or resampler.rate != rate:
                parts += [resampler.end()] if resampler else []
                resampler = _Resampler(rate)
            parts.append(resampler.next(self._mixed(piece)))
            seconds += len(piece) / rate
            if round((self._longest + margin - seconds) * rate) <= 0:
                break
        else:
            self.cut_off = bool(decoder.cut_off)
        if not seconds or seconds < self._shortest - 0.5 / rate:
            raise _too_short(decoder.cut_off, seconds, self._shortest)
        self.samples = np.concatenate([*parts, resampler.end()])
        self.silent = bool(max(self.samples.max(), -self.samples.min()) < _SILENT_PEAK)
        return self

    @property
    def loudest(self):
        return int(self._energy.argmax())

    @property
    def cancelled(self):
        n_channels = len(self._energy)
        return bool(n_channels > 1 and self._mixed_energy < _CANCELLED**2 * self._energy.mean())

    def _mixed(self, piece):
        _check_samples(piece)
        if piece.shape[1] == 1 or self._channel is not None:
            return piece[:, self._channel or 0]
        mixed = piece.mean(axis=1)
        energy = np.einsum("ij,ij->j", piece, piece, dtype=np.float64)
        self._energy = self._energy + energy
        self._mixed_energy += np.dot(mixed, mixed)
        return mixed


class _Resampler:
    """What librosa.resample does, piece by piece: an hour at 192 kHz would take gigabytes."""

    def __init__(self, rate):
        self.rate = rate
        self._stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
        self._n_taken = self._n_given = 0

    def next(self, samples, last=False):
        self._n_taken += len(samples)
        if self.rate == SAMPLE_RATE:
            return samples
        given = self._stream.resample_chunk(np.ascontiguousarray(samples), last=last)
        self._n_given += len(given)
        return given

    def end(self):
        if self.rate == SAMPLE_RATE:
            return np.empty(0, np.float32)
        n_before = self._n_given
        length = -(-self._n_taken * SAMPLE_RATE // self.rate)
        return _of_length(self.next(np.empty(0, np.float32), last=True), length - n_before)


def _of_length(samples, length):
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


def _check_format(rate, n_channels):
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        what = f"{rate:,} samples per second: {_LOWEST_RATE:,} to {_HIGHEST_RATE:,}"
        raise Fault("sample rate", f"says that it has {what} can be read")
    if n_channels > _MOST_CHANNELS:
        what = f"{n_channels:,} channels: up to {_MOST_CHANNELS}"
        raise Fault("channels", f"says that it has {what} can be read")


def _check_samples(piece):
    peak = max(piece.max(), -piece.min())  # NaN, if one is
    if np.isnan(peak):
        raise Fault("NaN", "holds samples that are not numbers (NaN)")
    if np.isinf(peak):
        raise Fault("infinite", "holds samples that are infinite")
    if peak > _LOUDEST_PEAK:
        what = f"up to {peak:,.0f} times full scale: up to {_LOUDEST_PEAK:,.0f} can be read"
        raise Fault("too loud", f"holds samples of {what}")


def _too_long(path, longest):
    return AudioError("long", f"{path} lasts longer than {longest / 60:g} min.")


def _too_short(cut_off, seconds, shortest):
    if cut_off:
        what = f"is cut off after {seconds:.3f} s, and {shortest:g} s are needed"
        return Fault("truncated", what)
    if not seconds:
        return Fault("no samples", "is audio without any sample")
    what = f"lasts {seconds:.3f} s, shorter than the {shortest:g} s needed"
    return Fault("short", what)
