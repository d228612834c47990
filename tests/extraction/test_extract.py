"""A collection of audio becomes tables and a mel store, whatever interrupts it."""

import csv
import errno
import json
import multiprocessing
import os
import re
import shutil
import signal
import struct
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import soundfile
from audio_collections import SR, make_collection, tone

from genres import Refusal
from genres.__main__ import main
from genres.data import clips, datasets, folders, tables, taggrams
from genres.decoding import audio
from genres.extraction import extract
from genres.extraction.extract import Settings
from genres.sound import features, melstore

SHORT = Settings(segments=(1, 2), seconds=2)


def run(folder, out, settings=SHORT, workers=1, **options):
    return extract.extract(folder, out, settings, workers=workers, progress=False, **options)


def log(out, event):
    lines = map(json.loads, (out / "extract.log").read_text().splitlines())
    return [line for line in lines if line["event"] == event]


def results_of(folder, out, **options):
    """Extract, and give the content of what is written, but for the log and the parts."""
    run(folder, out, **options)
    results = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    del results["extract.log"]
    return results


# A broken file: its name, what makes it, and the reason that fits.


def encoded(suffix, samples=None, sr=SR, **options):
    """Give the bytes of a file in a format."""
    path = encoded.folder / f"made.{suffix}"
    soundfile.write(path, tone(2) if samples is None else samples, sr, **options)
    return path.read_bytes()


def patched(content, layout, offset, value):
    content = bytearray(content)
    struct.pack_into(layout, content, offset, value)
    return bytes(content)


def with_one(value, suffix, subtype):
    samples = tone(2)
    samples[5000] = value
    return encoded(suffix, samples, subtype=subtype)


def noise_inside(content):
    middle, noise = len(content) // 3, np.random.default_rng(0).bytes(3000)
    return content[:middle] + noise + content[middle + len(noise) :]


