"""What does a timeline look like where there is only text?"""

import numpy as np

from genres import printable

BLOCKS = " ▁▂▃▄▅▆▇█"
"""Characters for a probability from 0 to 1, in equal steps."""

ASCII = " .:-=+*#@"
"""The same, for where there are no others."""

_LONGEST_NAME = 16  # characters of a genre's


def draw(track, width: int = 80, characters: str = BLOCKS) -> str:
    """Draw a timeline in text: its spans, and below them a row for each genre that one names.

    Parameters
    ----------
    track : genres.changes.timeline.Timeline
        The timeline.
    width : int
        Characters in a row; at least twenty are taken for the time axis.
    characters : str
        What stands for a probability from 0 to 1.

    Returns
    -------
    str
        Lines that do nothing to a terminal. The height of a character is the genre's mean
        probability in that time.
    """
    end = len(clock(track.seconds))
    lines = [
        f"{clock(span.start):>{end}} - {clock(span.end)}  {_named(span)}".rstrip()
        for span in track.spans
    ]
    named = list(dict.fromkeys(genre for span in track.spans for genre in span.genres))
    labels = {genre: _label(genre) for genre in named}
    margin = max(map(len, labels.values())) + 2
    n_columns = max(20, width - margin)
    means = _means(track, n_columns)
    steps = np.rint(means * (len(characters) - 1)).astype(int)
    for genre in named:
        row = "".join(characters[step] for step in steps[:, track.genres.index(genre)])
        lines.append(f"{labels[genre]:<{margin}}{row}".rstrip())
    half = clock(track.seconds / 2)
    axis = f"{clock(0):<{n_columns}}"
    axis = f"{axis[: n_columns // 2]}{half}{axis[n_columns // 2 + len(half) :]}"
    axis = f"{axis[: n_columns - end]}{clock(track.seconds)}"
    lines.append(f"{'':<{margin}}{axis}")
    return "\n".join(lines)


def clock(seconds: float) -> str:
    """Write a time as players do: ``1:05`` for 65 s, ``1:01:05`` after an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    return f"{hours}:{left:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _named(span):
    shares = zip(span.genres, span.shares, strict=True)
    return ", ".join(f"{printable(genre)} {100 * share:.0f} %" for genre, share in shares)


def _label(genre):
    return printable(genre if len(genre) <= _LONGEST_NAME else f"{genre[: _LONGEST_NAME - 1]}…")


def _means(track, n_columns):
    """Give the mean probabilities in equal stretches of time, (n_columns, n_genres)."""
    edges = np.asarray(track.edges)
    weighted = np.asarray(track.probabilities) * np.diff(edges)[:, None]
    total = np.vstack([np.zeros(weighted.shape[1]), np.cumsum(weighted, axis=0)])
    borders = np.linspace(0, edges[-1], n_columns + 1)
    at_borders = np.array([np.interp(borders, edges, column) for column in total.T]).T
    return np.diff(at_borders, axis=0) / np.diff(borders)[:, None]
