"""Which features can be extracted?"""

from collections.abc import Callable
from typing import NamedTuple

from genres.data import tables
from genres.sound import features


class Recipe(NamedTuple):
    """Features that can be extracted.

    Attributes
    ----------
    names : tuple of str
        What they are called.
    describe : callable
        Gives them of samples and their rate.
    segments : tuple of int
        Lengths in seconds of the segments that they are usually of.
    """

    names: tuple
    describe: Callable
    segments: tuple


RECIPES = {
    "course": Recipe(tables.FEATURES, features.course_features, (5, 10, 30)),
    "kaggle": Recipe(features.KAGGLE_FEATURES, features.kaggle_features, (3, 30)),
}
"""The features that can be extracted, those of the course's tables and of Kaggle's."""
