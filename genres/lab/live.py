"""What changes with a setting?

A live cell has controls, and below them a sentence and a picture that follow. In a run nobody can
use them: there it is a still picture of the initial settings.
"""

import base64
from collections import Counter
from collections.abc import Sequence
from html import escape

import ipywidgets as widgets
import numpy as np
from IPython.display import Audio, Markdown, display

from genres import Refusal
from genres.data import tables
from genres.decoding import audio
from genres.lab import liveplots, plots, recordings
from genres.models import evaluation, neighbours
from genres.screen import spaced
from genres.sound import melstore

LOAD = "Load the sound"

_ALL = "100% - 4px"  # of the width, but for a control's margins
_NARROWEST = 580  # pixels to which a picture shrinks in a narrow window, to be scrolled there

N_EXPLAINED = 5
"""Neighbours whose distances are taken apart."""


def accuracies_by_size(probabilities, labels):
    """Let the first 1, 2, … members of an ensemble vote.

    Parameters
    ----------
    probabilities : array of float, shape (n_members, n_items, n_genres)
        Probabilities of each member for each item.
    labels : array of int, shape (n_items,)
        True genre ids.

    Returns
    -------
    dict of str to array of float, shape (n_members,)
        Accuracy of each number of members, by way of voting.
    """
    votes = {"hard vote": evaluation.hard_vote, "soft vote": evaluation.soft_vote}
    sizes = range(1, len(probabilities) + 1)
    return {
        name: np.array([np.mean(vote(probabilities[:n]) == labels) for n in sizes])
        for name, vote in votes.items()
    }


def find_mistakes(probabilities, labels):
    """List the items that are misclassified, the most confident error first.

    Parameters
    ----------
    probabilities : array of float, shape (n_items, n_genres)
        Probabilities of a model for each item.
    labels : array of int, shape (n_items,)
        True genre ids.

    Returns
    -------
    array of int, shape (n_mistakes,)
        Places of the items; of equally confident errors the first item comes first.
    """
    errors = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return errors[np.argsort(-probabilities[errors].max(axis=1), kind="stable")]


def explore_neighbours(
    bench, table, features: Sequence[str] = tables.BASE_FEATURES, n_neighbors: int = 5
):
    """Choose features, k and a test track: what does k-NN predict, and from which neighbours?

    Parameters
    ----------
    bench : utils.Bench
        Where the still picture is kept, as ``explorer``.
    table : DataFrame
        Feature table of whole tracks.
    features : sequence of str
        What is compared at the start, two at least.
    n_neighbors : int
        Neighbours that vote at the start. The first track that is then misclassified is the one
        shown.
    """
    view = _Neighbourhood(table, len(features))
    controls = {
        f"feature_{n}": widgets.Dropdown(
            options=tables.FEATURES, value=feature, description=f"Feature {n}"
        )
        for n, feature in enumerate(features, start=1)
    }
    controls["n_neighbors"] = widgets.IntSlider(
        n_neighbors, 1, min(35, len(view.train)), description="Neighbours k"
    )
    sound = recordings.find_sound(bench.data, bench.data.synthetic)
    has_sound = np.isin(view.names[view.test], list(sound))
    marked = [
        f"{view.captions[row]}{', with sound' * bool(there and not has_sound.all())}"
        for row, there in zip(view.test, has_sound, strict=True)
    ]
    predicted, _ = view.find(features, n_neighbors)
    errors = predicted != view.ids[view.test]
    controls["track"] = widgets.Dropdown(
        options=[(name, place) for place, name in enumerate(marked)],
        value=int(errors.argmax()),
        description="Test track",
    )
    figure, synthetic = view.picture.figure, bench.data.synthetic
    lists = [controls[f"feature_{n}"] for n in range(1, len(features) + 1)]
    _show(bench, "explorer", figure, controls, view.draw, synthetic, view.clips, sound, lists)


