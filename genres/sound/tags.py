"""Which tags does a tagger know, and which numbers of a clip are made of what it says?"""

from importlib import util
from pathlib import Path

import numpy as np

from genres import Refusal

INSTALL = ".venv/bin/pip install --require-hashes --no-deps --requirement requirements-tags.lock"
"""The command that installs the tagger's weights."""

_PACKAGE, _FOLDER = "musicnn", "MSD_musicnn"  # that brings them; where in it they are
_TAGS = (
    "rock, pop, alternative, indie, electronic, female vocalists, dance, 00s, alternative rock, "
    "jazz, beautiful, metal, chillout, male vocalists, classic rock, soul, indie rock, Mellow, "
    "electronica, 80s, folk, 90s, chill, instrumental, punk, oldies, blues, hard rock, ambient, "
    "acoustic, experimental, female vocalist, guitar, Hip-Hop, 70s, party, country, "
    "easy listening, sexy, catchy, funk, electro, heavy metal, Progressive rock, 60s, rnb, "
    "indie pop, sad, House, happy"
)
TAGS = tuple(_TAGS.split(", "))
"""The fifty most frequent tags of the Million Song Dataset, in the order of musicnn's outputs."""

_NAMING = (
    "rock, pop, alternative, indie, electronic, dance, alternative rock, jazz, metal, "
    "classic rock, soul, indie rock, electronica, folk, punk, blues, hard rock, ambient, Hip-Hop, "
    "country, funk, electro, heavy metal, Progressive rock, rnb, indie pop, House"
)
NAMES_OF_GENRES = tuple(_NAMING.split(", "))
"""Those of them that name a genre."""

_LEAST = 1e-5  # no tag is quite certain, or quite impossible


def log_odds(taggram):
    """Give the logarithm of the odds of tags.

    Parameters
    ----------
    taggram : array of float, shape (…, 50)
        Their probabilities; those outside 1e-5 to 1 - 1e-5 count as these.

    Returns
    -------
    array of float32, shape (…, 50)
    """
    likely = np.clip(np.asarray(taggram, np.float64), _LEAST, 1 - _LEAST)
    return np.log(likely / (1 - likely)).astype(np.float32)


def summary(taggram):
    """Give the numbers of a clip that classifiers read: the mean log-odds of each tag.

    Parameters
    ----------
    taggram : array of float, shape (n_patches, 50)
        As `genres.sound.tagger.Tagged` has it.

    Returns
    -------
    array of float32, shape (50,)
    """
    return log_odds(taggram).mean(axis=0)


def find_weights():
    """Find the folder of the tagger's weights, without running any of the package that brings them.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    Refusal
        If the package is not installed.
    """
    package = util.find_spec(_PACKAGE)
    if package is None or not package.origin:
        raise Refusal(f"The tagger's weights are not installed: {INSTALL} does that (29 MB).")
    return Path(package.origin).parent / _FOLDER
