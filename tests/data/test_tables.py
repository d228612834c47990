"""data.tables: sound tables are read alike from every format, unsound ones are refused."""

import csv
import gzip
import io
import json
import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import put
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genres import Refusal, project
from genres.data import tables

COLUMNS = ["Track ID", "File", *tables.FEATURES, "GenreID", "Genre", "Type"]


def make_table(genres=("pop", "metal"), tracks_per_genre=4, n_segments=3, seed=0):
    """A small sound table: the last track of each genre is for testing."""
    rng = np.random.default_rng(seed)
    rows = []
    for genre_id, genre in enumerate(genres):
        for number in range(tracks_per_genre):
            track = genre_id * tracks_per_genre + number
            kind = "Test" if number == tracks_per_genre - 1 else "Train"
            for _ in range(n_segments):
                features = rng.normal(size=len(tables.FEATURES))
                rows.append([track, f"{genre}_{number:05d}.wav", *features, genre_id, genre, kind])
    return pd.DataFrame(rows, columns=COLUMNS)


def as_text(table, separator="\t"):
    return table.to_csv(sep=separator, index=False, lineterminator="\n")


@pytest.fixture
def table():
    return make_table()


@pytest.fixture
def refused(tmp_path):
    """Write a table, or raw content, load it, and give the sentence of the refusal."""

    def write_and_load(content, name="bad.txt"):
        path = tmp_path / name
        if isinstance(content, pd.DataFrame):
            content = as_text(content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(tables.TableError) as refusal:
            tables.load(path)
        sentence = str(refusal.value)
        assert str(path) in sentence
        assert sentence.endswith(".")
        assert "\n" not in sentence
        return sentence

    return write_and_load


# Sound tables


def write_gz(path, table):
    path.write_bytes(gzip.compress(as_text(table).encode()))


def write_shuffled_columns(path, table):
    path.write_text(as_text(table[COLUMNS[::-1]]))


def write_decimal_commas(path, table):
    path.write_text(table.to_csv(sep=";", decimal=",", index=False))


def write_other_names(path, table):
    names = [name.replace(" ", ".").replace("_", "-").upper() for name in table.columns]
    path.write_text(as_text(table.set_axis(names, axis=1)))


WRITERS = {
    "semicolons.csv": lambda path, table: path.write_text(as_text(table, ";")),
    "decimal_commas.csv": write_decimal_commas,
    "quoted_decimal_commas.csv": lambda path, table: table.to_csv(path, decimal=",", index=False),
    "utf16.txt": lambda path, table: path.write_bytes(as_text(table).encode("utf-16")),
    "index.csv": lambda path, table: table.set_index(table.index + 1).to_csv(path),
    "unnamed.csv": lambda path, table: table.reset_index(names="Unnamed: 0").to_csv(
        path, index=False
    ),
    "names.txt": write_other_names,
    "all_quoted.csv": lambda path, table: table.to_csv(path, index=False, quoting=csv.QUOTE_ALL),
    "categories.parquet": lambda path, table: table.astype({"Genre": "category"}).to_parquet(path),
    "tab.txt": lambda path, table: path.write_text(as_text(table)),
    "comma.csv": lambda path, table: path.write_text(as_text(table, ",")),
    "comma.txt": lambda path, table: path.write_text(as_text(table, ",")),
    "UPPER.TXT": lambda path, table: path.write_text(as_text(table)),
    "tab.txt.gz": write_gz,
    "tab.parquet": lambda path, table: table.to_parquet(path, index=False),
    "with_index.parquet": lambda path, table: table.set_index(table.index + 7).to_parquet(path),
    "crlf.txt": lambda path, table: path.write_bytes(as_text(table).replace("\n", "\r\n").encode()),
    "bom.csv": lambda path, table: path.write_bytes(as_text(table, ",").encode("utf-8-sig")),
    "blank_lines.txt": lambda path, table: path.write_text(as_text(table).replace("\n", "\n\n")),
    "no_last_newline.txt": lambda path, table: path.write_text(as_text(table).rstrip("\n")),
    "columns_reversed.txt": write_shuffled_columns,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_table(tmp_path, table, name):
    table.loc[0:2, "File"] = 'Señor, "live", 12".wav'
    WRITERS[name](tmp_path / name, table)
    pd.testing.assert_frame_equal(tables.load(tmp_path / name), table, check_exact=True)


def test_features_are_float64_and_ids_are_whole_numbers(tmp_path, table):
    table = table.astype(dict.fromkeys(tables.FEATURES, np.float32)).astype({"GenreID": float})
    table.to_parquet(tmp_path / "t.parquet")
    loaded = tables.load(tmp_path / "t.parquet")
    assert set(loaded[list(tables.FEATURES)].dtypes) == {np.dtype(np.float64)}
    assert loaded["GenreID"].dtype == loaded["Track ID"].dtype == np.int64


@pytest.mark.parametrize(("file", "n_rows"), [("30s", 990), ("10s", 2970), ("5s_part", 1548)])
def test_the_course_tables_are_sound(real_data, file, n_rows):
    path = real_data / "course" / f"GenreClassData_{file}.txt"
    table = tables.load(path)
    assert len(table) == n_rows
    assert list(table.columns) == path.open().readline().rstrip("\n").split("\t")
    assert tuple(tables.genre_names(table)) == tables.GTZAN_GENRES


def test_the_course_tables_have_792_tracks_for_training_and_198_for_testing(real_data):
    for file, n_segments in (("30s", 1), ("10s", 3)):
        table = tables.load(real_data / "course" / f"GenreClassData_{file}.txt")
        assert tables.n_segments(table) == n_segments
        train = tables.is_train(table)
        assert (train.sum(), (~train).sum()) == (792 * n_segments, 198 * n_segments)


def test_text_is_read_to_the_last_digit(real_data):
    path = real_data / "course" / "GenreClassData_30s.txt"
    table = tables.load(path)
    fields = path.read_text().splitlines()[990].split("\t")
    assert table.iloc[-1, 2:65].tolist() == [float(field) for field in fields[2:65]]


# Unsound tables


def swap_ids(table):
    return table.replace({"GenreID": {0: 1, 1: 0}})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.drop(columns="tempo"), "lacks the column 'tempo'."),
        (
            lambda t: t.drop(columns=["tempo", "Type"]),
            "lacks the column 'tempo' (the first of 2 such problems).",
        ),
        (lambda t: t.assign(mood="sad"), "unknown column 'mood'."),
        (lambda t: t.assign(**{"Unnamed: 0": 7}), "unknown column 'Unnamed: 0'."),
        (
            lambda t: t.rename(columns={"tempo": "bpm"}),
            "lacks the column 'tempo', and 'bpm' is not one of a table's.",
        ),
        (lambda t: pd.concat([t, t["tempo"]], axis=1), "has twice the column 'tempo'."),
        (put(4, "tempo", "fast"), "line 6, column tempo: 'fast' is not a finite number."),
        (put(4, "tempo", "1,5"), "line 6, column tempo: '1,5' is not a finite number."),
        (put(4, "tempo", "1_000"), "line 6, column tempo: '1_000' is not a finite number."),
        (put(4, "tempo", "١٢٠"), "line 6, column tempo: '١٢٠' is not a finite number."),
        (put(4, "tempo", "0x1F"), "line 6, column tempo: '0x1F' is not a finite number."),
        (put(4, "tempo", True), "line 6, column tempo: 'True' is not a finite number."),
        (put(4, "Track ID", "1_1"), "line 6, column Track ID: '1_1' is not a finite number."),
        (put(0, "rmse_mean", "nan"), "line 2, column rmse_mean: 'nan' is not a finite number."),
        (put(0, "rmse_mean", ""), "line 2, column rmse_mean: '' is not a finite number."),
        (put(23, "rmse_var", "-inf"), "line 25, column rmse_var: '-inf' is not a finite number."),
        (
            put([3, 4], ["tempo", "rmse_mean"], "?"),
            "line 5, column rmse_mean: '?' is not a finite number (the first of 4 such problems).",
        ),
        (put(5, "GenreID", 0.5), "line 7, column GenreID: '0.5' is not a whole number"),
        (put(5, "GenreID", "zero"), "line 7, column GenreID: 'zero' is not a finite number."),
        (put(5, "Track ID", 2.5), "line 7, column Track ID: '2.5' is not a whole number"),
        (put(5, "Track ID", 1e300), "line 7, column Track ID: '1e+300' is not a whole number"),
        (put(5, "Genre", " "), "line 7, column Genre: ' ' is not a name."),
        (put(5, "File", ""), "line 7, column File: '' is not a name."),
        (put(slice(3, 5), "GenreID", 1), "line 5: Genre pop has GenreID 1 here and 0 before."),
        (put(slice(3, 5), "Genre", "ska"), "line 5: GenreID 0 has Genre ska here and pop before."),
        (
            lambda t: t.replace({"GenreID": {1: 2}}),
            "the GenreIDs of 2 genres must be 0 to 1, and 1 is missing.",
        ),
        (
            lambda t: t.replace({"GenreID": {0: 1, 1: 2}}),
            "the GenreIDs of 2 genres must be 0 to 1, and 0 is missing.",
        ),
        (lambda t: t[t["GenreID"] == 0], "the number of genres is 1; 2 to 50 are taken."),
        (
            lambda _: make_table([f"genre {n}" for n in range(51)]),
            "the number of genres is 51; 2 to 50 are taken.",
        ),
        (
            lambda _: swap_ids(make_table(tables.GTZAN_GENRES)),
            "the genre 'metal' has GenreID 0 where the course's tables have 1 "
            "(the first of 2 such problems).",
        ),
        (
            lambda t: put(5, "Genre", "metal")(put(5, "GenreID", 1)(t)),
            "line 7: Track ID 1 has Genre metal here and pop before.",
        ),
        (put(5, "Type", "Test"), "line 7: Track ID 1 has Type Test here and Train before."),
        (put(5, "Type", "train"), "line 7, column Type: 'train' is neither Train nor Test."),
        (put(23, "Type", "Tes"), "line 25, column Type: 'Tes' is neither Train nor Test."),
        (
            put(5, "File", "x.wav"),
            "line 7: Track ID 1 has File x.wav here and pop_00001.wav before.",
        ),
        (
            put(slice(3, 5), "Track ID", 0),
            "line 5: Track ID 0 has File pop_00001.wav here and pop_00000.wav before.",
        ),
        (put(5, "Track ID", 99), "line 7: File pop_00001.wav has Track ID 99 here and 1 before."),
        (
            lambda t: t.drop(index=[5, 23]),
            "line 5: the track 'pop_00001.wav' has 2 segments where others have 3 "
            "(the first of 2 such problems).",
        ),
        (
            lambda t: t[:23],
            "line 23: the track 'metal_00003.wav' has 2 segments where others have 3.",
        ),
        (lambda t: t[t["Type"] == "Test"], "no row has the Type Train."),
        (lambda t: t[t["Type"] == "Train"], "no row has the Type Test."),
        (lambda t: t[:0], "the table has no rows."),
    ],
)
def test_an_unsound_table_is_refused_where_it_is_unsound(refused, table, change, told):
    assert told in refused(change(table))


