"""Mutated feature tables: each is refused, or loads with the values that stand in it."""

import functools
import gzip
import io
import json
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from genres import Refusal, printable
from genres.data import tables
from tests.fuzz.watched import watch

_WORDS = ("File", "Genre", "Type")
_COLUMNS = ("Track ID", "File", *tables.FEATURES, "GenreID", "Genre", "Type")
_N_SEGMENTS = 3
_ODD_FIELDS = (
    *(
        '"',
        '"a',
        'a"',
        '"a"',
        '""',
        '"a\nb"',
        "'",
        "",
        " ",
        " 1 ",
        "1 000",
        "1,5",
        "1.5",
        "1,234.5",
    ),
    *("nan", "inf", "-inf", "NA", "TRUE", "0x1f", "1_000", "١٢", "1e400", "1e-400", "-0", "1e5"),
    *("9007199254740993", "9" * 400, "0" * 5000 + "1", "1e-999999999", "=1+1", "\0", "\x1b[31m"),
    *("\u202egnp.wav", "\ufeff", "\u2028", "\r", "\t", ";", ",", "x" * 100_000, "pop", "Test"),
)
_ODD_BYTES = b"\0\t\n\r \"',.;0159eE+-\x1b\x7f\x80\xbf\xc3\xef\xfe\xff"


def run(cases: int, seconds: float | None, seed: int) -> list[str]:
    """Read so many mutated tables, for so many seconds at most; give the faults found."""
    return watch(try_table, cases, seconds, seed)


def try_table(rng, folder):
    """Mutate a table in one of the formats, load it, and say what became of it."""
    mutate = rng.choice((_mutate_text, _mutate_text, _mutate_gzip, _mutate_parquet))
    path, expect = mutate(rng, folder)
    try:
        loaded = tables.load(path)
    except Refusal as refusal:
        _check_sentence(str(refusal))
        return "refused"
    expected = expect()
    if expected is not None:
        _check_equal(loaded, expected)
    return "loaded"


def _check_sentence(sentence):
    assert len(sentence) < 2000, f"a refusal of {len(sentence)} characters"
    assert printable(sentence) == sentence, f"a refusal that is not printable: {sentence!r}"
    assert sentence.endswith("."), f"a refusal that is no sentence: {sentence!r}"


def _check_equal(loaded, expected):
    assert len(loaded) == len(expected), f"{len(loaded)} rows of {len(expected)}"
    for name in loaded.columns:
        for row, (here, there) in enumerate(zip(loaded[name], expected[name], strict=True), 1):
            assert here == there, f"row {row}, {name}: {here!r} where {there!r} stands"


@functools.cache
def _sound_table():
    """Make a table of two genres of three tracks, one of each for testing."""
    generator = np.random.default_rng(0)
    rows = []
    for track in range(6):
        genre_id, number = divmod(track, 3)
        genre, kind = ("pop", "metal")[genre_id], "Test" if number == 2 else "Train"
        for _ in range(_N_SEGMENTS):
            features = generator.normal(
                scale=10.0 ** generator.integers(-5, 5, len(tables.FEATURES))
            )
            rows.append([track, f"{genre}_{number:05d}.wav", *features, genre_id, genre, kind])
    return pd.DataFrame(
        rows, columns=["Track ID", "File", *tables.FEATURES, "GenreID", "Genre", "Type"]
    )


def _written(rng):
    """Write the table as text; give the text and its separator."""
    separator, decimal = rng.choice(("\t.", ",.", ";.", ";,", "\t,"))
    table, end = _sound_table(), rng.choice(("\n", "\n", "\r\n"))
    return table.to_csv(sep=separator, decimal=decimal, index=False, lineterminator=end), separator


def _mutate_text(rng, folder):
    text, separator = _written(rng)
    if rng.random() < 0.6:
        text = rng.choice(_OF_TEXT)(rng, text, separator)
    encoding = rng.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16"))
    content = text.encode(encoding, "surrogatepass")
    if rng.random() < 0.6:
        content = rng.choice(_OF_BYTES)(rng, content)
    path = folder / f"table.{rng.choice(('txt', 'csv', 'TXT'))}"
    path.write_bytes(content)
    return path, functools.partial(_as_it_stands, content)


