"""What of a feature table does a scikit-learn estimator take?"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from genres import Refusal
from genres.data import clips, folders, tables


class Samples(NamedTuple):
    """The segments of a table, for ``fit`` and for cross-validation.

    Attributes
    ----------
    X : DataFrame, shape (n_samples, 63)
        The features of each segment, unscaled; rows are called after the clip's file.
    y : Series of str, shape (n_samples,)
        Its genre.
    groups : array of int, shape (n_samples,)
        The artist, where the data say who that is, else the clip: segments of one group belong on
        one side of a split.
    """

    X: pd.DataFrame
    y: pd.Series
    groups: np.ndarray


def load(data: str | Path | None = None, seconds: int = folders.WHOLE) -> Samples:
    """Load a feature table for scikit-learn.

    Parameters
    ----------
    data : str or Path, optional
        Folder or name of the data, as `genres.data.folders.find` takes it.
    seconds : int
        Length of the table's segments.

    Returns
    -------
    Samples
        All segments; where artists are known, those that `genres.data.folders.artist_folds` names:
        copies of clips are not among them.

    Raises
    ------
    Refusal
        If there are no such data, or no such table, or it is not sound; or if the folds by artist
        name none of its clips.
    """
    found = folders.find(data)
    table = found.table(seconds).set_index("File")
    folds = folders.artist_folds(found)
    if folds is None:
        groups = table["Track ID"]
    else:
        table = table[table.index.isin(folds.index)]
        groups = folds["artist"].reindex(table.index)
        if table.empty:
            raise Refusal(f"{clips.ARTIST_FOLDS} of {found.folder} names no clip of its tables.")
    return Samples(table[list(tables.FEATURES)], table["Genre"], groups.to_numpy())