def test_a_sound_subset_of_gtzans_genres_has_ids_of_its_own(tmp_path):
    path = tmp_path / "t.csv"
    make_table(["jazz", "blues"]).to_csv(path, index=False)
    assert tables.genre_names(tables.load(path)) == ["jazz", "blues"]


@pytest.mark.parametrize("n_genres", [2, 50])
def test_two_to_fifty_genres_are_taken(tmp_path, n_genres):
    path = tmp_path / "t.csv"
    make_table([f"genre {n}" for n in range(n_genres)]).to_csv(path, index=False)
    assert len(tables.genre_names(tables.load(path))) == n_genres


def test_the_line_named_is_the_one_an_editor_shows(refused, table):
    text = as_text(put(4, "tempo", "fast")(table)).splitlines()
    text[3:3] = ["", ""]
    assert "line 8, column tempo: 'fast'" in refused("\r\n".join(text))


def test_a_file_cut_off_in_its_last_line_is_refused(refused, table):
    sentence = refused(as_text(table)[:-40])
    assert "line 25" in sentence
    assert "so the file is cut off" in sentence


def test_lines_with_too_many_or_too_few_fields_are_counted(refused, table):
    lines = as_text(table).splitlines()
    lines[2] += "\textra"
    lines[9] = "1\tpop_00001.wav"
    sentence = refused("\n".join(lines))
    assert "line 3: 69 fields where the first line has 68 (the first of 2" in sentence


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("empty.txt", b"", "the file is empty"),
        ("blank.txt", b"\n\r\n  \n", "the file is empty"),
        ("bom.txt", b"\xef\xbb\xbf", "the file is empty"),
        ("empty.txt.gz", gzip.compress(b"", mtime=0), "the file is empty"),
        ("empty.parquet", b"", "no whole parquet file"),
        ("image.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not text in UTF-8"),
        ("latin.txt", "Track ID\tFile\n1\tSeñor.wav".encode("latin-1"), "not text in UTF-8"),
        ("utf16.txt", "Track ID\tFile".encode("utf-16-le"), "not text in UTF-8"),
        ("bars.txt", b"Track ID|File|tempo\n1|a|2", "between tabs, commas or semicolons"),
        ("prose.txt", b"Hello, world", "lacks the column 'Track ID'"),
        ("plain.txt.gz", b"Track ID\tFile", "cut off or damaged"),
        ("text.parquet", b"Track ID\tFile", "no whole parquet file"),
        ("quote.csv", b'Track ID,"File\n1,a', "does not name the columns"),
        ("table.xlsx", b"PK", "a workbook or an archive: save its table as CSV in UTF-8"),
        ("workbook.csv", b"PK\x03\x04", "a workbook or an archive: save its table as CSV"),
        ("table.json", b"{}", "ends in one of .txt .csv .gz .parquet"),
    ],
)
def test_a_file_that_is_no_table_is_refused(refused, name, content, told):
    assert told in refused(content, name)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_cut_off_gzip_or_parquet_file_is_refused(tmp_path, refused, table, share):
    write_gz(tmp_path / "whole.txt.gz", table)
    table.to_parquet(tmp_path / "whole.parquet")
    for name in ("whole.txt.gz", "whole.parquet"):
        content = (tmp_path / name).read_bytes()
        refused(content[: int(share * len(content))], f"cut_{name}")