class _Neighbourhood:
    """A table whose test tracks are classified by k-NN, and the picture of it."""

    def __init__(self, table, n_features):
        self.genres, train = tables.genre_names(table), tables.is_train(table)
        self.train, self.test = np.flatnonzero(train), np.flatnonzero(~train)
        self.raw = table[list(tables.FEATURES)].to_numpy()
        self.x = tables.standardise(self.raw, train)
        self.names, self.ids = table["File"].to_numpy(str), table["GenreID"].to_numpy()
        clips = list(zip(self.names, table["Genre"], strict=True))
        self.captions = [f"{name} ({genre})" for name, genre in clips]
        self.briefly = [liveplots.caption(name, genre) for name, genre in clips]
        self.counted = f"{len(self.test)} test tracks"
        self.n_explained = min(N_EXPLAINED, len(self.train))
        self.picture = liveplots.NeighbourPicture(
            self.genres,
            self.ids[self.train],
            self.ids[self.test],
            n_features,
            self.n_explained,
            self.counted,
            max(self.briefly, key=len),
        )

    def find(self, features, n_neighbors):
        """Classify all test tracks by some features."""
        x = self.x[:, _columns(features)]
        known = x[self.train], self.ids[self.train]
        return neighbours.find_nearest(*known, x[self.test], n_neighbors, N_EXPLAINED)

    def draw(self, n_neighbors, track, **features):
        """Draw the predictions and the surroundings of one test track; put them into words."""
        features = list(features.values())
        predicted, rows = self.find(features, n_neighbors)
        columns, row = _columns(features), self.test[track]
        nearest = self.train[rows[track]][: self.n_explained]
        votes = [n if n <= n_neighbors else "no vote" for n in range(1, len(nearest) + 1)]
        self.picture.update(
            predicted,
            name=self.briefly[row],
            features=features,
            track=self.raw[row, columns[:2]],
            points=self.raw[self.train][:, columns[:2]],
            near=rows[track][:n_neighbors],
            names=[f"{self.briefly[of]}  {n}" for of, n in zip(nearest, votes, strict=True)],
            parts=neighbours.distance_parts(self.x[row, columns], self.x[nearest][:, columns]),
        )
        accuracy = spaced(f"{np.mean(predicted == self.ids[self.test]):.1%}")
        voters = Counter(self.genres[of] for of in self.ids[self.train[rows[track][:n_neighbors]]])
        counts = ", ".join(f"{genre} {count}" for genre, count in voters.most_common())
        return (
            f"Accuracy {accuracy} of {self.counted}, k = {n_neighbors}. {self.names[row]} is "
            f"{self.genres[self.ids[row]]}; its neighbours ({counts}), weighted by nearness, "
            f"predict {self.genres[predicted[track]]}."
        )

    def clips(self, n_neighbors, track, **features):
        """Give captions and names of the track and of its nearest neighbours."""
        _, rows = self.find(features.values(), n_neighbors)
        shown = [self.test[track], *self.train[rows[track]][: self.n_explained]]
        return [(self.captions[row], self.names[row]) for row in shown]


def _columns(features):
    return [tables.FEATURES.index(feature) for feature in features]


def explore_votes(bench, probabilities, labels, genres: Sequence[str], synthetic: bool = False):
    """Choose how many members of an ensemble vote: what do they predict?

    Parameters
    ----------
    bench : utils.Bench
        Where the still picture is kept, as ``votes``.
    probabilities : array of float, shape (n_members, n_items, n_genres)
        Probabilities of each member for each test track.
    labels : array of int, shape (n_items,)
        True genre ids.
    genres : sequence of str
        Names of genres, by id.
    synthetic : bool
        Whether the music was made by a program.
    """
    accuracies, counted = accuracies_by_size(probabilities, labels), f"{len(labels)} test tracks"
    picture = liveplots.VotePicture(labels, genres, accuracies, counted)

    def draw(n_members):
        picture.update(evaluation.hard_vote(probabilities[:n_members]), n_members)
        by_vote = {name: spaced(f"{a[n_members - 1]:.1%}") for name, a in accuracies.items()}
        shares = [f"{share} by {name}" for name, share in by_vote.items()]
        who = "network 1 alone" if n_members == 1 else f"networks 1 to {n_members}"
        return f"Accuracy of {who} on {counted}: {', '.join(shares)}."

    most = len(probabilities)
    controls = {"n_members": widgets.IntSlider(most, 1, most, description="Networks")}
    _show(bench, "votes", picture.figure, controls, draw, synthetic)


def explore_mistakes(bench, probabilities, labels, spectrograms, rows):
    """Choose a model and one of its mistakes: what was its input, and its confidence?

    Parameters
    ----------
    bench : utils.Bench
        Where the still picture is kept, as ``mistakes``.
    probabilities : dict of str to array of float, shape (n_items, n_genres)
        Probabilities of each model for each clip; the last model is the one at the start.
    labels : array of int, shape (n_items,)
        True genre ids.
    spectrograms : genres.lab.recordings.Spectrograms
        Those of the clips, and of others.
    rows : array of int, shape (n_items,)
        Places of the clips among the spectrograms.
    """
    clips, store = spectrograms.clips, spectrograms.store
    mistakes = {name: find_mistakes(given, labels) for name, given in probabilities.items()}
    mistakes = {name: places for name, places in mistakes.items() if len(places)}
    if not mistakes:
        display(Markdown("*No model here makes a mistake.*"))
        return
    n_mels, n_columns = store.mel.shape[1:]
    picture = liveplots.MistakePicture(clips.genres, n_mels, n_columns / store.columns_per_second)

    def draw(model, place):
        item = mistakes[model][place - 1]
        given, name = probabilities[model][item], clips.names[rows[item]]
        true, predicted = clips.genres[labels[item]], clips.genres[given.argmax()]
        decibels = melstore.decibels(store.mel[rows[item]], store.range_db)
        for_it, for_truth = (spaced(f"{share:.0%}") for share in (given.max(), given[labels[item]]))
        picture.update(decibels, given, labels[item], liveplots.caption(name, true))
        return (
            f"Mistake {place} of {len(mistakes[model])} by {model}, in {len(labels)} clips: {name} "
            f"is {true}, and is predicted as {predicted} with {for_it}; {true} gets {for_truth}."
        )

    def clip(model, place):
        row = rows[mistakes[model][place - 1]]
        return [(f"{clips.names[row]} ({clips.genres[clips.labels[row]]})", clips.names[row])]

    model = widgets.Dropdown(options=list(mistakes), value=list(mistakes)[-1], description="Model")
    place = widgets.IntSlider(1, 1, len(mistakes[model.value]), description="Mistake")

    def limit(change):
        place.max = len(mistakes[change.new])

    model.observe(limit, "value")
    controls = {"model": model, "place": place}
    sound = recordings.find_sound(bench.data, clips.synthetic)
    _show(bench, "mistakes", picture.figure, controls, draw, clips.synthetic, clip, sound)


