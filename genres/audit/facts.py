"""What can be told of a recording that is not its music?

How loud it is, where its spectrum ends, how its channels are related, and in what kind of file it
came. Music has a part in some of that, such as the level; in others, such as the sample rate or the
steep edge that an encoder leaves, it has none.
"""

from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.signal
from numpy.lib.stride_tricks import sliding_window_view

from genres.decoding import audio

LOWEST_LEVEL = -120.0
"""What is given as the level of digital silence, dB."""

BAND = 100
"""Width of the bands that a spectrum is looked at in, Hz."""

_FRAME_SECONDS = 0.09
_NOTHING = 1e-20  # added to all powers, whose logarithms are taken
_SILENT_LEVEL = -60.0  # dB
_NOISE_LEVEL, _NOISE_FLATNESS = -15.0, 0.4
_SHORTEST_NOISE = 6  # frames; a beat of a drum is shorter
_SHORTEST_ROW = 3  # samples; music may touch its ceiling with two
_BITS, _FEW = (8, 16, 20, 24), 1000  # float32 holds no more; most are told by a few samples
_IDENTICAL, _CANCELLING = 1e-4, 0.25  # of the energy: -40 dB and -6 dB

_LOWEST_BAND, _BELOW_LEVEL = -110.0, 90.0  # dB; 16 bits have a noise of -119 dB in a band
_FEW_BANDS = 5
_LOWEST_EDGE = 3000  # Hz; below, filters that are instruments are as steep
_SHELF, _SKIRT = 6, 5  # bands before an edge, and those in which the spectrum falls
_EDGE_DB = 20.0  # how deep it falls at least
_CORNER_DB = 6.0  # how deep it has fallen at the edge, and what the depth may vary by

_ALIKE = 0.1  # of a length
_PHRASES = {
    "format": "are {} files",
    "codec": "are encoded as {}",
    "sample_rate": "are sampled at {} kHz",
    "bits": "use {} bits",
    "bitrate": "take {} kbit/s",
    "varying_bitrate": "take {} kbit/s",
    "relation": "are {}",
    "duration": "last {} s",
    "dc": "have an offset of {} % of full scale",
    "low_pass": "end at {} kHz",
    "level": "have a level of {} dB",
    "peak": "peak at {} dB",
    "clipped": "are clipped in {} % of the samples",
    "silence": "are silent {} % of the time",
    "bandwidth": "have sound up to {} kHz",
    "mixdown": "are {} dB quieter in mono",
    "time": "were last changed {}",
}
_INFINITE = {
    "bits": "are lossy",
    "bitrate": "have a bit rate that varies",
    "varying_bitrate": "have a constant bit rate",
    "low_pass": "have no edge",
}
_UNITS: dict[str, float] = dict.fromkeys(("sample_rate", "low_pass", "bandwidth"), 1000)
_UNITS |= dict.fromkeys(("dc", "clipped", "silence"), 0.01) | {"mixdown": -1}
_RELATIONS = {
    "identical": "mono in several channels",
    "one side": "silent in all channels but one",
    "cancelling": "of channels that cancel each other",
}


class Facts(NamedTuple):
    """What is told of a recording.

    Attributes
    ----------
    format, codec : str
        Of the file and of the sound in it, as `genres.decoding.decoders.Encoding` has them.
    sample_rate : int
        Samples per second.
    bits : float
        Bits that the samples use, whatever the file has: 16 in a file of 24 stay 16. NaN where the
        codec is lossy, or nothing sounds.
    bitrate : float
        Kilobits per second of the sound in the file.
    constant : bool
        Whether the bit rate is constant. One that is not follows the music.
    channels : int
    relation : {'mono', 'identical', 'one side', 'cancelling', 'stereo'}
        How the channels are related: one alone; all the same; all but one silent; so far opposed
        that their mean is 6 dB quieter than they are, or more; or none of these.
    mixdown : float
        Level of the mean of the channels against theirs, dB: 0 where they are the same, -3 where
        they have nothing in common.
    duration : float
        Seconds that were decoded.
    cut_off : bool
        Whether the file promises more than it holds.
    time : float
        When the file was last changed, seconds since 1970.
    level, peak : float
        Root mean square and largest magnitude, dB against full scale. At least `LOWEST_LEVEL`.
    clipped : float
        Share of the samples that stand in a row of three or more at the very ceiling: full scale,
        or the largest value that there is.
    dc : float
        Mean of the channel in which it is largest, of full scale.
    silence : float
        Share of the time below -60 dB.
    noise : float
        Share of the time that is loud and white for half a second or more, as broken files are.
    bandwidth : float
        The highest frequency with energy, Hz. NaN where nothing sounds.
    low_pass : float
        Where the spectrum falls off more steeply than music does, by 20 dB in 800 Hz for good, Hz:
        the edge of an encoder, a resampler or a radio. NaN where there is none, none is heard, or
        it is so near half the sample rate that it may be the filter of that.
    """

    format: str
    codec: str
    sample_rate: int
    bits: float
    bitrate: float
    constant: bool
    channels: int
    relation: str
    mixdown: float
    duration: float
    cut_off: bool
    time: float
    level: float
    peak: float
    clipped: float
    dc: float
    silence: float
    noise: float
    bandwidth: float
    low_pass: float


