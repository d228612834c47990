"""What is done to recordings on their way from one collection to another?"""

import io
from functools import partial

import av
import numpy as np
import soundfile
import soxr

from genres.synth.corpus import SAMPLE_RATE as SR

MP3_SR = 44_100


def mp3(samples, kilobits, cutoff=None):
    """Encode samples as MP3, at 44,100 samples per second, and cut above a frequency (Hz)."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        options = {"cutoff": str(cutoff)} if cutoff else None
        stream = container.add_stream("libmp3lame", MP3_SR, options, layout="mono")
        stream.bit_rate = 1000 * kilobits
        resampled = soxr.resample(samples, SR, MP3_SR).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(resampled[None], "fltp", "mono")
        frame.rate = MP3_SR
        resampler = av.AudioResampler("fltp", "mono", MP3_SR, frame_size=1152)
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            container.mux(stream.encode(part))
    return file.getvalue()


def ogg(samples):
    """Encode samples as Ogg Vorbis."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", SR, 1, "VORBIS", format="OGG") as sound:
        for start in range(0, len(samples), SR):  # libsndfile overruns its stack on more at once
            sound.write(samples[start : start + SR])
    return file.getvalue()


def wav(samples, rate=SR):
    """Encode samples as WAV of 16 bits."""
    file = io.BytesIO()
    soundfile.write(file, np.clip(samples, -1, 1), rate, "PCM_16", format="WAV")
    return file.getvalue()


def noisy(samples, seed=0):
    """Add white noise, 20 dB below the sound."""
    noise = np.random.default_rng(seed).standard_normal(len(samples), np.float32)
    return samples + np.float32(0.1 * samples.std()) * noise


VERSIONS = {
    "64.mp3": partial(mp3, kilobits=64),
    "128.mp3": partial(mp3, kilobits=128),
    "320.mp3": partial(mp3, kilobits=320),
    "vorbis.ogg": ogg,
    "16-kHz.wav": lambda samples: wav(soxr.resample(samples, SR, 16_000), 16_000),
    "quieter.wav": lambda samples: wav(10 ** (-12 / 20) * samples),
    "trimmed.wav": lambda samples: wav(samples[3 * SR :]),
    "excerpt.wav": lambda samples: wav(samples[round(8.4 * SR) :][: 15 * SR]),
    "noisy.wav": lambda samples: wav(noisy(samples)),
}
"""What is done to a clip, by what the file is called then: each gives the bytes of a file."""
