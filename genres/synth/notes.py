"""Which notes are played when? Patterns, chords and scales become onsets and pitches.

Patterns are written for a bar of four beats, evenly divided: 16 steps straight, 12 in triplets. A
bar of three beats takes the first three quarters. ``|`` parts bars, spaces mean nothing, and ``.``
is a rest. The other signs are

- of drums and chords ``X`` an accent, ``x`` normal, ``o`` soft, ``?`` soft and not always there;
- of a bass a degree of the chord (``1 3 5 6 7``, ``8`` the octave) or ``w``, a walking step.

Progressions are Roman numerals, one chord a bar or two with a dash between them: large ones major,
small ones minor, ``b`` a degree lowered, ``7`` with a minor seventh and ``7M`` with a major one.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from genres.synth.waves import Note

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "harmonic": (0, 2, 3, 5, 7, 8, 11),
    "blues": (0, 3, 5, 6, 7, 10),
    "pentatonic": (0, 2, 4, 7, 9),
}
DEGREES = {"I": 0, "II": 2, "III": 4, "IV": 5, "V": 7, "VI": 9, "VII": 11}
VELOCITIES = {"X": 1.0, "x": 0.75, "o": 0.4, "?": 0.4}

_SOMETIMES = 0.5
_RESTING = 0.12
_THEME_BARS = 2
_STEPS = (-3, -2, -1, -1, 0, 1, 1, 2, 3)
_GAP_SECONDS = (0.03, 4.0)


def chord(numeral: str):
    """The pitches of a chord, in semitones above the tonic of its key.

    Parameters
    ----------
    numeral : str
        Such as ``vi``, ``bVII``, ``V7`` or ``I7M`` (with the major seventh).

    Returns
    -------
    tuple of int
        Root, third, fifth and, where the numeral has one, seventh.
    """
    name = numeral.lstrip("b")
    degree = name.rstrip("7M")
    root = DEGREES[degree.upper()] - (len(numeral) - len(name))
    third = 4 if degree.isupper() else 3
    seventh = {"7": (10,), "7M": (11,)}.get(name[len(degree) :], ())
    return tuple(root + interval for interval in (0, third, 7, *seventh))


@dataclass(frozen=True)
class Meter:
    """The clock of a clip: bars and beats become seconds.

    Attributes
    ----------
    beats : int
        Beats of a bar.
    beat_seconds : array of float, shape (n_beats + 1,)
        When each beat begins, s.
    swing, swung : float
        Where the off-beat lies (.5 is straight), and of how many beats.
    looseness : float
        Standard deviation of the players' onsets, s.
    """

    beats: int
    beat_seconds: np.ndarray
    swing: float
    swung: float
    looseness: float

    @classmethod
    def draw(cls, bpm, seconds, rng, beats, rubato, swing, swung, looseness):
        """A clock that runs for at least so many seconds; rubato wanders over some beats."""
        n_beats = int(seconds * bpm / 60 * (1 + 4 * rubato)) + 2 * beats
        wander = rng.standard_normal(n_beats + 3)
        wander = np.convolve(wander, np.full(4, 0.5), "valid")
        beat = 60 / bpm * np.exp(rubato * wander)
        return cls(beats, np.concatenate([[0], np.cumsum(beat)]), swing, swung, looseness)

    @property
    def n_bars(self):
        """Whole bars that the clock covers."""
        return (len(self.beat_seconds) - 1) // self.beats

    def seconds(self, beat):
        """When a position in beats is reached, s."""
        return np.interp(beat, np.arange(len(self.beat_seconds)), self.beat_seconds)

    def hits(self, pattern, bars):
        """What a pattern plays in these bars, as (onset in beats, sign) in order.

        A pattern of several bars starts anew with the first of `bars`.
        """
        cycle = [bar.replace(" ", "") for bar in pattern.split("|")]
        for count, bar in enumerate(bars):
            steps = cycle[count % len(cycle)]
            per_beat = len(steps) // 4
            for step, sign in enumerate(steps[: per_beat * self.beats]):
                if sign != ".":
                    yield bar * self.beats + self._swing(step / per_beat, per_beat), sign

    def _swing(self, beat, per_beat):
        if per_beat % 2:
            return beat
        whole, part = divmod(beat / self.swung, 1)
        early = part * 2 * self.swing
        late = self.swing + (2 * part - 1) * (1 - self.swing)
        return (whole + (early if part < 0.5 else late)) * self.swung


@dataclass(frozen=True)
class Harmony:
    """What is in tune: the key, its scale and a chord for every moment.

    Attributes
    ----------
    tonic : int
        Pitch class, 0 is C.
    scale : str
        A name of `SCALES`.
    progression : str
        Roman numerals.
    """

    tonic: int
    scale: str
    progression: str

    def chord_at(self, bar, place):
        """Pitch classes of the chord at a place (0 to 1) in a bar, root first."""
        bars = self.progression.split()
        chords = bars[bar % len(bars)].split("-")
        return [(self.tonic + note) % 12 for note in chord(chords[int(place * len(chords))])]

    def ladder(self, register):
        """Pitches of the scale within a register, upwards."""
        notes = [(self.tonic + note) % 12 for note in SCALES[self.scale]]
        pitches = np.arange(register[0], register[1] + 1)
        return pitches[np.isin(pitches % 12, notes)]


@dataclass(frozen=True)
class Line:
    """What one player plays. Pairs of numbers, but for the register, are drawn from by a clip.

    Attributes
    ----------
    role : {'bass', 'chords', 'pad', 'lead', 'voice'}
    instruments : str
        Names from `genres.synth.instruments`, with commas between; a clip takes one.
    voicing : {'bass', 'chord', 'power', 'arpeggio', 'melody'}
        How pitches are found.
    register : (int, int)
        Lowest and highest MIDI pitch.
    patterns : tuple of str
        A clip takes one.
    gate : (float, float)
        How much of the time until the next onset a note lasts.
    level : (float, float)
        dB.
    chance : float
        How often a clip has such a player at all.
    """

    role: str
    instruments: str
    voicing: str
    register: tuple
    patterns: tuple
    gate: tuple = (0.8, 1.0)
    level: tuple = (-9.0, -3.0)
    chance: float = 1.0


def drum_hits(pattern: str, bars, meter, gain: float, rng):
    """When and how hard one drum is struck in one part.

    Parameters
    ----------
    pattern : str
    bars : range
    meter : Meter
    gain : float
        Velocity of the part, 0 to 1.
    rng : numpy.random.Generator

    Returns
    -------
    onsets, velocities : array of float, shape (n_hits,)
        Seconds, and 0 to about 1.
    """
    hits = _sounding(meter.hits(pattern, bars), rng)
    onsets = meter.seconds([beat for beat, _ in hits])
    onsets = np.maximum(onsets + meter.looseness * rng.standard_normal(len(hits)), 0)
    velocities = np.array([VELOCITIES[sign] for _, sign in hits])
    return onsets, gain * velocities * np.exp(0.12 * rng.standard_normal(len(hits)))


class Hit(NamedTuple):
    """An onset of a line: its beat, its sign, its bar in the part, and the chord there."""

    beat: float
    sign: str
    bar: int
    chord: list


def line_notes(line, pattern: str, gate: float, bars, meter, harmony, gain: float, themes, rng):
    """What one player plays in one part.

    Parameters
    ----------
    line : Line
    pattern : str
    gate : float
        How much of the time until the next onset a note lasts.
    bars : range
    meter : Meter
    harmony : Harmony
    gain : float
        Velocity of the part, 0 to 1.
    themes : sequence of int
        Seeds of the melodies that come back in a clip.
    rng : numpy.random.Generator

    Returns
    -------
    list of Note
        In time order.
    """
    hits = []
    for beat, sign in _sounding(meter.hits(pattern, bars), rng):
        bar, place = divmod(beat / meter.beats, 1)
        hits.append(Hit(beat, sign, int(bar) - bars[0], harmony.chord_at(int(bar), place)))
    if not hits:
        return []
    onsets = meter.seconds([hit.beat for hit in hits])
    ends = np.append(onsets[1:], meter.seconds((bars[-1] + 1) * meter.beats))
    durations = gate * np.clip(ends - onsets, *_GAP_SECONDS)
    onsets = np.maximum(onsets + meter.looseness * rng.standard_normal(len(hits)), 0)
    velocities = gain * np.exp(0.2 * rng.standard_normal(len(hits)))
    velocities *= [VELOCITIES.get(hit.sign, 0.8) for hit in hits]
    pitches = VOICINGS[line.voicing](hits, line.register, harmony.ladder(line.register), themes)
    rests = rng.random(len(bars)) < _RESTING
    played = zip(hits, onsets, durations, pitches, velocities, strict=True)
    return [
        Note(onset, duration, pitch, velocity)
        for hit, onset, duration, chord, velocity in played
        if not rests[hit.bar]
        for pitch in chord
    ]


def _sounding(hits, rng):
    return [hit for hit in hits if hit[1] != "?" or rng.random() < _SOMETIMES]


def _lowest(pitch_class, register):
    return register[0] + (pitch_class - register[0]) % 12


def _chord(hits, register, ladder, themes):
    """The whole chord, in the inversion that lies lowest in the register."""
    return [[_lowest(note, register) for note in hit.chord] for hit in hits]


def _power(hits, register, ladder, themes):
    """Root, fifth and octave."""
    roots = [_lowest(hit.chord[0], register) for hit in hits]
    return [[root, root + 7, root + 12] for root in roots]


def _arpeggio(hits, register, ladder, themes):
    """The notes of the chord one after another, up and down the register."""
    pitches = []
    for count, hit in enumerate(hits):
        rungs = [p for p in range(register[0], register[1] + 1) if p % 12 in hit.chord]
        way = count % (2 * len(rungs) - 2)
        pitches.append([rungs[min(way, 2 * len(rungs) - 2 - way)]])
    return pitches


def _bass(hits, register, ladder, themes):
    """Degrees of the chord; a walking step goes to a neighbour of the last note in the scale."""
    rng = np.random.default_rng(themes[0])
    pitches, last = [], register[0]
    for hit in hits:
        if hit.sign == "w":
            place = np.searchsorted(ladder, last) + rng.choice([-1, 1])
            last = ladder[np.clip(place, 0, len(ladder) - 1)]
        else:
            third = (hit.chord[1] - hit.chord[0]) % 12
            above = {"1": 0, "3": third, "5": 7, "6": 9, "7": 10, "8": 12}[hit.sign]
            last = _lowest(hit.chord[0], register) + above
        pitches.append([last])
    return pitches


def _melody(hits, register, ladder, themes):
    """Wander along the scale, on notes of the chord at the beats; every theme is played twice."""
    pitches, phrase = [], None
    for hit in hits:
        if hit.bar // _THEME_BARS != phrase:
            phrase = hit.bar // _THEME_BARS
            rng = np.random.default_rng(themes[phrase // 2 % len(themes)])
            place = rng.integers(len(ladder) // 4, 3 * len(ladder) // 4)
        place = np.clip(place + rng.choice(_STEPS), 0, len(ladder) - 1)
        if hit.beat % 1 == 0:
            foreign = ~np.isin(ladder % 12, hit.chord)
            place = np.argmin(np.abs(np.arange(len(ladder)) - place) + len(ladder) * foreign)
        pitches.append([ladder[place]])
    return pitches


VOICINGS = {
    "bass": _bass,
    "chord": _chord,
    "power": _power,
    "arpeggio": _arpeggio,
    "melody": _melody,
}