def first_half(content):
    return content[: len(content) // 2]


JAZZ = ("piped", "flac-in-ogg", "opposite-phase")
NOISE = np.random.default_rng(7).bytes(30_000)
BROKEN = {
    "is-a-link-to-nothing.wav": (None, "missing"),
    "is-a-folder.flac": (None, "folder"),
    "is-a-pipe.ogg": (None, "not a file"),
    "has-no-bytes.wav": (lambda: b"", "empty"),
    "has-no-bytes.mp3": (lambda: b"", "empty"),
    "is-text.wav": (lambda: b"Lyrics:\n" * 500, "not audio"),
    "is-text.au": (lambda: b"Lyrics:\n" * 500, "not audio"),
    "is-a-web-page.mp3": (lambda: b"<!DOCTYPE html><title>404</title>" * 50, "not audio"),
    "is-a-picture.mp3": (lambda: b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(3000), "not audio"),
    "is-an-archive.flac": (lambda: b"PK\x03\x04" + NOISE, "not audio"),
    "is-noise.ogg": (lambda: NOISE, "not audio"),
    "is-zeros.flac": (lambda: bytes(30_000), "not audio"),
    "is-mpeg4.mp3": (lambda: b"\x00\x00\x00\x20ftypM4A " + NOISE, "header"),
    "is-midi.mp3": (lambda: b"MThd" + NOISE, "format"),
    "is-in-a-telephones-codec.wav": (lambda: patched(encoded("wav"), "<H", 20, 0xFF), "encoding"),
    "is-in-no-known-codec.au": (lambda: patched(encoded("au"), ">I", 12, 99), "encoding"),
    "has-only-a-head.wav": (lambda: encoded("wav")[:30], "header"),
    "has-only-a-head.flac": (lambda: encoded("flac")[:30], "header"),
    "has-only-tags.mp3": (lambda: b"ID3\x04\0\0\0\0\x0f\x7f" + bytes(2000), "header"),
    "has-no-channels.wav": (lambda: patched(encoded("wav"), "<H", 22, 0), "header"),
    "has-a-thousand-channels.wav": (lambda: patched(encoded("wav"), "<H", 22, 1000), "channels"),
    "has-one-sample-a-second.au": (lambda: patched(encoded("au"), ">I", 16, 1), "sample rate"),
    "has-a-header-alone.au": (lambda: encoded("au", tone(0)), "no samples"),
    "is-cut-in-half.wav": (lambda: first_half(encoded("wav")), "truncated"),
    "is-cut-in-half.mp3": (lambda: first_half(encoded("mp3")), "truncated"),
    "is-cut-in-half.ogg": (lambda: first_half(encoded("ogg")), "truncated"),
    "is-cut-in-half.flac": (lambda: first_half(encoded("flac")), "damaged"),
    "has-noise-inside.flac": (lambda: noise_inside(encoded("flac")), "damaged"),
    "promises-68-billion-samples.flac": (
        lambda: patched(patched(encoded("flac", tone(1.9)), ">B", 21, 0xFF), ">I", 22, 2**32 - 1),
        "damaged",
    ),
    "ends-too-soon.wav": (lambda: encoded("wav", tone(1.9)), "short"),
    "ends-too-soon.ogg": (lambda: encoded("ogg", tone(1.9)), "short"),
    "ends-too-soon-at-8-kHz.mp3": (lambda: encoded("mp3", tone(1, sr=8000), 8000), "short"),
    "holds-nan.wav": (lambda: with_one(np.nan, "wav", "FLOAT"), "NaN"),
    "holds-infinity.au": (lambda: with_one(np.inf, "au", "DOUBLE"), "infinite"),
    "is-beyond-all-scales.wav": (lambda: with_one(1e30, "wav", "FLOAT"), "too loud"),
    "is-a-thousand-times-too-loud.wav": (lambda: with_one(1001, "wav", "FLOAT"), "too loud"),
}


@pytest.fixture
def broken_folder(tmp_path):
    encoded.folder = tmp_path
    folder = tmp_path / "broken"
    folder.mkdir()
    for name, (make, _) in BROKEN.items():
        if make:
            (folder / name).write_bytes(make())
    (folder / "is-a-link-to-nothing.wav").symlink_to("nowhere.wav")
    (folder / "is-a-folder.flac").mkdir()
    os.mkfifo(folder / "is-a-pipe.ogg")
    return folder


def test_broken_files_are_rejected_each_for_its_reason_and_stop_nothing(tmp_path, broken_folder):
    collection = make_collection(tmp_path / "audio", {"blues": 5, "rock": 5})
    broken_folder.rename(collection / "jazz")
    outcome = run(collection, tmp_path / "out")
    with (tmp_path / "out" / "rejected.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["file"]: row["reason"] for row in rows} == {
        f"jazz/{name}": reason for name, (_, reason) in BROKEN.items()
    }
    assert all(row["sentence"].startswith(row["file"]) for row in rows)
    assert all(row["sentence"].endswith(".") for row in rows)
    assert len(rows) >= 30
    assert len({row["reason"] for row in rows}) >= 10
    assert len({row["file"].rpartition(".")[2] for row in rows}) >= 5
    assert len(outcome.used) == 10
    table = tables.load(tmp_path / "out" / "GenreClassData_2s.parquet")
    assert table["Genre"].unique().tolist() == ["blues", "rock"]


def test_a_table_with_a_changed_bit_is_refused_or_has_the_same_numbers(tmp_path):
    run(make_collection(tmp_path / "audio", {"rock": 3, "folk": 3}), tmp_path / "out")
    path = tmp_path / "out" / "GenreClassData_1s.parquet"
    whole, content = tables.load(path), path.read_bytes()
    tempo = pq.ParquetFile(path).schema_arrow.names.index("tempo")
    column = pq.ParquetFile(path).metadata.row_group(0).column(tempo)
    start = min(filter(None, (column.dictionary_page_offset, column.data_page_offset)))
    n_refused = 0
    for at in range(start, start + column.total_compressed_size):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        try:
            pd.testing.assert_frame_equal(tables.load(path), whole, check_exact=True)
        except Refusal:
            n_refused += 1
    assert n_refused > column.total_compressed_size / 2


def test_nothing_usable_is_refused_and_said_why(tmp_path, broken_folder):
    (tmp_path / "audio" / "pop").mkdir(parents=True)
    (tmp_path / "audio" / "pop" / "song.mp3").write_bytes(b"no sound")
    (tmp_path / "audio" / "jazz").symlink_to(broken_folder)
    with pytest.raises(Refusal, match=r"None of \d+ clips can be used \(not audio: \d+"):
        run(tmp_path / "audio", tmp_path / "out")
    assert len((tmp_path / "out" / "rejected.csv").read_text().splitlines()) >= 31


def test_real_clips_become_the_courses_rows(tmp_path, real_data):
    wanted = ("00001", "00002", "00005")
    for path in (real_data / "gtzan-mini").glob("*/*.flac"):
        if path.suffixes[0].removeprefix(".") in wanted:
            (tmp_path / "audio" / path.parent.name).mkdir(parents=True, exist_ok=True)
            (tmp_path / "audio" / path.parent.name / path.name).symlink_to(path)
    outcome = run(tmp_path / "audio", tmp_path / "out", Settings(segments=(10, 30)))
    assert len(outcome.used) == 30
    for length in (10, 30):
        ours = tables.load(tmp_path / "out" / f"GenreClassData_{length}s.parquet")
        theirs = tables.load(real_data / "course" / f"GenreClassData_{length}s.txt")
        assert list(ours.columns) == list(theirs.columns)
        theirs = theirs[theirs["File"].isin(ours["File"])]
        by_file = [table.sort_values("File", kind="stable") for table in (ours, theirs)]
        for column in ("File", "GenreID", "Genre"):
            assert by_file[0][column].tolist() == by_file[1][column].tolist()
        values = [table[list(tables.FEATURES)].to_numpy() for table in by_file]
        spread = values[1].std(axis=0)
        assert (np.abs(values[0] - values[1]) <= 1e-4 * spread).all()


def test_tables_are_sound_and_ordered(tmp_path):
    collection = make_collection(tmp_path / "audio", {"rock": 10, "folk": 5})
    run(collection, tmp_path / "out")
    for length, n_segments in ((1, 2), (2, 1)):
        table = tables.load(tmp_path / "out" / f"GenreClassData_{length}s.parquet")
        assert len(table) == 15 * n_segments
        assert tables.genre_names(table) == ["folk", "rock"]
        assert table["File"].iloc[0] == "folk/0.wav"
        assert table["Track ID"].tolist() == sorted(table["Track ID"])
        tested = table[table["Type"] == "Test"].groupby("Genre").size() / n_segments
        assert tested.to_dict() == {"folk": 1, "rock": 2}


def test_a_table_holds_the_features_of_its_clips(tmp_path):
    collection = make_collection(tmp_path / "audio", {"rock": 3, "folk": 3})
    run(collection, tmp_path / "out")
    table = tables.load(tmp_path / "out" / "GenreClassData_1s.parquet")
    samples = audio.read(collection / "rock" / "1.wav", 2).samples
    rows = table[table["File"] == "rock/1.wav"]
    expected = [features.course_features(samples[:SR]), features.course_features(samples[SR:])]
    np.testing.assert_allclose(rows[list(tables.FEATURES)], expected, rtol=1e-5)


def test_a_collections_own_split_is_kept(tmp_path):
    folder = make_collection(tmp_path / "audio", {"rock": 3, "folk": 3})
    collection = [
        clip._replace(type="Test" if clip.name.endswith("2.wav") else "Train")
        for clip in clips.find(folder)
    ]
    run(collection, tmp_path / "out")
    table = tables.load(tmp_path / "out" / "GenreClassData_2s.parquet")
    assert table["Type"].tolist() == ["Train", "Train", "Test"] * 2


def test_a_silent_clip_is_kept_and_said(tmp_path):
    collection = make_collection(tmp_path / "audio", {"rock": 3, "folk": 3})
    soundfile.write(collection / "folk" / "1.wav", np.zeros(2 * SR), SR)
    outcome = run(collection, tmp_path / "out")
    assert [clip.name for clip in outcome.silent] == ["folk/1.wav"]
    assert len(outcome.used) == 6


def test_a_clip_whose_channels_cancel_is_kept_and_said(tmp_path):
    collection = make_collection(tmp_path / "audio", {"rock": 3, "folk": 3})
    soundfile.write(collection / "folk" / "1.wav", np.stack([tone(2), -tone(2)], axis=1), SR)
    outcome = run(collection, tmp_path / "out")
    assert [clip.name for clip in outcome.cancelling] == ["folk/1.wav"]
    assert outcome.silent == []
    assert "1 with channels that cancel (the loudest was taken)" in outcome.summary("out")


def test_files_as_people_have_them_are_measured(tmp_path, real_data):
    for path in (real_data / "cases").glob("*[!d]"):
        genre = "jazz" if path.stem in JAZZ else "disco"
        (tmp_path / "audio" / genre).mkdir(parents=True, exist_ok=True)
        (tmp_path / "audio" / genre / path.name).symlink_to(path)
    outcome = run(tmp_path / "audio", tmp_path / "out", Settings())
    assert {clip.name: why for clip, why, _ in outcome.rejected} == {"disco/piped-20s.wav": "short"}
    assert len(outcome.used) == 14


def test_the_second_clip_of_a_name_is_rejected(tmp_path):
    collection = make_collection(tmp_path / "audio", {"pop": 3, "rock": 3})
    for suffix in ("au", "wav"):
        soundfile.write(collection / "pop" / f"pop.00007.{suffix}", tone(2), SR)
    outcome = run(collection, tmp_path / "out")
    ((clip, reason, sentence),) = outcome.rejected
    assert (clip.file, reason) == ("pop/pop.00007.wav", "same name")
    assert sentence.startswith("pop/pop.00007.wav would be called pop_00007.wav")


def test_a_mel_store_has_the_tables_tracks_in_their_order(tmp_path):
    collection = make_collection(tmp_path / "audio", {"rock": 3, "folk": 18})
    soundfile.write(collection / "folk" / "1.wav", tone(1), SR)
    run(collection, tmp_path / "out", SHORT._replace(mel=True))
    table = tables.load(tmp_path / "out" / "GenreClassData_2s.parquet")
    with np.load(tmp_path / "out" / "mel.npz") as store:
        mel, track = store["mel"], store["track"]
    with zipfile.ZipFile(tmp_path / "out" / "mel.npz") as store:
        members = store.infolist()
    assert {member.date_time[0] for member in members} == {1980}  # no time of writing
    assert {member.compress_type for member in members} == {zipfile.ZIP_DEFLATED}
    assert track.tolist() == table["File"].tolist()
    assert mel.shape == (20, 128, 26)
    for name, spectrogram in zip(track, mel, strict=True):
        samples = audio.read(collection / name, 2).samples
        np.testing.assert_array_equal(spectrogram, melstore.encode(samples))


def test_kaggles_features_make_a_table_like_kaggles(tmp_path):
    collection = make_collection(tmp_path / "audio", {"rock": 2, "folk": 1})
    soundfile.write(collection / "rock" / "rock.00003.wav", tone(2, 9), SR)
    run(collection, tmp_path / "out", SHORT._replace(features="kaggle"))
    table = pd.read_csv(tmp_path / "out" / "features_1_sec.csv")
    assert list(table.columns) == ["filename", "length", *features.KAGGLE_FEATURES, "label"]
    assert table["filename"].tolist()[-2:] == ["rock.00003.0.wav", "rock.00003.1.wav"]
    assert table["length"].unique() == [SR]
    assert (tmp_path / "out" / "features_2_sec.csv").exists()


@pytest.mark.parametrize(
    ("settings", "lengths"),
    [
        (Settings("kaggle", seconds=30), [3, 30]),
        (Settings("kaggle", seconds=6), [3]),
        (Settings(seconds=12), [10, 5]),
        (Settings(seconds=2), [2]),
    ],
)
def test_segments_are_as_long_as_usual_where_nothing_is_said(tmp_path, settings, lengths):
    collection = make_collection(tmp_path / "audio", {"rock": 2, "folk": 2}, settings.seconds)
    outcome = run(collection, tmp_path / "out", settings)
    found = [int(re.search(r"_(\d+)", path.name)[1]) for path in outcome.written]
    assert sorted(found) == sorted(lengths)


def test_kaggles_tables_are_of_3_and_30_s_on_the_command_line(tmp_path):
    collection = make_collection(tmp_path / "audio", {"rock": 1, "folk": 1}, seconds=30)
    options = ["--features", "kaggle", "--workers", "1"]
    assert main(["extract", str(collection), "--out", str(tmp_path / "out"), *options]) == 0
    found = {path.name for path in (tmp_path / "out").glob("*.csv")}
    assert found == {"features_3_sec.csv", "features_30_sec.csv", "rejected.csv"}


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (SHORT._replace(segments=(3,)), "1 to 2"),
        (SHORT._replace(segments=(0.5,)), "whole seconds"),
        (SHORT._replace(segments=()), "at least one segment"),
        (SHORT._replace(seconds=0), "0 s of a clip"),
        (SHORT._replace(missing=2), "cannot lack 2 s: give 0 to less than 2"),
        (SHORT._replace(missing=-1), "cannot lack -1 s"),
        (SHORT._replace(features="mine"), "choose course or kaggle"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path, settings, complaint):
    with pytest.raises(Refusal, match=complaint):
        run(tmp_path, tmp_path / "out", settings)


def test_any_number_of_workers_writes_the_same_bytes(tmp_path):
    collection = make_collection(tmp_path / "audio", {"rock": 20, "folk": 20})
    mel = SHORT._replace(mel=True)
    one = results_of(collection, tmp_path / "one", settings=mel)
    three = results_of(collection, tmp_path / "three", settings=mel, workers=3)
    assert len(one) == 4
    assert one == three


@pytest.mark.parametrize(
    ("seconds", "advice", "options"),
    [
        (1.97, "'extract --missing 0.1' takes those of 1.97 s", {"missing": 0.1}),
        (1.25, "'extract --seconds 1' takes those of 1.25 s", {"seconds": 1, "segments": (1,)}),
    ],
)
def test_clips_that_are_too_short_are_refused_with_the_option_that_takes_them(
    tmp_path, seconds, advice, options
):
    collection = make_collection(tmp_path / "audio", {"rock": 5, "folk": 5}, seconds)
    with pytest.raises(Refusal, match=advice):
        run(collection, tmp_path / "out")
    assert len(run(collection, tmp_path / "out", SHORT._replace(**options)).used) == 10


@pytest.mark.parametrize(
    ("length", "advice"),
    [("29.700", "--missing 0.3'"), ("29.979", "--missing 0.1'"), ("10.000", "--seconds 10'")],
)
def test_the_advice_on_short_clips_names_a_number_that_takes_them(length, advice):
    sentence = f"rock/a.wav lasts {length} s, shorter than the 30 s needed."
    assert advice in extract.extracted._advice_on_short([(None, "short", sentence)] * 20, 30)


def test_a_few_clips_much_shorter_than_the_rest_do_not_change_the_advice():
    lengths = [0.2, *[29.7] * 19]
    rejected = [(None, "short", f"a lasts {length:.3f} s, shorter than") for length in lengths]
    assert "--missing 0.3'" in extract.extracted._advice_on_short(rejected, 30)


def test_a_file_in_the_folders_place_is_named(tmp_path):
    collection = make_collection(tmp_path / "audio", {"rock": 2, "folk": 2})
    (tmp_path / "out").touch()
    with pytest.raises(OSError, match="File exists") as fault:
        run(collection, tmp_path / "out")
    assert fault.value.filename == str(tmp_path / "out")


@pytest.mark.parametrize("name", ["extract.log", "rejected.csv"])
def test_a_full_disk_is_told_with_the_file_that_finds_no_room(tmp_path, monkeypatch, name):
    collection = make_collection(tmp_path / "audio", {"rock": 2, "folk": 2})
    out = tmp_path / "out"
    out.mkdir()
    if name == "extract.log":
        (out / name).symlink_to("/dev/full")
    else:
        write_rejected = extract.extracted.write_rejected

        def fail(*args):
            monkeypatch.setattr(extract.files, "_flush", lambda *_: os.write(full, b"x"))
            write_rejected(*args)

        monkeypatch.setattr(extract.extracted, "write_rejected", fail)
        full = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match="No space left on device") as fault:
        run(collection, out)
    assert fault.value.filename == str(out / name)


