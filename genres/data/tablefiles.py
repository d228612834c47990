"""How does a file become a table, and where in the file is what is wrong with it?"""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from numbers import Number
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from genres import Refusal, files, shown

SUFFIXES = (".txt", ".csv", ".gz", ".parquet")
"""How the name of a table's file may end."""

_MOST_BYTES, _MOST_TEXT = 1 << 30, 1 << 28
_MOST_LINES = 2_000_000  # of text
# What is packed may unpack to this much, or to so many times its size if that is more.
_UNPACKED_BYTES, _UNPACKED_TIMES = 1 << 25, 20
_WHOLE_FLOATS = 2**53  # beyond, not each whole number has a float64 of its own

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_WORKBOOK_NAMES = (".xlsx", ".xls", ".ods", ".numbers")
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_OF_WORKBOOK = "this is a workbook or an archive: save its table as CSV in UTF-8 and take that"

# What pandas calls the column of a table's row numbers.
_INDEX = re.compile(r"|Unnamed: 0|__index_level_0__")
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*")
_THOUSANDS = re.compile(r"\s*[+-]?[1-9]\d{0,2}(,\d{3})+\s*")

KAGGLE_NAME = re.compile(r"features_\d+_sec.*\.csv(\.gz)?", re.IGNORECASE)
"""What the files of the Kaggle table of GTZAN are called."""

OF_KAGGLE = (
    "this is the Kaggle table of GTZAN, whose features are not those of the report: take the "
    "course's tables, or make such tables of GTZAN's clips with --data FOLDER_OF_CLIPS"
)
"""What to say of the Kaggle table of GTZAN."""

_KAGGLE_COLUMNS = {"filename", "length", "label"}


class TableError(Refusal):
    """A table that is not sound."""

    @classmethod
    def at(cls, place, problem, n=1):
        """Make the refusal of a problem of which there are `n`, the first of them at `place`."""
        more = f" (the first of {n} such problems)" if n > 1 else ""
        return cls(f"{place}: {problem}{more}.")