def _show(bench, name, figure, controls, draw, synthetic, clips=None, sound=None, distinct=()):
    """Show controls and what follows them; in a run, the initial settings as a still picture.

    `draw` takes the controls' values by name, changes the figure, and gives a sentence; `clips`
    takes them too, and gives captions and names of the clips to play, as far as `sound` has them.
    The `distinct` controls are lists, of which none offers what another has.
    """
    is_changing = False

    def settings():
        return {name: control.value for name, control in controls.items()}

    sentence = draw(**settings())
    if not bench.interactive:
        bench.show(figure, name, synthetic)
        display(Markdown(sentence))
        return
    if synthetic:
        plots.mark_synthetic(figure)
    plots.close(figure)  # it would be shown a second time below the cell
    said = widgets.HTML(_status(sentence))
    shown = widgets.HTML(_as_html(figure, sentence), layout=widgets.Layout(overflow="auto"))
    players = widgets.VBox()

    def follow(_):
        nonlocal is_changing
        if is_changing:
            return
        is_changing = True
        _part(distinct)
        is_changing = False
        sentence = draw(**settings())
        said.value, shown.value = _status(sentence), _as_html(figure, sentence)
        players.children = ()

    def load(button):
        button.disabled, players.children = True, ()
        wanted = clips(**settings())
        here = [clip for clip in wanted if clip[1] in sound]
        for number, clip in enumerate(here, start=1):
            button.description = f"Loading {number} of {len(here)}"
            players.children += tuple(_player(*clip, sound))
        if len(here) < len(wanted):
            which = "the others of these clips" if here else "these clips"
            players.children += (widgets.HTML(escape(recordings.absence(bench.data, which))),)
        button.disabled, button.description = False, LOAD

    _part(distinct)
    for control in controls.values():
        control.style.description_width = "7em"
        control.layout = widgets.Layout(
            width="max-content", min_width=f"min(24em, {_ALL})", max_width=f"calc({_ALL})"
        )
        control.observe(follow, "value")
    box = widgets.Layout(flex_flow="row wrap")
    parts = [widgets.Box(list(controls.values()), layout=box), said, shown]
    if sound:
        button = widgets.Button(description=LOAD, icon="volume-up")
        button.on_click(load)
        parts += [button, players]
    elif clips:
        parts.append(widgets.HTML(escape(recordings.absence(bench.data, "these clips"))))
    display(widgets.VBox(parts))


def _part(lists):
    """Let each of some drop-down lists of features offer those that no other one has."""
    for control in lists:
        chosen = control.value
        elsewhere = {other.value for other in lists} - {chosen}
        offered = tuple(feature for feature in tables.FEATURES if feature not in elsewhere)
        if tuple(control.options) != offered:
            control.options = offered
            control.value = chosen


def _status(sentence):
    return f'<p role="status">{escape(sentence)}</p>'


def _as_html(figure, sentence):
    """Write a picture, still readable in a narrow window, with a sentence in place of it."""
    png = base64.b64encode(plots.as_png(figure)).decode("ascii")
    width, height = figure.canvas.get_width_height()
    return (
        f'<img alt="{escape(sentence)}" width="{width}" height="{height}" '
        f'style="max-width: 100%; min-width: {_NARROWEST}px; height: auto" '
        f'src="data:image/png;base64,{png}">'
    )


def _player(caption, name, sound):
    """Give a caption and a player of a clip, or a sentence if its file cannot be used."""
    try:
        samples = audio.read_whole(sound[name]()).samples
    except Refusal as refusal:
        return [widgets.HTML(escape(str(refusal)))]
    wave = Audio(samples, rate=audio.SAMPLE_RATE).data
    return [widgets.HTML(escape(caption)), widgets.Audio(value=wave, format="wav", autoplay=False)]
