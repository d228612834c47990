"""What does the built-in corpus sound like? Ten synthetic genres, made from seeds."""

import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from genres import Refusal
from genres.files import atomic
from genres.synth.instruments import DRUMS, INSTRUMENTS
from genres.synth.notes import Harmony, Meter, drum_hits, line_notes
from genres.synth.recording import record
from genres.synth.styles import STYLES
from genres.synth.waves import lay, play, strike

SAMPLE_RATE = 22050
"""Samples per second."""

SECONDS = 30.0
"""How long a clip of the corpus is."""

SEED = 2024
"""What the corpus in the repository is made from."""

GENRES = tuple(STYLES)
"""The synthetic genres, by the names and in the order of the course's tables."""

SHARES = {"plain": 0.9, "crossing": 0.06, "switching": 0.04}
"""How much of the corpus is of each kind: one genre, two at once, two in turn."""

CHANGE = (8 / 30, 22 / 30)
"""Between which parts of its length a switching clip changes its genre."""

MAX_PER_GENRE = 10_000
"""How many clips of a genre a corpus may have before seeds would repeat."""

_FADE_SECONDS = 0.05
_MUSIC, _CHANGE = range(2)

# How loud each role plays in each part of a clip; a role that is not there is silent.
PARTS = {
    "intro": {"bass": 0.7, "chords": 0.8, "pad": 0.8, "lead": 0.6},
    "verse": {"drums": 0.8, "bass": 0.9, "chords": 0.75, "pad": 0.5, "voice": 0.9},
    "chorus": {"drums": 1.0, "bass": 1.0, "chords": 1.0, "pad": 1.0, "lead": 0.6, "voice": 1.0},
    "break": {"drums": 1.0, "bass": 0.9, "pad": 0.4},
    "solo": {"drums": 0.9, "bass": 0.9, "chords": 0.8, "pad": 0.5, "lead": 1.0},
    "hush": {"chords": 0.6, "pad": 0.6, "voice": 0.8, "lead": 0.4},
    "tutti": {"drums": 1.0, "bass": 1.0, "chords": 1.0, "pad": 1.0, "lead": 1.0},
}


@dataclass(frozen=True)
class Rendered:
    """A rendered clip of the built-in corpus.

    Attributes
    ----------
    samples : array of float32, shape (n_samples,)
        Mono, at `SAMPLE_RATE`, within -1 and 1.
    genre : str
        The main genre: of a switching clip that of the longer part.
    second_genre : str or None
        The other one, of a clip that has two.
    kind : {'plain', 'crossing', 'switching'}
        Whether one genre is played, two at once, or two in turn.
    timeline : tuple of (float, str)
        When (s) which genre begins.
    bpm : tuple of float
        The tempo of each entry of the timeline.
    """

    samples: np.ndarray
    genre: str
    second_genre: str | None
    kind: str
    timeline: tuple
    bpm: tuple

    @property
    def change_seconds(self):
        """When a switching clip changes its genre, s; None for the others."""
        return self.timeline[1][0] if self.kind == "switching" else None


@dataclass(frozen=True)
class Entry:
    """A clip of the corpus before it is rendered.

    Attributes
    ----------
    name : str
        Such as ``synthetic_pop_00012.wav``.
    genre, second_genre, kind
        As in `Rendered`.
    change_seconds : float or None
        When a switching clip of `SECONDS` changes its genre.
    seed : int
        What `render` makes it from.
    split : {'Train', 'Test'}
    """

    name: str
    genre: str
    second_genre: str | None
    kind: str
    change_seconds: float | None
    seed: int
    split: str

    def render(self, seconds=SECONDS):
        """Make the sound; see `render`."""
        return render(self.genre, self.seed, seconds, self.kind, self.second_genre)


def entries(n_per_genre: int = 100, seed: int = SEED):
    """Describe the clips of the built-in corpus.

    A clip does not depend on how many there are: a smaller corpus is a part of a larger one.
    One of every five clips of a genre is a test clip.

    Parameters
    ----------
    n_per_genre : int, optional
    seed : int, optional

    Returns
    -------
    list of Entry
        Genre by genre; nothing is rendered yet.

    Raises
    ------
    Refusal
        For a negative seed, or a number of clips that is not from 1 to `MAX_PER_GENRE`.
    """
    if not 1 <= n_per_genre <= MAX_PER_GENRE:
        raise Refusal(f"A genre can have 1 to {MAX_PER_GENRE:,} clips, not {n_per_genre}.")
    listed = []
    for genre in GENRES:
        rng = _generator(genre, seed, _MUSIC)
        for number in range(n_per_genre):
            if number % 5 == 0:
                tested = number + rng.integers(5)
            kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
            another = _another(genre, rng)
            second = None if kind == "plain" else another
            clip_seed = seed * MAX_PER_GENRE + number
            switching = kind == "switching"
            change = _change_seconds(genre, clip_seed, SECONDS) if switching else None
            split = "Test" if number == tested else "Train"
            name = f"synthetic_{genre}_{number:05d}.wav"
            listed.append(Entry(name, genre, second, kind, change, clip_seed, split))
    return listed


