"""How does a file become a table, and where in the file is what is wrong with it?"""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Sequence
from numbers import Number
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow

from genres import Refusal

SUFFIXES = (".txt", ".csv", ".gz", ".parquet")
"""How the name of a table's file may end."""


class TableError(Refusal):
    """A table that is not sound."""

    @classmethod
    def at(cls, place, problem, n=1):
        """Make the refusal of a problem of which there are `n`, the first of them at `place`."""
        more = f" (the first of {n} such problems)" if n > 1 else ""
        return cls(f"{place}: {problem}{more}.")


def read(path: str | Path, columns: Sequence[str]):
    """Read a table from a file, its fields as they stand there.

    Parameters
    ----------
    path : str or Path
        A table in text (``.txt``, ``.csv``, either of them also with ``.gz``; fields separated by
        tabs or commas, UTF-8) or in parquet.
    columns : sequence of str
        The columns that the table has to have, in any order.

    Returns
    -------
    table : DataFrame
        The rows in the file's order; what is read from text is text.
    lines : list of int or None
        The line that each row of a text ends in; None for parquet.

    Raises
    ------
    TableError
        If the file cannot be read, is damaged or cut off, is no table, or has other columns.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise TableError(f"{path}: the name of a table ends in one of {' '.join(SUFFIXES)}.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}.") from error
    if suffix == ".parquet":
        table, lines = _parse_parquet(content, path), None
        check_columns(table.columns, columns, path)
        return table, lines
    if suffix == ".gz":
        content = _decompress(content, path)
    return _parse_text(content, columns, path)


def check_columns(names, columns, source):
    """Refuse `names` that are not `columns` in some order: one missing, unknown, or there twice."""
    names = list(names)
    for problem, found in (
        ("lacks the column", [name for name in columns if name not in names]),
        ("has twice the column", [name for at, name in enumerate(names) if name in names[:at]]),
        ("has an unknown column", [name for name in names if name not in columns]),
    ):
        if found:
            raise TableError.at(source, f"the table {problem} '{found[0]}'", len(found))


def as_floats(column):
    """Give a column as an array of float64, NaN where a field is no number."""
    if column.dtype.kind in "iuf":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.array([_as_float(value) for value in column])


def _as_float(value):
    # Python reads 1_000, digits of other scripts and truth values as numbers too.
    if isinstance(value, str):
        plain = value.isascii() and "_" not in value
    else:
        plain = isinstance(value, Number) and not isinstance(value, bool)
    try:
        return float(value) if plain else np.nan
    except (ValueError, TypeError):
        return np.nan


def refuse_cell(table, names, wrong, problem, where):
    """Refuse the first wrong cell; `wrong` has the shape (n_rows, len(names))."""
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        name = names[column]
        problem = f"'{table[name].iat[row]}' {problem}"
        raise TableError.at(f"{where(row)}, column {name}", problem, int(wrong.sum()))


def check_one_each(table, key, value, where):
    """Refuse a table in which one `key` has two values of `value`."""
    before = table.groupby(key, sort=False)[value].transform("first")
    wrong = (table[value] != before).to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        here = f"{key} {table[key].iat[row]} has {value} {table[value].iat[row]} here"
        problem = f"{here} and {before.iat[row]} before"
        raise TableError.at(where(row), problem, table[key][wrong].nunique())


def _parse_parquet(content, path):
    try:
        return pd.read_parquet(
            io.BytesIO(content), engine="pyarrow", page_checksum_verification=True
        )
    except (ValueError, OSError, LookupError, TypeError, pyarrow.ArrowException) as error:
        raise TableError(f"{path}: this is no whole parquet file.") from error


def _decompress(content, path):
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise TableError(f"{path}: the compressed file is cut off or damaged.") from error


def _parse_text(content, columns, path):
    if not content.removeprefix(codecs.BOM_UTF8).strip():
        raise TableError(f"{path}: the file is empty.")
    if b"\0" in content:
        raise TableError(f"{path}: this is not text in UTF-8.")
    try:
        header, rows, lines = _split_text(content)
    except UnicodeDecodeError as error:
        raise TableError(f"{path}: this is not text in UTF-8.") from error
    except csv.Error as error:
        raise TableError(f"{path}: this is no table of separated fields: {error}.") from error
    check_columns(header, columns, path)
    ragged = [at for at, row in enumerate(rows) if len(row) != len(header)]
    if ragged:
        at = ragged[0]
        problem = f"{len(rows[at])} fields where the first line has {len(header)}"
        if at == len(rows) - 1 and len(rows[at]) < len(header):
            problem += ", so the file is cut off"
        raise TableError.at(f"{path}, line {lines[at]}", problem, len(ragged))
    return pd.DataFrame(rows, columns=header, dtype=object), lines


def _split_text(content):
    """Split the bytes of a text table into its header, its rows, and the line of each row."""
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
    separator = "\t" if "\t" in text.readline() else ","
    text.seek(0)
    reader = csv.reader(text, delimiter=separator, strict=True)
    header, *rows = [(row, reader.line_num) for row in reader if row]
    return header[0], [row for row, _ in rows], [line for _, line in rows]
