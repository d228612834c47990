"""What does a file of music look like to the models, in a process that may die of it?

``python -m genres.demo.hearing FOLDER LONGEST MEMORY`` loads the models of a run. Each line that it
reads is a JSON object with the ``path`` and the ``name`` of a file of at most LONGEST seconds; its
description comes in JSON lines, of which ``{"end": true}`` is the last. The line ``{"stop": true}``
ends the description under way. It ends itself when its input does, and holds no more
than MEMORY bytes.
"""

import base64
import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.colors import to_hex

from genres import Refusal
from genres.changes import timeline
from genres.decoding import audio
from genres.lab import plots
from genres.models import champion, networks
from genres.screen import Course
from genres.sound import features, melstore, tagger
from genres.sound.measurements import SECONDS
from genres.sound.tags import TAGS

CHAMPION, ENSEMBLE = "champion", "LSTM ensemble"
WHOLE, HARMONIC, PERCUSSIVE = "whole sound", "harmonic part", "percussive part"

_READING, _SEPARATING = "Reading the file", "Separating harmonic and percussive parts"
_COMPARING = "Finding the most similar training tracks"

_FEWEST_COLUMNS, _MOST_COLUMNS = 1200, 9600  # of the pictures of a track
_COLUMNS_A_SECOND = 10  # where that is between these: one may look at a part of it
_FRAMES_A_COLUMN = 4
_N_BANDS = 64


class Stopped(Exception):
    """The description is no longer wanted."""


def load(folder: Path):
    """Load the models of a run, those that it has.

    Parameters
    ----------
    folder : Path
        A champion, beside which an ensemble may lie.

    Returns
    -------
    dict of str to genres.models.champion.Champion

    Raises
    ------
    Refusal
        If there is no champion, or it cannot be read; or if it reads tags, and the tagger's weights
        are missing or damaged.
    """
    models = {CHAMPION: champion.load(folder)}
    if models[CHAMPION].reads_tags:
        tagger.network()
    beside = folder.parent / "lstm-ensemble"
    if beside.exists():  # a run of notebook 11 alone has none
        try:
            models[ENSEMBLE] = timeline.of_ensemble(*networks.load_ensemble(beside))
        except Refusal as refusal:
            print(f"The LSTM ensemble is left out: {refusal}", file=sys.stderr)
    return models


def describe(path: str, name: str, models, longest: float, step: Callable):
    """Describe a file: its pictures, its tags, its timelines and the tracks most similar to it.

    Parameters
    ----------
    path : str
        Where it is.
    name : str
        What it is called where that is not its own name.
    models : dict of str to genres.models.champion.Champion
        Models by name.
    longest : float
        Seconds that it may last.
    step : callable
        Called repeatedly with a label and the share that is done.

    Yields
    ------
    dict
        ``sound``, its pictures; ``tags``, or why there are none, ``untagged``; for each model
        ``timeline``; ``nearest``, training tracks for each span of the first; and timelines of its
        harmonic and of its percussive ``part``.

    Raises
    ------
    Refusal
        If it is not audio that can be used.
    """
    step(_READING, 0)
    try:
        sound = audio.read_whole(path, longest=longest)
    except audio.AudioError as error:
        raise Refusal(str(error).replace(path, name)) from error
    said = {"silent": sound.silent, "cancelling": sound.cancelling, "cut_off": sound.cut_off}
    yield {"sound": picture(sound.samples, silent=sound.silent) | said}
    tagging, tagged = partial(step, f"Tagging the {WHOLE}"), None
    try:
        tagged = tagger.tag(sound.samples, audio.SAMPLE_RATE, tagging)
    except Refusal as refusal:  # all else needs no weights of the tagger's
        yield {"untagged": str(refusal)}
    else:
        yield {"tags": _tags(tagged, len(sound.samples) / audio.SAMPLE_RATE)}
    spans: list[dict] = []
    for message in _timelines(sound.samples, WHOLE, models, step, tagged):
        yield message
        spans = spans or message["timeline"]["spans"]
    yield {"nearest": _nearest(sound.samples, spans, models[CHAMPION], step, tagged)}
    separating = partial(step, _SEPARATING)
    separated = features.separate(sound.samples, separating)
    for part, samples in zip((HARMONIC, PERCUSSIVE), separated, strict=True):
        tagged = None
        if models[CHAMPION].reads_tags:
            tagging = partial(step, f"Tagging the {part}")
            tagged = tagger.tag(samples, audio.SAMPLE_RATE, tagging)
        yield from _timelines(samples, part, models, step, tagged)


def _measuring(part, model):
    return f"Measuring the {part}, {SECONDS // model.n_steps_} s at a time"


def steps(models):
    """Give the steps of `describe` in their order, and what each usually takes, s per 10 min."""
    costs = {_READING: 2, f"Tagging the {WHOLE}": 16}
    for part in (WHOLE, HARMONIC, PERCUSSIVE):
        if part == HARMONIC:
            costs |= {_COMPARING: 2, _SEPARATING: 3}
        if part != WHOLE and models[CHAMPION].reads_tags:
            costs[f"Tagging the {part}"] = 16
        for name, model in models.items():
            costs.setdefault(_measuring(part, model), 4)
            costs[f"Classifying the {part} with the {name}"] = 1
    return costs


def _tags(tagged, seconds):
    """Give tags from moment to moment: each patch from the middle between it and the one before."""
    borders = (tagged.middles[1:] + tagged.middles[:-1]) / 2
    return {
        "names": list(TAGS),
        "edges": np.round([0, *borders, seconds], 3).tolist(),
        "taggram": np.round(tagged.taggram.astype(float), 3).tolist(),
    }