def render(
    genre: str, seed: int, seconds: float = SECONDS, kind="plain", second_genre: str | None = None
):
    """Make a clip of a synthetic genre; the same arguments make the same clip.

    Parameters
    ----------
    genre : str
        One of `GENRES`.
    seed : int
        Not negative.
    seconds : float, optional
        How long it is.
    kind : {'plain', 'crossing', 'switching'}, optional
        A crossing clip has the rhythm section of `genre` and the melodies, harmonies and recording
        of `second_genre`. A switching one plays both in turn; the change comes at a time drawn
        uniformly from 8 to 22 of every 30 seconds, and `genre` has the longer part.
    second_genre : str, optional
        For a crossing or switching clip; drawn from the others where none is said.

    Returns
    -------
    Rendered

    Raises
    ------
    Refusal
        For an unknown genre or kind, a second genre that is the first or that a plain clip cannot
        have, a length that is not positive and finite, or a negative seed.
    """
    _check(genre, seconds, kind, second_genre)
    rng = _generator(genre, seed, _MUSIC)
    n_samples = round(seconds * SAMPLE_RATE)
    second = None if kind == "plain" else second_genre or _another(genre, rng)
    if kind != "switching":
        style = _cross(STYLES[genre], STYLES[second]) if second else STYLES[genre]
        samples, bpm = _perform(style, n_samples, rng)
        return Rendered(samples, genre, second, kind, ((0.0, genre),), (bpm,))
    change = _change_seconds(genre, seed, seconds)
    order = (genre, second) if change >= seconds / 2 else (second, genre)
    samples, bpms = _switch(order, round(change * SAMPLE_RATE), n_samples, rng)
    return Rendered(samples, genre, second, kind, ((0.0, order[0]), (change, order[1])), bpms)


def write_wav(clip, path: str | Path):
    """Write a clip as a 16-bit WAV file, whole or not at all.

    Parameters
    ----------
    clip : Rendered
    path : str or Path
        Its name ends in ``.wav``, or has no ending.

    Raises
    ------
    Refusal
        If the name promises something else; `require_wav` says so before a clip is made.
    """
    require_wav(path)
    wav = io.BytesIO()  # that a file cannot be written is Python's to say, as libsndfile does not
    soundfile.write(wav, clip.samples, SAMPLE_RATE, "PCM_16", format="WAV")
    with atomic(path) as temporary:
        temporary.write_bytes(wav.getbuffer())


def require_wav(path):
    """Refuse a name of a file that promises something else than WAV."""
    if Path(path).suffix.lower() not in ("", ".wav"):
        raise Refusal(f"{path}: clips are written as WAV: choose a name that ends in .wav.")


def _check(genre, seconds, kind, second_genre):
    for name in (genre, second_genre or genre):
        if name not in GENRES:
            raise Refusal(f"There is no synthetic genre {name!r}; there are {', '.join(GENRES)}.")
    if kind not in SHARES:
        raise Refusal(f"There is no kind {kind!r} of clip; there are {', '.join(SHARES)}.")
    if second_genre and kind == "plain":
        raise Refusal(f"A plain clip has one genre: leave out {second_genre} or choose a kind.")
    if second_genre == genre:
        raise Refusal(f"The second genre must be another one than {genre}.")
    if not 0 < seconds < np.inf:
        raise Refusal(f"A clip must last longer than 0 s, and not {seconds} s.")


def _generator(genre, seed, purpose):
    if seed < 0:
        raise Refusal(f"A seed must be 0 or more, not {seed}.")
    return np.random.default_rng([seed, GENRES.index(genre), purpose])


def _one(choices, rng):
    return choices[rng.integers(len(choices))]


def _another(genre, rng):
    return _one([other for other in GENRES if other != genre], rng)


def _change_seconds(genre, seed, seconds):
    return seconds * _generator(genre, seed, _CHANGE).uniform(*CHANGE)


def _cross(main, second):
    """The rhythm section of one style under the melodies, harmonies and recording of another."""
    rhythm = ("bass", "chords")
    return replace(
        main,
        lines=tuple(line for line in main.lines if line.role in rhythm)
        + tuple(line for line in second.lines if line.role not in rhythm),
        progressions=second.progressions,
        scales=second.scales,
        recording=second.recording,
    )


