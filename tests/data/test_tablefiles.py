"""data.tablefiles: how a file becomes a table, and where limits are."""

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genres.data import tablefiles
from genres.data.tablefiles import TableError

COLUMNS, WORDS = ("name", "size"), ("name",)


@pytest.fixture
def read(tmp_path):
    """Write a text, and read it as a table of names and sizes."""

    def write_and_read(text, optional=(), columns=COLUMNS):
        (tmp_path / "t.csv").write_text(text)
        return tablefiles.read(tmp_path / "t.csv", columns, WORDS, optional)

    return write_and_read


def test_fields_are_read_as_they_stand_with_their_lines(read):
    table, lines = read("name,size\n\na, 1\nb,2\n\n\nc,3")
    assert table.values.tolist() == [["a", " 1"], ["b", "2"], ["c", "3"]]
    assert lines == [3, 4, 7]


def test_other_columns_may_stand_there_where_any_are_optional(read):
    text = ",name,SIZE,mood,Colour\n5,a,1,sad,red\n6,b,2,gay,blue\n"
    table, _ = read(text, optional=("colour",))
    assert table.columns.tolist() == ["name", "size", "mood", "colour"]
    with pytest.raises(TableError, match=r"lacks the column 'size'\.$"):
        read("name,mood\na,1\n", optional=("colour",))
    with pytest.raises(TableError, match="has twice the column 'colour'"):
        read("name,size,colour,Colour\na,1,b,c\n", optional=("colour",))
    with pytest.raises(TableError, match=r"has an unknown column 'mood' .the first of 2"):
        read(text)


@pytest.mark.parametrize("index", ["1,1", "1,x", "1,-2", "1,"])
def test_a_column_of_row_numbers_has_each_once(read, index):
    one, other = index.split(",")
    assert len(read("Unnamed: 0,name,size\n7,a,1\n3,b,2\n")[0].columns) == 2
    with pytest.raises(TableError, match="has an unknown column 'Unnamed: 0'"):
        read(f"Unnamed: 0,name,size\n{one},a,1\n{other},b,2\n")


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("a,1\nb", r"line 3: 1 fields where the first line has 2, so the file is cut off\.$"),
        ("a\nb,1", r"line 2: 1 fields where the first line has 2\.$"),
        ("a,1\nb,1,2", r"line 3: 3 fields where the first line has 2\.$"),
        ("a\nb\nc,1", r"line 2: 1 fields where the first line has 2 .the first of 2 such"),
        ("a\nb\nc", r"line 2: .* has 2 .the first of 3 such problems.\.$"),
    ],
)
def test_rows_of_another_width_are_told(read, rows, told):
    with pytest.raises(TableError, match=told):
        read(f"name,size\n{rows}\n")


def test_two_million_lines_are_the_most_and_blank_ones_count(read):
    assert len(read("name,size\na,1" + "\n" * 1_999_999)[0]) == 1
    with pytest.raises(TableError, match=r"line 2000001: .*: 2,000,000 lines are the most"):
        read("name,size\na,1" + "\n" * 2_000_000)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["1,5", "-2,25e3", "3"], ["1.5", "-2.25e3", "3"]),
        (["1,5", "2.5"], ["1,5", "2.5"]),
        (["1,234", "12,345,678"], ["1,234", "12,345,678"]),  # thousands, or thousandths?
        (["1,234", "1,5"], ["1.234", "1.5"]),
        (["0,234"], ["0.234"]),
        (["1", "2"], ["1", "2"]),
    ],
)
def test_commas_are_decimal_where_all_may_be_and_not_all_may_be_of_thousands(read, given, expected):
    table, _ = read("name;size\n" + "".join(f"a,b;{number}\n" for number in given))
    assert table["size"].tolist() == expected
    assert set(table["name"]) == {"a,b"}


@pytest.mark.parametrize(
    ("field", "quoted"), [('"', False), ('""', True), ('"a"', True), ('a"', False), ("", False)]
)
def test_a_field_is_quoted_that_begins_and_ends_with_a_mark(field, quoted):
    assert tablefiles._is_quoted(field) == quoted


def test_what_is_packed_may_unpack_to_32_mib_or_twenty_times_its_size():
    assert tablefiles._unpacked_at_most(b"") == 32 * 1024**2
    assert tablefiles._unpacked_at_most(bytes(2_000_000)) == 40_000_000