def _timelines(samples, part, models, step, tagged):
    tracks = {}  # models of as many segments share their input
    for name, model in models.items():
        if model.n_steps_ not in tracks:
            measuring = partial(step, _measuring(part, model))
            tracks[model.n_steps_] = timeline.measure(
                samples, model.n_steps_, measuring, tagged=tagged
            )
        classifying = partial(step, f"Classifying the {part} with the {name}")
        measured = tracks[model.n_steps_]
        track = timeline.follow_sound(samples, model, measured=measured, progress=classifying)
        colours = plots.genre_colours(track.genres)
        described = {
            "model": name,
            "part": part,
            "genres": track.genres,
            "colours": [to_hex(colours[genre]) for genre in track.genres],
            "window": track.window,
            "edges": np.round(track.edges, 3).tolist(),
            "probabilities": np.round(track.probabilities, 4).tolist(),
            "spans": [span._asdict() for span in track.spans],
            "changes": track.changes,
        }
        yield {"timeline": described}


def _nearest(samples, spans, model, step, tagged):
    """Give the training tracks most similar to each span."""
    found = []
    for number, span in enumerate(spans):
        step(_COMPARING, number / len(spans))
        start, end = (round(span[side] * audio.SAMPLE_RATE) for side in ("start", "end"))
        of_span = tagged and tagged.between(span["start"], span["end"])
        known = timeline.nearest(samples[start:end], model, tagged=of_span)
        found.append({**span, "known": [entry._asdict() for entry in known]})
    return found


def picture(samples, *, silent: bool = False) -> dict:
    """Draw a track small: its waveform and its log-mel spectrogram.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        Mono, 22,050 samples per second.
    silent : bool
        Whether nothing is to be heard of it. Then nothing is loud either, not even the loudest.

    Returns
    -------
    dict
        ``seconds``; ``low`` and ``high``, the waveform's ends in each column, of 1; ``mel``, bytes
        in base64, a row a band, the lowest first, 255 the loudest and 0 what is 80 dB below; and
        its ``shape``.
    """
    seconds = len(samples) / audio.SAMPLE_RATE
    n = round(np.clip(_COLUMNS_A_SECOND * seconds, _FEWEST_COLUMNS, _MOST_COLUMNS))
    starts = np.linspace(0, len(samples), n, endpoint=False).astype(int)
    hop = max(512, len(samples) // (_FRAMES_A_COLUMN * n))
    mel = features.log_mel(samples, audio.SAMPLE_RATE, n_mels=_N_BANDS, hop_length=hop)
    width = -(-mel.shape[1] // n)
    columns = np.maximum.reduceat(mel, np.arange(0, mel.shape[1], width), axis=1)
    steps = melstore.steps(columns, melstore.RANGE_DB) * np.uint8(not silent)
    return {
        "seconds": seconds,
        "low": np.round(np.minimum.reduceat(samples, starts), 3).tolist(),
        "high": np.round(np.maximum.reduceat(samples, starts), 3).tolist(),
        "mel": base64.b64encode(steps.tobytes()).decode(),
        "shape": list(steps.shape),
    }


def main(folder, longest, memory):
    """Load models, and describe files until the input ends."""
    _limit_memory(int(memory))
    # What libraries print must not come between the lines.
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(message):
        lines.write(json.dumps(message) + "\n")
        lines.flush()

    try:
        models = load(Path(folder))
    except Refusal as refusal:
        say({"refusal": str(refusal)})
        return
    requests, stop = queue.Queue(), threading.Event()
    threading.Thread(target=_read, args=(requests, stop), daemon=True).start()
    say({"ready": list(models)})
    noise = np.random.default_rng(0).normal(0, 0.1, 12 * audio.SAMPLE_RATE).astype(np.float32)
    for model in models.values():  # the first time takes longest: best before the first file
        timeline.follow_sound(noise, model)
    with suppress(Refusal):  # which each file's description says again
        tagger.tag(noise, audio.SAMPLE_RATE)
    while True:
        for message in _respond(requests.get(), models, float(longest), say, stop):
            say(message)
        say({"end": True})


def _limit_memory(most):
    """Let this process hold no more than so many bytes; say so where the system has no limit."""
    try:
        import resource
    except ImportError:
        print("This system sets no limit to what a file may take of memory.", file=sys.stderr)
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)  # which may be lowered, and never raised
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _read(requests, stop):
    """Pass on requests; end the process when no more can come."""
    for line in sys.stdin:
        message = json.loads(line)
        if "stop" in message:
            stop.set()
        else:
            stop.clear()
            requests.put(message)
    os._exit(0)


def _respond(request, models, longest, say, stop):
    course = Course(steps(models))

    def step(label, share):
        if stop.is_set():
            raise Stopped
        say({"step": label} | course.at(label, share))

    name = request["name"]
    try:
        yield from describe(request["path"], name, models, longest, step)
    except Stopped:
        return
    except Refusal as refusal:
        yield {"refusal": str(refusal)}
    except MemoryError:
        yield {"refusal": f"{name} needs more memory than there is for it: try a shorter one."}
    except Exception as error:  # whatever it is, the next file gets its turn
        traceback.print_exc()
        yield {"refusal": f"{name} cannot be analysed: {type(error).__name__}: {error}."}


if __name__ == "__main__":
    main(*sys.argv[1:])