def of_file(path: str | Path) -> Facts:
    """Tell the facts of an audio file.

    Parameters
    ----------
    path : str or Path
        As `genres.decoding.audio.read` has it.

    Returns
    -------
    Facts

    Raises
    ------
    AudioError
        As `genres.decoding.audio.read_as_it_is` does.
    """
    return of_recording(path, audio.read_as_it_is(path))


def of_recording(path: str | Path, recording: audio.Recording) -> Facts:
    """Tell the facts of a file that is decoded already.

    Parameters
    ----------
    path : str or Path
        Where it is from.
    recording : Recording
        What `genres.decoding.audio.read_as_it_is` gave.

    Returns
    -------
    Facts
        Where rate or channels change within a file, of those parts that are like the longest.
    """
    encoding = recording.encoding
    longest, rate = max(recording.parts, key=lambda part: len(part[0]) / part[1])
    n_channels = longest.shape[1]
    pieces = [
        np.ascontiguousarray(samples.T)  # all that follows is ten times as fast by channel
        for samples, its_rate in recording.parts
        if (its_rate, samples.shape[1]) == (rate, n_channels)
    ]
    n_samples = sum(piece.shape[1] for piece in pieces)
    energies = sum(np.einsum("ij,ij->i", piece, piece) for piece in pieces) / n_samples
    mixed = sum(np.sum(piece.mean(axis=0) ** 2) for piece in pieces) / n_samples
    means = sum(piece.sum(axis=1, dtype=np.float64) for piece in pieces) / n_samples
    peak = max(np.abs(piece).max() for piece in pieces)
    level = _decibels(energies.mean())
    length = 2 ** round(np.log2(_FRAME_SECONDS * rate))
    powers = np.concatenate([_powers(piece, rate, length) for piece in pieces])
    levels = 10 * np.log10(powers.sum(axis=1))
    noisy = (levels > _NOISE_LEVEL) & (_flatness(powers) > _NOISE_FLATNESS)
    bands = 10 * np.log10(powers.mean(axis=0))
    return Facts(
        format=encoding.format,
        codec=encoding.codec,
        sample_rate=rate,
        bits=_bits(pieces) if encoding.lossless and peak else np.nan,
        bitrate=encoding.bits_per_second / 1000,
        constant=encoding.constant,
        channels=n_channels,
        relation=_relation(energies, mixed),
        mixdown=_decibels(mixed) - level if n_channels > 1 else 0.0,
        duration=sum(len(samples) / its_rate for samples, its_rate in recording.parts),
        cut_off=recording.cut_off,
        time=Path(path).stat().st_mtime,
        level=level,
        peak=_decibels(peak**2),
        clipped=_n_clipped(pieces) / (n_samples * n_channels),
        dc=float(means[np.abs(means).argmax()]),
        silence=float(np.mean(levels < _SILENT_LEVEL)),
        noise=_n_in_rows(noisy, _SHORTEST_NOISE) / len(noisy),
        bandwidth=min(_bandwidth(bands, level), rate / 2),
        low_pass=_low_pass(bands),
    )


def _decibels(power):
    return max(LOWEST_LEVEL, float(10 * np.log10(power))) if power > 0 else LOWEST_LEVEL


def _relation(energies, mixed):
    """Say how channels are related, by their mean squares and that of their mean."""
    if len(energies) == 1:
        return "mono"
    if np.sum(energies > _IDENTICAL * energies.max()) == 1:
        return "one side"
    mean = energies.mean()
    if mean - mixed <= _IDENTICAL * mean:
        return "identical"
    return "cancelling" if mixed < _CANCELLING * mean else "stereo"


def _bits(pieces):
    """Give the fewest bits that hold all samples; 32 where they are floating."""
    for bits in _BITS:
        scale = np.float32(1 << bits - 1)
        if all(_is_whole(piece[:, :_FEW] * scale) for piece in pieces) and all(
            _is_whole(piece * scale) for piece in pieces
        ):
            return float(bits)
    return 32.0


def _is_whole(values):
    return bool((values == np.rint(values)).all())


