"""What is the headline of each notebook, and do two runs agree on it?"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

from genres.progress import spoken


@dataclass(frozen=True)
class Headline:
    """The one figure that stands for a notebook.

    Attributes
    ----------
    label : str
        What the figure is.
    value : callable
        Takes it from the notebook's results.
    form : str
        How it is written, as a format specification.
    tolerance : float
        How far two runs on the same data may be apart: 0 where there is no chance in it.
    report : float or None
        The figure in the report that the notebook re-does, or in its authors' notebooks.
    """

    label: str
    value: Callable[[dict], float]
    form: str
    tolerance: float
    report: float | None = None


HEADLINES = {
    "01-feature-distributions": Headline(
        "tracks in the data", lambda results: results["n_tracks"], ",d", 0, 1000
    ),
    "02-knn-baseline": Headline(
        "k-NN on four features, accuracy", lambda results: results["accuracy"], ".1%", 0, 0.404
    ),
    "03-feature-search": Headline(
        "best of 236 feature sets, macro F1",
        lambda results: results["best_macro_f1"],
        ".3f",
        0,
        0.521,
    ),
    "04-model-exploration": Headline(
        "batch-normalised dense network, mean accuracy over seeds",
        lambda results: fmean(
            results["networks"]["fully connected: batch-normalised"]["accuracies"]
        ),
        ".1%",
        0.05,
        0.748,
    ),
    "05-lstm-ensemble": Headline(
        "ten LSTMs voting, mean accuracy over seeds",
        lambda results: fmean(results["hard_vote_accuracies"]),
        ".1%",
        0.04,
        0.803,
    ),
    "06-honest-evaluation": Headline(
        "SVM, no artist on both sides, accuracy",
        lambda results: results["faults"]["artist"]["SVM"]["honest"],
        ".1%",
        0.02,
    ),
    "07-spectrogram-models": Headline(
        "mel CNN, accuracy by clip (the report: by window), mean over seeds",
        lambda results: fmean(results["best_cnn"]["accuracies"]),
        ".1%",
        0.04,
        0.82,
    ),
    "08-mel-vs-mfcc": Headline(
        "network on mel and MFCC, mean accuracy over splits",
        lambda results: fmean(results["models"]["both: two branches"]["accuracies"]),
        ".1%",
        0.05,
        0.28,
    ),
    "09-genre-maps": Headline(
        "held-out clips told apart on LDA's 3-D map",
        lambda results: results["separation"]["LDA"]["3"],
        ".1%",
        0.03,
    ),
    "10-wavelets-and-leakage": Headline(
        "dense network, 3 s windows split at random, accuracy",
        lambda results: results["final"]["val_accuracy"],
        ".1%",
        0.03,
        0.9035,
    ),
    "11-champion": Headline(
        "champion, mean accuracy over seeds",
        lambda results: fmean(results["accuracies"]),
        ".1%",
        0.03,
        0.803,
    ),
    "12-genre-timeline": Headline(
        "changes of genre found within 2.5 s, in synthetic clips",
        lambda results: results["change_recall"],
        ".1%",
        0.03,
    ),
}

NONE = "–"
"""How a figure is written that is not there."""

# Figures come back from JSON, and other machines add in another order.
_ROUNDING = 1e-9


def headline(notebook, results):
    """Take a notebook's headline figure from its results.

    Parameters
    ----------
    notebook : str
        The notebook's name, without suffix.
    results : dict or None
        What it wrote into ``results/<notebook>.json``.

    Returns
    -------
    float or None
        None where the notebook has no headline, or its results lack it.
    """
    if notebook not in HEADLINES:
        return None
    try:
        return HEADLINES[notebook].value(results)
    except (KeyError, TypeError, ValueError):
        return None


def shown(notebook, figure):
    """Write a headline figure the way its notebook has it, or a dash where there is none."""
    if figure is None:
        return NONE
    return format(figure, HEADLINES[notebook].form).replace("%", " %")


def agreement(notebook, results, published):
    """Say whether a run agrees with the published one on a notebook's headline.

    Parameters
    ----------
    notebook : str
        The notebook's name, without suffix.
    results, published : dict or None
        What the notebook wrote in this run and in the published one.

    Returns
    -------
    str
        ``yes`` or ``no`` where the two can be compared, otherwise a dash and why they cannot.
    """
    figure, reference = headline(notebook, results), headline(notebook, published)
    if figure is None:
        return f"{NONE} (no figure)"
    if reference is None:
        return f"{NONE} (not published)"
    if results.get("quick"):
        return f"{NONE} (quick)"
    if results.get("data") != published.get("data"):
        return f"{NONE} (other data)"
    within = abs(figure - reference) <= HEADLINES[notebook].tolerance + _ROUNDING
    return "yes" if within else "no"


def comparison_table(notebooks, seconds, results, published):
    """Set a run's headlines beside those of the published run.

    Parameters
    ----------
    notebooks : sequence of str
        Names of the notebooks of the table's rows.
    seconds : dict of str to float
        What each executed notebook took; the others were kept.
    results, published : dict of str to dict
        Results of this run's notebooks and of the published run's. A notebook without results in
        this run has failed.

    Returns
    -------
    str
        A table for a terminal.
    """
    rows = [("notebook", "time", "headline", "", "published", "agrees")]
    for name in notebooks:
        if name not in results:
            rows.append((name, "failed", "", "", "", ""))
            continue
        mine, theirs = results[name], published.get(name)
        rows.append(
            (
                name,
                spoken(seconds[name]) if name in seconds else "kept",
                HEADLINES[name].label if name in HEADLINES else "",
                shown(name, headline(name, mine)),
                shown(name, headline(name, theirs)),
                agreement(name, mine, theirs),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
