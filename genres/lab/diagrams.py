"""What is a classifier made of?"""

from collections.abc import Sequence

import matplotlib.pyplot as plt

from genres.lab.plots import PALETTE, WIDTH

_HEIGHT = 0.62  # of a box, where rows are 1 apart


def voting(inputs: str, blocks: Sequence[str], n_members: int, output: str, title: str):
    """Draw an ensemble: equal networks that take the same input, and vote.

    Parameters
    ----------
    inputs : str
        What the networks take; a line break is kept, here as in all names.
    blocks : sequence of str
        The layers of each network, in order.
    n_members : int
        Networks. The first two and the last one are drawn.
    output : str
        What comes out of the vote.
    title : str
        Title of the picture.

    Returns
    -------
    Figure
    """
    numbers = list(dict.fromkeys([1, min(2, n_members), n_members]))
    rows = [-1.0 * row for row in range(len(numbers))]
    if n_members > len(numbers):
        rows[-1] -= 0.6
    middle, last = (rows[0] + rows[-1]) / 2, 1.75 + len(blocks)
    figure, axis = plt.subplots(figsize=(WIDTH, 1.0 - 0.8 * rows[-1]))
    _box(axis, 0, middle, inputs, PALETTE[0])
    for number, row in zip(numbers, rows, strict=True):
        _arrow(axis, (0.4, middle), (0.95, row))
        axis.text(1.35, row + _HEIGHT / 2, f"network {number}", size=8, va="bottom", ha="center")
        for place, block in enumerate(blocks, start=1):
            _box(axis, place + 0.35, row, block, PALETTE[7])
            if place > 1:
                _arrow(axis, (place - 0.25, row), (place - 0.05, row))
        _arrow(axis, (last - 1, row), (last - 0.4, middle))
    if n_members > len(numbers):
        axis.text(len(blocks) / 2 + 0.85, (rows[-1] + rows[-2]) / 2, "⋮", size=16, va="center")
    _box(axis, last, middle, "vote", PALETTE[1])
    _arrow(axis, (last + 0.4, middle), (last + 0.6, middle))
    _box(axis, last + 1, middle, output, PALETTE[0])
    axis.set(title=title, xlim=(-0.5, last + 1.5), ylim=(rows[-1] - 0.5, 0.7))
    axis.axis("off")
    return figure


def _box(axis, x, y, text, colour):
    look = {"facecolor": (*colour, 0.25), "edgecolor": "0.3"}
    axis.add_patch(plt.Rectangle((x - 0.4, y - _HEIGHT / 2), 0.8, _HEIGHT, **look))
    axis.text(x, y, text, ha="center", va="center", size=9)


def _arrow(axis, start, end):
    axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "0.3"})
