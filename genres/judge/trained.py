"""What do the report's networks and its champion predict, and what of it has a run kept?"""

from typing import NamedTuple

import numpy as np

from genres import Refusal
from genres.judge import protocols
from genres.judge.process import Fold
from genres.judge.references import CHAMPION, LSTMS
from genres.models import champion
from genres.screen import bar
from genres.sound.measurements import Tracks

_BASE = {LSTMS: "LSTMs on features", CHAMPION: "kernel machine on texture"}
_SEED = 0


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


def predict(bench, run, found, missing, *, compute, progress):
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
        labels, parts = (
            clips.labels[split.here],
            (tracks[split.here].segments, tracks.mel[split.here]),
        )
        how = {"classes": range(len(clips.genres)), "folder": run.models / "predictions"}
        try:
            given = champion.cross_val_predict_proba(
                base, _Measured(*parts), labels, split.inside, **how
            )
        except _NotKept:
            given = {}
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
                        given |= champion.cross_val_predict_proba(
                            {name: base[name]}, Tracks(*parts), labels, split.inside,
                            progress=lambda n=1, kept=False, step=step: step(n), **how,
                        )  # fmt: skip
                if name not in given:
                    continue
                folds = [given[name][rows] for rows in split.back]
            found_by = [Fold(of.argmax(axis=1), of, {}, 0, "") for of in folds]
            bench.note(made, by, found_by)


def _split_of(folds):
    here = np.unique(np.concatenate([rows for fold in folds for rows in fold]))
    inside = [tuple(np.searchsorted(here, np.sort(rows)) for rows in fold) for fold in folds]
    return _Split(here, inside, [np.searchsorted(here, test) for _, test in folds])


def _saved_champion(run):
    try:
        return champion.load(run.champion)
    except Refusal:  # there is none, or none that this version knows
        return None


def _was_trained_on(saved, by, clips):
    """Say whether a saved champion was trained on the training clips of a split, and no others."""
    known = {name for name, _ in saved.known_}
    return by.name == protocols.COURSE and known == set(clips.names[by.folds[0][0]])
