"""Which instruments are there, and what is each of them like?"""

from dataclasses import dataclass, replace

import numpy as np

# By how much two of a kind differ, in the logarithm.
_SPREADS = {"darkening": 0.2, "attack": 0.25, "decay": 0.25, "fade": 0.3, "vibrato": 0.3,
            "rate": 0.08, "detune": 0.3, "noise": 0.4, "drive": 0.35}  # fmt: skip


@dataclass(frozen=True)
class Instrument:
    """What makes an instrument sound like itself.

    A note is a harmonic spectrum that fades from a bright to a dark form, under an envelope of
    attack, exponential decay to a sustained level, and release; and noise, most at its onset.

    Attributes
    ----------
    slope : float
        Fall of the harmonics at the onset, dB per octave.
    darkening : float
        How much steeper they fall once the onset is over, dB per octave.
    even : float
        Level of the even harmonics, dB.
    bodies : tuple of tuples of (Hz, dB)
        Resonances. Of several alternatives (the vowels of a voice) each note takes one.
    attack, decay, release, fade : float
        Times in seconds; `fade` is how fast bright turns to dark.
    sustain : float
        Level the decay ends at, of 1.
    vibrato, rate : float, float
        Depth in semitones and speed in Hz of the vibrato.
    bend : float
        How far from its pitch a note starts, semitones.
    detune : float
        Distance between two players of the same note, cents; 0 is one player.
    noise, noise_decay, noise_band : float, float, (float, float)
        Level, decay (s) and band (Hz) of the noise of pick, bow, breath or consonant.
    drive : float
        Distortion of the whole instrument through an amplifier; 0 is clean.
    """

    slope: float = -6.0
    darkening: float = 3.0
    even: float = 0.0
    bodies: tuple = ((),)
    attack: float = 0.004
    decay: float = 0.6
    sustain: float = 0.0
    release: float = 0.07
    fade: float = 0.2
    vibrato: float = 0.0
    rate: float = 5.5
    bend: float = 0.0
    detune: float = 0.0
    noise: float = 0.1
    noise_decay: float = 0.015
    noise_band: tuple = (1500.0, 8000.0)
    drive: float = 0.0

    def varied(self, rng):
        """Another instrument of the same kind: no two clips use the same one."""
        size = float(np.exp(0.08 * rng.standard_normal()))
        varied = {
            "bodies": tuple(tuple((hz * size, db) for hz, db in body) for body in self.bodies),
            "slope": self.slope + 1.2 * rng.standard_normal(),
        }
        for name, spread in _SPREADS.items():
            varied[name] = getattr(self, name) * float(np.exp(spread * rng.standard_normal()))
        return replace(self, **varied)


@dataclass(frozen=True)
class Drum:
    """A drum or cymbal: a falling tone, a cloud of metal partials, and noise in a band.

    Attributes
    ----------
    tone, sweep, tone_decay, tone_level : float
        Final pitch (Hz), how many times higher it starts, decay (s) and level.
    band, noise_decay, noise_level : (float, float), float, float
        Band (Hz), decay (s) and level of the noise.
    metal : float
        Level of inharmonic partials between 2 and 10 kHz, which decay with the noise.
    attack : float
        Rise of the noise, s.
    claps : int
        Bursts in quick succession, of which the last one rings.
    """

    tone: float = 100.0
    sweep: float = 1.0
    tone_decay: float = 0.0
    tone_level: float = 0.0
    band: tuple = (1000.0, 10000.0)
    noise_decay: float = 0.1
    noise_level: float = 0.0
    metal: float = 0.0
    attack: float = 0.0005
    claps: int = 1


VOWELS = (
    ((730, 12), (1090, 11), (2440, 7), (3400, 5)),
    ((530, 12), (1840, 10), (2480, 8), (3500, 5)),
    ((390, 12), (1990, 10), (2550, 9), (3600, 5)),
    ((570, 12), (840, 11), (2410, 5), (3300, 3)),
    ((440, 12), (1020, 10), (2240, 5), (3300, 3)),
)