def test_a_flipped_bit_is_noticed_where_the_parquet_file_has_checksums(refused, tmp_path, table):
    table.to_parquet(tmp_path / "whole.parquet", write_page_checksum=True, compression=None)
    content = (tmp_path / "whole.parquet").read_bytes()
    changed = content.replace(table["tempo"].to_numpy()[3:5].tobytes(), b"\x3f" * 16)
    assert changed != content
    assert "no whole parquet file" in refused(changed, "flipped.parquet")


@given(at=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
@settings(max_examples=40, deadline=None)
def test_a_damaged_parquet_file_is_refused_or_read_but_never_fails_otherwise(
    tmp_path_factory, at, flip
):
    path = tmp_path_factory.mktemp("damaged") / "t.parquet"
    make_table().to_parquet(path)
    content = bytearray(path.read_bytes())
    content[int(at * len(content))] ^= flip
    path.write_bytes(content)
    try:
        tables.load(path)
    except tables.TableError as refusal:
        assert str(path) in str(refusal)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(tables.TableError, match=r"gone\.txt cannot be read: No such file"):
        tables.load(tmp_path / "gone.txt")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(tables.TableError, match=r"folder\.csv cannot be read: it is not a reg"):
        tables.load(tmp_path / "folder.csv")


def test_a_row_of_a_parquet_table_is_named_by_its_number(tmp_path, table):
    table.loc[4, "tempo"] = np.inf
    table.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(tables.TableError, match=r"row 5, column tempo: 'inf' is not"):
        tables.load(tmp_path / "t.parquet")


@pytest.mark.parametrize("value", [True, b"1.5", None, 1j])
def test_what_is_no_number_is_none_in_memory_either(table, value):
    with pytest.raises(tables.TableError, match=r"row 5, column tempo: .* is not a finite number"):
        tables.check(put(4, "tempo", value)(table), "made")


def test_a_column_of_truth_values_is_refused(table):
    with pytest.raises(tables.TableError, match="row 1, column tempo: 'True' is not a finite"):
        tables.check(table.assign(tempo=True), "made")


def test_a_table_made_in_memory_is_checked_alike(table):
    pd.testing.assert_frame_equal(tables.check(table.set_index(table.index + 3), "made"), table)
    with pytest.raises(Refusal, match=r"made, row 5, column tempo"):
        tables.check(put(4, "tempo", None)(table), "made")


# Quotation marks


def with_files(table, names):
    """Write a table without rules of quoting, its first tracks called by `names`."""
    old = pd.unique(table["File"])
    text = as_text(table)
    for before, after in zip(old, names, strict=False):
        text = text.replace(before, after)
    return text


@pytest.mark.parametrize(
    "names",
    [['"Heroes.wav'], ['12" mix.wav'], ['"Heroes" live.wav', '"a'], ['"a.wav', 'b.wav"']],
)
def test_a_file_that_begins_with_a_quotation_mark_swallows_no_row(tmp_path, table, names):
    path = tmp_path / "t.txt"
    path.write_text(with_files(table, names))
    loaded = tables.load(path)
    assert len(loaded) == len(table)
    assert pd.unique(loaded["File"])[: len(names)].tolist() == names


def test_marks_that_may_or_may_not_quote_are_refused_where_they_are(refused, table):
    sentence = refused(with_files(table, ['"a', '"b"']))
    assert "line 2: this is no row of separated fields" in sentence


def test_a_quoted_field_does_not_go_on_in_the_next_line(refused, table):
    table["File"] = table["File"].replace("pop_00001.wav", "pop\n00001.wav")
    sentence = refused(table.to_csv(index=False), "t.csv")
    assert "line 5" in sentence
    assert "does not end in this line" in sentence


# Numbers that float64 cannot hold


@pytest.mark.parametrize("value", ["9007199254740993", "1e-400", "-1e-999999999999999999999"])
def test_no_number_is_rounded_in_silence(refused, table, value):
    told = (
        f"line 6, column tempo: '{value}' is too large or too small a number for double precision"
    )
    assert told in refused(put(4, "tempo", value)(table))


@pytest.mark.parametrize("value", ["9007199254740992", "0e-999", "-0.0", "12345678901234567890.5"])
def test_numbers_with_a_float_of_their_own_or_with_decimals_are_taken(tmp_path, table, value):
    path = tmp_path / "t.txt"
    path.write_text(as_text(put(4, "tempo", value)(table)))
    assert tables.load(path).loc[4, "tempo"] == float(value)


def test_whole_numbers_of_a_parquet_table_are_not_rounded_either(tmp_path, table):
    tempo = pd.array([2**53 + 1, None, *range(22)], dtype="Int64")
    table.assign(tempo=tempo.fillna(3)).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(tables.TableError, match="row 1, column tempo: '9007199254740993' is too"):
        tables.load(tmp_path / "t.parquet")


def test_what_other_programs_note_in_a_parquet_file_changes_no_value(tmp_path, table):
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    noted = json.loads(arrow.schema.metadata[b"pandas"])
    for column in noted["columns"]:
        column["numpy_type"] = "Float32"
    for index_columns in ([], ["tempo"], [{"kind": "range"}], None):
        noted["index_columns"] = index_columns
        metadata = {b"pandas": json.dumps(noted).encode()}
        pq.write_table(arrow.replace_schema_metadata(metadata), tmp_path / "t.parquet")
        pd.testing.assert_frame_equal(tables.load(tmp_path / "t.parquet"), table, check_exact=True)


# What is large, or no file


def test_gzip_and_parquet_bombs_are_refused_unread(refused, table):
    mebibyte = gzip.compress(b"0" * (1 << 20))
    assert "unpacks to more than 32 MiB" in refused(mebibyte * 100, "bomb.csv.gz")
    rows = pa.table({name: pa.repeat(0.5, 10**6) for name in COLUMNS})
    content = io.BytesIO()
    pq.write_table(rows, content)
    assert "unpacks to more than 32 MiB" in refused(content.getvalue(), "bomb.parquet")


def test_many_thousand_names_are_refused_at_once(refused, table):
    names = "\t".join(f"x{n}" for n in range(67_000))
    sentence = refused(as_text(table).replace("tempo", f"tempo\t{names}"))
    assert sentence.endswith("unknown column 'x0' (the first of 67000 such problems).")


def test_what_is_no_regular_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(tables.TableError, match=r"pipe\.csv .*not a regular file"):
        tables.load(tmp_path / "pipe.csv")


# Sentences


def test_a_refusal_shows_no_long_or_unprintable_field(refused, table):
    long = refused(put(4, "tempo", "x" * 100_000)(table))
    assert len(long) < 300
    assert "xxx…' is not a finite number." in long
    for name in ("Genre", "File"):
        assert len(refused(put(4, name, "y" * 100_000)(table))) < 400
    assert r"'\x1b[31m\u202e' is not a finite" in refused(put(4, "tempo", "\x1b[31m\u202e")(table))


def test_the_kaggle_table_is_called_by_its_name(refused, real_data):
    table = pd.read_csv(real_data / "kaggle" / "features_30_sec.csv")
    assert "this is the Kaggle table of GTZAN" in refused(table.to_csv(index=False), "t.csv")


def test_a_table_in_which_every_row_stands_twice_is_refused(refused, table):
    assert "every row stands there twice" in refused(pd.concat([table, table]))
    assert "every row stands there twice" in refused(table.loc[table.index.repeat(2)])


def test_segments_of_sounds_that_never_change_are_no_rows_written_twice(table, tmp_path):
    values = list(tables.FEATURES)
    table[values] = table.groupby("Track ID")[values].transform("first")
    path = tmp_path / "GenreClassData_10s.parquet"
    table.to_parquet(path)
    assert len(tables.load(path)) == len(table)


@pytest.mark.parametrize("track", [10**15 - 1, 1 - 10**15])
def test_ids_have_fifteen_digits_at_most(refused, tmp_path, table, track):
    path = tmp_path / "t.parquet"
    table.replace({"Track ID": {3: track}}).to_parquet(path)
    assert tables.load(path)["Track ID"].iat[9] == track
    beyond = track + (1 if track > 0 else -1)
    told = f"column Track ID: '{beyond}' is not a whole number of at most 15 digits"
    assert told in refused(table.replace({"Track ID": {3: beyond}}))


def test_of_two_usual_numbers_of_segments_the_larger_is_meant(refused, table):
    short = table.drop(index=[2, 5, 8, 11])  # four of eight tracks lack a segment
    told = "line 2: the track 'pop_00000.wav' has 2 segments where others have 3 (the first of 4"
    assert told in refused(short)


# Standardising

numbers = st.floats(-1e6, 1e6).map(lambda number: round(number, 9))
matrices = arrays(np.float64, st.tuples(st.integers(3, 12), st.integers(1, 4)), elements=numbers)


@given(values=matrices, n_train=st.integers(2, 12))
def test_training_rows_get_mean_zero_and_sample_deviation_one_or_all_zeros(values, n_train):
    train = np.arange(len(values)) < n_train
    scaled = tables.standardise(values, train)
    assert np.isfinite(scaled).all()
    for column, raw in zip(scaled.T, values.T, strict=True):
        if (column == 0).all():
            spread = np.ptp(raw[train])
            assert spread <= 1e-12 * np.abs(raw[train]).max()
        else:
            assert column[train].std(ddof=1) == pytest.approx(1, abs=1e-4)
            assert column[train].mean() == pytest.approx(0, abs=1e-3)


@given(values=matrices, shift=st.floats(-100, 100), factor=st.floats(0.01, 100))
def test_the_unit_of_a_feature_does_not_matter(values, shift, factor):
    values = np.round(values)
    train = np.arange(len(values)) < len(values) - 1
    expected = tables.standardise(values, train)
    np.testing.assert_allclose(
        tables.standardise(values * factor + shift, train), expected, rtol=1e-6, atol=1e-6
    )


def test_test_rows_have_no_say_in_the_scale():
    train = np.array([True, True, False])
    with_small = tables.standardise([[0.0], [2.0], [3.0]], train)
    with_large = tables.standardise([[0.0], [2.0], [3e9]], train)
    np.testing.assert_array_equal(with_small[train], with_large[train])
    np.testing.assert_allclose(with_small[:, 0], np.array([-1, 1, 2]) / np.sqrt(2))


@pytest.mark.parametrize("value", [0.1, 661794.0, -1e-300, 0.0, 1e15])
def test_a_column_constant_up_to_rounding_becomes_zero(value):
    noisy = np.full((999, 1), value)
    noisy[::3] = np.nextafter(value, np.inf)
    noisy[-1] = 2 * value + 1  # a test row may well differ
    assert (tables.standardise(noisy, np.arange(999) < 998) == 0).all()


@pytest.mark.parametrize("value", [1e-320, 1e-200, 1e150])
def test_extreme_numbers_do_not_become_nan(value):
    scaled = tables.standardise(value * np.array([[0.0], [1], [2]]), np.array([True] * 3))
    assert np.isfinite(scaled).all()


@pytest.mark.parametrize(("spread", "varies"), [(1e-13, False), (1e-11, True), (1e-3, True)])
def test_a_spread_of_more_than_rounding_is_scaled(spread, varies):
    values = np.array([[1.0], [1 + spread], [1.0], [1 + spread]])
    scaled = tables.standardise(values, np.array([True] * 4))
    expected = np.array([[-1], [1], [-1], [1]]) * np.sqrt(3) / 2
    np.testing.assert_allclose(scaled, expected if varies else 0, rtol=1e-3, atol=1e-9)
    negative = tables.standardise(-values, np.array([True] * 4))
    np.testing.assert_allclose(negative, -scaled)


def test_a_scale_needs_two_training_rows():
    two = tables.standardise([[0.0], [2.0]], np.array([True, True]))
    np.testing.assert_allclose(two[:, 0], np.array([-1, 1]) / np.sqrt(2))
    with pytest.raises(ValueError, match="not 1"):
        tables.standardise(np.eye(3), np.array([True, False, False]))


# Sequences


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_steps_keep_their_order_when_tracks_are_mixed(seed):
    table = make_table()
    table["tempo"] = table.groupby("Track ID").cumcount().astype(float)
    rng = np.random.default_rng(seed)
    # Shuffle which track each row belongs to while every track's own rows stay in order.
    turns = rng.permutation(table["Track ID"])
    mixed = pd.concat([table[table["Track ID"] == track] for track in pd.unique(turns)])
    mixed = mixed.iloc[np.argsort(np.argsort(pd.factorize(turns)[0], kind="stable"))]
    assert mixed["Track ID"].tolist() == turns.tolist()

    result = tables.sequences(mixed, ["tempo", "rmse_mean"])

    assert result.values.shape == (8, 3, 2)
    assert (np.diff(result.values[:, :, 0], axis=1) > 0).all()
    straight = tables.sequences(table, ["tempo", "rmse_mean"])
    order = [straight.files.tolist().index(file) for file in result.files]
    np.testing.assert_allclose(result.values, straight.values[order], rtol=1e-6)
    np.testing.assert_array_equal(result.labels, straight.labels[order])
    np.testing.assert_array_equal(result.train, straight.train[order])


def test_tracks_come_in_the_order_in_which_they_first_appear(table):
    backwards = table[::-1]
    files = tables.sequences(backwards, ["tempo"]).files
    assert files.tolist() == list(dict.fromkeys(backwards["File"]))


def test_the_ten_second_table_gives_990_sequences_of_three_steps(real_data):
    table = tables.load(real_data / "course" / "GenreClassData_10s.txt")
    result = tables.sequences(table, tables.FEATURES)
    assert result.values.shape == (990, 3, 63)
    assert result.values.dtype == np.float32
    assert result.train.sum() == 792
    assert np.bincount(result.labels).tolist() == [100, 100, 99, 100, 100, 98, 99, 98, 97, 99]
    assert result.files[0] == "pop_00072.wav"
    known = result.values[result.train].reshape(-1, 63).astype(np.float64)
    np.testing.assert_allclose(known.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(known.std(axis=0, ddof=1), 1, atol=1e-6)


# Copies and missing clips

KNOWN_COPIES = {
    ("reggae", 81, 82): True,
    ("hiphop", 39, 45): True,
    ("pop", 54, 60): True,
    ("pop", 67, 71): True,
    ("metal", 40, 61): True,
    ("metal", 41, 62): True,
    ("metal", 42, 63): False,
    ("metal", 43, 64): False,
    ("metal", 44, 65): False,
    ("metal", 45, 66): False,
    ("metal", 34, 94): False,
    ("hiphop", 76, 78): False,
    ("disco", 98, 99): False,
}


@pytest.mark.parametrize("file", ["30s", "10s"])
def test_gtzans_fourteen_copies_are_found(real_data, file):
    pairs = tables.copies(tables.load(real_data / "course" / f"GenreClassData_{file}.txt"))
    found = {(a, b): across for a, b, across in pairs[["file_a", "file_b", "across_split"]].values}
    expected = {
        (f"{genre}_{a:05d}.wav", f"{genre}_{b:05d}.wav"): across
        for (genre, a, b), across in KNOWN_COPIES.items()
    }
    expected["metal_00058.wav", "rock_00016.wav"] = False
    assert found == expected
    assert pairs.loc[pairs["across_genres"], "file_a"].tolist() == ["metal_00058.wav"]
    assert pairs["file_a"].tolist() == sorted(pairs["file_a"])


def test_three_equal_tracks_make_three_pairs_whatever_the_sign_of_zero(table):
    features = list(tables.FEATURES)
    table.loc[0:2, "tempo"] = 0.0
    for start in (9, 12):  # the test track of pop, and a training track of metal
        table.loc[start : start + 2, features] = table.loc[0:2, features].to_numpy()
        table.loc[start : start + 2, "tempo"] = -0.0
    pairs = tables.copies(table)
    assert pairs[["file_a", "file_b", "across_split", "across_genres"]].values.tolist() == [
        ["metal_00000.wav", "pop_00000.wav", False, True],
        ["metal_00000.wav", "pop_00003.wav", True, True],
        ["pop_00000.wav", "pop_00003.wav", True, False],
    ]


def test_tracks_that_differ_in_one_value_of_one_segment_are_no_copies(table):
    features = list(tables.FEATURES)
    table.loc[3:5, features] = table.loc[0:2, features].to_numpy()
    assert len(tables.copies(table)) == 1
    table.loc[5, "mfcc_12_std"] += 1e-12
    pairs = tables.copies(table)
    assert len(pairs) == 0
    assert list(pairs.columns)[-2:] == ["across_split", "across_genres"]


@pytest.mark.parametrize("file", ["30s", "10s"])
def test_the_ten_clips_that_the_course_left_out_are_named(real_data, file):
    table = tables.load(real_data / "course" / f"GenreClassData_{file}.txt")
    assert tables.missing_gtzan_clips(table) == [
        "classical.00049",
        "classical.00051",
        "country.00003",
        "country.00004",
        "country.00007",
        "disco.00014",
        "hiphop.00031",
        "hiphop.00032",
        "jazz.00054",
        "rock.00038",
    ]


def test_a_table_of_other_genres_misses_none_of_gtzans_clips(table):
    assert tables.missing_gtzan_clips(table) == []


@pytest.mark.parametrize(("name", "mebibytes"), [("table.csv", 256), ("table.parquet", 1024)])
def test_files_larger_than_any_table_are_refused_unread(tmp_path, name, mebibytes):
    with (tmp_path / name).open("wb") as file:
        file.truncate((mebibytes << 20) + 1)
    with pytest.raises(tables.TableError, match=f"larger than {mebibytes} MiB"):
        tables.load(tmp_path / name)


def test_only_of_gtzans_own_clips_in_all_its_genres_some_are_missing():
    of_gtzan = make_table(tables.GTZAN_GENRES, tracks_per_genre=2, n_segments=1)
    missing = tables.missing_gtzan_clips(of_gtzan)
    assert len(missing) == 980
    assert (missing[0], missing[-1]) == ("blues.00002", "rock.00099")
    renamed = of_gtzan.replace({"File": {"pop_00001.wav": "my song.wav"}})
    assert tables.missing_gtzan_clips(renamed) == []
    assert tables.missing_gtzan_clips(of_gtzan[of_gtzan["Genre"] != "rock"]) == []


def test_of_synthetic_music_no_clip_of_gtzan_is_missing():
    synthetic = tables.load(project.DATA / "synthetic" / "GenreClassData_30s.parquet")
    assert tables.missing_gtzan_clips(synthetic) == []


def test_gtzans_genres_have_the_courses_ids():
    assert tables.genre_ids(sorted(tables.GTZAN_GENRES)) == {
        name: i for i, name in enumerate(tables.GTZAN_GENRES)
    }


def test_some_of_gtzans_genres_keep_the_courses_order_without_gaps():
    assert tables.genre_ids(["jazz", "metal", "jazz", "rock"]) == {"metal": 0, "rock": 1, "jazz": 2}


def test_other_genres_have_ids_by_the_alphabet():
    assert tables.genre_ids(["rock", "Folk", "jazz"]) == {"Folk": 0, "jazz": 1, "rock": 2}