def read(path: str | Path, columns: Sequence[str], words: Sequence[str], optional=()):
    """Read a table from a file, its fields as they stand there.

    Parameters
    ----------
    path : str or Path
        A table in text or in parquet. Text (``.txt``, ``.csv``, either of them also with ``.gz``)
        is in UTF-8, or in UTF-16 with its mark; its fields are separated by tabs, commas or
        semicolons, and a decimal comma is taken where all numbers have it.
    columns : sequence of str
        The columns that the table has to have, in any order; their case, spaces and punctuation do
        not matter. One more, of row numbers, is left out.
    words : sequence of str
        Those of them that hold text; the others hold numbers.
    optional : sequence of str
        Columns that it may have; if any are named, it may have others, too.

    Returns
    -------
    table : DataFrame
        The rows in the file's order; what is read from text is text.
    lines : list of int or None
        The line that each row of a text stands in; None for parquet.

    Raises
    ------
    TableError
        If the file cannot be read, is damaged or cut off, unpacks to far more than tables do, is no
        table, or has other columns.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in _WORKBOOK_NAMES:
        raise TableError(f"{path}: {_OF_WORKBOOK}.")
    if suffix not in SUFFIXES:
        raise TableError(f"{path}: the name of a table ends in one of {' '.join(SUFFIXES)}.")
    content = _content(path, _MOST_BYTES if suffix == ".parquet" else _MOST_TEXT)
    if suffix == ".parquet":
        return _parse_parquet(content, columns, words, optional, path), None
    if suffix == ".gz":
        content = _decompress(content, path)
    return _parse_text(_decode(content, path), columns, words, optional, path)


def check_columns(names, columns, source):
    """Refuse `names` that are not `columns` in some order: one missing, unknown, or there twice."""
    if set(names) >= _KAGGLE_COLUMNS and not set(columns) >= _KAGGLE_COLUMNS:
        raise TableError(f"{source}: {OF_KAGGLE}.")
    counts, wanted = Counter(names), set(columns)
    missing = [name for name in columns if name not in counts]
    twice = [name for name in counts if counts[name] > 1]
    unknown = [name for name in counts if name not in wanted]
    if missing:
        also = f", and '{shown(unknown[0])}' is not one of a table's" if unknown else ""
        problem = f"the table lacks the column '{missing[0]}'{also}"
        raise TableError.at(source, problem, len(missing))
    for problem, found in (("has twice the column", twice), ("has an unknown column", unknown)):
        if found:
            raise TableError.at(source, f"the table {problem} '{shown(found[0])}'", len(found))


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
    except (ValueError, TypeError, OverflowError):
        return np.nan


def is_lost(column, values):
    """Say where float64 has no room for a number: whole and too large, or so small that it is 0.

    Parameters
    ----------
    column : Series
        The numbers as they stand in the table.
    values : array of float64
        What `as_floats` makes of them.
    """
    lost = np.zeros(len(values), dtype=bool)
    if column.dtype.kind != "f":
        for row in np.flatnonzero((values == 0) | (np.abs(values) >= _WHOLE_FLOATS)):
            lost[row] = not _has_float(column.iat[row], values[row].item())
    return lost


def _has_float(given, value):
    if not isinstance(given, str):
        return getattr(given, "item", lambda: given)() == value  # Python compares exactly
    try:
        number = Decimal(given)
    except ArithmeticError:  # an exponent of so many digits that the number cannot be made
        return False
    is_whole = number.as_tuple().exponent == 0
    return number == int(value) if is_whole else bool(number) == bool(value)


def numbers(table, names, where):
    """Give columns as an array of float64, (n_rows, n_names); refuse what is no finite number."""
    values = np.column_stack([as_floats(table[name]) for name in names])
    refuse_cell(table, names, ~np.isfinite(values), "is not a finite number", where)
    return values


def refuse_lost(table, names, values, where):
    """Refuse numbers, given with what `numbers` makes of them, that `is_lost` says are lost."""
    lost = [is_lost(table[name], column) for name, column in zip(names, values.T, strict=True)]
    problem = "is too large or too small a number for double precision"
    refuse_cell(table, names, np.column_stack(lost), problem, where)


def refuse_cell(table, names, wrong, problem, where):
    """Refuse the first wrong cell; `wrong` has the shape (n_rows, len(names))."""
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        name = names[column]
        problem = f"'{shown(table[name].iat[row])}' {problem}"
        raise TableError.at(f"{where(row)}, column {name}", problem, int(wrong.sum()))


def check_one_each(table, key, value, where):
    """Refuse a table in which one `key` has two values of `value`."""
    before = table.groupby(key, sort=False)[value].transform("first")
    wrong = (table[value] != before).to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        here, there = shown(table[value].iat[row]), shown(before.iat[row])
        problem = f"{key} {shown(table[key].iat[row])} has {value} {here} here and {there} before"
        raise TableError.at(where(row), problem, table[key][wrong].nunique())


def _content(path, most):
    try:
        files.require_regular(path, most)
        return path.read_bytes()
    except Refusal as refusal:
        raise TableError(str(refusal)) from refusal
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}.") from error


def _unpacked_at_most(content):
    return max(_UNPACKED_BYTES, _UNPACKED_TIMES * len(content))


def _unpacks_to_more(most, path):
    return TableError(f"{path} unpacks to more than {most >> 20} MiB, so it is no table.")


def _parse_parquet(content, columns, words, optional, path):
    """Read the columns as they are stored, whatever notes of other programs say of them."""
    damage = TableError(f"{path}: this is no whole parquet file.")
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        names, metadata = file.schema_arrow.names, file.metadata
        groups = [metadata.row_group(at).total_byte_size for at in range(metadata.num_row_groups)]
    except Exception as error:  # the library says of damage what it comes upon
        raise damage from error
    names, index = _known_names(names, columns, optional, path)
    n_bytes = max(sum(groups), 8 * metadata.num_rows * len(names))
    most = _unpacked_at_most(content)
    if n_bytes > most:
        raise _unpacks_to_more(most, path)
    try:
        texts = [file.schema_arrow.names[names.index(word)] for word in words]
        # As a dictionary, a long text in many rows is there once.
        table = pq.ParquetFile(
            io.BytesIO(content), page_checksum_verification=True, read_dictionary=texts
        ).read()
        read = [column.to_pandas(integer_object_nulls=True) for column in table.columns]
    except Exception as error:
        raise damage from error
    read = [column.astype(object) if _is_dictionary(column) else column for column in read]
    table = pd.DataFrame(dict(zip(names, read, strict=True)))
    return table if index is None else _without_index(table, index, path)


def _is_dictionary(column):
    return isinstance(column.dtype, pd.CategoricalDtype)


def _decompress(content, path):
    most = min(_unpacked_at_most(content), _MOST_TEXT)
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            unpacked = file.read(most + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise TableError(f"{path}: the compressed file is cut off or damaged.") from error
    if len(unpacked) > most:
        raise _unpacks_to_more(most, path)
    return unpacked


def _decode(content, path):
    if content.startswith(_WORKBOOKS):
        raise TableError(f"{path}: {_OF_WORKBOOK}.")
    try:
        text = content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + content.count(b"\n", 0, error.start)
        raise TableError(
            f"{path}, line {line}: this is not text in UTF-8: save the table as CSV in UTF-8."
        ) from error
    if "\0" in text:
        raise TableError(f"{path}: this is not text in UTF-8.")
    if not text.strip():
        raise TableError(f"{path}: the file is empty.")
    return text


def _parse_text(text, columns, words, optional, path):
    first = next(line for line in io.StringIO(text, newline="") if line.strip())
    separator = max("\t,;", key=first.count)
    try:
        (header,) = csv.reader([first], delimiter=separator, strict=True)
    except csv.Error as error:
        problem = f"the first line does not name the columns: {error}"
        raise TableError(f"{path}: {problem}.") from error
    if len(header) == 1:
        problem = "the first line does not name the columns, between tabs, commas or semicolons"
        raise TableError(f"{path}: {problem}.")
    names, index = _known_names(header, columns, optional, path)
    rows, lines = _split(text, separator, '"' in first, path)
    table = pd.DataFrame(rows, columns=names, dtype=object)
    if index is not None:
        table = _without_index(table, index, path)
    return _with_points(table, [name for name in columns if name not in words]), lines


def _known_names(names, columns, optional, path):
    """Give each name as it is known, whatever its case, spaces and punctuation, and the index's."""
    known = {_letters(column): column for column in (*columns, *optional)}
    names = [known.get(_letters(name), name) for name in names]
    index = _find_index(names)
    wanted = [*columns, *set(optional).intersection(names)]
    checked = [name for name in names if name in wanted or not (optional or name == index)]
    check_columns(checked, wanted, path)
    return names, index


