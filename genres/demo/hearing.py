"""What is there to say of one file after another, in a process that may die of them?

``python -m genres.demo.hearing FOLDER LONGEST MEMORY`` loads the models of a run. Each line that it
reads is a JSON object with the ``path`` and the ``name`` of a file of at most LONGEST seconds; what
it has to say of that comes in JSON lines, of which ``{"end": true}`` is the last. The line
``{"stop": true}`` ends what it is saying. It ends itself when its input does, and holds no more
than MEMORY bytes.
"""

import base64
import json
import os
import queue
import resource
import sys
import threading
import traceback
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.colors import to_hex

from genres import Refusal
from genres.lab import plots
from genres.models import champion, networks, timeline
from genres.sound import audio, features, melstore

CHAMPION, ENSEMBLE = "champion", "LSTM ensemble"
WHOLE, HARMONIC, PERCUSSIVE = "whole sound", "harmonic part", "percussive part"

_N_COLUMNS = 1200  # of the pictures of a track
_FRAMES_A_COLUMN = 4
_N_BANDS = 64


class Stopped(Exception):
    """What is being said is not wanted any more."""


def load(folder):
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
        If there is no champion, or it cannot be read.
    """
    models = {CHAMPION: champion.load(folder)}
    with suppress(Refusal):  # of another version, or of a run of notebook 11 alone
        models[ENSEMBLE] = timeline.of_ensemble(
            *networks.load_ensemble(folder.parent / "lstm-ensemble")
        )
    return models


def hear(path, name, models, longest, step):
    """Say all there is to say of a file.

    Parameters
    ----------
    path : str
        Where it is.
    name : str
        What it is called where that is not its own name.
    models : dict of str to genres.models.champion.Champion
        The models to ask.
    longest : float
        Seconds that it may last.
    step : callable
        Called with a label and the share that is done, again and again.

    Yields
    ------
    dict
        ``sound``, what it looks like; then for each model ``timeline``; ``nearest``, known tracks
        for each span of the first; and timelines of the ``part`` that is harmonic and of that which
        is percussive.

    Raises
    ------
    Refusal
        If it is not audio that can be used.
    """
    step("Reading the file", 0)
    try:
        sound = audio.read_whole(path, longest=longest)
    except audio.AudioError as error:
        raise Refusal(str(error).replace(path, name)) from error
    yield {"sound": picture(sound.samples) | {"silent": sound.silent}}
    spans = []
    for message in _timelines(sound.samples, WHOLE, models, step):
        yield message
        spans = spans or message["timeline"]["spans"]
    yield {"nearest": _nearest(sound.samples, spans, models[CHAMPION], step)}
    separating = partial(step, "Separating the harmonic part from the percussive one")
    separated = features.separate(sound.samples, separating)
    for part, samples in zip((HARMONIC, PERCUSSIVE), separated, strict=True):
        yield from _timelines(samples, part, models, step)


def _timelines(samples, part, models, step):
    heard = {}  # models of as many segments hear the same
    for name, model in models.items():
        if model.n_steps not in heard:
            listening = partial(step, f"Listening to the {part}")
            heard[model.n_steps] = timeline.hear(samples, model.n_steps, listening)
        asking = partial(step, f"Asking the {name} about it")
        track = timeline.listen(samples, model, heard=heard[model.n_steps], progress=asking)
        colours = plots.genre_colours(track.genres)
        said = {
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
        yield {"timeline": said}


def _nearest(samples, spans, model, step):
    """Give the known tracks most like each span."""
    found = []
    for number, span in enumerate(spans):
        step("Looking for the nearest known tracks", number / len(spans))
        start, end = (round(span[side] * audio.SAMPLE_RATE) for side in ("start", "end"))
        known = timeline.nearest(samples[start:end], model)
        found.append({**span, "known": [entry._asdict() for entry in known]})
    return found


def picture(samples):
    """Draw a track small: its waveform and its log-mel spectrogram.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        Mono, 22,050 samples per second.

    Returns
    -------
    dict
        ``seconds``; ``low`` and ``high``, the waveform's ends in each column, of 1; ``mel``, bytes
        in base64, a row a band, the lowest first, 255 the loudest and 0 what is 80 dB below; and
        its ``shape``.
    """
    starts = np.linspace(0, len(samples), _N_COLUMNS, endpoint=False).astype(int)
    hop = max(512, len(samples) // (_FRAMES_A_COLUMN * _N_COLUMNS))
    mel = features.log_mel(samples, audio.SAMPLE_RATE, n_mels=_N_BANDS, hop_length=hop)
    width = -(-mel.shape[1] // _N_COLUMNS)
    columns = np.maximum.reduceat(mel, np.arange(0, mel.shape[1], width), axis=1)
    steps = ((columns / melstore.RANGE_DB + 1) * 255).astype(np.uint8)
    return {
        "seconds": len(samples) / audio.SAMPLE_RATE,
        "low": np.round(np.minimum.reduceat(samples, starts), 3).tolist(),
        "high": np.round(np.maximum.reduceat(samples, starts), 3).tolist(),
        "mel": base64.b64encode(steps.tobytes()).decode(),
        "shape": list(steps.shape),
    }


def main(folder, longest, memory):
    """Load models, and hear files until the input ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)  # which may be lowered, and never raised
    most = int(memory) if hard == resource.RLIM_INFINITY else min(int(memory), hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
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
    asked, stop = queue.Queue(), threading.Event()
    threading.Thread(target=_read, args=(asked, stop), daemon=True).start()
    say({"ready": list(models)})
    noise = np.random.default_rng(0).normal(0, 0.1, 12 * audio.SAMPLE_RATE).astype(np.float32)
    for model in models.values():  # the first time takes longest: best before anything is asked
        timeline.listen(noise, model)
    while True:
        for message in _answers(asked.get(), models, float(longest), say, stop):
            say(message)
        say({"end": True})


def _read(asked, stop):
    """Pass on what is asked; end the process where nobody can ask any more."""
    for line in sys.stdin:
        message = json.loads(line)
        if "stop" in message:
            stop.set()
        else:
            stop.clear()
            asked.put(message)
    os._exit(0)


def _answers(asked, models, longest, say, stop):
    def step(label, share):
        if stop.is_set():
            raise Stopped
        say({"step": label, "share": round(float(share), 3)})

    name = asked["name"]
    try:
        yield from hear(asked["path"], name, models, longest, step)
    except Stopped:
        return
    except Refusal as refusal:
        yield {"refusal": str(refusal)}
    except MemoryError:
        yield {"refusal": f"{name} needs more memory than there is for it: try a shorter one."}
    except Exception as error:  # whatever it is, the next file is heard
        traceback.print_exc()
        yield {"refusal": f"{name} cannot be analysed: {type(error).__name__}: {error}."}


if __name__ == "__main__":
    main(*sys.argv[1:])
