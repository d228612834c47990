"""How is each of the ten synthetic genres played and recorded? Ranges, patterns and forms."""

from dataclasses import dataclass

from genres.synth.notes import Line
from genres.synth.recording import Recording


@dataclass(frozen=True)
class Style:
    """A genre as its players know it. Pairs of numbers are ranges that a clip draws from.

    Attributes
    ----------
    bpm : (float, float)
        Tempo, beats per minute.
    progressions, scales : tuple of str
        See `genres.synth.notes`; a clip takes one of each.
    kits : tuple of {drum: pattern}
        A clip takes one; an empty one has no drums.
    lines : tuple of Line
        The players; of those with the same role a clip takes one.
    forms : tuple of str
        Orders of parts (see `genres.synth.corpus.PARTS`); a clip takes one and repeats it.
    recording : Recording
    metres : tuple of int
        Beats of a bar; a clip takes one.
    swing : (float, float)
        Where the off-beat lies: .5 is straight, .67 a triplet.
    swung : float
        Of how many beats: 1 swings the eighths, .5 the sixteenths.
    rubato : (float, float)
        Standard deviation of the length of a beat, as a part of it.
    looseness : (float, float)
        Standard deviation of the players' onsets, s.
    dynamics : (float, float)
        By how much the level differs between parts and swells within them, dB.
    drum_level : (float, float)
        dB.
    fills : float
        How often four bars end with a fill.
    """

    bpm: tuple
    progressions: tuple
    scales: tuple
    kits: tuple
    lines: tuple
    forms: tuple
    recording: Recording
    metres: tuple = (4,)
    swing: tuple = (0.5, 0.5)
    swung: float = 1.0
    rubato: tuple = (0.0, 0.005)
    looseness: tuple = (0.002, 0.008)
    dynamics: tuple = (0.5, 1.5)
    drum_level: tuple = (0.0, 6.0)
    fills: float = 0.5


# Rhythms that have a name, then those of whoever sings, holds or plays a solo.
BEATS, OFFBEATS = "x... x... x... x...", "..x. ..x. ..x. ..x."
EIGHTHS, SIXTEENTHS = "x.x. x.x. x.x. x.x.", "xxxx xxxx xxxx xxxx"
BACKBEAT, HARD_BACKBEAT = ".... x... .... x...", ".... X... .... X..."
SUNG = (
    "..x.x.x.x..x..x.|x...x...?.......",
    "x.x.x...x.x.x...|....x.x.x.......",
    "....x.x.x.x.x.x.|x.......x..x....|x.x.x.x.x.......|................",
    "x...x...x..x....|..x.x.x.x.......",
)
HELD = ("x...............", "x.......x.......")
SOLO = (
    "x.xxx.x.x...x.x.|x.x.x.xxx.......",
    "..x.x.x.x.xxx.x.|xxx.x...x.?.....",
    "x..x..x.x.x.....|....x.xxx.x.x...",
)
SHUFFLED_SOLO = (
    "x.xx.xx..x.x|x.....?.....",
    "..xx.xx.xx..|xxx.........",
    "x..x.xx.x...|......x.x.xx",
)

