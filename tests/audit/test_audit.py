"""audit.audit: faults put into a collection on purpose are found, kept, and listed by weight."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile

from benchmarks import _faulty
from genres.__main__ import main
from genres.audit import audit, page
from genres.data import folders
from genres.extraction import parts
from genres.sound import melstore
from genres.synth import corpus
from tests.audit.test_copies import GTZAN_COPIES

GENRES = ("disco", "metal", "rock")


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """A small collection with faults, and the table of its split."""
    folder = tmp_path_factory.mktemp("faulty") / "songs"
    return folder, _faulty.write(folder, 7, 12.0, GENRES, workers=1)


@pytest.fixture(scope="module")
def found(collection):
    """What its audit finds; it is saved, too."""
    folder, split = collection
    out = folder.parent / "audit"
    found = audit.audit(folder, split=split, out=out, workers=1, progress=False)
    found.save()
    return found


def test_what_was_put_in_is_found_copies_across_genres_first(found):
    checks = page.checks(found)
    assert [check.name for check in checks][:2] == [
        "copies across genres",
        "copies across the split",
    ]
    names = found.clips["clip"]
    pairs = [(names[pair.first], names[pair.second]) for pair in found.copies.itertuples()]
    assert pairs[0] == ("metal/001.flac", "rock/901.mp3")
    assert ("disco/002.flac", "disco/902.flac") in pairs
    assert len(pairs) == 2
    assert found.copies["offset"][0] == pytest.approx(3.0, abs=0.05)
    assert "metal/001.flac and rock/901.mp3: one recording with two labels" in checks[0].sentence
    assert "disco/broken.mp3" in names[found.defects["clip"]].tolist()


def test_a_table_for_a_terminal_is_at_most_100_columns_wide(found):
    lines = page.as_text(found).splitlines()
    assert max(map(len, lines)) == 100
    assert lines[2].startswith("copies across genres")


def test_json_and_csv_say_the_same_and_name_clips(found):
    content = json.loads((found.folder / "audit.json").read_text())
    table = pd.read_csv(found.folder / "audit.csv", keep_default_na=False).set_index("clip")
    assert content["n_clips"] == len(table)
    for pair in content["copies"]:
        assert pair["second"] in table["copy_of"][pair["first"]].split("; ")
        assert table["copies"][pair["first"]] == table["copies"][pair["second"]] > 0
    assert table["artist"]["metal/001.flac"] == table["artist"]["rock/901.mp3"] != ""
    assert {row["clip"] for row in content["defects"]} == set(table.index[table["defects"] != ""])


def test_no_artist_is_in_two_folds_and_no_recording_twice(found):
    folds = pd.read_csv(found.folder / "splits" / "artist_folds.csv")
    clips = found.clips.set_index("clip").loc[folds["file"]]
    assert folds.groupby("artist_group")["fold"].nunique().max() == 1
    assert clips.groupby("artist")["fold"].nunique().max() == 1
    assert not {"disco/902.flac", "disco/broken.mp3"} & set(folds["file"])
    assert clips.groupby("fold")["genre"].nunique().min() == len(GENRES)


def test_an_audit_made_again_measures_nothing_and_finds_the_same(collection, found, monkeypatch):
    folder, split = collection
    asked = []
    monkeypatch.setattr(parts.parallel, "each", lambda _, items, __: asked.extend(items) or [])
    options = {"split": split, "out": found.folder, "workers": 1, "progress": False}
    again = audit.audit(folder, **options)
    assert asked == []
    assert page.content(again) == page.content(found)


def test_what_cannot_be_checked_is_said_with_its_reason(collection, tmp_path):
    folder, _ = collection
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "metal").symlink_to(folder / "metal")
    found = audit.audit(alone, out=tmp_path / "out", workers=1, progress=False)
    said = {check.name: check for check in page.checks(found)}
    for name in ("doubtful labels", "shortcuts", "copies across the split"):
        assert said[name].status == "unchecked"
    assert said["doubtful labels"].sentence == "Not checked: there is but one genre."
    assert "--split" in said["artists across the split"].sentence


def test_clips_that_a_split_does_not_name_are_counted(found):
    clips = found.clips.assign(type=["Train", "Test", *[""] * (len(found.clips) - 2)])
    checks = page.checks(replace(found, clips=clips, copies=found.copies[:0]))
    said = {check.name: check.sentence for check in checks}
    assert f"Of {len(clips) - 2} clips the split says" in said["copies across the split"]


def test_no_label_is_called_sound_where_none_was_judged(tmp_path):
    """A classifier needs other artists' clips of two genres."""
    for genre, seed in (("metal", 0), ("rock", 1)):
        (tmp_path / "songs" / genre).mkdir(parents=True)
        samples = corpus.render(genre, seed, 3.0).samples
        soundfile.write(tmp_path / "songs" / genre / "song.wav", samples, corpus.SAMPLE_RATE)
    found = audit.audit(tmp_path / "songs", out=tmp_path / "out", workers=1, progress=False)
    said = {check.name: check for check in page.checks(found)}
    assert said["doubtful labels"].status == "unchecked"
    assert "two genres with two artists" in said["doubtful labels"].sentence
    assert said["shortcuts"].sentence.startswith("Whether genre follows")


