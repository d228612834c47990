"""How does a mix become a recording? Tape, room, equaliser, compressor and level."""

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage

LOUDNESS = (0.06, 0.2)
"""Range of the root mean square of a recording: the same for all, so that it tells nothing."""

_CODEC_EDGE = (10_000, 12_000)
_FOLD_SECONDS, _FOLD_DEPTH = (2e-4, 2e-3), (0.0, 0.35)
_COMPRESSOR_SECONDS = 0.2
_KNEE, _CEILING = 0.7, 0.99


@dataclass(frozen=True)
class Recording:
    """How a genre is recorded: ranges that a clip draws from.

    Attributes
    ----------
    low_cut, high_cut : (float, float)
        The band that is kept, Hz.
    tilt : (float, float)
        Rise of the spectrum, dB per octave.
    reverb_seconds, reverb : (float, float)
        Time in which the room falls by 60 dB, and its level against the dry sound, dB.
    compression : (float, float)
        0 leaves the dynamics alone, 1 makes all parts equally loud.
    saturation : (float, float)
        Drive of the whole mix into the tape.
    hiss : (float, float)
        Level of the noise against the music, dB.
    """

    low_cut: tuple
    high_cut: tuple
    tilt: tuple
    reverb_seconds: tuple
    reverb: tuple
    compression: tuple
    saturation: tuple
    hiss: tuple


def record(mix, recording, sr: int, rng):
    """Record a mix in a genre's manner.

    Parameters
    ----------
    mix : array of float32, shape (n_samples,)
    recording : Recording
    sr : int
        Sampling rate, Hz.
    rng : numpy.random.Generator

    Returns
    -------
    array of float32, shape (n_samples,)
        Within -1 and 1.
    """
    drawn = {name: rng.uniform(*limits) for name, limits in vars(recording).items()}
    mix = mix / (mix.std() + 1e-9)
    mix = np.tanh(drawn["saturation"] * mix) / max(drawn["saturation"], 0.1)
    hiss = np.float32(10 ** (drawn["hiss"] / 20) * mix.std())
    mix += hiss * rng.standard_normal(len(mix), dtype=np.float32)
    mix = _room_and_equaliser(mix, drawn, sr, rng)
    mix = _compress(mix, drawn["compression"], sr)
    loudness = np.exp(rng.uniform(*np.log(LOUDNESS)))
    return _limit(mix * np.float32(loudness / (mix.std() + 1e-9)))


def _room_and_equaliser(mix, drawn, sr, rng):
    """All that is linear, as one filter: reverb, tilt, band limits, stereo folded to mono."""
    tail = round(drawn["reverb_seconds"] * sr)
    echo = rng.standard_normal(tail) * np.exp(-6.9 * np.arange(tail) / tail)
    echo *= 10 ** (drawn["reverb"] / 20) / np.sqrt(np.sum(echo**2))
    length = scipy.fft.next_fast_len(len(mix) + tail, real=True)
    frequency = scipy.fft.rfftfreq(length, 1 / sr)[1:]
    response = (frequency / 700) ** (drawn["tilt"] / 6.02)
    response /= np.sqrt(1 + (drawn["low_cut"] / frequency) ** 4)
    response /= np.sqrt(1 + (frequency / drawn["high_cut"]) ** 8)
    response /= np.sqrt(1 + (frequency / rng.uniform(*_CODEC_EDGE)) ** 80)
    delay, depth = rng.uniform(*_FOLD_SECONDS), rng.uniform(*_FOLD_DEPTH)
    folded = 1 + depth * np.exp(-2j * np.pi * delay * frequency)
    spectrum = scipy.fft.rfft(mix, length)
    spectrum[0] = 0
    spectrum[1:] *= response * folded * (1 + scipy.fft.rfft(echo, length)[1:])
    return scipy.fft.irfft(spectrum, length)[: len(mix)]


def _compress(mix, amount, sr, block=512):
    """Even out the loudness of blocks, slowly enough to leave the beats their punch."""
    n_blocks = -(-len(mix) // block)
    blocks = np.pad(mix, (0, n_blocks * block - len(mix))).reshape(n_blocks, block)
    width = _COMPRESSOR_SECONDS * sr / block
    power = scipy.ndimage.gaussian_filter1d(np.mean(blocks**2, axis=1), width, mode="nearest")
    gain = (power / (power.mean() + 1e-9) + 1e-4) ** (-amount / 2)
    centres = block * (np.arange(n_blocks) + 0.5)
    return mix * np.interp(np.arange(len(mix)), centres, gain).astype(np.float32)


def _limit(samples):
    """Bend what is louder than the knee so that nothing passes the ceiling."""
    above = np.abs(samples) - _KNEE
    bent = _KNEE + (_CEILING - _KNEE) * np.tanh(above / (_CEILING - _KNEE))
    return np.where(above > 0, np.sign(samples) * bent, samples).astype(np.float32)