INSTRUMENTS = {
    "piano": Instrument(slope=-6, darkening=4, bodies=(((180, 3), (2500, 4)),), decay=1.0,
        release=0.12, fade=0.3, noise=0.15),
    "electric piano": Instrument(slope=-10, darkening=4, even=-6, decay=1.2, release=0.1),
    "organ": Instrument(slope=-5, darkening=1, even=-2, attack=0.01, sustain=0.95, release=0.04,
        vibrato=0.12, rate=6.4, detune=5, noise=0.05),
    "strings": Instrument(slope=-7, darkening=1, bodies=(((450, 3), (1200, 3), (2800, 4)),),
        attack=0.11, sustain=0.85, release=0.2, vibrato=0.18, detune=11, noise=0.25,
        noise_decay=0.1),
    "violin": Instrument(slope=-6, darkening=1, bodies=(((500, 4), (1100, 3), (2900, 6)),),
        attack=0.06, sustain=0.85, release=0.1, vibrato=0.3, noise=0.3, noise_decay=0.08),
    "flute": Instrument(slope=-12, darkening=1, even=-4, bodies=(((900, 3),),), attack=0.05,
        sustain=0.9, release=0.08, vibrato=0.2, noise=0.3, noise_decay=0.2),
    "oboe": Instrument(slope=-5, darkening=2, even=-2, bodies=(((1100, 8), (2900, 4)),),
        attack=0.04, sustain=0.9, release=0.06, vibrato=0.2, noise_decay=0.1),
    "french horn": Instrument(slope=-9, darkening=2, bodies=(((350, 5),),), attack=0.07,
        sustain=0.85, release=0.12, vibrato=0.08, detune=6),
    "brass": Instrument(slope=-4, bodies=(((1200, 4), (2400, 3)),), attack=0.03, sustain=0.7,
        vibrato=0.12, bend=-0.5, detune=9, noise_decay=0.05),
    "trumpet": Instrument(slope=-4, darkening=2, bodies=(((1300, 6),),), attack=0.025, sustain=0.8,
        vibrato=0.2, bend=-0.4, noise_decay=0.05),
    "saxophone": Instrument(slope=-5, darkening=2, bodies=(((600, 4), (1400, 5), (2600, 4)),),
        attack=0.03, sustain=0.8, fade=0.4, vibrato=0.25, bend=-0.6, noise=0.3, noise_decay=0.15),
    "harmonica": Instrument(slope=-3, darkening=2, even=-5, bodies=(((800, 5), (2200, 7)),),
        attack=0.03, sustain=0.85, fade=0.4, vibrato=0.35, bend=-1, noise=0.25, noise_decay=0.1),
    "acoustic guitar": Instrument(slope=-5, darkening=4, bodies=(((110, 4), (220, 3), (2800, 5)),),
        attack=0.002, decay=0.5, noise=0.35, noise_band=(2000, 9000)),
    "nylon guitar": Instrument(slope=-8, darkening=4, bodies=(((120, 4), (230, 3)),), decay=0.5,
        release=0.1, noise=0.2),
    "banjo": Instrument(slope=-3, darkening=5, bodies=(((450, 4), (1200, 6)),), attack=0.002,
        decay=0.2, fade=0.1, noise=0.35),
    "steel guitar": Instrument(slope=-5, bodies=(((1500, 4),),), attack=0.02, decay=1.4,
        sustain=0.3, release=0.15, fade=0.6, vibrato=0.25, bend=-1.5, detune=4),
    "clean guitar": Instrument(slope=-5, darkening=4, bodies=(((400, 2), (2400, 5)),), attack=0.002,
        release=0.05, noise=0.2),
    "blues guitar": Instrument(slope=-5, bodies=(((500, 2), (2000, 5)),), decay=1.2, sustain=0.1,
        fade=0.3, vibrato=0.3, bend=-0.9, noise=0.15, drive=1.6),
    "crunch guitar": Instrument(slope=-5, bodies=(((700, 2), (2200, 4)),), decay=1.3, sustain=0.2,
        fade=0.4, release=0.05, noise=0.2, drive=3),
    "metal guitar": Instrument(slope=-4, darkening=2, bodies=(((110, 4), (2400, 5)),), decay=1.2,
        sustain=0.4, release=0.03, fade=0.5, detune=7, noise=0.3, drive=8),
    "lead guitar": Instrument(slope=-5, darkening=2, bodies=(((900, 4), (2400, 3)),), decay=2,
        sustain=0.6, fade=0.6, vibrato=0.35, bend=-0.6, drive=5),
    "upright bass": Instrument(slope=-10, darkening=6, bodies=(((90, 3), (700, 4)),), attack=0.008,
        decay=0.5, fade=0.08, noise=0.15, noise_band=(500, 2500)),
    "electric bass": Instrument(slope=-9, darkening=5, bodies=(((100, 3), (800, 3)),), decay=0.8,
        sustain=0.2, release=0.05, fade=0.12),
    "slap bass": Instrument(slope=-5, darkening=6, bodies=(((90, 3), (2500, 3)),), attack=0.002,
        decay=0.4, sustain=0.1, release=0.03, fade=0.08, noise=0.3),
    "picked bass": Instrument(slope=-5, darkening=4, bodies=(((100, 3), (1500, 3)),), decay=0.9,
        sustain=0.3, release=0.03, noise=0.2, drive=1.2),
    "synth bass": Instrument(darkening=6, even=-3, decay=0.5, sustain=0.5, release=0.03, fade=0.12,
        detune=4, noise=0),
    "sub bass": Instrument(slope=-17, darkening=4, even=-6, attack=0.006, decay=0.9, sustain=0.25,
        bend=1.5, noise=0),
    "synth pad": Instrument(darkening=2, bodies=(((900, 3),),), attack=0.15, sustain=0.9,
        release=0.3, fade=1.2, vibrato=0.05, detune=14),
    "synth lead": Instrument(slope=-4, darkening=2, even=-4, sustain=0.7, vibrato=0.15, detune=8),
    "pluck synth": Instrument(slope=-3, darkening=7, attack=0.002, decay=0.3, sustain=0.05,
        fade=0.1, detune=8),
    "sample": Instrument(slope=-7, bodies=(((500, 3), (1500, 3)),), attack=0.01, sustain=0.3,
        vibrato=0.1, detune=6, noise=0.3, noise_decay=0.1),
    "singer": Instrument(slope=-7, darkening=1, bodies=VOWELS, attack=0.05, sustain=0.85, fade=0.4,
        vibrato=0.3, bend=-0.8, noise=0.7, noise_decay=0.06, noise_band=(2500, 9000)),
    "shouter": Instrument(slope=-5, darkening=1, bodies=VOWELS, attack=0.03, sustain=0.8, fade=0.4,
        vibrato=0.2, bend=-1.5, noise=0.6, noise_decay=0.15, drive=2),
    "rapper": Instrument(slope=-7, darkening=2, bodies=VOWELS, attack=0.015, decay=0.18,
        sustain=0.5, release=0.04, bend=2.5, noise=1.1, noise_decay=0.035, noise_band=(2500, 9500)),
    "choir": Instrument(slope=-9, darkening=1, bodies=VOWELS[3:], attack=0.15, sustain=0.9,
        release=0.25, vibrato=0.25, detune=16, noise=0.2, noise_decay=0.1),
}  # fmt: skip

