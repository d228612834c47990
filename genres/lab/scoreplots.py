"""What do scores look like, and how far can they be trusted?"""

from collections.abc import Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import confusion_matrix

from genres.lab.plots import LINES, PALETTE, WIDTH, looks
from genres.models import evaluation


def confusion(labels, predicted, genres: Sequence[str], title: str, counted: str = "tracks"):
    """Draw how often each genre was predicted for each true genre.

    Parameters
    ----------
    labels, predicted : array of int, shape (n_tracks,)
        True and predicted genre ids.
    genres : sequence of str
        Names, by id.
    title : str
        Title of the picture.
    counted : str
        What was classified, in the plural.

    Returns
    -------
    Figure
    """
    counts = confusion_matrix(labels, predicted, labels=range(len(genres)))
    figure, axis = plt.subplots(figsize=(WIDTH * 0.72, WIDTH * 0.62))
    sns.heatmap(
        counts,
        annot=np.where(counts > 0, counts.astype(str), ""),
        fmt="",
        cmap="Blues",
        square=True,
        linewidths=0.5,
        xticklabels=genres,
        yticklabels=genres,
        cbar_kws={"label": counted, "ticks": MaxNLocator(integer=True)},
        ax=axis,
    )
    axis.set(xlabel="predicted genre", ylabel="true genre")
    figure.suptitle(title, size="medium", weight="bold")
    return figure


def ranks(scores, marks: dict[str, float], title: str, label: str):
    """Draw how scores are distributed, and where some of them lie.

    Parameters
    ----------
    scores : dict of str to array of float
        Scores of each group of candidates; each group has area 1.
    marks : dict of str to float
        Scores to point out.
    title, label : str
        Title of the picture and name of the score.

    Returns
    -------
    Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 4.4))
    area = {"stat": "density", "element": "step", "alpha": 0.3}
    for values, look in looks(scores):
        n_bins, colour = 60 if len(values) > 1000 else 20, look["color"]
        sns.histplot(x=values, bins=n_bins, color=colour, label=look["label"], ax=axis, **area)
    for (name, score), line in zip(marks.items(), cycle(LINES), strict=False):
        axis.axvline(score, color="0.15", linestyle=line, label=f"{name}: {score:.3f}")
    axis.set(title=title, xlabel=label, ylabel="density")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def differences(table, title: str, label: str):
    """Draw differences with their intervals, a row each.

    Parameters
    ----------
    table : DataFrame
        Of each thing, by name: ``difference``, and its interval, ``low`` and ``high``.
    title, label : str
        Title of the picture and name of the difference.

    Returns
    -------
    Figure
        Where the interval does not hold 0 the point is filled.
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 0.26 * len(table) + 1.5))
    places = np.arange(len(table))
    decided = (table["low"] > 0) | (table["high"] < 0)
    axis.axvline(0, color="0.3", linewidth=1)
    axis.hlines(places, table["low"], table["high"], color=PALETTE[0], linewidth=2)
    for kind, name, fill in ((decided, "decided", PALETTE[0]), (~decided, "undecided", "white")):
        look = {"color": PALETTE[0], "markerfacecolor": fill, "label": name}
        axis.plot(table["difference"][kind], places[kind], "o", **look)
    axis.set_yticks(places, table.index)
    axis.invert_yaxis()
    axis.set(title=title, xlabel=label)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def spreads(
    values,
    families: dict[str, str],
    title: str,
    label: str,
    *,
    intervals: dict[str, Sequence[float]] | None = None,
    reference: dict[str, float] | None = None,
    reference_name: str | None = None,
):
    """Draw several measurements each of many candidates, grouped by family.

    Parameters
    ----------
    values : dict of str to sequence of float
        Measurements of each candidate.
    families : dict of str to str
        Family of each candidate.
    title, label : str
        Title of the picture and name of the measurement.
    intervals : dict of str to (float, float), optional
        The 95 % interval of each candidate's mean, drawn as a line; without them, a line goes from
        the smallest of its measurements to the largest.
    reference : dict of str to float, optional
        A value to set beside each candidate's, drawn as a cross.
    reference_name : str, optional
        What the crosses are.

    Returns
    -------
    Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 0.3 * len(values) + 1.4))
    kinds = list(dict.fromkeys(families.values()))
    styles = dict(zip(kinds, zip("osD^vP", PALETTE, strict=False), strict=False))
    firsts = {families[name]: name for name in reversed(values)}
    for row, (name, measured) in enumerate(values.items()):
        kind = families[name]
        marker, colour = styles[kind]
        named = kind if name == firsts[kind] else None  # once in the legend
        ends = intervals[name] if intervals else [min(measured), max(measured)]
        axis.plot(ends, [row, row], color=colour, linewidth=2)
        axis.plot(measured, [row] * len(measured), marker, color=colour, label=named)
    if reference:
        crosses = [reference[name] for name in values]
        axis.plot(crosses, range(len(values)), "x", color="0.2", markersize=7, label=reference_name)
    if intervals:
        axis.plot([], [], color="0.2", linewidth=2, label="95 % interval of the mean")
    axis.set_yticks(range(len(values)), values.keys())
    axis.invert_yaxis()
    axis.set(title=title, xlabel=label)
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def curves(
    training,
    validation,
    title: str,
    label: str,
    counted: str = "tracks",
    held_out: str = "held-out",
):
    """Draw learning curves: mean and range over the members of an ensemble.

    Parameters
    ----------
    training, validation : array of float, shape (n_members, n_epochs)
        One curve a member.
    title, label : str
        Title of the picture and name of what is drawn.
    counted : str
        What was trained on and held out, in the plural.
    held_out : str
        What those that were held out are called.

    Returns
    -------
    Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH * 0.75, 3.6))
    _draw_curves(axis, {f"training {counted}": training, f"{held_out} {counted}": validation})
    axis.set(title=title, xlabel="epoch", ylabel=label)
    axis.legend()
    return figure