def test_no_name_needs_to_be_utf_8(tmp_path, capsys):
    collection = make_collection(tmp_path / "audio", {"rock": 2, "cafe": 2})
    (collection / "cafe").rename(collection / os.fsdecode(b"caf\xe9"))
    soundfile.write(tmp_path / "song.wav", tone(2), SR)
    (tmp_path / "song.wav").rename(collection / "rock" / os.fsdecode(b"\xe9t\xe9.wav"))
    collection = collection.rename(tmp_path / os.fsdecode(b"m\xfasica"))
    out = tmp_path / os.fsdecode(b"tables\xe9")
    command = ["extract", str(collection), "--out", str(out), "--seconds", "2", "--mel"]
    assert main([*command, "--workers", "1"]) == 0
    assert "from 5 clips" in capsys.readouterr().out
    table = tables.load(out / "GenreClassData_2s.parquet")
    assert table["Genre"].unique().tolist() == ["café", "rock"]
    assert n_kept_and_done(run(collection, out, Settings("course", (2,), True, 2))) == (2, 0)


def artists(n_by_genre, n_clips=2):
    return {
        f"{g}/{g} {n}": n_clips for g, n_artists in n_by_genre.items() for n in range(n_artists)
    }


def test_folders_of_artists_become_folds_of_artists(tmp_path, monkeypatch):
    monkeypatch.setattr("genres.project.DATA", tmp_path / "data")
    collection = make_collection(tmp_path / "audio", artists({"rock": 3, "folk": 5}))
    make_collection(collection, {"rock/folk 1": 1, "rock/nobody": 0})
    soundfile.write(collection / "rock" / "loose.wav", tone(2), SR)
    settings = Settings(segments=(2,), seconds=2)
    outcome = run(collection, folders.extraction_of(collection), settings)
    assert len(outcome.used) == 18
    folds = folders.artist_folds(folders.find(collection))
    assert len(folds) == 17
    assert folds.loc["rock/folk 1/0.wav", "artist"] == folds.loc["folk/folk 1/1.wav", "artist"]
    genres = {fold: {name[:4] for name in folds.index[folds["fold"] == fold]} for fold in (1, 2, 3)}
    assert list(genres.values()) == [{"rock", "folk"}] * 3
    table = folders.find(collection).table(2).set_index("File")
    both = table.loc[folds.index, "Type"].groupby(folds["artist"].to_numpy()).nunique()
    assert (both == 1).all()