DRUMS = {
    # tone, sweep, tone_decay, tone_level, band, noise_decay, noise_level
    "kick": Drum(52, 4, 0.13, 1.0, (800, 5000), 0.006, 0.25),
    "808": Drum(44, 3, 0.3, 1.0, (800, 4000), 0.005, 0.15),
    "double kick": Drum(58, 4, 0.07, 0.9, (2000, 8000), 0.008, 0.7),
    "snare": Drum(190, 1.4, 0.07, 0.45, (1000, 9500), 0.11, 0.6),
    "big snare": Drum(170, 1.4, 0.1, 0.5, (800, 9500), 0.2, 0.65),
    "brush": Drum(180, 1.2, 0.04, 0.08, (1500, 8000), 0.12, 0.22, attack=0.02),
    "tom": Drum(110, 1.7, 0.18, 0.8, (300, 3000), 0.03, 0.2),
    "conga": Drum(260, 1.2, 0.09, 0.5, (600, 3000), 0.02, 0.15),
    "timpani": Drum(85, 1.05, 0.7, 0.8, (200, 1200), 0.05, 0.1),
    "rim": Drum(1700, 1, 0.015, 0.4, (1500, 6000), 0.01, 0.4),
    "clap": Drum(band=(900, 6500), noise_decay=0.09, noise_level=0.7, claps=4),
    "shaker": Drum(band=(4500, 10500), noise_decay=0.035, noise_level=0.18, attack=0.02),
    "tambourine": Drum(band=(5500, 11000), noise_decay=0.08, noise_level=0.18, metal=0.25),
    "hat": Drum(band=(6000, 11000), noise_decay=0.03, noise_level=0.22, metal=0.18),
    "open hat": Drum(band=(5500, 11000), noise_decay=0.2, noise_level=0.22, metal=0.2),
    "ride": Drum(band=(4000, 10500), noise_decay=0.4, noise_level=0.11, metal=0.25),
    "crash": Drum(band=(2500, 11000), noise_decay=0.7, noise_level=0.3, metal=0.25),
}