def learning_curves(curves: dict[str, dict], title: str, counted: str = "tracks"):
    """Draw loss and accuracy of several networks epoch by epoch, a column each.

    Parameters
    ----------
    curves : dict of str to dict of str to array of float, shape (n_seeds, n_epochs)
        For each network ``loss``, ``val_loss``, ``accuracy`` and ``val_accuracy``: on what it was
        trained on, and on what was held out.
    title : str
        Title of the picture.
    counted : str
        What was trained on and held out, in the plural.

    Returns
    -------
    Figure
        Lines are means over the seeds, and shades go from the lowest to the highest.
    """
    measures = {"loss": "cross-entropy", "accuracy": "accuracy"}
    figure, axes = plt.subplots(
        2, len(curves), sharex=True, sharey="row", squeeze=False, figsize=(WIDTH, 5)
    )
    for column, (name, of_name) in zip(axes.T, curves.items(), strict=True):
        for axis, measure in zip(column, measures, strict=True):
            pair = {
                f"training {counted}": of_name[measure],
                f"held-out {counted}": of_name[f"val_{measure}"],
            }
            _draw_curves(axis, pair)
        column[0].set_title(name.replace(": ", ":\n"), size=10)
        column[1].set_xlabel("epoch")
        column[1].xaxis.set_major_locator(MaxNLocator(4, integer=True))
    for axis, label in zip(axes[:, 0], measures.values(), strict=True):
        axis.set_ylabel(label)
    axes[0, 0].set_ylim(bottom=0)
    figure.suptitle(title, weight="bold")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    return figure