STYLES = {
    "pop": Style(
        bpm=(96, 130), scales=("major", "major", "minor"),
        progressions=("I V vi IV", "vi IV I V", "I vi IV V", "IV V iii vi"),
        kits=(
            {"kick": BEATS, "clap": BACKBEAT, "hat": OFFBEATS, "shaker": "o?o? o?o? o?o? o?o?"},
            {"kick": "x..x ..x. ..x. x...", "snare": HARD_BACKBEAT, "hat": EIGHTHS,
             "tambourine": "..?. ..?. ..?. ..?."},
            {"kick": "x... ..x. x... ....", "big snare": HARD_BACKBEAT,
             "open hat": "..o. ..o. ..o. ..o.", "hat": "xoxo xoxo xoxo xoxo"},
        ),
        lines=(
            Line("bass", "synth bass,electric bass", "bass", (31, 48), gate=(0.5, 0.95),
                level=(-7, -2),
                patterns=("1.1.1.1.1.1.1.1.", "1..1..1.1..1..5.", "1.......1.1...5.")),
            Line("chords", "piano,electric piano,clean guitar,pluck synth", "chord", (55, 74),
                gate=(0.4, 1), level=(-12, -6), patterns=("x..x..x.x..x..x.", BEATS, OFFBEATS)),
            Line("chords", "acoustic guitar,pluck synth", "arpeggio", (55, 79), gate=(0.8, 1.4),
                level=(-11, -6), patterns=(EIGHTHS, SIXTEENTHS)),
            Line("pad", "synth pad,strings", "chord", (55, 76), gate=(0.95, 1), level=(-14, -8),
                chance=0.7, patterns=HELD),
            Line("lead", "synth lead,clean guitar", "melody", (67, 86), level=(-11, -5),
                patterns=SOLO),
            Line("voice", "singer", "melody", (57, 77), gate=(0.7, 0.95), level=(-3, 2),
                chance=0.95, patterns=SUNG),
        ),
        forms=("verse chorus verse chorus", "hush verse chorus", "intro verse chorus chorus",
               "chorus verse chorus", "verse break chorus"),
        recording=Recording(low_cut=(25, 40), high_cut=(8000, 14000), tilt=(-0.3, 0.9),
            reverb_seconds=(0.3, 1.5), reverb=(-20, -10), compression=(0.3, 0.7),
            saturation=(0.1, 0.6), hiss=(-50, -39)),
    ),
    "metal": Style(
        bpm=(96, 184), scales=("minor", "phrygian", "harmonic"),
        progressions=("i i bVI bVII", "i bII i v", "i i i bVI-bVII", "i bIII bII i"),
        kits=(
            {"double kick": SIXTEENTHS, "big snare": HARD_BACKBEAT, "ride": EIGHTHS,
             "crash": "x... .... ?... ...."},
            {"double kick": "x.xx x.xx x.xx x.xx", "big snare": HARD_BACKBEAT, "open hat": BEATS},
            {"double kick": EIGHTHS, "snare": OFFBEATS, "crash": BEATS},
            {"kick": "x..x ..x. x..x ..x.", "big snare": ".... .... X... ....", "open hat": BEATS},
        ),
        lines=(
            Line("bass", "picked bass", "bass", (28, 43), gate=(0.6, 0.95), level=(-9, -4),
                patterns=("1111111111111111", "1.111.111.111.11", "1.......1..1....")),
            Line("chords", "metal guitar", "power", (38, 55), gate=(0.4, 0.9), level=(-5, 1),
                patterns=("X.ooX.ooX.ooXooo", "XoooXoooXoXoXooo", "X..X..X.X..X..X.",
                "x.......x...x...")),
            Line("pad", "metal guitar", "power", (45, 60), gate=(0.9, 1), level=(-6, -2),
                chance=0.8, patterns=("x.......x.......", "XoooXoooXoooXooo")),
            Line("lead", "lead guitar", "melody", (64, 90), level=(-6, -1),
                patterns=(SIXTEENTHS, "x.xxx.xxx.xxx.x.")),
            Line("voice", "shouter,shouter,singer", "melody", (50, 67), gate=(0.7, 1),
                level=(-7, -1), chance=0.6, patterns=SUNG),
        ),
        forms=("verse chorus verse", "intro verse chorus", "verse solo", "chorus solo chorus",
               "verse break chorus"),
        dynamics=(0.3, 1.8), drum_level=(-3, 4),
        recording=Recording(low_cut=(25, 50), high_cut=(6500, 9500), tilt=(-1.1, -0.3),
            reverb_seconds=(0.3, 0.9), reverb=(-24, -12), compression=(0.4, 0.8),
            saturation=(0.1, 0.6), hiss=(-56, -42)),
    ),
    "disco": Style(
        bpm=(108, 132), scales=("minor", "dorian", "major"),
        progressions=("i bVII bVI V", "i iv bVII bIII", "I vi ii V", "i7 i7 iv7 v7"),
        kits=(
            {"kick": BEATS, "snare": BACKBEAT, "open hat": OFFBEATS, "hat": "x.?. x.?. x.?. x.?."},
            {"kick": BEATS, "clap": BACKBEAT, "open hat": "..X. ..X. ..X. ..X.",
             "hat": "xo.o xo.o xo.o xo.o", "conga": "..?x ..x. ..?x .x?."},
            {"kick": BEATS, "snare": BACKBEAT, "hat": "xoXo xoXo xoXo xoXo",
             "tambourine": OFFBEATS},
        ),
        lines=(
            Line("bass", "electric bass,slap bass,synth bass", "bass", (31, 52), gate=(0.4, 0.9),
                level=(-6, -1), patterns=("1.8.1.8.1.8.1.8.", "1..1..8.1..1..8.",
                "..1.8.1...1.5.8.", "1...1.8.5...5.8.")),
            Line("chords", "clean guitar,electric piano,piano", "chord", (58, 76), gate=(0.25, 0.7),
                level=(-10, -5),
                patterns=("..xx..xx..xx..xx", "x.xxx.xxx.xxx.xx", OFFBEATS, "x..x..x...x..x..")),
            Line("pad", "strings", "chord", (62, 84), gate=(0.9, 1), level=(-14, -8), chance=0.85,
                patterns=(*HELD, BEATS)),
            Line("lead", "brass", "chord", (60, 79), gate=(0.3, 0.6), level=(-8, -3),
                patterns=("x..x....x.x.....", "....x.x.x.......", "x...........x.x.")),
            Line("lead", "strings", "melody", (67, 88), level=(-9, -4), patterns=SOLO),
            Line("voice", "singer", "melody", (57, 76), gate=(0.7, 0.95), level=(-5, 1),
                chance=0.85, patterns=SUNG),
        ),
        forms=("verse chorus break chorus", "chorus verse chorus", "break verse chorus",
               "intro verse chorus", "verse solo chorus"),
        recording=Recording(low_cut=(25, 60), high_cut=(6000, 11000), tilt=(-0.7, 0.4),
            reverb_seconds=(0.4, 1.3), reverb=(-18, -9), compression=(0.2, 0.6),
            saturation=(0.1, 0.6), hiss=(-47, -35)),
    ),
    "blues": Style(
        bpm=(60, 126), scales=("blues",),
        progressions=("I7 I7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7", "I7 IV7 I7 I7 IV7 IV7 I7 V7"),
        kits=(
            {"kick": "x..... x.....", "snare": "...x.. ...x..", "ride": "x.xx.x x.xx.x"},
            {"kick": "x....x x.....", "snare": "...X.. ...X..", "hat": "xxxxxx xxxxxx"},
            {"kick": "x..... x.....", "rim": "...x.. ...x..", "hat": "x.ox.o x.ox.o"},
            {},
        ),
        lines=(
            Line("bass", "electric bass,upright bass", "bass", (31, 50), gate=(0.6, 0.95),
                level=(-8, -2), chance=0.9,
                patterns=("1..3..5..6..", "1.15.51.15.5", "1..1..5..5..", "1.13.35.56.6")),
            Line("chords", "clean guitar,piano,acoustic guitar", "chord", (50, 69), gate=(0.4, 0.9),
                level=(-9, -4), patterns=("x.xx.xx.xx.x", "..x..x..x..x", "x..x.xx..x.x")),
            Line("chords", "acoustic guitar", "arpeggio", (45, 69), gate=(0.8, 1.3), level=(-5, 0),
                patterns=("x.xx.xx.xx.x", "xxxxxxxxxxxx")),
            Line("pad", "organ,harmonica", "chord", (57, 74), gate=(0.9, 1), level=(-15, -9),
                chance=0.4, patterns=("x...........", "x.....x.....")),
            Line("lead", "blues guitar,harmonica,blues guitar,piano", "melody", (57, 81),
                gate=(0.6, 1), level=(-3, 2), patterns=SHUFFLED_SOLO),
            Line("voice", "singer", "melody", (48, 67), gate=(0.7, 1), level=(-3, 3), chance=0.75,
                patterns=("x..x.xx..x..|x...........|............|............",
                "..xx.xx.xx..|x.....x.....|............")),
        ),
        forms=("verse solo verse", "solo verse", "intro verse solo", "verse verse solo"),
        rubato=(0.0, 0.02), looseness=(0.006, 0.018), dynamics=(1.0, 3.0), drum_level=(-8, 1),
        fills=0.3,
        recording=Recording(low_cut=(50, 120), high_cut=(3800, 8000), tilt=(-1.0, 0.0),
            reverb_seconds=(0.2, 0.9), reverb=(-24, -10), compression=(0.0, 0.4),
            saturation=(0.1, 0.7), hiss=(-52, -30)),
    ),
    "reggae": Style(
        bpm=(64, 86), scales=("major", "minor", "dorian"),
        progressions=("I IV I IV", "i iv i v", "I V vi IV", "I ii I ii", "i bVII i bVII"),
        kits=(
            {"kick": ".... .... X... ....", "rim": ".... .... x... ....",
             "hat": "x.xo x.xo x.xo x.xo"},
            {"kick": ".... .... X... ....", "snare": ".... .... x... ..?.", "hat": OFFBEATS},
            {"kick": BEATS, "rim": ".... .... x... ....", "hat": EIGHTHS,
             "conga": "..?. .?x. ..?. .x?x"},
            {"kick": "x... .... X... ....", "snare": ".... .... X... ....",
             "hat": "xoxo xoxo xoxo xoxo", "shaker": OFFBEATS},
        ),
        lines=(
            Line("bass", "electric bass,sub bass", "bass", (28, 45), gate=(0.6, 0.95), level=(0, 5),
                patterns=("1..1..5.....1.3.", "..1.1.3.5.......",
                "1...5.3.1.......|1.1...5...6.5...", "1.......1.5.6.8.")),
            Line("chords", "clean guitar,organ,piano", "chord", (57, 74), gate=(0.2, 0.5),
                level=(-7, -2), patterns=(OFFBEATS, "..xx..x...xx..x.", "..X...X...X...X.")),
            Line("pad", "organ", "chord", (52, 69), gate=(0.3, 0.7), level=(-13, -8), chance=0.6,
                patterns=("x.xxx.xxx.xxx.xx", "..xx..xx..xx..xx")),
            Line("lead", "brass", "chord", (58, 75), gate=(0.4, 0.8), level=(-9, -4),
                patterns=("x..x....x.......", "....x.x.x.......|................")),
            Line("lead", "organ,clean guitar,synth lead", "melody", (60, 81), gate=(0.4, 0.9),
                level=(-9, -4), patterns=SOLO),
            Line("voice", "singer", "melody", (52, 71), gate=(0.6, 0.95), level=(-4, 2),
                chance=0.85, patterns=SUNG),
        ),
        forms=("verse chorus verse", "break verse chorus", "verse break verse", "intro verse hush",
               "chorus verse break"),
        swing=(0.5, 0.62), swung=0.5, dynamics=(0.5, 2.0), drum_level=(1, 7),
        recording=Recording(low_cut=(25, 50), high_cut=(5000, 9500), tilt=(-0.5, 0.5),
            reverb_seconds=(0.5, 2.2), reverb=(-16, -7), compression=(0.1, 0.5),
            saturation=(0.1, 0.7), hiss=(-50, -36)),
    ),
    "classical": Style(
        bpm=(60, 140), scales=("major", "harmonic", "major"),
        progressions=("I IV V I", "I vi ii V", "i iv V i", "I V vi iii IV I ii V", "i bVI iv V"),
        kits=(
            {}, {}, {},
            {"timpani": "x... .... .... ..?.|.... .... .... ...."},
        ),
        lines=(
            Line("bass", "strings,french horn", "bass", (36, 55), gate=(0.9, 1.05), level=(-10, -3),
                chance=0.7, patterns=("1...............", "1.......1.......", "1...5...1...5...")),
            Line("bass", "piano,nylon guitar", "bass", (36, 55), gate=(0.9, 1.1), level=(-8, -2),
                patterns=("1.......5.......", "1...5...8...5...")),
            Line("chords", "strings,french horn,choir", "chord", (55, 76), gate=(0.9, 1.05),
                level=(-8, -3), patterns=(*HELD, BEATS)),
            Line("chords", "piano,nylon guitar,piano", "arpeggio", (50, 79), gate=(0.9, 1.6),
                level=(-7, -2), patterns=(EIGHTHS, SIXTEENTHS, "x..x..x..x..x...")),
            Line("pad", "strings,choir", "chord", (60, 84), gate=(0.95, 1.05), level=(-13, -6),
                chance=0.4, patterns=HELD),
            Line("lead", "violin,flute,oboe,strings", "melody", (64, 88), gate=(0.9, 1.05),
                level=(-6, 0), patterns=("x...x.x.x...x...|x.......x.x.x...",
                "x.......x...x...|x.x.x...x.......", "xxxxx.x.x.x.x.x.|x...x...x.......")),
            Line("lead", "piano,violin", "melody", (64, 91), gate=(0.9, 1.1), level=(-5, 0),
                patterns=("xxxxxxxxxxxxxxxx|x.x.x.x.x.x.x...", "x.xxx.x.x.xxx.x.")),
            Line("voice", "singer", "melody", (57, 79), gate=(0.9, 1), level=(-6, 0), chance=0.08,
                patterns=("x.......x...x...|x...............",)),
        ),
        forms=("intro tutti hush", "hush solo tutti", "solo hush solo", "tutti hush tutti",
               "intro solo tutti", "solo tutti"),
        metres=(4, 3, 4), rubato=(0.02, 0.07), looseness=(0.008, 0.02), dynamics=(2.5, 6.0),
        fills=0,
        recording=Recording(low_cut=(25, 80), high_cut=(2800, 6500), tilt=(-1.2, -0.4),
            reverb_seconds=(1.0, 3.0), reverb=(-14, -4), compression=(0.0, 0.15),
            saturation=(0.0, 0.2), hiss=(-62, -44)),
    ),
    "rock": Style(
        bpm=(94, 150), scales=("major", "minor", "blues"),
        progressions=("I IV V IV", "I bVII IV I", "I V vi IV", "i bVII bVI bVII", "I I IV V"),
        kits=(
            {"kick": "x... ..x. x... ....", "snare": HARD_BACKBEAT, "hat": EIGHTHS},
            {"kick": "x... ..x. ..x. ....", "big snare": HARD_BACKBEAT, "open hat": BEATS},
            {"kick": "x..x .... x.x. ....", "snare": ".... X..o .... X...", "ride": EIGHTHS},
            {"kick": "x.....x.....", "snare": "...X.....X..", "hat": "xxxxxxxxxxxx"},
        ),
        lines=(
            Line("bass", "picked bass,electric bass", "bass", (28, 47), gate=(0.6, 0.95),
                level=(-7, -2),
                patterns=("1.1.1.1.1.1.1.1.", "1..1..1.1.....5.", "1...1...5...5...")),
            Line("chords", "crunch guitar,crunch guitar,clean guitar", "power", (43, 62),
                gate=(0.6, 1), level=(-4, 1),
                patterns=(EIGHTHS, "x..x..x.x.......", "x...x.x...x.x...", "X.....x.x.x.....")),
            Line("chords", "acoustic guitar,clean guitar", "chord", (50, 69), gate=(0.6, 1),
                level=(-6, -1), patterns=("x...x.xx..x.x.xx", "x.xxx.x.x.xxx.x.")),
            Line("pad", "organ,crunch guitar,strings", "chord", (52, 71), gate=(0.9, 1),
                level=(-12, -7), chance=0.5, patterns=HELD),
            Line("lead", "lead guitar,blues guitar", "melody", (60, 84), gate=(0.7, 1),
                level=(-5, 0), patterns=SOLO),
            Line("voice", "singer,singer,shouter", "melody", (52, 72), gate=(0.7, 0.95),
                level=(-5, 0), chance=0.85, patterns=SUNG),
        ),
        forms=("verse chorus solo", "intro verse chorus", "verse chorus verse", "solo verse chorus",
               "hush chorus", "chorus break verse"),
        rubato=(0.0, 0.012), dynamics=(0.5, 2.5), drum_level=(-2, 5),
        recording=Recording(low_cut=(25, 60), high_cut=(5000, 9500), tilt=(-1.1, -0.1),
            reverb_seconds=(0.3, 1.3), reverb=(-22, -10), compression=(0.2, 0.65),
            saturation=(0.1, 0.8), hiss=(-60, -36)),
    ),
    "hiphop": Style(
        bpm=(82, 102), scales=("minor", "dorian", "phrygian"),
        progressions=("i i i i", "i bVI i bVII", "i iv i iv", "i7 ii7 i7 ii7"),
        kits=(
            {"kick": "x..x .... ..xx ....", "snare": HARD_BACKBEAT, "hat": EIGHTHS},
            {"808": "x... ..x. ..x. ....", "clap": HARD_BACKBEAT, "hat": "xxxx xxxx x?xx xx?x"},
            {"kick": "x.x. ...x ..x. ....", "big snare": ".... X..o .o.. X...",
             "hat": "x.xo x.xo x.xo x.xo", "shaker": OFFBEATS},
            {"808": "x..? .... x.x. ..x.", "snare": HARD_BACKBEAT,
             "open hat": "..x. .... ..x. ....", "hat": "x.x. x.xx x.x. x.xx"},
        ),
        lines=(
            Line("bass", "sub bass,sub bass,electric bass", "bass", (26, 43), gate=(0.7, 1),
                level=(-6, 0),
                patterns=("1.......1.1.....", "1..1......1.....", "1.....1...3...1.")),
            Line("chords", "sample,electric piano,piano,strings", "chord", (52, 72), gate=(0.4, 1),
                level=(-8, -2),
                patterns=("x.......x.......", "x..x....x.......", OFFBEATS, "x..x..x.........")),
            Line("pad", "synth pad,strings", "chord", (50, 70), gate=(0.95, 1), level=(-16, -10),
                chance=0.4, patterns=HELD),
            Line("lead", "synth lead,sample,flute,brass", "melody", (62, 84), gate=(0.5, 1),
                level=(-10, -5),
                patterns=("x..x..x.........", "x.x...x...x.....", "..x.x.......x.x.")),
            Line("voice", "rapper", "melody", (43, 60), gate=(0.6, 0.85), level=(1, 6), chance=0.95,
                patterns=("x.xxx.xxxxx.x.xx|xxx.xxx.x.xxx...", "xx.xx.xxx.xxxx.x|x.xxxxx.x.x.....",
                "x.xx.xx.x.xxx.x.|..xxxxx.xxx.x...")),
        ),
        forms=("verse verse chorus", "intro verse break", "break verse chorus",
               "verse chorus verse", "chorus verse"),
        swing=(0.5, 0.62), swung=0.5, drum_level=(-2, 4),
        recording=Recording(low_cut=(25, 45), high_cut=(7000, 12500), tilt=(-0.6, 0.4),
            reverb_seconds=(0.2, 0.7), reverb=(-26, -14), compression=(0.1, 0.6),
            saturation=(0.1, 1.0), hiss=(-46, -33)),
    ),
    "country": Style(
        bpm=(84, 144), scales=("major", "pentatonic"),
        progressions=("I I IV IV V V I I", "I IV I V", "I V I IV", "I I V V I IV-V I I"),
        kits=(
            {"kick": "x... .... x... ....", "snare": BACKBEAT, "hat": "..o. ..o. ..o. ..o."},
            {"kick": "x... .... x... ....", "brush": "x.xx X.xx x.xx X.xx"},
            {"kick": "x... .... x... ..?.", "snare": "o.oo X.oo o.oo X.oo"},
            {"kick": "x... .... x... ....", "rim": BACKBEAT, "shaker": "o.o. o.o. o.o. o.o."},
            {},
        ),
        lines=(
            Line("bass", "upright bass,electric bass", "bass", (29, 47), gate=(0.5, 0.95),
                level=(-2, 4),
                patterns=("1.......5.......", "1...1...5...5...", "1.......5.....ww")),
            Line("chords", "acoustic guitar", "chord", (50, 71), gate=(0.4, 1), level=(-5, 0),
                patterns=("....x.......x...", "....x.x.....x.x.", "..x.x.x...x.x.x.",
                "x...x.xxx...x.xx")),
            Line("chords", "acoustic guitar,banjo,nylon guitar", "arpeggio", (50, 76),
                gate=(0.8, 1.4), level=(-5, 0), patterns=(EIGHTHS, "xxx.xxx.xxx.xx.x", SIXTEENTHS)),
            Line("pad", "steel guitar,strings,violin", "chord", (57, 78), gate=(0.9, 1),
                level=(-15, -9), chance=0.5, patterns=HELD),
            Line("lead", "steel guitar,violin,banjo,clean guitar,harmonica", "melody", (60, 84),
                gate=(0.7, 1), level=(-6, -1), patterns=SOLO),
            Line("voice", "singer", "melody", (50, 71), gate=(0.75, 1), level=(-2, 4), chance=0.9,
                patterns=SUNG),
        ),
        forms=("verse chorus solo", "intro verse verse", "verse solo verse", "verse chorus verse",
               "solo verse"),
        metres=(4, 4, 3), swing=(0.5, 0.6), rubato=(0.0, 0.015), looseness=(0.004, 0.012),
        dynamics=(0.5, 2.0), drum_level=(-9, -1), fills=0.2,
        recording=Recording(low_cut=(30, 70), high_cut=(4800, 9500), tilt=(-0.9, 0.1),
            reverb_seconds=(0.3, 1.2), reverb=(-22, -10), compression=(0.1, 0.5),
            saturation=(0.0, 0.5), hiss=(-56, -34)),
    ),
    "jazz": Style(
        bpm=(72, 168), scales=("major", "dorian", "blues"),
        progressions=("ii7 V7 I7M I7M", "I7M vi7 ii7 V7", "ii7-V7 I7M ii7-V7 I7M", "i7 i7 iv7 V7",
                      "iii7-vi7 ii7-V7 I7M IV7"),
        kits=(
            {"ride": "x..x.xx..x.x", "hat": "...x.....x..", "kick": "?.....?....."},
            {"ride": "x..x.xx..x.x", "hat": "...x.....x..", "snare": "..?....?...?",
             "kick": ".....?......"},
            {"brush": "x.ox.ox.ox.o", "hat": "...x.....x.."},
            {"ride": EIGHTHS, "rim": "x..x ..x. ..x. x...", "kick": "x..x x..x x..x x..x"},
            {},
        ),
        lines=(
            Line("bass", "upright bass", "bass", (31, 52), level=(-6, 1),
                patterns=("1..w..w..w..", "1..w..5..w..", "1...w.w.5...w.w.")),
            Line("chords", "piano,clean guitar,electric piano", "chord", (53, 74), gate=(0.3, 0.9),
                level=(-11, -5), patterns=("..x......x..", "x..........x|.....x......",
                ".....x.....x|..x.........", "x....x......")),
            Line("pad", "brass,strings", "chord", (55, 76), gate=(0.9, 1), level=(-16, -9),
                chance=0.25, patterns=HELD),
            Line("lead", "saxophone,trumpet,piano,saxophone,clean guitar", "melody", (55, 81),
                gate=(0.75, 1), level=(-3, 3), patterns=("x.xx.xx.xx.x|x.xx.x......",
                "..xx.xx..x.x|x.xx.xx.xx..", "x..x.xx.....|xxxx.xx.xx.x")),
            Line("voice", "singer", "melody", (52, 72), level=(-3, 2), chance=0.15, patterns=SUNG),
        ),
        forms=("solo solo", "intro solo", "solo break solo", "chorus solo", "hush solo chorus"),
        metres=(4, 4, 4, 3), swing=(0.54, 0.67), rubato=(0.0, 0.025), looseness=(0.006, 0.018),
        dynamics=(1.0, 3.5), drum_level=(-9, 1), fills=0.15,
        recording=Recording(low_cut=(35, 100), high_cut=(3200, 8500), tilt=(-1.2, -0.2),
            reverb_seconds=(0.4, 1.6), reverb=(-20, -8), compression=(0.0, 0.35),
            saturation=(0.0, 0.5), hiss=(-56, -38)),
    ),
}  # fmt: skip
