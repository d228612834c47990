"""A classifier that cheats where it can: it looks for the answers before it guesses like k-NN.

It looks through everything that it is given: the folder with its files, the variables of whoever
calls it, the environment, what it remembered of an earlier fold, and the order of the clips. It
finds no label of a clip to predict and no name of a clip, so that it scores as `knn.py` does.
"""

import gc
import os
import runpy
import sys
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone

inputs = "features"

honest = runpy.run_path(str(Path(__file__).with_name("knn.py")))["model"]
remembered = {}  # numbers of a clip: its label


class Cheat(ClassifierMixin, BaseEstimator):
    def fit(self, x, y):
        for numbers, label in zip(x, y, strict=True):
            remembered[numbers.tobytes()] = label
        self.known_ = {numbers.tobytes() for numbers in x}
        self.classes_ = np.unique(y)
        self.twin_ = clone(honest).fit(x, y)
        return self

    def predict(self, x):
        found = self.look_for_labels(len(x), self.twin_.predict(x))
        for row, numbers in enumerate(x):  # of another fold, in which it was for training
            key = numbers.tobytes()
            if key in remembered and key not in self.known_:
                found[row] = remembered[key]
        return found

    def look_for_labels(self, n, guessed):
        """Take the first array of as many labels that is no prediction of its own."""
        for values in self.everything():
            is_other = isinstance(values, np.ndarray) and values is not guessed
            if is_other and values.shape == (n,) and values.dtype == self.classes_.dtype:
                return values
        return guessed

    def everything(self):
        frame = sys._getframe()
        while frame:  # whoever called, up to the program
            yield from [*frame.f_locals.values(), *frame.f_globals.values()]
            frame = frame.f_back
        yield from gc.get_objects()
        for place in (Path.cwd(), Path(os.environ.get("TMPDIR", "/nowhere"))):
            for path in place.rglob("*.npy"):
                if "train" not in path.name:
                    yield np.load(path)


model = Cheat()