def _draw_curves(axis, named):
    """Draw the mean of each group of curves, (n_curves, n_epochs), and their range."""
    for values, look in looks(named):
        epochs = np.arange(1, values.shape[1] + 1)
        low, high = values.min(axis=0), values.max(axis=0)
        axis.plot(epochs, values.mean(axis=0), **look | {"marker": ""})
        axis.fill_between(epochs, low, high, color=look["color"], alpha=0.2)
    axis.set_xlim(1, max(len(epochs), 2))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def faults(gaps: dict[str, dict[str, dict]], title: str):
    """Draw what faults of measuring are worth: two figures for the same clips, and their gap.

    Parameters
    ----------
    gaps : dict of str to dict of str to dict
        For each fault, for each model: the accuracies ``naive`` and ``honest``; their difference,
        ``points``, and the ends of its interval, ``low`` and ``high``, in percentage points.
    title : str
        Title of the picture.

    Returns
    -------
    Figure
    """
    names: list[str] = []
    places: list[int] = []
    for fault, models in gaps.items():
        names += [fault.upper(), *models]  # a heading, and a row for each model
        places += range(len(names) - len(models), len(names))
    table = pd.DataFrame([row for models in gaps.values() for row in models.values()])
    figure, (left, right) = plt.subplots(
        1, 2, sharey=True, figsize=(WIDTH, 0.27 * len(names) + 1.6), width_ratios=(3, 2)
    )
    left.hlines(places, table["honest"], table["naive"], color="0.5", linewidth=1)
    left.plot(table["honest"], places, "o", color=PALETTE[0], label="honest")
    left.plot(table["naive"], places, "X", color=PALETTE[3], label="tempting")
    right.axvline(0, color="0.3", linewidth=1)
    interval = {"linewidth": 5, "alpha": 0.35, "label": "95 % interval of the gap"}
    right.hlines(places, table["low"], table["high"], color=PALETTE[2], **interval)
    right.plot(table["points"], places, "D", color=PALETTE[2], markersize=5, label="gap")
    left.set_yticks(range(len(names)), names, size=9)
    for place in set(range(len(names))) - set(places):
        left.get_yticklabels()[place].set_weight("bold")
    left.invert_yaxis()
    left.set_xlabel("accuracy on the same clips")
    right.set_xlabel("gap in percentage points")
    figure.suptitle(title, weight="bold")
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def reliability(bins: dict[str, Sequence[dict]], title: str):
    """Draw the accuracy of classifiers against their confidence, and how many clips that is.

    Parameters
    ----------
    bins : dict of str to sequence of dict
        For each classifier what `genres.models.evaluation.reliability` gives for its probabilities
        as they are and, where there are any, for its calibrated ones. Each has a column and a
        colour.
    title : str
        Title of the picture.

    Returns
    -------
    Figure
        Bars are the 95 % intervals of the accuracies, those of a share of independent clips.
    """
    figure, axes = plt.subplots(
        2,
        len(bins),
        sharex=True,
        sharey="row",
        squeeze=False,
        figsize=(max(WIDTH / 2, min(WIDTH, 4.5 * len(bins))), 5.6),
        height_ratios=(3, 1),
    )
    looks_of_pair = {
        "as trained": {"marker": "o", "linestyle": "--", "fillstyle": "none"},
        "calibrated": {"marker": "o", "linestyle": "-", "fillstyle": "full"},
    }
    for (model, pair), colour, (upper, lower) in zip(bins.items(), PALETTE, axes.T, strict=False):
        upper.plot([0, 1], [0, 1], color="0.6", linewidth=1)
        for of_bin, look in zip(pair, looks_of_pair.values(), strict=False):
            confidence, bars = of_bin["confidence"], _from_accuracy(of_bin)
            upper.errorbar(
                confidence, of_bin["accuracy"], bars, elinewidth=0.8, color=colour, **look
            )
            lower.plot(confidence, of_bin["count"], color=colour, **look)
        upper.set(title=model, xlim=(0, 1), ylim=(0, 1))
        lower.set(xlabel="confidence")
    axes[0, 0].set_ylabel("accuracy")
    axes[1, 0].set_ylabel("clips")
    axes[1, 0].set_ylim(bottom=0)
    figure.suptitle(title, weight="bold")
    names = [*looks_of_pair][: max(map(len, bins.values()))]
    handles = [Line2D([], [], color="0.2", **looks_of_pair[name]) for name in names]
    handles.append(Line2D([], [], color="0.6", linewidth=1))
    figure.legend(handles, [*names, "perfectly calibrated"], loc="outside lower center", ncols=3)
    return figure


def _from_accuracy(of_bin):
    """Give how far the interval of each bin's accuracy reaches down and up, (2, n_bins)."""
    n_correct = np.round(of_bin["accuracy"] * of_bin["count"]).astype(int)
    ends = np.array([*map(evaluation.accuracy_interval, n_correct.tolist(), of_bin["count"])]).T
    return np.abs(ends - of_bin["accuracy"])


def coverage(curves, title: str):
    """Draw accuracy against the share of clips that are classified.

    Parameters
    ----------
    curves : dict of str to tuple of array
        For each classifier what `genres.models.evaluation.accuracy_by_coverage` gives.
    title : str
        Title of the picture.

    Returns
    -------
    Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH * 0.75, 4))
    for (shares, accuracy), look in looks(curves):
        many = shares >= 0.05  # of fewer clips, the accuracy jumps about
        axis.plot(shares[many], accuracy[many], **look | {"marker": ""})
    axis.set(title=title, xlabel="share of clips classified", ylabel="accuracy on these")
    axis.set_xlim(0, 1)
    axis.legend()
    return figure


def errors(seconds, tolerance: float, title: str):
    """Draw how far found changes are from the true ones.

    Parameters
    ----------
    seconds : array of float, shape (n_changes,)
        How much later than the true one each was found.
    tolerance : float
        How far one may be off to count as found, s.
    title : str
        Title of the picture.

    Returns
    -------
    Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH * 0.75, 3.2))
    most = max(np.ceil(np.abs(seconds).max(initial=0)), 2 * tolerance)
    axis.axvspan(-tolerance, tolerance, color="0.9", label=f"counts as found: ±{tolerance:g} s")
    axis.hist(seconds, bins=np.arange(-most, most + 0.25, 0.5), color="C0", edgecolor="white")
    axis.axvline(0, color="black", linewidth=1)
    axis.set(title=title, xlabel="found minus true time (s): below 0, too early", ylabel="clips")
    axis.legend()
    return figure
