"""Recognising the genre of a piece of music: one room per question, one file per answer."""

import gc
import re

from genres import environment

# Control characters, line separators, halves of characters, and what turns the direction of text.
_UNPRINTABLE = re.compile("[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_MOST_SHOWN = 60  # characters


def printable(text) -> str:
    r"""Give something as text of one line that does nothing to a terminal, as paths may.

    Parameters
    ----------
    text : object
        Text, a path, or what else ``str`` takes.

    Returns
    -------
    str
        The text, control characters and the like written as Python writes them: ``\n``, ``\x1b``.
    """
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), str(text))


def shown(value) -> str:
    """Give a field of a file as text that is not too long for a sentence: 60 characters at most."""
    text = str(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"


class Refusal(Exception):
    """An input that cannot be used, told in one sentence that says what to do about it."""

    def __str__(self):
        return printable(super().__str__())


environment.clean_libraries()
gc.set_threshold(50_000, 20, 20)  # importing TensorFlow makes half a million objects, and all stay
