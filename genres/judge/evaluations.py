"""How good were a model's predictions, and where is that kept?"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student_t

from genres import Refusal, files
from genres.judge import protocols
from genres.models import evaluation

_MOST_ARCHIVE = 1 << 30  # bytes
_SCHEMA = 1


class Predictions(NamedTuple):
    """What was predicted by a protocol.

    Attributes
    ----------
    row : array of int, shape (n_tested,)
        Row of the protocol; a row is tested once, or once in a split.
    split : array of int, shape (n_tested,)
        The number of the fold.
    clip : array of str, shape (n_tested,)
        Name of its clip.
    genre, predicted : array of int, shape (n_tested,)
        The clip's genre, and the one predicted.
    probabilities : array of float, shape (n_tested, n_genres), or None
        Where the model gives them.
    """

    row: np.ndarray
    split: np.ndarray
    clip: np.ndarray
    genre: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray | None = None

    @property
    def correct(self):
        """Whether each prediction is correct."""
        return self.genre == self.predicted


@dataclass(eq=False)
class Evaluation:
    """What a model is worth by each protocol.

    Attributes
    ----------
    name : str
        What the model is called.
    file : str
        Where it was read from; ``session`` for one of a notebook.
    digest : str
        Tells versions of the model apart.
    inputs, data : str
        What it reads, and of which data.
    synthetic : bool
        Whether the music of these was made by a program.
    genres : list of str
        Names of genres, by id.
    reference : bool
        Whether it is one of the report's own models.
    protocols : dict of str to dict
        Scores by protocol: see `score`; ``n_listed``, how many rows the protocol tests where all
        clips have what models read; ``digest`` of its folds; and ``against``, what `compare` gives
        for each reference.
    failures : dict of str to str
        A sentence for each protocol that it did not come through.
    predictions : dict of str to Predictions
        By protocol.
    """

    name: str
    file: str
    digest: str
    inputs: str
    data: str
    synthetic: bool
    genres: list
    reference: bool = False
    protocols: dict = field(default_factory=dict)
    failures: dict = field(default_factory=dict)
    predictions: dict = field(default_factory=dict, repr=False)

    def table(self):
        """Give the scores as a DataFrame, a row for each protocol."""
        import pandas as pd

        rows = {
            scores["title"]: {
                "clips": scores["n"],
                "accuracy": scores["accuracy"],
                "low": scores["interval"][0],
                "high": scores["interval"][1],
                "macro F1": scores["macro_f1"],
                "ECE": scores["ece"],
                "fit (s)": scores["seconds"]["fit"],
                "predict (s)": scores["seconds"]["predict"],
            }
            for scores in self.protocols.values()
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    @property
    def strictest(self):
        """Name of the strictest protocol by which it is compared with other models, or None."""
        names = [*protocols.HONEST, protocols.COURSE, protocols.RANDOM]
        return next((name for name in names if self.protocols.get(name, {}).get("against")), None)

    def against(self, protocol):
        """Give the comparisons of a protocol with the references as a DataFrame."""
        import pandas as pd

        found = self.protocols[protocol].get("against", {})
        return pd.DataFrame.from_dict(found, orient="index").drop(columns="digest", errors="ignore")


def score(protocol, clips, folds: Sequence):
    """Score what a model predicted by a protocol.

    Parameters
    ----------
    protocol : genres.judge.protocols.Protocol
        The protocol.
    clips : genres.judge.protocols.Clips
        The clips.
    folds : sequence of genres.judge.process.Fold
        What was predicted of each of its folds.

    Returns
    -------
    scores : dict
        ``title``; ``n`` tested rows; ``accuracy``; ``interval``, of 95 %:
        Wilson's, or of draws of whole groups, or over repeated splits after Nadeau and Bengio
        (2003); ``macro_f1``; ``confusion``, counts, rows true and columns predicted; ``ece``, or
        None without probabilities; ``seconds`` of ``fit`` and ``predict``, sums over folds, or
        None; ``of_folds``, the accuracy of each; ``n_other``, rows for which ``predict`` gave
        another label than the likeliest. Of repeated splits, ``macro_f1`` and ``ece`` are means.
    predictions : Predictions
    """
    made = _together(protocol, clips, folds)
    n_genres, correct = len(clips.genres), made.correct
    of_folds = [float(correct[made.split == one].mean()) for one in range(len(folds))]
    parts = [made.split == one for one in range(len(folds))] if protocol.is_repeated else [...]
    confusion = np.zeros((n_genres, n_genres), int)
    np.add.at(confusion, (made.genre, made.predicted), 1)
    probabilities = made.probabilities
    scores = {
        "title": protocol.title,
        "n": len(made.row),
        "accuracy": float(correct.mean()),
        "interval": list(_interval(protocol, made, of_folds)),
        "macro_f1": float(
            np.mean([evaluation.macro_f1(made.genre[p], made.predicted[p]) for p in parts])
        ),
        "confusion": confusion.tolist(),
        "ece": None
        if probabilities is None
        else float(
            np.mean([evaluation.calibration_error(probabilities[p], made.genre[p]) for p in parts])
        ),
        "seconds": {
            what: sum(fold.seconds[what] for fold in folds) if folds[0].seconds else None
            for what in ("fit", "predict")
        },
        "of_folds": of_folds,
        "n_other": sum(fold.n_other for fold in folds),
    }
    return scores, made


def is_partial(scores):
    """Say whether some clips of a protocol lack what the model reads."""
    return scores["n"] < scores["n_listed"]


def _together(protocol, clips, folds):
    rows = np.concatenate([test for _, test in protocol.folds])
    of = protocol.clips[rows]
    probabilities = None
    if all(fold.probabilities is not None for fold in folds):
        probabilities = np.concatenate([fold.probabilities for fold in folds])
    return Predictions(
        rows,
        np.repeat(np.arange(len(folds)), [len(test) for _, test in protocol.folds]),
        clips.names[of],
        clips.labels[of],
        np.concatenate([fold.labels for fold in folds]),
        probabilities,
    )


def _interval(protocol, made, of_folds):
    if protocol.is_repeated:
        return over_splits(of_folds, *map(len, protocol.folds[0]))
    if protocol.groups is None:
        return evaluation.accuracy_interval(int(made.correct.sum()), len(made.row))
    return evaluation.bootstrap_interval(made.correct, protocol.groups[made.row])


def over_splits(values, n_train: int, n_test: int):
    """Give the 95 % interval of a mean over random splits, which share their training clips.

    The correction is that of Nadeau and Bengio (2003), as in notebook 02.
    """
    values, m = np.asarray(values), len(values)
    reach = values.std(ddof=1) * np.sqrt(1 / m + n_test / n_train) * student_t.ppf(0.975, m - 1)
    return float(values.mean() - reach), float(values.mean() + reach)


def compare(mine: Predictions, other: Predictions, artist_of: dict, protocol):
    """Compare two models on the rows that both predicted.

    Parameters
    ----------
    mine, other : Predictions
        Of the same protocol.
    artist_of : dict of str to str
        The artist of each clip.
    protocol : genres.judge.protocols.Protocol
        The protocol.

    Returns
    -------
    dict
        ``n`` rows; ``points`` of accuracy by which mine is better, with the ends ``low`` and
        ``high`` of their 95 % interval, for which artists are drawn whole; ``only_mine`` and
        ``only_other``, rows on which just one is correct; ``p`` of McNemar's test. Of repeated
        splits, whose rows come several times, there is no test, and the interval is over splits.
    """
    key_of = {key: at for at, key in enumerate(zip(other.split, other.row, strict=True))}
    pairs = [
        (at, key_of[key])
        for at, key in enumerate(zip(mine.split, mine.row, strict=True))
        if key in key_of
    ]
    first, second = np.array(pairs, int).reshape(-1, 2).T
    a, b = mine.correct[first], other.correct[second]
    difference = a.astype(float) - b
    if protocol.is_repeated:
        split = mine.split[first]
        means = [difference[split == one].mean() for one in np.unique(split)]
        ends = over_splits(means, *map(len, protocol.folds[0]))
    else:
        artists = np.array([artist_of.get(name, name) for name in mine.clip[first]])
        ends = evaluation.bootstrap_interval(difference, artists)
    return {
        "n": len(first),
        "points": float(100 * difference.mean()),
        "low": 100 * ends[0],
        "high": 100 * ends[1],
        "only_mine": int(np.sum(a & ~b)),
        "only_other": int(np.sum(b & ~a)),
        "p": None if protocol.is_repeated else evaluation.mcnemar(a, b),
    }


def free_name(folder: Path, name: str, file: str):
    """Give a name under which nothing is kept but an earlier evaluation of the same file."""
    tried, number = name, 1
    while (path := path_of(folder, tried)).exists() and _said_in(path, "file") != file:
        number += 1
        tried = f"{name}-{number}"
    return tried


def path_of(folder: Path, name: str):
    """Give the path of the evaluation of a name: a file's name holds no signs but ``-_.``."""
    plain = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "model"
    return folder / f"{plain}.json"


