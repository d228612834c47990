"""What do the report's own models predict by the same protocols?"""

import hashlib
import pickle
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sklearn
from sklearn.compose import make_column_transformer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler
from sklearn.svm import SVC

from genres import Refusal, imports
from genres.data import tables
from genres.judge import evaluations, protocols
from genres.judge.process import Fold, Model
from genres.lab import recordings
from genres.project import PROJECT
from genres.screen import bar
from genres.sound.measurements import Tracks

LSTMS, CHAMPION = "LSTM ensemble", "champion"
"""Those of them that take minutes to train; the predictions of a run are taken, if it kept some."""

_BASE = {LSTMS: "LSTMs on features", CHAMPION: "kernel machine on texture"}
_BY = (protocols.COURSE, protocols.ARTISTS, protocols.FILTERED, protocols.RANDOM)
_SEED = 0
_OF_THE_REPORT = "the report"
_IN_VAIN: set = set()  # what was looked for, and what a run had kept at the time


def _quick_models():
    four = [tables.FEATURES.index(name) for name in tables.BASE_FEATURES]
    neighbours = KNeighborsClassifier(5, weights="distance")
    machine = SVC(C=5.0, probability=True, random_state=_SEED)
    columns = make_column_transformer(("passthrough", four))
    return {
        "k-NN, 4 features": make_pipeline(columns, StandardScaler(), neighbours),
        "k-NN, 63 features": make_pipeline(StandardScaler(), neighbours),
        "SVM, 63 features": make_pipeline(PowerTransformer(), machine),
    }


def quick(bench, place: Path, workers=None, progress=True):
    """Judge the report's k-NN and SVM, unless that was done before on the same folds.

    Parameters
    ----------
    bench : genres.judge.benchmark.Bench
        By what.
    place : Path
        The folder of evaluations.
    workers, progress
        As `genres.judge.benchmark.benchmark` has them.

    Returns
    -------
    list of genres.judge.evaluations.Evaluation
    """
    possible = [one for one in bench.protocols_for("features") if one.name in _BY]
    with tempfile.TemporaryDirectory(prefix="genres-judge-") as folder:
        found: dict[str, evaluations.Evaluation] = {}
        wanted = []
        for name, model in _quick_models().items():
            sent = pickle.dumps({"model": model})
            path = Path(folder, f"{len(found)}.pickle")
            path.write_bytes(sent)
            one = Model(name, str(path), session=folder)
            digest = hashlib.sha256(sent + sklearn.__version__.encode()).hexdigest()
            found[name] = _earlier(bench, place, one, digest)
            missing = [by for by in possible if by.name not in found[name].protocols]
            wanted += [(one, missing)] if missing else []
        n_folds = sum(len(by.folds) for _, missing in wanted for by in missing)
        with bar(progress, "the report's models", n_folds, unit="fold") as step:
            for model, *outcome in bench.judge(wanted, workers=workers, step=step):
                bench.note(found[model.name], *outcome)
    for one, _ in wanted:
        evaluations.write(place, found[one.name])
    return list(found.values())


def _earlier(bench, place, model, digest):
    """Give an evaluation with the scores of an earlier one that still hold."""
    made = bench.evaluation(model, _OF_THE_REPORT, digest, reference=True)
    made.name = evaluations.free_name(place, model.name, _OF_THE_REPORT)
    bench.carry_over(made, place)
    return made


def kept(bench, run, *, compute=False, progress=True):
    """Give what the LSTM ensemble and the champion predicted in a run.

    Parameters
    ----------
    bench : genres.judge.benchmark.Bench
        By what.
    run : genres.project.RunFolder
        The run: notebook 06 keeps predictions in artist folds and of the fault-filtered split, and
        notebook 11 the champion, which predicts the course's test clips here.
    compute : bool
        Whether to train what it lacks: minutes, and kept there.
    progress : bool or callable
        As `genres.screen.bar` has it.

    Returns
    -------
    found : list of genres.judge.evaluations.Evaluation
        Those that there are.
    sentences : list of str
        What is lacking, and how to have it.
    """
    place = run.evaluations
    code = imports.closure(["genres.models.classifiers", "genres.sound.measurements"], PROJECT)
    digest = imports.fingerprint(code, PROJECT)
    if run.champion.exists():
        digest += hashlib.sha256((run.champion / "champion.json").read_bytes()).hexdigest()
    wanted = set(bench.wanted) & set(_BY)
    possible = [one for one in bench.protocols if one.name in wanted and not one.is_repeated]
    reads = {LSTMS: "segments", CHAMPION: "texture"}
    found = [_earlier(bench, place, Model(name, "", kind), digest) for name, kind in reads.items()]
    missing = [by for by in possible if any(by.name not in made.protocols for made in found)]

    def looked_for():
        folds = bench.digests.items()
        pairs = [(made.name, fold) for made in found for fold in folds if fold[0] in made.protocols]
        there = sorted(map(str, [*run.predictions.glob("*"), *run.champion.glob("*")]))
        return repr((str(bench.data.folder), bench.wanted, pairs, there, digest))

    may_be_kept = run.predictions.exists() or run.champion.exists()
    if missing and (compute or (may_be_kept and looked_for() not in _IN_VAIN)):
        _predict(bench, run, found, missing, compute=compute, progress=progress)
        for made in found:
            if made.protocols:
                evaluations.write(place, made)
        _IN_VAIN.add(looked_for())
    lacking = [
        f"{made.name} ({', '.join(by.title for by in possible if by.name not in made.protocols)})"
        for made in found
        if any(by.name not in made.protocols for by in possible)
    ]
    sentences = []
    if lacking:
        sentences.append(
            f"Not compared with: {'; '.join(lacking)}. --references trains them, which takes "
            "minutes; a run of notebooks 06 and 11 keeps what they predict."
        )
    return [made for made in found if made.protocols], sentences


