"""Small networks, and what they learn in a moment."""

import keras
import numpy as np

from genres.models import networks
from genres.models.networks import layers

N_STEPS, N_FEATURES, N_GENRES = 3, 5, 4


def lstm(dropout=0.3, return_sequences=True):
    blocks = [layers.LSTM(8, return_sequences=return_sequences), layers.Dense(6, "relu")]
    blocks.append(layers.Dropout(dropout))
    return networks.sequential((N_STEPS, N_FEATURES), blocks, N_GENRES)


def dense():
    blocks = [layers.Dense(8, "relu"), layers.Dropout(0.2), layers.Dense(8, "relu")]
    return networks.sequential((N_FEATURES,), blocks, N_GENRES)


def make_sequences():
    """Give sequences whose genre is the sum of a feature over the steps."""
    values = np.random.default_rng(0).normal(size=(160, N_STEPS, N_FEATURES)).astype("float32")
    labels = np.digitize(values[:, :, 0].sum(axis=1), [-1.2, 0, 1.2])
    return values, labels


def fast(n_steps):
    return keras.optimizers.Adam(0.02)


def assert_same_weights(one, other, atol=0.0):
    for ours, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)