def _mutate_gzip(rng, folder):
    text, separator = _written(rng)
    kind, path = rng.random(), folder / "table.csv.gz"
    if kind < 0.1:
        bomb = rng.choice((b"\0", b"0", b"\n", b"a\n", b'"', text[: text.index("\n") + 1].encode()))
        members = [gzip.compress(text.encode(), mtime=0), _packed_mebibyte(bomb)]
        path.write_bytes(members[0] + members[1] * rng.choice((1, 30, 1000)))
        return path, lambda: None
    if kind < 0.5:
        text = rng.choice(_OF_TEXT)(rng, text, separator)
    content = gzip.compress(text.encode("utf-8", "surrogatepass"), mtime=0)
    if kind > 0.4:
        content = rng.choice(_OF_BYTES)(rng, content)
    path.write_bytes(content)
    return path, functools.partial(_as_it_stands_unpacked, content)


@functools.cache
def _packed_mebibyte(content):
    return gzip.compress(content * ((1 << 20) // len(content)), mtime=0)


def _mutate_parquet(rng, folder):
    path, kind = folder / "table.parquet", rng.random()
    content = _parquet()
    if kind < 0.6:
        content = rng.choice(_OF_BYTES)(rng, content)
    elif kind < 0.8:  # what describes the columns stands at the end
        length = int.from_bytes(content[-8:-4], "little") + 8
        content = content[:-length] + _flip(rng, content[-length:])
    else:
        content = rng.choice((_with_odd_metadata, _with_another_type, _with_many_rows))(rng)
    path.write_bytes(content)
    return path, _sound_table if kind < 0.9 else lambda: None


@functools.cache
def _parquet():
    return _to_parquet(pa.Table.from_pandas(_sound_table()))


def _to_parquet(table, **options):
    content = io.BytesIO()
    pq.write_table(table, content, write_page_checksum=True, **options)
    return content.getvalue()


def _with_odd_metadata(rng):
    table = pa.Table.from_pandas(_sound_table())
    metadata = json.loads(table.schema.metadata[b"pandas"])
    column = rng.choice(metadata["columns"])
    column[rng.choice(list(column))] = rng.choice(("Float32", "int8", "category", None, 5, [], {}))
    metadata[rng.choice(list(metadata))] = rng.choice(([], {}, None, ["tempo"], [{}], "x", 1))
    said = rng.choice((metadata, metadata, [], 0, "pandas"))
    return _to_parquet(table.replace_schema_metadata({b"pandas": json.dumps(said).encode()}))


def _with_another_type(rng):
    table = pa.Table.from_pandas(_sound_table())
    at = rng.randrange(table.num_columns)
    n_rows = table.num_rows
    column = rng.choice(
        (
            pa.nulls(n_rows),
            pa.array([[0.5]] * n_rows),
            pa.array([{"a": 1}] * n_rows),
            pa.array([True] * n_rows),
            pa.array([b"\xff"] * n_rows),
            pa.array([2**63 + 1] * n_rows, pa.uint64()),
            pa.array(["pop"] * n_rows).dictionary_encode(),
            pa.array([0] * n_rows, pa.timestamp("ns")),
        )
    )
    return _to_parquet(table.set_column(at, table.column_names[at], column))


def _with_many_rows(rng):
    return _packed_rows(rng.choice((10**5, 10**6)))


@functools.cache
def _packed_rows(n_rows):
    table = pa.Table.from_pandas(_sound_table(), preserve_index=False)
    columns = [pa.repeat(table.columns[2][0], n_rows)] * table.num_columns
    return _to_parquet(pa.table(columns, table.column_names), compression="zstd")


def _replace_fields(rng, text, separator):
    lines = text.splitlines(keepends=True)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(lines))
        fields = lines[at].split(separator)
        fields[rng.randrange(len(fields))] = rng.choice(_ODD_FIELDS)
        lines[at] = separator.join(fields)
    return "".join(lines)


def _quote_files(rng, text, separator):
    """Let two rows' files begin or end with a quotation mark, as names of songs do."""
    lines = text.splitlines(keepends=True)
    for at, mark in zip(sorted(rng.sample(range(1, len(lines)), 2)), ('"{}', '{}"'), strict=True):
        fields = lines[at].split(separator)
        fields[1] = rng.choice((mark, '"{}', '"{}"', '{}"')).format(fields[1])
        lines[at] = separator.join(fields)
    return "".join(lines)


def _change_lines(rng, text, separator):
    lines = text.splitlines(keepends=True)
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    change = rng.randrange(6)
    if change == 0:
        lines[a], lines[b] = lines[b], lines[a]
    elif change == 1:
        lines.insert(b, lines[a])
    elif change == 2:
        del lines[a]
    elif change == 3:
        lines[1:] = [line for line in lines[1:] for _ in range(2)]
    elif change == 4:
        lines[1:] = lines[1:] * 2
    else:
        del lines[1 + a :: _N_SEGMENTS]
    return "".join(lines)


def _change_header(rng, text, separator):
    header, rest = text.split("\n", 1)
    names = header.rstrip("\r").split(separator)
    change, at = rng.randrange(7), rng.randrange(len(names))
    if change == 0:
        names = [name.upper() for name in names]
    elif change == 1:
        names[at] = rng.choice((" {} ", '"{}"', "{}_", "{}.1", "the {}")).format(names[at])
    elif change == 2:
        names[at] = rng.choice(names)
    elif change == 3:
        names = [name.replace(" ", ".").replace("_", "-") for name in names]
    elif change == 4:
        names += [f"x{n}" for n in range(rng.choice((1, 67_000)))]
    elif change == 5:
        lines = [f"{n}{separator}{line}" for n, line in enumerate(rest.splitlines())]
        return (
            separator.join([rng.choice(("", "Unnamed: 0", "x")), *names]) + "\n" + "\n".join(lines)
        )
    else:
        names = names[at:]
    return separator.join(names) + "\n" + rest


def _flip(rng, content):
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def _put_odd_bytes(rng, content):
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8))):
        content[rng.randrange(len(content))] = rng.choice(_ODD_BYTES)
    return bytes(content)