@pytest.mark.parametrize("n_genres", [1, 51])
def test_too_few_or_too_many_genres_are_refused_before_a_clip_is_measured(tmp_path, n_genres):
    for number in range(n_genres):
        (tmp_path / "audio" / f"genre {number}").mkdir(parents=True)
        (tmp_path / "audio" / f"genre {number}" / "song.wav").write_bytes(b"no sound")
    with pytest.raises(Refusal, match=rf"audio: the number of genres is {n_genres}; 2 to 50"):
        run(tmp_path / "audio", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_genre_of_one_artist_is_split_clip_by_clip_and_that_is_said(tmp_path):
    collection = make_collection(tmp_path / "audio", {"rock/Ana": 5, "folk/Bo": 3, "folk/Cy": 2})
    outcome = run(collection, tmp_path / "out")
    table = tables.load(tmp_path / "out" / "GenreClassData_2s.parquet")
    assert table[table["Type"] == "Test"]["Genre"].tolist() == ["folk", "folk", "rock"]
    said = outcome.summary(tmp_path)
    assert "all of rock are of Ana, whose clips are for training and for testing" in said
    assert "folk" not in said


def test_folders_of_one_name_in_every_genre_leave_clips_to_test_on(tmp_path):
    collection = make_collection(tmp_path / "audio", {"rock/songs": 5, "folk/songs": 5})
    run(collection, tmp_path / "out")
    table = tables.load(tmp_path / "out" / "GenreClassData_2s.parquet")
    assert table[table["Type"] == "Test"]["Genre"].tolist() == ["folk", "rock"]


def test_a_genre_of_two_artists_gives_no_folds(tmp_path):
    collection = make_collection(tmp_path / "audio", artists({"rock": 3, "folk": 3}))
    run(collection, tmp_path / "out")
    assert (tmp_path / "out" / "splits" / "artist_folds.csv").exists()
    shutil.rmtree(collection / "rock" / "rock 2")
    run(collection, tmp_path / "out")
    assert not (tmp_path / "out" / "splits" / "artist_folds.csv").exists()


# Tags


def with_tags(folder, out, **options):
    """Extract with tags, and give what is written of them."""
    run(folder, out, SHORT._replace(tags=True), **options)
    return taggrams.load(out / "musicnn")


def test_tags_are_those_of_the_tagger(tmp_path):
    from genres.sound import tagger

    collection = make_collection(tmp_path / "music", {"jazz": 3, "rock": 2})
    (collection / "jazz" / "0.wav").write_text("no music")
    said = with_tags(collection, tmp_path / "out")
    table = pd.read_parquet(tmp_path / "out" / "GenreClassData_2s.parquet")
    assert said.names == table["File"].drop_duplicates().tolist()
    clip = datasets.read(collection).clips[-1]
    expected = tagger.tag(audio.read(clip.path, 2).samples, SR)
    place = said.names.index(clip.name)
    np.testing.assert_allclose(said.taggrams[place], expected.taggram, rtol=0, atol=1e-6)
    np.testing.assert_allclose(said.embeddings[place], expected.embedding, rtol=1e-3, atol=1e-6)


def test_tags_are_the_same_for_any_number_of_workers_and_are_kept(tmp_path, monkeypatch):
    collection = make_collection(tmp_path / "music", {"jazz": 2, "rock": 2})
    one, two, _ = (with_tags(collection, tmp_path / str(n), workers=n) for n in (1, 2, 3))
    np.testing.assert_allclose(one.taggrams, two.taggrams, rtol=0, atol=1e-6)
    more = [(tmp_path / name / "musicnn" / "taggrams.npz").read_bytes() for name in "23"]
    assert more[0] == more[1]
    monkeypatch.setattr("genres.sound.tagger.find_weights", lambda: pytest.fail("tagged again"))
    outcome = run(collection, tmp_path / "1", SHORT._replace(tags=True))
    assert n_kept_and_done(outcome) == (2, 0)


def test_parts_with_tags_are_others_and_without_tags_no_tagger_is_loaded(tmp_path, monkeypatch):
    collection = make_collection(tmp_path / "music", {"jazz": 2, "rock": 2})
    listed = datasets.read(collection).clips
    plans = [extract._plan(listed, SHORT._replace(tags=tags), tmp_path) for tags in (False, True)]
    assert not set(plans[0]) & set(plans[1])
    monkeypatch.setattr(extract, "_tagger", lambda: pytest.fail("TensorFlow for a table"))
    outcome = run(collection, tmp_path / "out")
    assert n_kept_and_done(outcome) == (0, 2)
    assert not (tmp_path / "out" / "musicnn").exists()


def test_without_weights_nothing_is_measured(tmp_path, monkeypatch):
    collection = make_collection(tmp_path / "music", {"jazz": 1, "rock": 1})
    monkeypatch.setattr("genres.sound.tags._PACKAGE", "no_such_package")
    with pytest.raises(Refusal, match="The tagger's weights are not installed: "):
        with_tags(collection, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# What was done is kept.


def n_kept_and_done(outcome):
    return outcome.n_parts_kept, outcome.n_parts_done


@pytest.fixture
def extracted(tmp_path):
    """A collection of four parts, three of them rock, and the folder it was extracted to."""
    collection = make_collection(tmp_path / "audio", {"folk": 4, "rock": 36})
    assert n_kept_and_done(run(collection, tmp_path / "out")) == (0, 4)
    return collection, tmp_path / "out"


def test_a_second_run_measures_nothing(extracted):
    assert n_kept_and_done(run(*extracted)) == (4, 0)


def test_a_changed_clip_is_measured_again_with_its_part_alone(extracted):
    collection, out = extracted
    before = tables.load(out / "GenreClassData_2s.parquet")
    soundfile.write(collection / "rock" / "3.wav", tone(2, 99), SR)
    assert n_kept_and_done(run(collection, out)) == (3, 1)
    after = tables.load(out / "GenreClassData_2s.parquet")
    changed = (before[list(tables.FEATURES)] != after[list(tables.FEATURES)]).any(axis=1)
    assert after["File"][changed].tolist() == ["rock/3.wav"]


def test_a_new_clip_leaves_the_other_genres_parts(extracted):
    collection, out = extracted
    soundfile.write(collection / "folk" / "new.wav", tone(2, 50), SR)
    assert n_kept_and_done(run(collection, out)) == (3, 1)


def test_other_settings_use_no_part_of_the_former(extracted):
    assert n_kept_and_done(run(*extracted, SHORT._replace(segments=(2,)))) == (0, 4)


def test_other_code_uses_no_part_of_the_former(extracted, monkeypatch):
    monkeypatch.setattr(extract, "_fingerprint", lambda tags: ["another"])
    assert n_kept_and_done(run(*extracted)) == (0, 4)


def test_a_part_that_was_cut_off_is_measured_again(extracted):
    _, out = extracted
    part = next((out / "parts").iterdir())
    part.write_bytes(part.read_bytes()[:-10])
    assert n_kept_and_done(run(*extracted)) == (3, 1)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "unreadable"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), "missing"),
        (OSError(errno.EIO, "Input/output error"), "unreadable"),
        (OSError(errno.ESTALE, "Stale file handle"), "unreadable"),
    ],
)
def test_a_clip_that_could_not_be_reached_is_measured_when_it_can(
    tmp_path, monkeypatch, fault, reason
):
    collection = make_collection(tmp_path / "audio", {"folk": 4, "rock": 4})
    unhindered = results_of(collection, tmp_path / "unhindered")

    def fail_for_one(path):
        if path.name == "2.wav" and path.parent.name == "rock":
            raise fault

    monkeypatch.setattr(audio, "_check_file", fail_for_one)
    hindered = run(collection, tmp_path / "out")
    assert [(clip.file, why) for clip, why, _ in hindered.rejected] == [("rock/2.wav", reason)]
    monkeypatch.undo()
    assert n_kept_and_done(run(collection, tmp_path / "out")) == (1, 1)
    assert results_of(collection, tmp_path / "out") == unhindered