def _n_clipped(pieces):
    """Count the samples in a row of three or more at their channel's ceiling or floor."""
    ceilings = np.minimum(np.max([piece.max(axis=1) for piece in pieces], axis=0), 1)
    floors = np.maximum(np.min([piece.min(axis=1) for piece in pieces], axis=0), -1)
    return sum(
        _n_in_rows(edge, _SHORTEST_ROW)
        for piece in pieces
        for channel, ceiling, floor in zip(piece, ceilings, floors, strict=True)
        if floor < ceiling
        for edge in (channel >= ceiling, channel <= floor)
    )


def _n_in_rows(flags, shortest):
    """Count the flags that stand in a row of so many or more."""
    places = np.flatnonzero(flags)
    breaks = np.flatnonzero(np.diff(places) > 1) + 1
    rows = np.diff([0, *breaks, len(places)])
    return int(rows[rows >= shortest].sum())


def _powers(piece, rate, length):
    """Give the power of each frame and band, (n_frames, n_bands), as the mean over the channels.

    Of a frame, all bands together are its mean square.
    """
    window = scipy.signal.windows.hann(length, sym=False).astype(np.float32)
    window *= np.sqrt(2 / length / np.sum(window**2))
    bands = np.arange(length // 2 + 1) * rate // (length * BAND)
    begins = np.flatnonzero(np.diff(bands, prepend=-1))
    n_frames = max(1, piece.shape[1] // length)
    piece = np.pad(piece, ((0, 0), (0, max(0, length - piece.shape[1]))))
    powers = np.full((n_frames, len(begins)), _NOTHING, np.float32)
    for channel in piece[:, : n_frames * length]:
        spectrum = scipy.fft.rfft(channel.reshape(n_frames, length) * window)
        power = spectrum.real**2 + spectrum.imag**2
        powers += np.add.reduceat(power, begins, axis=1) / len(piece)
    return powers


def _flatness(powers):
    """Give the geometric mean over the bands against the arithmetic one: 1 for white noise."""
    return np.exp(np.log(powers).mean(axis=1)) / powers.mean(axis=1)


def _bandwidth(bands, level):
    """Give the highest frequency (Hz) around which most of a few bands have energy."""
    heard = bands > max(_LOWEST_BAND, level - _BELOW_LEVEL)
    heard = np.flatnonzero(scipy.ndimage.median_filter(heard, _FEW_BANDS, mode="nearest"))
    return float(BAND * (heard[-1] + 1)) if len(heard) else np.nan


def _low_pass(bands):
    """Give the frequency (Hz) behind which a spectrum falls steeply for good; NaN if it does not.

    A pilot tone may stand there all the same. What falls has to be broad, and not a few tones.
    """
    smooth = scipy.ndimage.median_filter(bands, _FEW_BANDS, mode="nearest")
    highest_above = np.maximum.accumulate(smooth[::-1])[::-1]
    before = sliding_window_view(bands, _SHELF)
    shelves = np.median(before, axis=1)
    shelves[before.max(axis=1) > shelves + _EDGE_DB] = -np.inf
    places = np.arange(_LOWEST_EDGE // BAND, len(bands) - _SKIRT)
    falls = shelves[places - _SHELF] - highest_above[places + _SKIRT]
    if not len(falls) or falls.max() < _EDGE_DB:
        return np.nan
    steepest = np.argmax(falls > falls.max() - _CORNER_DB)
    if steepest > len(falls) - _FEW_BANDS:  # what falls may be the filter of the sample rate
        return np.nan
    place = places[steepest]
    near = slice(place - _SHELF, place + _SKIRT)
    corner = np.flatnonzero(bands[near] >= shelves[place - _SHELF] - _CORNER_DB)[-1]
    return float(BAND * (place - _SHELF + corner + 1))


def are_excerpts(durations) -> bool:
    """Tell whether clips are cut to one length: half of them differ by a tenth of it at most.

    Parameters
    ----------
    durations : Series of float
        Seconds.
    """
    shorter, median, longer = durations.quantile([0.25, 0.5, 0.75])
    return bool(longer - shorter <= _ALIKE * median)


def phrase(name: str, lowest, highest) -> str:
    """Say what clips do of which a fact lies between two values: ``end at 9.8 to 10.1 kHz``.

    Parameters
    ----------
    name : str
        Of the fact; or ``varying_bitrate``.
    lowest, highest : float or str
        Infinite for the low-pass of clips without an edge, for bits of a lossy codec, and for bit
        rates that are not of this kind.
    """
    low, high = (_shown(name, value) for value in (lowest, highest))
    if low == high == "inf":
        return _INFINITE[name]
    if high == "inf":
        return f"{_PHRASES[name].format(low)} or more, or {_INFINITE[name]}"
    return _PHRASES[name].format(low if low == high else f"{low} to {high}")


def _shown(name, value):
    if isinstance(value, str):
        return _RELATIONS.get(value, value)
    if name == "time":
        return datetime.fromtimestamp(value, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    return f"{round(float(value) / _UNITS.get(name, 1), 2) + 0.0:g}"
