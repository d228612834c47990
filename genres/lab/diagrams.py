"""What is a classifier made of?"""

from collections.abc import Sequence

import matplotlib.pyplot as plt

from genres.lab.plots import PALETTE, WIDTH

_HEIGHT = 0.62  # of a box, where rows are 1 apart
_END, _LAYER = PALETTE[0], PALETTE[7]  # colours of what goes in or comes out, and of a layer


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
    _box(axis, 0, middle, inputs, _END)
    for number, row in zip(numbers, rows, strict=True):
        _arrow(axis, (0.4, middle), (0.95, row))
        axis.text(1.35, row + _HEIGHT / 2, f"network {number}", size=8, va="bottom", ha="center")
        for place, block in enumerate(blocks, start=1):
            _box(axis, place + 0.35, row, block, _LAYER)
            if place > 1:
                _arrow(axis, (place - 0.25, row), (place - 0.05, row))
        _arrow(axis, (last - 1, row), (last - 0.4, middle))
    if n_members > len(numbers):
        axis.text(len(blocks) / 2 + 0.85, (rows[-1] + rows[-2]) / 2, "⋮", size=16, va="center")
    _box(axis, last, middle, "vote", PALETTE[1])
    _arrow(axis, (last + 0.4, middle), (last + 0.6, middle))
    _box(axis, last + 1, middle, output, _END)
    axis.set(title=title, xlim=(-0.5, last + 1.5), ylim=(rows[-1] - 0.5, 0.7))
    axis.axis("off")
    return figure


def branches(chains: Sequence[Sequence[str]], joined: Sequence[str], title: str):
    """Draw a network of several branches, each with an input of its own, that meet.

    Parameters
    ----------
    chains : sequence of sequence of str
        For each branch its input and its layers, in order; one branch is a plain network.
    joined : sequence of str
        The layers behind the place where they meet, and what comes out.
    title : str
        Title of the picture.

    Returns
    -------
    Figure
    """
    rows = [-1.0 * row for row in range(len(chains))]
    middle, meeting = rows[-1] / 2, max(map(len, chains))
    figure, axis = plt.subplots(figsize=(WIDTH, 1.0 - rows[-1]))
    for blocks, row in zip(chains, rows, strict=True):
        _chain(axis, 0, row, blocks, [_END, *[_LAYER] * (len(blocks) - 1)])
        _arrow(axis, (len(blocks) - 0.6, row), (meeting - 0.4, middle))
    _chain(axis, meeting, middle, joined, [*[_LAYER] * (len(joined) - 1), _END])
    axis.set(title=title, xlim=(-0.5, meeting + len(joined) - 0.5), ylim=(rows[-1] - 0.5, 0.5))
    axis.axis("off")
    return figure


def _chain(axis, first, row, blocks, colours):
    for place, (block, colour) in enumerate(zip(blocks, colours, strict=True), start=first):
        _box(axis, place, row, block, colour)
        if place > first:
            _arrow(axis, (place - 0.6, row), (place - 0.4, row))


def _box(axis, x, y, text, colour):
    look = {"facecolor": (*colour, 0.25), "edgecolor": "0.3"}
    axis.add_patch(plt.Rectangle((x - 0.4, y - _HEIGHT / 2), 0.8, _HEIGHT, **look))
    axis.text(x, y, text, ha="center", va="center", size=9)


def _arrow(axis, start, end):
    axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "0.3"})
