"""A small convolutional network in Keras, along the time of mel spectrograms (notebook 07)."""

import keras
from keras import layers

inputs = "mel"
fit_options = {"epochs": 25, "batch_size": 32, "verbose": 0}


def model(x, y):
    """Build the network for spectrograms x in dB, (n_clips, n_mels, n_columns), of genres y."""
    network = keras.Sequential(
        [
            layers.Input(x.shape[1:]),
            layers.Rescaling(1 / x.std(), -x.mean() / x.std()),
            layers.Permute((2, 1)),  # time first
            layers.Conv1D(48, 5, activation="relu"),
            layers.MaxPooling1D(3),
            layers.Conv1D(48, 5, activation="relu"),
            layers.GlobalAveragePooling1D(),
            layers.Dropout(0.3),
            layers.Dense(int(y.max()) + 1, "softmax"),
        ]
    )
    network.compile("adam", "sparse_categorical_crossentropy")
    return network
