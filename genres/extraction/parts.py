"""How is what was measured of files kept, so that a stop loses little and none is measured twice?

Sixteen files are a part. A finished part is a file, named by a hash of all that it was made from.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa

from genres import files, parallel
from genres.decoding import audio
from genres.screen import bar

CLIPS_PER_PART = 16
"""How much work a stop can lose, for each worker."""


def measured(
    function: Callable,
    paths: Sequence[str],
    folder: Path,
    made_by: Sequence,
    *,
    workers: int | None = None,
    fresh: bool = False,
    progress: bool | Callable = True,
    label: str = "measure",
):
    """Measure files side by side, but for those of which a folder has it already.

    Parameters
    ----------
    function : callable
        Takes a path; gives a dict of numbers, text and bytes. It must be importable. Where the file
        cannot be used, ``reason`` and ``sentence`` say why.
    paths : sequence of str
        The files.
    folder : Path
        Where the parts are.
    made_by : sequence of str
        What the numbers depend on besides files: code and libraries.
    workers, progress
        As `genres.parallel.each` and `genres.screen.bar` have them.
    fresh : bool
        Whether to measure all of them again.
    label : str
        What the bar says.

    Returns
    -------
    DataFrame
        A row for each path, in their order.
    """
    parts = {}
    for start in range(0, len(paths), CLIPS_PER_PART):
        part = list(paths[start : start + CLIPS_PER_PART])
        parts[folder / f"{key([made_by, [(path, *state(path)) for path in part]])}.parquet"] = part
    kept = {} if fresh else {path: rows for path in parts if (rows := _read(path)) is not None}
    to_do = [(path, part) for path, part in parts.items() if path not in kept]
    n_done = len(paths) - sum(len(part) for _, part in to_do)
    with bar(progress, label, len(paths), n_done) as step:
        for path, rows in parallel.each(partial(_measure, function), to_do, workers):
            with files.atomic(path) as temporary:
                temporary.write_bytes(pd.DataFrame(rows).to_parquet(index=False))
            kept[path] = rows
            step(len(rows))
    return pd.DataFrame([row for path in parts for row in kept[path]])


def key(made_from) -> str:
    """Name a part by all that it was made from, which JSON can write."""
    return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:32]


def state(path):
    """Give the size of a file and the time of its last change, or what keeps it from being read."""
    try:
        status = Path(path).stat()
    except OSError as error:
        return error.errno, 0
    return status.st_size, status.st_mtime_ns


def _measure(function, item):
    path, part = item
    return path, [function(file) for file in part]


def _read(path):
    """Read a part, or give None where it is missing, damaged, or may well come out otherwise."""
    try:
        with path.open("rb") as file:  # its path need not be UTF-8, as Arrow's have to
            rows = pd.read_parquet(file).to_dict("records")
    except (OSError, pa.ArrowInvalid):
        return None
    return None if any(row.get("reason") in audio.PASSING for row in rows) else rows
