"""How does a note become samples? Oscillators, envelopes, noise and an amplifier."""

from collections import namedtuple
from typing import NamedTuple

import numba
import numpy as np
import scipy.fft
import scipy.signal

# The phase of an oscillator is an integer of 32 bits that wraps around; its upper bits say where
# in the cycle of 2048 samples one is, its lower ones how far it is to the next.
_PHASE_BITS, _CYCLE_BITS = 32, 11
_PHASE_MASK = (1 << _PHASE_BITS) - 1
_CYCLE = 1 << _CYCLE_BITS
_FRACTION_BITS = _PHASE_BITS - _CYCLE_BITS
_FRACTION = 1 << _FRACTION_BITS
_NOISE_MASK = (1 << 17) - 1
_BLOCK = 64
_BREATH = 0.12
_BEND_SECONDS = 0.05

# What the compiled loop takes of an instrument; times become samples.
_TIMES = ("attack", "decay", "release", "fade", "noise_decay")
_Shape = namedtuple(
    "_Shape", "attack decay release fade noise_decay sustain vibrato rate bend noise"
)


class Note(NamedTuple):
    """A note: start and duration in seconds, MIDI pitch, velocity from 0 to 1."""

    start: float
    duration: float
    pitch: int
    velocity: float


def play(instrument, notes, n_samples: int, sr: int, rng):
    """Play notes on one instrument.

    Parameters
    ----------
    instrument : genres.synth.instruments.Instrument
    notes : list of Note
        All start before the end; what sounds after it is cut off.
    n_samples : int
    sr : int
        Sampling rate, Hz.
    rng : numpy.random.Generator

    Returns
    -------
    array of float32, shape (n_samples,)
        A single note of velocity 1 has peaks of about 1.
    """
    out = np.zeros(n_samples, np.float32)
    if not notes:
        return out
    start, duration, pitch, velocity = (np.array(column) for column in zip(*notes, strict=True))
    body = rng.integers(len(instrument.bodies), size=len(notes))
    pairs, row = np.unique(np.stack([pitch, body]), axis=1, return_inverse=True)
    row = row.ravel()
    hertz = 440 * 2.0 ** ((pairs[0] - 69) / 12)
    cycles = _cycles(instrument, hertz, pairs[1], sr, rng)
    noise = _noise(instrument.noise_band, _NOISE_MASK + 1, sr, rng)
    units = {name: sr if name in _TIMES else 1 for name in _Shape._fields}
    shape = _Shape(*(float(getattr(instrument, name) * unit) for name, unit in units.items()))
    starts, durations = ((times * sr).astype(np.int64) for times in (start, duration))
    half = instrument.detune / 2400
    for octaves in (-half, half) if half else (0.0,):
        out_of_tune = 0.02 / 12 * rng.standard_normal(len(notes))
        steps = hertz[row] / sr * 2.0 ** (octaves + out_of_tune)
        phases = rng.integers(1 << _PHASE_BITS, size=len(notes))
        _add_notes(out, cycles, noise, shape, sr, starts, durations, steps, velocity, row, phases)
    return _amplify(out, instrument.drive, sr) if instrument.drive else out


def strike(drum, sr: int, rng):
    """One hit of one such drum (no two clips have the same).

    Parameters
    ----------
    drum : genres.synth.instruments.Drum
    sr : int
        Sampling rate, Hz.
    rng : numpy.random.Generator

    Returns
    -------
    array of float32, shape (n_samples,)
        From the onset until 60 dB below it.
    """
    tune, ring = np.exp([0.12, 0.25] * rng.standard_normal(2))
    tone_decay, noise_decay = ring * drum.tone_decay, ring * drum.noise_decay
    n_samples = int(sr * (0.05 + 6.9 * max(tone_decay, noise_decay)))
    t = np.arange(n_samples) / sr
    hit = drum.noise_level * _noise(drum.band, n_samples, sr, rng)
    if drum.metal:
        partials = rng.uniform(2000, 10000, size=(8, 1))
        hit += drum.metal * np.sin(2 * np.pi * partials * t).mean(axis=0)
    since_clap = np.where(t < 0.011 * (drum.claps - 1), t % 0.011, t - 0.011 * (drum.claps - 1))
    hit *= np.exp(-since_clap / noise_decay) * np.minimum(t / drum.attack, 1)
    if drum.tone_level:
        pitch = tune * drum.tone * (1 + (drum.sweep - 1) * np.exp(-t / 0.02))
        tone = np.sin(2 * np.pi * np.cumsum(pitch) / sr)
        hit += drum.tone_level * tone * np.exp(-t / tone_decay)
    return hit.astype(np.float32)


