"""What is the best answer for one clip?

Experts can be asked that hear different things; `genres.models.experts` has them. The probabilities
of those that are asked are averaged, with a weight for each, and brought to a temperature at which
they mean what they say. Weights and temperatures come from tracks that the experts did not learn
from.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import softmax

from genres import Refusal, files
from genres.data import folders, tables
from genres.models import evaluation, experts, networks, stacked
from genres.models.experts import EXPERTS, Effort, Tracks
from genres.sound import audio, features, melstore, texture

SECONDS = 30
"""Length of the clip that is answered at once."""

_CODE = (experts, texture, networks, stacked, melstore, features)  # that makes the experts' answers


def gather(data, spectrograms):
    """Put features and spectrograms of the same clips side by side.

    Parameters
    ----------
    data : genres.data.folders.Data
        Whose features.
    spectrograms : genres.lab.recordings.Spectrograms
        Whose spectrograms. Where these are the built-in corpus's, so are the features.

    Returns
    -------
    genres.models.experts.Tracks
        In the order of the spectrograms.
    """
    names, columns = spectrograms.clips.names, list(tables.FEATURES)
    _, segments = _data_of(data, spectrograms.clips).finest()
    rows = segments.groupby("File", sort=False).indices
    order = np.stack([rows[name] for name in names])
    return Tracks(segments[columns].to_numpy(np.float32)[order], spectrograms.store.mel)


def whole_features(data, clips):
    """Give the features of whole clips, float (n_clips, 63), of the data that `gather` takes."""
    table = _data_of(data, clips).table(SECONDS).set_index("File")
    return table.loc[clips.names, list(tables.FEATURES)].to_numpy()


def _data_of(data, clips):
    return folders.find(folders.SYNTHETIC) if clips.synthetic else data


def windows(samples):
    """Cut sound into clips of 30 s.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        Mono, 22,050 samples per second; at least a second.

    Returns
    -------
    list of array of float32, shape (661500,)
        One clip after the other; the last one ends where the sound ends, and overlaps the one
        before. A rest of less than a second counts for nothing; what is shorter than 30 s is
        repeated until it is as long.
    """
    length = SECONDS * audio.SAMPLE_RATE
    if len(samples) < length:
        return [np.resize(samples, length)]
    n_clips = max(1, -(-(len(samples) - audio.SAMPLE_RATE) // length))
    starts = np.linspace(0, len(samples) - length, n_clips).round().astype(int)
    return [samples[start : start + length] for start in starts]


def listen(clips, n_steps):
    """Give what a champion hears of clips of 30 s.

    Parameters
    ----------
    clips : sequence of array of float32, shape (661500,)
        As `windows` cuts them.
    n_steps : int
        Segments of a clip.

    Returns
    -------
    genres.models.experts.Tracks
    """
    segments = [
        [
            features.course_features(segment, audio.SAMPLE_RATE)
            for segment in features.segments(clip, SECONDS / n_steps, audio.SAMPLE_RATE)
        ]
        for clip in clips
    ]
    mel = [melstore.encode(clip, audio.SAMPLE_RATE) for clip in clips]
    return Tracks(np.array(segments, np.float32), np.stack(mel))


def fit_experts(tracks, labels, n_genres, *, seed=0, effort=None, step=None):
    """Train all experts.

    Parameters
    ----------
    tracks : genres.models.experts.Tracks
        What to learn from.
    labels : array of int, shape (n_tracks,)
        Their genre ids.
    n_genres : int
        How many genres there are.
    seed : int
        Where chance starts from.
    effort : genres.models.experts.Effort, optional
        How much to train.
    step : callable, optional
        Called `n_steps(effort)` times with 1.

    Returns
    -------
    dict of str to expert
    """
    settings = {"seed": seed, "effort": effort or Effort(), "step": step or (lambda n: None)}
    return {
        name: expert.fit(tracks, labels, n_genres, **settings) for name, expert in EXPERTS.items()
    }


def n_steps(effort):
    """Give how often `fit_experts` calls its ``step``."""
    return sum(expert.n_steps(effort) for expert in EXPERTS.values())


def ask(fitted, tracks):
    """Give the probabilities of each expert, {name: (n_tracks, n_genres)}."""
    return {name: expert.answer(tracks) for name, expert in fitted.items()}


def held_out_answers(
    tracks, labels, splits, n_genres, *, seed=0, effort=None, step=None, folder=None
):
    """Ask experts about tracks that they did not learn from.

    Parameters
    ----------
    tracks, labels, n_genres, seed, effort
        As `fit_experts` has them.
    splits : sequence of (known, asked)
        Places of the tracks to learn from and of those to ask about, as scikit-learn's splitters
        give them.
    step : callable, optional
        Called `n_steps(effort)` times with 1 for each split.
    folder : Path, optional
        Where answers are kept: what was asked before, of the same tracks, splits and code, is not
        computed again.

    Returns
    -------
    dict of str to array of float, shape (n_tracks, n_genres)
        Probabilities of each expert; NaN for tracks about which no split asks.
    """
    effort, step, splits = effort or Effort(), step or (lambda n: None), list(splits)
    if folder:
        places = [np.asarray(part) for split in splits for part in split]
        kept = folder / f"{_digest((n_genres, seed, *effort), *tracks, labels, *places)}.npz"
        if kept.exists():
            step(n_steps(effort) * len(splits))
            with np.load(kept, allow_pickle=False) as archive:
                return {name: archive[name] for name in EXPERTS}
    answers = {name: np.full((len(labels), n_genres), np.nan) for name in EXPERTS}
    for known, asked in splits:
        fitted = fit_experts(
            tracks.take(known), labels[known], n_genres, seed=seed, effort=effort, step=step
        )
        for name, probabilities in ask(fitted, tracks.take(asked)).items():
            answers[name][asked] = probabilities
    if folder:
        with files.atomic(kept) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **answers)
    return answers


def _digest(settings, *arrays):
    """Tell one set of answers from another: by what is asked, and by the code that answers."""
    digest = hashlib.sha256(repr(settings).encode())
    for values in arrays:
        digest.update(repr(values.shape).encode())
        digest.update(np.ascontiguousarray(values))
    for module in _CODE:
        digest.update(Path(module.__file__).read_bytes())
    return digest.hexdigest()[:20]


class Mixture(NamedTuple):
    """How the answers of experts become one.

    Attributes
    ----------
    weights : dict of str to float
        The share of each expert that is asked; together 1.
    temperatures : dict of str to float
        What the logarithms of each expert's probabilities are divided by.
    temperature : float
        What those of their mean are divided by.
    """

    weights: dict
    temperatures: dict
    temperature: float

    def __call__(self, answers):
        """Give probabilities, (n_tracks, n_genres), from those of each expert."""
        mean = sum(
            weight * evaluation.warm(answers[name], self.temperatures[name])
            for name, weight in self.weights.items()
        )
        return evaluation.warm(mean, self.temperature)


def mix(answers, labels):
    """Find the mixture of least cross-entropy.

    Parameters
    ----------
    answers : dict of str to array of float, shape (n_tracks, n_genres)
        Probabilities of each expert for tracks that it did not learn from.
    labels : array of int, shape (n_tracks,)
        Their genre ids.

    Returns
    -------
    Mixture
    """
    temperatures = {name: evaluation.temperature(given, labels) for name, given in answers.items()}
    stacked_answers = np.stack(
        [evaluation.warm(given, temperatures[name]) for name, given in answers.items()]
    )

    def cross_entropy(scores):
        mean = np.tensordot(softmax(scores), stacked_answers, axes=1)
        return -np.log(np.maximum(mean[np.arange(len(labels)), labels], 1e-12)).mean()

    shares = softmax(minimize(cross_entropy, np.zeros(len(answers)), method="Nelder-Mead").x)
    weights = dict(zip(answers, map(float, shares), strict=True))
    mean = Mixture(weights, temperatures, 1.0)(answers)
    return Mixture(weights, temperatures, evaluation.temperature(mean, labels))


class Champion(NamedTuple):
    """A trained champion.

    Attributes
    ----------
    genres : list of str
        Names, by id.
    n_steps : int
        Segments of a clip.
    fitted : dict of str to expert
        The experts, as `fit_experts` gives them.
    mixture : Mixture
        How their answers become one.
    known : list of [str, str]
        Name and genre of the tracks that it learnt from.
    """

    genres: list
    n_steps: int
    fitted: dict
    mixture: Mixture
    known: list

    def probabilities(self, tracks):
        """Give probabilities for tracks, (n_tracks, n_genres)."""
        return self.mixture(ask(self.fitted, tracks))


def save(champion, folder):
    """Keep a champion in a folder: networks as Keras files, all else as arrays and JSON."""
    for number, expert in enumerate(champion.fitted.values(), start=1):
        part = folder / f"expert-{number}"
        part.mkdir(parents=True, exist_ok=True)
        expert.save(part)
    description = {
        "genres": champion.genres,
        "n_steps": champion.n_steps,
        "experts": list(champion.fitted),
        **champion.mixture._asdict(),
        "known": champion.known,
    }
    files.write_json(folder / "champion.json", description)


def load(folder):
    """Load a champion that `save` kept.

    Raises
    ------
    Refusal
        If there is none, or a file of it cannot be read. Nothing is unpickled.
    """
    description = files.read_json(folder / "champion.json")
    try:
        fitted = {
            name: EXPERTS[name].load(folder / f"expert-{number}")
            for number, name in enumerate(description["experts"], start=1)
        }
        mixture = Mixture(*(description[field] for field in Mixture._fields))
        if set(mixture.weights) != set(fitted) or set(mixture.temperatures) != set(fitted):
            raise KeyError("weights of other experts")
        genres, n_steps, known = (description[field] for field in ("genres", "n_steps", "known"))
        if any(expert.n_genres != len(genres) for expert in fitted.values()):
            raise KeyError("genres of other experts")
        return Champion(genres, n_steps, fitted, mixture, known)
    except (KeyError, TypeError) as error:
        raise Refusal(
            f"{folder} holds no champion that this version knows: make it again."
        ) from error