def test_gzip_is_unpacked_up_to_its_limit_and_that_of_text(monkeypatch):
    packed = gzip.compress(b"0" * 1000)
    monkeypatch.setattr(tablefiles, "_UNPACKED_BYTES", 1000)
    monkeypatch.setattr(tablefiles, "_UNPACKED_TIMES", 0)
    assert len(tablefiles._decompress(packed, "t.gz")) == 1000
    monkeypatch.setattr(tablefiles, "_MOST_TEXT", 1000)
    assert len(tablefiles._decompress(packed, "t.gz")) == 1000
    monkeypatch.setattr(tablefiles, "_MOST_TEXT", 999)
    with pytest.raises(TableError, match="unpacks to more than 0 MiB"):
        tablefiles._decompress(packed, "t.gz")
    monkeypatch.setattr(tablefiles, "_MOST_TEXT", 2000)
    monkeypatch.setattr(tablefiles, "_UNPACKED_BYTES", 999)
    with pytest.raises(TableError, match="unpacks to more than"):
        tablefiles._decompress(packed, "t.gz")


def test_parquet_is_unpacked_where_eight_bytes_a_number_are_allowed(tmp_path, monkeypatch):
    table = pa.table({"name": pa.repeat("a", 10_000), "size": pa.repeat(0.5, 10_000)})
    pq.write_table(table, tmp_path / "t.parquet")
    monkeypatch.setattr(tablefiles, "_UNPACKED_TIMES", 0)
    monkeypatch.setattr(tablefiles, "_UNPACKED_BYTES", 160_000)
    read, lines = tablefiles.read(tmp_path / "t.parquet", COLUMNS, WORDS)
    assert (len(read), lines) == (10_000, None)
    assert read["name"].dtype == object
    monkeypatch.setattr(tablefiles, "_UNPACKED_BYTES", 159_999)
    with pytest.raises(TableError, match="unpacks to more than"):
        tablefiles.read(tmp_path / "t.parquet", COLUMNS, WORDS)


def test_numbers_are_read_from_any_kind_of_column():
    whole = tablefiles.as_floats(pd.Series([1, None, 3], dtype="Int64"))
    np.testing.assert_array_equal(whole, [1, np.nan, 3])
    mixed = pd.Series(["1.5", " 2 ", "x", True, None, 4, 10**400, np.float32(0.5)], dtype=object)
    np.testing.assert_array_equal(
        tablefiles.as_floats(mixed), [1.5, 2, np.nan, np.nan, np.nan, 4, np.nan, 0.5]
    )
    assert tablefiles.as_floats(pd.Series([True, False])).tolist() != [1, 0]


@pytest.mark.parametrize(
    ("given", "lost"),
    [
        (2**53, False),
        (2**53 + 1, True),
        (-(2**53) - 1, True),
        (2**53 - 1, False),
        (2**60, False),
        ("1e-400", True),
        ("0.0", False),
        ("1e400000000000000000000", True),
        ("9007199254740993.0", False),
        ("9007199254740993", True),
        (0, False),
    ],
)
def test_a_number_is_lost_that_float64_has_no_room_for(given, lost):
    column = pd.Series([1, given], dtype=object)
    values = np.array([1, float(given)])
    assert tablefiles.is_lost(column, values).tolist() == [False, lost]


def test_a_problem_is_counted_where_there_are_more():
    assert str(TableError.at("t", "it is bad")) == "t: it is bad."
    assert str(TableError.at("t", "it is bad", 2)) == "t: it is bad (the first of 2 such problems)."


def test_a_cell_is_refused_by_row_and_column():
    table = pd.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]})
    wrong = np.array([[False, False], [False, True], [True, True]])
    with pytest.raises(TableError, match=r"^row 1, column b: '5' is odd .the first of 3 such"):
        tablefiles.refuse_cell(table, ("a", "b"), wrong, "is odd", lambda row: f"row {row}")
    tablefiles.refuse_cell(table, ("a", "b"), wrong & False, "is odd", str)


def test_each_key_has_one_value_and_keys_with_more_are_counted():
    table = pd.DataFrame({"key": [1, 2, 1, 2, 2, 3], "value": list("abacda")})
    told = r"^row 3: key 2 has value c here and b before\.$"
    with pytest.raises(TableError, match=told):
        tablefiles.check_one_each(table, "key", "value", lambda row: f"row {row}")
    table["value"] = list("abccda")
    with pytest.raises(TableError, match=r"row 2: key 1 has value c here .* of 2 such"):
        tablefiles.check_one_each(table, "key", "value", lambda row: f"row {row}")
    tablefiles.check_one_each(table, "value", "value", str)
