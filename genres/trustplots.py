"""How far can an answer be trusted, drawn?"""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from genres.plots import WIDTH

_COLOURS = sns.color_palette("colorblind", 10)
_MARKERS = "os^Dv"
_LINES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))


def faults(rows, title):
    """Draw two figures of the same thing, and the interval of the second.

    Parameters
    ----------
    rows : dict of str to dict
        For each thing ``naive``, ``honest`` and the honest figure's interval, ``low`` and ``high``.
    title : str
        Title of the picture.

    Returns
    -------
    Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 0.28 * len(rows) + 1.5))
    places = np.arange(len(rows))
    naive, honest, low, high = (
        np.array([row[part] for row in rows.values()])
        for part in ("naive", "honest", "low", "high")
    )
    axis.hlines(
        places, low, high, color=_COLOURS[0], linewidth=5, alpha=0.35, label="95 % interval"
    )
    axis.hlines(places, honest, naive, color="0.5", linewidth=1)
    axis.plot(honest, places, "o", color=_COLOURS[0], label="honest")
    axis.plot(naive, places, "X", color=_COLOURS[3], label="tempting")
    axis.set_yticks(places, rows)
    axis.invert_yaxis()
    axis.set_xlabel("accuracy")
    figure.suptitle(title, weight="bold")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def reliability(bins, title):
    """Draw how often classifiers are right against how sure they are.

    Parameters
    ----------
    bins : dict of str to dict
        For each classifier what `genres.evaluation.reliability` gives.
    title : str
        Title of the picture.

    Returns
    -------
    Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH * 0.75, 4.6))
    axis.plot([0, 1], [0, 1], color="0.6", linewidth=1, label="as it should be")
    for number, (name, of_bin) in enumerate(bins.items()):
        axis.plot(
            of_bin["confidence"],
            of_bin["accuracy"],
            linestyle=_LINES[number % len(_LINES)],
            marker=_MARKERS[number % len(_MARKERS)],
            color=_COLOURS[number],
            label=name,
        )
    axis.set(title=title, xlabel="how sure", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1))
    axis.legend(loc="upper left", fontsize=9)
    return figure


def coverage(curves, title):
    """Draw accuracy against the share of clips that are answered.

    Parameters
    ----------
    curves : dict of str to tuple of array
        For each classifier what `genres.evaluation.accuracy_by_coverage` gives.
    title : str
        Title of the picture.

    Returns
    -------
    Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH * 0.75, 4))
    for number, (name, (shares, accuracy)) in enumerate(curves.items()):
        many = shares >= 0.05  # of fewer clips, the accuracy jumps about
        line = _LINES[number % len(_LINES)]
        axis.plot(shares[many], accuracy[many], line, color=_COLOURS[number], label=name)
    axis.set(title=title, xlabel="share of clips that are answered", ylabel="accuracy on these")
    axis.set_xlim(0, 1)
    axis.legend()
    return figure
