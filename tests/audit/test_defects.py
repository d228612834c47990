"""audit.defects: damage done on purpose is found, and undamaged clips are left alone."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from genres.audit import defects, facts
from genres.synth import corpus

SR, SECONDS = corpus.SAMPLE_RATE, 5
GENRES = list(corpus.GENRES)


def louder(samples, decibels):
    """Give a clip at a level whose peaks no longer fit, as a careless transfer does."""
    return np.clip(samples / np.abs(samples).max() * 10 ** (decibels / 20), -1, 1)


def broken(samples, share):
    """Put loud noise in the place of a clip's end, as a decoder does that has lost its way."""
    samples = samples.copy()
    n = round(share * len(samples))
    samples[-n:] = np.random.default_rng(0).uniform(-1, 1, n)
    return samples


def muted(samples, share):
    return np.where(np.arange(len(samples)) < share * len(samples), 0, samples)


def beside(samples, factor):
    return np.stack([samples, factor * samples], axis=1)


DAMAGES = {
    "clipped": lambda samples: louder(samples, 6),
    "silent": lambda samples: muted(samples, 0.4),
    "distorted": lambda samples: broken(samples, 0.2),
    "DC offset": lambda samples: 0.5 * samples + 0.02,
    "too short": lambda samples: samples[: round(0.8 * len(samples))],
    "mono in stereo": lambda samples: beside(samples, 1),
    "cancelling channels": lambda samples: beside(samples, -0.9),
    "one channel": lambda samples: beside(samples, 0),
}

HARMLESS = [
    lambda samples: 0.05 * samples,
    lambda samples: samples / np.abs(samples).max(),  # just touches full scale
    lambda samples: muted(samples, 0.1),
    lambda samples: beside(samples, 0.7),
    lambda samples: samples[: round(0.95 * len(samples))],
]


@pytest.fixture(scope="module")
def clips():
    """One clip of each genre of the built-in corpus."""
    return [corpus.render(genre, 11, SECONDS).samples for genre in GENRES]


def told(all_samples, folder):
    rows = []
    for samples in all_samples:
        soundfile.write(folder / "clip.wav", samples, SR)
        rows.append(facts.of_file(folder / "clip.wav"))
    return pd.DataFrame(rows)


@pytest.mark.parametrize("defect", DAMAGES)
def test_damage_is_found_where_it_was_done_and_nowhere_else(clips, tmp_path, defect):
    damaged = [1, 7]
    table = told(
        [DAMAGES[defect](clip) if place in damaged else clip for place, clip in enumerate(clips)],
        tmp_path,
    )
    found = defects.find(table)
    assert sorted(zip(found["clip"], found.defect, strict=True)) == [(at, defect) for at in damaged]
    assert list(found.columns) == ["clip", "defect", "figure", "sentence"]


@pytest.mark.parametrize("change", HARMLESS)
def test_clips_that_are_quiet_loud_or_paused_have_no_defect(clips, tmp_path, change):
    assert defects.find(told([change(clips[0]), *clips[1:]], tmp_path)).empty


def test_the_worst_comes_first_and_says_how_bad_it_is(clips, tmp_path):
    changed = [louder(clips[0], 4), louder(clips[1], 8), muted(clips[2], 0.5), *clips[3:]]
    table = told(changed, tmp_path)
    table.index = GENRES
    found = defects.find(table)
    assert found["clip"].tolist() == [GENRES[2], GENRES[1], GENRES[0]]
    assert found.sentence[0] == f"{100 * found.figure[0]:.0f} % of it is silent."
    assert found.figure[0] == pytest.approx(0.5, abs=0.02)
    assert found.figure[1] == pytest.approx(table.clipped[GENRES[1]])
    assert found.sentence[1] == f"{100 * found.figure[1]:.2f} % of its samples are clipped."


def test_a_clip_may_have_several_defects(clips, tmp_path):
    both = beside(louder(clips[0], 6), 1)
    assert set(defects.find(told([both, *clips[1:]], tmp_path)).defect) == {
        "clipped",
        "mono in stereo",
    }


def test_a_file_that_is_cut_off_is_truncated(clips, tmp_path):
    table = told(clips, tmp_path)
    table.loc[3, ["cut_off", "duration"]] = True, 2.5
    found = defects.find(table)
    assert found.defect.tolist() == ["truncated", "too short"]
    assert found.sentence[0] == "Its file is cut off: 2.5 s are left, and more are promised."
    assert found.sentence[1] == "It lasts 2.50 s; half of all clips last 5.00 s or more."


def test_whole_pieces_may_be_short_but_not_below_a_second(clips, tmp_path):
    table = told(clips, tmp_path)
    table["duration"] = np.linspace(60, 300, len(table))
    table.loc[0, "duration"] = 0.7
    assert defects.find(table)["clip"].tolist() == [0]


def test_no_clips_have_no_defects():
    assert defects.find(pd.DataFrame(columns=facts.Facts._fields)).empty


def test_music_that_was_excerpted_has_the_faults_that_are_known(real_data):
    """GTZAN's hiphop 46 and 47 are clipped; pop 20, the next, only touches full scale."""
    names = ["hiphop/hiphop.00046", "hiphop/hiphop.00047", "pop/pop.00020"]
    paths = [real_data / "gtzan-excerpts" / f"{name}.flac" for name in names]
    found = defects.find(pd.DataFrame([facts.of_file(path) for path in paths]))
    assert sorted(found["clip"][found.defect == "clipped"]) == [0, 1]