def _switch(order, change, n_samples, rng):
    """Play one genre until a sample, then another, with a short cross-fade."""
    overlap = min(round(_FADE_SECONDS * SAMPLE_RATE), n_samples - change, change)
    first, first_bpm = _perform(STYLES[order[0]], change, rng)
    second, second_bpm = _perform(STYLES[order[1]], n_samples - change + overlap, rng)
    rise = np.linspace(0, np.pi / 2, overlap, dtype=np.float32)
    mixed = first[change - overlap :] * np.cos(rise) + second[:overlap] * np.sin(rise)
    joined = np.concatenate([first[: change - overlap], mixed, second[overlap:]])
    return np.clip(joined, -1, 1), (first_bpm, second_bpm)


def _perform(style, n_samples, rng):
    """Draw a piece in a style, play it and record it: samples and tempo (bpm)."""
    bpm, beats = rng.uniform(*style.bpm), _one(style.metres, rng)
    ranges = (style.rubato, style.swing, style.looseness)
    rubato, swing, looseness = (rng.uniform(*limits) for limits in ranges)
    seconds = n_samples / SAMPLE_RATE
    meter = Meter.draw(bpm, seconds, rng, beats, rubato, swing, style.swung, looseness)
    harmony = Harmony(rng.integers(12), _one(style.scales, rng), _one(style.progressions, rng))
    parts = _parts(_one(style.forms, rng).split(), meter, rng)
    mix = _play_drums(style, parts, meter, n_samples, rng)
    for role in dict.fromkeys(line.role for line in style.lines):
        line = _one([line for line in style.lines if line.role == role], rng)
        if rng.random() < line.chance:
            mix += _play_line(line, parts, meter, harmony, n_samples, rng)
    mix *= _swell(parts, meter, rng.uniform(*style.dynamics), n_samples, rng)
    return record(mix, style.recording, SAMPLE_RATE, rng), float(bpm)


def _parts(form, meter, rng):
    """Cut the bars into the parts of a form, again and again: (part, bars) in time order."""
    parts, first = [], 0
    bar_seconds = meter.beat_seconds[-1] / meter.n_bars
    while first < meter.n_bars:
        n_bars = max(2, 2 * round(rng.uniform(6, 12) / bar_seconds / 2))
        bars = range(first, min(first + n_bars, meter.n_bars))
        parts.append((form[len(parts) % len(form)], bars))
        first = bars.stop
    return parts


def _play_drums(style, parts, meter, n_samples, rng):
    kit = _one(style.kits, rng)
    hits = {drum: [] for drum in (*kit, "tom", "crash")}
    for part, bars in parts:
        gain = PARTS[part].get("drums")
        if not gain or not kit:
            continue
        for drum, pattern in kit.items():
            hits[drum].append(drum_hits(pattern, bars, meter, gain, rng))
        if rng.random() < style.fills:
            hits["crash"].append(drum_hits("x... .... .... ....", bars[:1], meter, gain, rng))
        for last in bars[3::4]:
            if rng.random() < style.fills:
                hits["tom"].append(drum_hits(".... .... ..xx xxxx", [last], meter, gain, rng))
    level = 10 ** (rng.uniform(*style.drum_level) / 20)
    mix = np.zeros(n_samples, np.float32)
    for drum, played in hits.items():
        if played:
            onsets, velocities = map(np.concatenate, zip(*played, strict=True))
            starts = (onsets * SAMPLE_RATE).astype(int)
            inside = starts < n_samples
            shot = strike(DRUMS[drum], SAMPLE_RATE, rng)
            mix += lay(shot, starts[inside], level * velocities[inside], n_samples)
    return mix


def _play_line(line, parts, meter, harmony, n_samples, rng):
    instrument = INSTRUMENTS[_one(line.instruments.split(","), rng)].varied(rng)
    pattern = _one(line.patterns, rng)
    gate = rng.uniform(*line.gate)
    themes = rng.integers(1 << 32, size=2)
    level = 10 ** (rng.uniform(*line.level) / 20)
    notes = []
    for part, bars in parts:
        gain = PARTS[part].get(line.role)
        if gain:
            notes += line_notes(line, pattern, gate, bars, meter, harmony, gain, themes, rng)
    notes = [note for note in notes if note.start < n_samples / SAMPLE_RATE]
    return np.float32(level) * play(instrument, notes, n_samples, SAMPLE_RATE, rng)


def _swell(parts, meter, decibels, n_samples, rng):
    """The players' dynamics: a level for every part, and phrases that swell within it."""
    bars = [(bars, rng.standard_normal()) for _, bars in parts]
    level = np.concatenate([offset + np.sin(np.linspace(0, np.pi, len(b))) for b, offset in bars])
    seconds = meter.seconds(meter.beats * np.arange(len(level)))
    gain = 10 ** (decibels * level / 20)
    return np.interp(np.arange(n_samples) / SAMPLE_RATE, seconds, gain).astype(np.float32)