def _move_piece(rng, content):
    """Cut a piece out, or put it in somewhere else, or both."""
    begin = rng.randrange(len(content))
    piece = content[begin : begin + rng.choice((1, 10, 1000, 5000))]
    rest = content[:begin] + content[begin + len(piece) :]
    content = rng.choice((content, rest))
    at = rng.randrange(len(content))
    return rng.choice((rest, content[:at] + piece + content[at:]))


def _cut_off(rng, content):
    return content[: rng.randrange(len(content))]


def _append(rng, content):
    return content + rng.choice((content, content[-100:], b"\n", b"\0" * 100, rng.randbytes(100)))


_OF_TEXT = (_replace_fields, _replace_fields, _quote_files, _change_lines, _change_header)
_OF_BYTES = (_flip, _put_odd_bytes, _move_piece, _cut_off, _append)


def _as_it_stands(content):
    """Read a table of text in the plainest way: a line a row, no rules of quoting."""
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    lines = [line for line in re.split("\r\n|\r|\n", content.decode(encoding)) if line]
    separator = max("\t,;", key=lines[0].count)
    header, *rows = [[_unquoted(field) for field in line.split(separator)] for line in lines]
    table = pd.DataFrame(rows)
    assert table.shape[1] == len(header), "a field holds the separator"
    known = {re.sub(r"[\W_]+", "", name).lower(): name for name in _sound_table().columns}
    table.columns = [known.get(re.sub(r"[\W_]+", "", name).lower(), name) for name in header]
    for name in table.columns.difference(_WORDS):
        table[name] = [float(field.replace(",", ".")) for field in table[name]]
    return table


def _as_it_stands_unpacked(content):
    return _as_it_stands(gzip.decompress(content))


def _unquoted(field):
    return field[1:-1].replace('""', '"') if re.fullmatch(r'"(?:[^"]|"")*"', field) else field