def lay(shot, starts, velocities, n_samples: int):
    """Lay one drum's hits over each other.

    Parameters
    ----------
    shot : array of float32
        The hit, from `strike`.
    starts : sequence of int
        Sample of each onset.
    velocities : sequence of float
        Loudness of each, 0 to 1.
    n_samples : int

    Returns
    -------
    array of float32, shape (n_samples,)
    """
    out = np.zeros(n_samples, np.float32)
    for start, velocity in zip(starts, velocities, strict=True):
        rest = min(len(shot), n_samples - start)
        out[start : start + rest] += np.float32(velocity) * shot[:rest]
    return out


def _cycles(instrument, hertz, body, sr, rng):
    """One cycle of the bright and of the dark sound of every pitch: (pitch, 2, _CYCLE + 1).

    The last sample is the first again, so that one can interpolate without wrapping around.
    """
    order = np.arange(1, _CYCLE // 2)
    frequency = hertz[:, None] * order
    level = np.zeros_like(frequency) + np.where(order % 2, 0, instrument.even)
    for alternative, resonances in enumerate(instrument.bodies):
        chosen = body == alternative
        for centre, gain in resonances:
            level[chosen] += gain / (1 + (np.log2(frequency[chosen] / centre) / 0.35) ** 2)
    slopes = np.array([[instrument.slope], [instrument.slope - instrument.darkening]])
    amplitude = 10 ** ((level[:, None] + slopes * np.log2(order)) / 20)
    amplitude *= (frequency < 0.48 * sr)[:, None]
    spectrum = np.zeros((len(hertz), 2, _CYCLE // 2 + 1), np.complex64)
    spectrum[..., 1:-1] = amplitude * np.exp(2j * np.pi * rng.random((len(hertz), 1, len(order))))
    cycle = scipy.fft.irfft(spectrum, axis=-1)
    cycle /= 3 * cycle[:, :1].std(axis=-1, keepdims=True)
    return np.concatenate([cycle, cycle[..., :1]], axis=-1)


def _noise(band, n_samples, sr, rng):
    """Noise in a band, with a standard deviation of 1/3: float32 of shape (n_samples,)."""
    spectrum = scipy.fft.rfft(rng.standard_normal(n_samples, dtype=np.float32))
    frequency = scipy.fft.rfftfreq(n_samples, 1 / sr)
    spectrum[(frequency < band[0]) | (frequency > band[1])] = 0
    noise = scipy.fft.irfft(spectrum, n_samples)
    return noise / (3 * noise.std())


@numba.njit(cache=True)
def _add_notes(out, cycles, noise, shape, sr, starts, durations, steps, velocities, rows, phases):
    for n in range(len(starts)):
        start, duration, velocity = starts[n], durations[n], velocities[n]
        bright, dark = cycles[rows[n], 0], cycles[rows[n], 1]
        phase = grain = phases[n]
        level, hiss, brightness = 0.0, 0.0, velocity
        end = min(duration + int(shape.release), len(out) - start)
        for block in range(0, end, _BLOCK):
            # Envelope and pitch are worked out once a block; lines join what lies between.
            t = block + _BLOCK
            fall = shape.sustain + (1 - shape.sustain) * np.exp(-t / shape.decay)
            rest = min(max((duration + shape.release - t) / shape.release, 0.0), 1.0)
            next_level = velocity * min(t / shape.attack, 1.0) * fall * rest
            next_hiss = shape.noise * next_level * (np.exp(-t / shape.noise_decay) + _BREATH)
            next_brightness = velocity * np.exp(-t / shape.fade)
            turns = t * (shape.rate / sr)
            pitch = shape.vibrato * min(turns / 2, 1.0) * np.sin(2 * np.pi * turns)
            pitch += shape.bend * np.exp(-t / (_BEND_SECONDS * sr))
            step = int(steps[n] * 2.0 ** (pitch / 12) * (1 << _PHASE_BITS))
            level_slope = (next_level - level) / _BLOCK
            hiss_slope = (next_hiss - hiss) / _BLOCK
            brightness_slope = (next_brightness - brightness) / _BLOCK
            for i in range(start + block, start + min(t, end)):
                phase = (phase + step) & _PHASE_MASK
                left = phase >> _FRACTION_BITS
                fraction = (phase & (_FRACTION - 1)) / _FRACTION
                low = dark[left] + fraction * (dark[left + 1] - dark[left])
                high = bright[left] + fraction * (bright[left + 1] - bright[left])
                grain = (grain + 1) & _NOISE_MASK
                out[i] += level * (low + brightness * (high - low)) + hiss * noise[grain]
                level += level_slope
                hiss += hiss_slope
                brightness += brightness_slope


def _amplify(samples, drive, sr):
    """Overdrive an amplifier and its loudspeaker, as loud as the samples were."""
    loudness = np.sqrt(np.mean(samples**2)) + 1e-9
    driven = np.tanh(drive / (2 * loudness) * samples)
    speaker = scipy.signal.butter(2, [80, 5500], "band", fs=sr, output="sos")
    driven = scipy.signal.sosfilt(speaker.astype(np.float32), driven)
    return driven * (loudness / (np.sqrt(np.mean(driven**2)) + 1e-9))