def _letters(name):
    return re.sub(r"[\W_]+", "", name).lower()


def _find_index(names):
    return next((name for name in names if _INDEX.fullmatch(name)), None)


def _without_index(table, index, path):
    """Leave out the column of row numbers, if that is what it is."""
    numbers = table[index].astype(str)
    if not (numbers.str.fullmatch(r"\d+").all() and numbers.is_unique):
        raise TableError(f"{path}: the table has an unknown column '{index}'.")
    return table.drop(columns=index)


def _split(text, separator, has_quotes, path):
    """Split text into rows of fields, and say in which line each stands; drop the first, of names.

    A quotation mark at the beginning of a field quotes it, if that makes every line a row. If not,
    and if the names are not quoted either, marks are part of what is written.
    """
    try:
        rows, lines = _split_by(csv.QUOTE_MINIMAL, text, separator, path)
    except TableError:
        if '"' not in text or has_quotes:
            raise
        with suppress(TableError):
            rows, lines = _split_by(csv.QUOTE_NONE, text, separator, path)
            if not any(_is_quoted(field) for row in rows for field in row):
                return rows[1:], lines[1:]
        raise
    return rows[1:], lines[1:]


def _is_quoted(field):
    return len(field) > 1 and field[0] == field[-1] == '"'


def _split_by(quoting, text, separator, path):
    """Split text by one rule of quoting; give its rows, of one width, and the line of each."""
    rows: list[list[str]] = []
    lines: list[int] = []
    line, misfit, n_misfits = 0, None, 0
    for line, row in _numbered_rows(quoting, text, separator, path):
        if rows and len(row) != len(rows[0]):
            misfit, n_misfits = misfit or (line, len(row)), n_misfits + 1
        elif not misfit:
            rows.append(row)
            lines.append(line)
    if misfit:
        at, width = misfit
        problem = f"{width} fields where the first line has {len(rows[0])}"
        if at == line and width < len(rows[0]):
            problem += ", so the file is cut off"
        raise TableError.at(f"{path}, line {at}", problem, n_misfits)
    return rows, lines


def _numbered_rows(quoting, text, separator, path):
    """Yield the line and the fields of each row that is not empty."""
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=separator, quoting=quoting, strict=True)
    line = 0
    try:
        for row in reader:
            if reader.line_num > line + 1:
                raise csv.Error("a quotation mark opens a field that does not end in this line")
            if reader.line_num > _MOST_LINES:
                raise csv.Error(f"{_MOST_LINES:,} lines are the most that a table has")
            line = reader.line_num
            if row:
                yield line, row
    except csv.Error as error:
        problem = f"this is no row of separated fields: {error}"
        raise TableError(f"{path}, line {line + 1}: {problem}.") from error


def _with_points(table, names):
    """Write numbers with a point, where all that are not whole have a comma."""
    fields = [field for name in names for field in table[name] if "," in field or "." in field]
    by_comma = all(map(_DECIMAL_COMMA.fullmatch, fields))
    if by_comma and not all(map(_THOUSANDS.fullmatch, fields)):
        for name in names:
            table[name] = [field.replace(",", ".") for field in table[name]]
    return table