def is_kept(folder: Path, made: Evaluation):
    """Say whether it is this evaluation that is kept in a folder under its name."""
    return _said_in(path_of(folder, made.name), "name") == made.name


def _said_in(path, field):
    try:
        return files.read_json(path)[field]
    except (Refusal, LookupError, TypeError):
        return None


def write(folder: Path, made: Evaluation):
    """Keep an evaluation: its scores as JSON, its predictions beside them as an archive.

    Returns
    -------
    Path
        The JSON file.
    """
    path = path_of(folder, made.name)
    arrays = {
        f"{protocol}/{name}": values
        for protocol, predictions in made.predictions.items()
        for name, values in predictions._asdict().items()
        if values is not None
    }
    with files.atomic(path.with_suffix(".npz")) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
    described = {name: value for name, value in vars(made).items() if name != "predictions"}
    files.write_json(path, {"schema": _SCHEMA} | described)
    return path


def read(path: Path):
    """Read an evaluation that `write` kept.

    Raises
    ------
    Refusal
        If it is damaged, or of another version.
    """
    described = files.read_json(path)
    archive = path.with_suffix(".npz")
    try:
        if described.pop("schema") != _SCHEMA:
            raise ValueError("another schema")
        made = Evaluation(**described)
        files.require_archive(archive, _MOST_ARCHIVE)
        with np.load(archive, allow_pickle=False) as arrays:
            for protocol in made.protocols:
                fields = {
                    name: arrays[key]
                    for name in Predictions._fields
                    if (key := f"{protocol}/{name}") in arrays.files
                }
                made.predictions[protocol] = Predictions(**fields)
        if not set(made.protocols) <= set(protocols.TITLES):
            raise ValueError("a protocol that is not known")
    except (AttributeError, LookupError, TypeError, ValueError, OSError) as error:
        raise Refusal(f"{path} is no evaluation of this version: evaluate it again.") from error
    return made


def read_all(folder: Path):
    """Read all evaluations in a folder; give them, and a sentence for each that cannot be read."""
    found, sentences = [], []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(read(path))
        except Refusal as refusal:
            sentences.append(str(refusal))
    return found, sentences