def test_folders_that_cannot_be_read_are_named_and_the_rest_goes_on(tmp_path, monkeypatch):
    collection = make_collection(tmp_path / "audio", {"folk": 4, "rock": 4, "ska": 2, "dub/Ana": 2})
    unhindered = results_of(collection, tmp_path / "unhindered")
    list_folder = Path.iterdir

    def fail_for_some(folder):
        if folder in (collection / "ska", collection / "dub" / "Ana"):
            raise PermissionError(errno.EACCES, "Permission denied", folder)
        return list_folder(folder)

    monkeypatch.setattr(Path, "iterdir", fail_for_some)
    hindered = run(collection, tmp_path / "out")
    assert [(reason, sentence) for _, reason, sentence in hindered.rejected] == [
        ("unreadable", "dub/Ana cannot be read: Permission denied."),
        ("unreadable", "ska cannot be read: Permission denied."),
    ]
    assert len(hindered.used) == 8
    monkeypatch.undo()
    assert results_of(collection, tmp_path / "out") == unhindered


def test_a_damaged_clip_is_not_measured_again(tmp_path):
    collection = make_collection(tmp_path / "audio", {"folk": 4, "rock": 4})
    (collection / "rock" / "text.wav").write_text("words")
    assert len(run(collection, tmp_path / "out").rejected) == 1
    assert n_kept_and_done(run(collection, tmp_path / "out")) == (2, 0)


