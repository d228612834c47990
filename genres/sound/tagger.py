"""Which tags does a network that heard 200,000 songs give to a sound?

The network is musicnn (Pons and Serra, 2019, *musicnn: pre-trained convolutional neural networks
for music audio tagging*, late-breaking demo of ISMIR), trained on the Million Song Dataset. Its
layers are written out here; its weights are those of the package ``musicnn``, none of whose code
is run.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import librosa
import numpy as np
import soxr

from genres import Refusal
from genres.screen import without_stderr
from genres.sound.tags import INSTALL, TAGS, find_weights

# No level of logging holds back TensorFlow's notes on its own build.
with without_stderr():
    import keras
    import tensorflow as tf
    from keras import layers

SAMPLE_RATE = 16_000
N_FFT, HOP_LENGTH, N_MELS = 512, 256, 96
SECONDS = 3
"""Length of a patch."""
N_FRAMES = 187
"""Length of a patch, in frames."""
STEP = 61
"""From the beginning of a patch to that of the next, in frames: a second."""

_SHA256 = {
    ".index": "87f3e0f3550c8d3bafc840374003e5c8af5eeb5ecf6add61af09a7822d3282c8",
    ".data-00000-of-00001": "8579734ee6388f799ed0def4bbd0d1fdcbeaf213ef2a9dc860917bd76a303de6",
}
_TIMBRAL = ((7, 38), (7, 67))  # frames and bands of the filters that see timbre
_REACH = 3  # frames that those reach to either side
_TEMPORAL = (128, 64, 32)  # frames of those that see rhythm
_FRAMES_AT_ONCE = 4096  # of a spectrogram: those of an hour would take a gigabyte
_PATCHES_AT_ONCE = 14
_WEIGHTS = {  # of each kind of layer in the checkpoint
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "conv2d": ("kernel", "bias"),
    "dense": ("kernel", "bias"),
}


class Network(NamedTuple):
    """The network, in three parts.

    Attributes
    ----------
    scale : keras.Model
        Of spectrograms, (n, n_frames, 96).
    see_timbre : keras.Model
        From what is scaled to the outputs of the filters that see timbre, 3 frames from each end.
    finish : keras.Model
        From scaled patches, (n_patches, 187, 96), and these outputs for all of their frames to the
        taggram and the embedding.
    """

    scale: keras.Model
    see_timbre: keras.Model
    finish: keras.Model

    def tag(self, batch):
        """Give the taggram and the embedding of successive patches, (n_patches, 187, 96)."""
        scaled = self.scale(batch, training=False)
        joined = tf.concat([scaled[0], *(patch[N_FRAMES - STEP :] for patch in scaled[1:])], axis=0)
        inside = self.see_timbre(joined[None], training=False)[0]
        # Beyond a patch's ends there is silence, whatever the patches beside it hold.
        quiet = tf.zeros((len(batch), _REACH, N_MELS))
        first = tf.concat([quiet, scaled[:, : 2 * _REACH]], axis=1)
        last = tf.concat([scaled[:, -2 * _REACH :], quiet], axis=1)
        ends = self.see_timbre(tf.concat([first, last], axis=0), training=False)
        width = N_FRAMES - 2 * _REACH
        middles = [inside[at * STEP : at * STEP + width] for at in range(len(batch))]
        timbre = tf.concat([ends[: len(batch)], tf.stack(middles), ends[len(batch) :]], axis=1)
        return self.finish([scaled, timbre], training=False)


class Tagged(NamedTuple):
    """What the network says of a sound.

    Attributes
    ----------
    taggram : array of float32, shape (n_patches, 50)
        Probability of each of `genres.sound.tags.TAGS`, in each patch of 3 s; they do not add
        up to 1.
    embedding : array of float32, shape (n_patches, 200)
        Outputs of the last hidden layer.
    """

    taggram: np.ndarray
    embedding: np.ndarray

    @property
    def starts(self):
        """Where each patch begins, s: array of float, shape (n_patches,)."""
        return np.arange(len(self.taggram)) * STEP * HOP_LENGTH / SAMPLE_RATE

    @property
    def middles(self):
        """Where the middle of each patch is, s: array of float, shape (n_patches,)."""
        return self.starts + SECONDS / 2

    def between(self, start: float, end: float):
        """Give the patches whose middle is in a part of the sound, from `start` to `end`, s.

        Where there is none, the next one is taken, or the last.
        """
        first, last = np.searchsorted(self.middles, (start, end))
        first = min(first, len(self.taggram) - 1)
        patches = slice(first, max(last, first + 1))
        return Tagged(self.taggram[patches], self.embedding[patches])


def log_mel(samples, sr: int = 22_050):
    """Compute the spectrogram that the network reads.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        Mono, full scale 1.
    sr : int
        Their sample rate, Hz; they are resampled to 16 kHz.

    Returns
    -------
    array of float32, shape (n_frames, 96)
        log10(1 + 10,000 × the power in each mel band), time first.
    """
    samples = soxr.resample(samples, sr, SAMPLE_RATE, quality="VHQ")
    n_frames = 1 + len(samples) // HOP_LENGTH
    samples = np.pad(samples, N_FFT // 2)
    filters = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=N_MELS)
    found = np.empty((n_frames, N_MELS), np.float32)
    for first in range(0, n_frames, _FRAMES_AT_ONCE):
        last = min(first + _FRAMES_AT_ONCE, n_frames)
        piece = samples[first * HOP_LENGTH : (last - 1) * HOP_LENGTH + N_FFT]
        spectrum = librosa.stft(piece, n_fft=N_FFT, hop_length=HOP_LENGTH, center=False)
        found[first:last] = np.log10(1 + 10_000 * (filters @ np.abs(spectrum) ** 2).T)
    return found


def patches(spectrogram):
    """Cut a spectrogram into overlapping patches of 3 s, one a second.

    Parameters
    ----------
    spectrogram : array of float, shape (n_frames, 96)
        Time first; one that is shorter than a patch is repeated until it fills one.

    Returns
    -------
    array of float, shape (n_patches, 187, 96)
        A view where that is possible.
    """
    if len(spectrogram) < N_FRAMES:
        spectrogram = np.resize(spectrogram, (N_FRAMES, spectrogram.shape[1]))
    windows = np.lib.stride_tricks.sliding_window_view(spectrogram, N_FRAMES, axis=0)
    return windows[::STEP].transpose(0, 2, 1)


def tag(samples, sr: int = 22_050, progress: Callable | None = None):
    """Tag a sound.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        Mono, full scale 1.
    sr : int
        Their sample rate, Hz.
    progress : callable, optional
        As `predict` has it.

    Returns
    -------
    Tagged

    Raises
    ------
    Refusal
        If the weights are missing, or are not those that are known.
    """
    return predict(log_mel(samples, sr), progress)


def predict(spectrogram, progress: Callable | None = None):
    """Tag the patches of a spectrogram.

    What patches that overlap have in common of the filters that see timbre, most of the work, is
    computed once.

    Parameters
    ----------
    spectrogram : array of float, shape (n_frames, 96)
        As `log_mel` gives it.
    progress : callable, optional
        Called again and again with the share that is done, from 0 to 1.

    Returns
    -------
    Tagged
    """
    model, parts = network(), []
    batch = patches(spectrogram)
    for at in range(0, len(batch), _PATCHES_AT_ONCE):
        outputs = model.tag(batch[at : at + _PATCHES_AT_ONCE])
        parts.append([output.numpy() for output in outputs])
        if progress:
            progress(min(at + _PATCHES_AT_ONCE, len(batch)) / len(batch))
    return Tagged(*(np.concatenate(part) for part in zip(*parts, strict=True)))


@cache
def network():
    """Build the network, and give it its weights.

    Returns
    -------
    Network

    Raises
    ------
    Refusal
        If the weights are missing, or are not those that are known.
    """
    variables = read_weights(find_weights())
    model, built = _build()
    for kind, parts in _WEIGHTS.items():
        for number, layer in enumerate(built[kind]):
            name = f"{kind}_{number}" if number else kind
            weights = [variables[f"{name}/{part}"] for part in parts]
            layer.set_weights(
                [w.reshape(own.shape) for w, own in zip(weights, layer.weights, strict=True)]
            )
    return model


def _build():
    """Build the network; give it and its layers that have weights, by kind, in its own order."""
    built = {kind: [] for kind in _WEIGHTS}

    def add(kind, layer, tensor):
        built[kind].append(layer)
        return layer(tensor)

    def normalise(tensor):
        return add("batch_normalization", layers.BatchNormalization(epsilon=1e-3), tensor)

    def convolve(tensor, filters, size, padding="same"):
        make = layers.Conv1D if isinstance(size, int) else layers.Conv2D
        convolution = make(filters, size, padding=padding, activation="relu")
        return normalise(add("conv2d", convolution, tensor))

    spectrogram = keras.Input((None, N_MELS))
    normalised = normalise(keras.ops.expand_dims(spectrogram, -1))
    scale = keras.Model(spectrogram, normalised[..., 0])
    scaled = keras.Input((None, N_MELS))
    picture = keras.ops.expand_dims(scaled, -1)
    timbral = [keras.ops.max(convolve(picture, 204, size, "valid"), axis=2) for size in _TIMBRAL]
    see_timbre = keras.Model(scaled, layers.Concatenate()(timbral))
    patch = keras.Input((N_FRAMES, N_MELS))
    timbre = keras.Input((N_FRAMES, see_timbre.output.shape[-1]))
    # With time as the last axis: along the first, TensorFlow takes gigabytes.
    turned = keras.ops.expand_dims(layers.Permute((2, 1))(patch), -1)
    front = [timbre] + [keras.ops.max(convolve(turned, 51, (1, n)), axis=1) for n in _TEMPORAL]
    front = layers.Concatenate()(front)
    first = convolve(front, 64, 7)
    second = layers.Add()([convolve(first, 64, 7), first])
    third = layers.Add()([convolve(second, 64, 7), second])
    joined = layers.Concatenate()([front, first, second, third])
    over_time = [keras.ops.max(joined, axis=1), keras.ops.mean(joined, axis=1)]
    pooled = layers.Flatten()(keras.ops.stack(over_time, axis=2))
    embedding = add("dense", layers.Dense(200, activation="relu"), normalise(pooled))
    tags = add("dense", layers.Dense(len(TAGS), activation="sigmoid"), normalise(embedding))
    return Network(scale, see_timbre, keras.Model([patch, timbre], [tags, embedding])), built


def read_weights(folder: Path):
    """Read the weights, if they are those that are known.

    Parameters
    ----------
    folder : pathlib.Path
        Of a TensorFlow checkpoint.

    Returns
    -------
    dict of str to array of float32

    Raises
    ------
    Refusal
        If a file is missing, cannot be read or has another content.
    """
    for name, expected in _SHA256.items():
        path = folder / name
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise Refusal(f"{path} cannot be read ({error.strerror}): {INSTALL}") from None
        if found != expected:
            raise Refusal(f"{path} is damaged or of another version: remove it, then {INSTALL}")
    reader = tf.compat.v1.train.NewCheckpointReader(f"{folder}/")
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