class _NotKept(Exception):
    """Predictions that would have to be computed."""


class _Measured(Tracks):
    """Tracks to look predictions up by, and not to train on."""

    def __getitem__(self, rows):
        raise _NotKept


class _Split(NamedTuple):
    """A protocol, in the order of spectrograms, as notebook 06 has it.

    Attributes
    ----------
    here : array of int
        Places of its clips among the spectrograms.
    inside : list of (array of int, array of int)
        Places of the clips of each fold among these, sorted.
    back : list of array of int
        Places in ``here`` of the clips to predict, in the protocol's order.
    """

    here: np.ndarray
    inside: list
    back: list


def _predict(bench, run, found, missing, *, compute, progress):
    """Note what LSTM ensemble and champion predict by some protocols, as far as can be had.

    Parameters
    ----------
    bench, run, compute, progress
        As `genres.judge.references.kept` has them.
    found : list of genres.judge.evaluations.Evaluation
        Those of the two, to be completed.
    missing : list of genres.judge.protocols.Protocol
        What they lack.
    """
    if not compute and not recordings.has_spectrograms(bench.data):
        return  # all that a run keeps is of spectrograms, and it has made them
    from genres.models import champion  # which imports TensorFlow, and that takes seconds

    try:
        spectrograms = protocols.spectrograms_of(bench.data, progress)
    except Refusal:  # then there are no predictions, either
        return
    clips = spectrograms.clips
    tracks = champion.gather(bench.data, spectrograms)
    place = {str(name): number for number, name in enumerate(clips.names)}
    at = np.array([place.get(name, -1) for name in bench.clips.names])
    effort = champion.Effort(5, 10, 1, 15) if bench.data.synthetic else champion.Effort()
    base, saved = champion.base_classifiers(effort, _SEED), _saved_champion(run)
    for full in missing:
        by = full.among(at >= 0)
        split = _split_of([tuple(at[rows] for rows in fold) for fold in by.folds])
        parts = tracks[split.here].segments, tracks.mel[split.here]

        def cross_validated(classifiers, tracks, split=split, **how):
            return champion.cross_val_predict_proba(
                classifiers,
                tracks,
                clips.labels[split.here],
                split.inside,
                classes=range(len(clips.genres)),
                folder=run.predictions,
                **how,
            )

        given = {}
        with suppress(_NotKept):
            given = cross_validated(base, _Measured(*parts))
        for made in found:
            name = _BASE[made.name]
            if by.name in made.protocols:
                continue
            if made.name == CHAMPION and saved and _was_trained_on(saved, by, bench.clips):
                folds = [saved.predict_proba(tracks[at[by.folds[0][1]]])]
            elif made.name == CHAMPION and saved and set(saved.mixture_.weights) != {name}:
                continue  # it is a mixture, and of this there are no predictions here
            else:
                if name not in given and compute:
                    label = f"{made.name}, {by.title}"
                    n_steps = base[name].n_fit_steps * len(split.inside)
                    with bar(progress, label, n_steps, unit="step") as step:
                        tell = partial(_tell, step)
                        given |= cross_validated({name: base[name]}, Tracks(*parts), progress=tell)
                if name not in given:
                    continue
                folds = [given[name][rows] for rows in split.back]
            of_folds = [Fold(of.argmax(axis=1), of, {}, 0, "") for of in folds]
            bench.note(made, by, of_folds)


def _tell(step, n=1, kept=False):
    step(n)


def _split_of(folds):
    here = np.unique(np.concatenate([rows for fold in folds for rows in fold]))
    inside = [tuple(np.searchsorted(here, np.sort(rows)) for rows in fold) for fold in folds]
    return _Split(here, inside, [np.searchsorted(here, test) for _, test in folds])


def _saved_champion(run):
    from genres.models import champion

    try:
        return champion.load(run.champion)
    except Refusal:  # there is none, or none that this version knows
        return None


def _was_trained_on(saved, by, clips):
    """Say whether a saved champion was trained on the training clips of a split, and no others."""
    known = {name for name, _ in saved.known_}
    return by.name == protocols.COURSE and known == set(clips.names[by.folds[0][0]])
