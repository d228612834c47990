"""Which clips of a collection are damaged, and how?"""

import pandas as pd

from genres.audit import facts

SILENT = 0.25
"""A clip is silent if so much of it is below -60 dB. Pauses and fades stay below that."""

NOISY = 0.02
"""A clip is distorted if so much of it is loud white noise, for half a second or more at a time."""

CLIPPED = 1e-3
"""A clip is clipped if so many of its samples are. Music that just touches full scale stays below a
tenth of that."""

OFFSET = 0.01
"""A clip has a DC offset if its mean is so large, of full scale. Two seconds of music stay below a
tenth of that."""

SHORT, SHORTEST = 0.9, 1.0
"""A clip is too short if it lasts so much of the median, among excerpts of one length, or so many
seconds, among whatever clips."""

_WORSE_IF_LESS = ("truncated", "too short")


def find(table: pd.DataFrame) -> pd.DataFrame:
    """Find the damaged clips of a collection.

    What was clipped before it was encoded with loss is not found: an encoder bends what was flat.

    Parameters
    ----------
    table : DataFrame, shape (n_clips, n_facts)
        `genres.audit.facts.Facts`, one row a clip.

    Returns
    -------
    DataFrame
        A row for each defect of each clip: clip (its label in the table's index), defect, figure,
        sentence. The worst defect comes first, and of one defect the clip that has it worst.
    """
    median = table.duration.median()
    least = max(SHORTEST, SHORT * median) if facts.are_excerpts(table.duration) else SHORTEST
    checks = [
        ("silent", table.silence, table.silence >= SILENT, "{:.0%} of it is silent."),
        (
            *("truncated", table.duration, table.cut_off),
            "Its file is cut off: {:.1f} s are left, and more are promised.",
        ),
        ("distorted", table.noise, table.noise >= NOISY, "{:.0%} of it is loud white noise."),
        (
            *("too short", table.duration, table.duration < least),
            f"It lasts {{:.2f}} s; half of all clips last {median:.2f} s or more.",
        ),
        (
            *("cancelling channels", -table.mixdown, table.relation == "cancelling"),
            "Its channels cancel each other: their mean is {:.0f} dB quieter than they are.",
        ),
        (
            *("one channel", table.channels, table.relation == "one side"),
            "All of its {} channels but one are silent.",
        ),
        ("clipped", table.clipped, table.clipped >= CLIPPED, "{:.2%} of its samples are clipped."),
        (
            *("DC offset", table.dc.abs(), table.dc.abs() >= OFFSET),
            "Its mean is {:.1%} of full scale away from zero.",
        ),
        (
            *("mono in stereo", table.channels, table.relation == "identical"),
            "Its {} channels are the same.",
        ),
    ]
    rows = []
    for defect, figures, has_it, sentence in checks:
        worst_first = figures[has_it].sort_values(ascending=defect in _WORSE_IF_LESS, kind="stable")
        rows += [
            (clip, defect, float(figure), sentence.format(figure).replace("%", " %"))
            for clip, figure in worst_first.items()
        ]
    return pd.DataFrame(rows, columns=["clip", "defect", "figure", "sentence"])