def test_clips_that_a_mel_store_lacks_are_said_not_to_be_compared(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    table = folders.find(folders.SYNTHETIC).table(folders.WHOLE).groupby("Genre").head(1)[:5]
    table.to_parquet(data / "GenreClassData_30s.parquet", index=False)
    noise = np.random.default_rng(0).integers(0, 256, (3, 128, 400), np.uint8)
    melstore.write(data / "mel.npz", list(table["File"][:3]), (one.tobytes() for one in noise), 400)
    found = audit.audit(data, out=tmp_path / "out", progress=False)
    said = {check.name: check.sentence for check in page.checks(found)}
    assert said["copies"].endswith(" 2 of 5 clips could not be compared.")


def test_exact_copies_are_found_in_a_table_alone(real_data, tmp_path):
    table = real_data / "course" / "GenreClassData_30s.txt"
    found = audit.audit(table, out=tmp_path, progress=False)
    ends = found.copies[["first", "second"]].to_numpy()
    pairs = [set(names) for names in found.clips["clip"].to_numpy()[ends]]
    expected = [
        {f"{one}_{first:05}.wav", f"{two}_{second:05}.wav"}
        for one, first, two, second in GTZAN_COPIES
    ]
    assert sorted(map(sorted, pairs)) == sorted(map(sorted, expected))
    assert pairs[0] == {"metal_00058.wav", "rock_00016.wav"}
    checks = page.checks(found)
    assert checks[-1].status == "unchecked"
    assert "Only exact copies" in checks[0].sentence


def refused(*arguments, capsys):
    assert main(["audit", *map(str, arguments)]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count(".\n") == 1
    return said.err


def test_bad_input_gets_one_sentence_before_any_work(collection, tmp_path, capsys):
    folder, split = collection
    out = ("--out", tmp_path / "out")
    assert "no folder" in refused(tmp_path / "nowhere", *out, capsys=capsys)
    (tmp_path / "empty").mkdir()
    assert "no clips" in refused(tmp_path / "empty", *out, capsys=capsys)
    odd = tmp_path / "odd.csv"
    odd.write_text("file,type\nmetal/000.flac,Train\nmetal/001.flac,Tset\n")
    assert "line 3: 'Tset'" in refused(folder, "--split", odd, *out, capsys=capsys)
    odd.write_text("file,type\nmetal/x.flac,Train\n")
    assert "names none of the clips" in refused(folder, "--split", odd, *out, capsys=capsys)
    assert "taken for a genre" in refused(folder, "--out", folder / "audit", capsys=capsys)
    assert "says of no clip" in refused(folder, "--split", "course", *out, capsys=capsys)
    (tmp_path / "text" / "pop").mkdir(parents=True)
    (tmp_path / "text" / "pop" / "song.mp3").write_text("no music")
    said = refused(tmp_path / "text", "--workers", 1, *out, capsys=capsys)
    assert "None of the 1 files" in said
    assert split.exists()