def test_a_moved_collection_keeps_its_parts(extracted, tmp_path):
    collection, out = extracted
    shutil.move(collection, tmp_path / "elsewhere")
    assert n_kept_and_done(run(tmp_path / "elsewhere", out)) == (4, 0)


N_CLIPS, CLIPS_A_PART = 24, 2
N_PARTS = N_CLIPS // CLIPS_A_PART
KILLED = Settings(segments=(2,), seconds=2, mel=True)


def run_until_killed(folder, out, n_parts, inside_a_part):
    """Extract, and be killed after so many parts, or while the next one is being written."""
    write_part, n_written = extract._write_part, 0

    def die(*_):
        os.kill(os.getpid(), signal.SIGKILL)

    def write_part_or_die(*args):
        nonlocal n_written
        if n_written == n_parts:
            extract.files.os.fsync = die  # the part's file is written then, but not in its place
        write_part(*args)
        n_written += 1
        if n_written == n_parts and not inside_a_part:
            die()

    extract._write_part = write_part_or_die
    run(folder, out, KILLED)


def run_and_kill_each(folder, cases):
    """Extract once for each case, in a process of its own that does not survive it."""
    extract.CLIPS_PER_PART = CLIPS_A_PART
    for out, n_parts, inside_a_part in cases:
        if (child := os.fork()) == 0:
            run_until_killed(folder, out, n_parts, inside_a_part)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


def test_ten_killed_runs_end_with_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(extract, "CLIPS_PER_PART", CLIPS_A_PART)
    collection = make_collection(tmp_path / "audio", {"rock": N_CLIPS // 2, "folk": N_CLIPS // 2})
    whole = results_of(collection, tmp_path / "whole", settings=KILLED)
    cases = [
        (tmp_path / str(number), n_parts, number % 2 == 1)
        for number, n_parts in enumerate(np.linspace(1, N_PARTS - 1, 10).astype(int))
    ]
    # Not a fork of this process: it may have threads.
    killer = multiprocessing.get_context("forkserver").Process(
        target=run_and_kill_each, args=(collection, cases)
    )
    killer.start()
    killer.join()
    assert killer.exitcode == 0
    for out, n_parts, _ in cases:
        assert {path.name for path in out.iterdir()} == {"parts", "extract.log"}
        assert n_kept_and_done(run(collection, out, KILLED)) == (n_parts, N_PARTS - n_parts)
        assert {name: (out / name).read_bytes() for name in whole} == whole
        assert len(log(out, "start")) == 2
        assert len(log(out, "kept")) == n_parts
        assert len(log(out, "done")) >= N_PARTS - n_parts
