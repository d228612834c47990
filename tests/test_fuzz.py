"""Fuzzing finds nothing in some hundred files, and says what it would find."""

import os
import time

import pytest

from tests.fuzz import audio, tables
from tests.fuzz.watched import watch


def try_odd_case(_, folder):
    number = int(folder.name.partition("-")[2])
    (folder / "file").write_text("mutated")
    if number == 1:
        raise AssertionError("row 1 is another")
    if number == 2:
        raise KeyError("tempo")
    if number == 3:
        time.sleep(60)
    if number == 4:
        os.abort()
    while number == 5:
        pass
    if number == 6:
        b"x" * (1 << 29)
    return "refused"


def test_a_silent_change_a_traceback_a_hang_the_end_and_much_memory_are_faults(monkeypatch, capsys):
    monkeypatch.setattr("tests.fuzz.watched.WAITS_AT_MOST", 10)
    monkeypatch.setattr("tests.fuzz.watched.HANGS_AFTER", 3)
    monkeypatch.setattr("tests.fuzz.watched.MOST_MEMORY", 1 << 29)
    faults = watch(try_odd_case, 8, None, seed=0)
    said = ["row 1 is another", "KeyError: 'tempo'", "no end after 10 s", "ended with status -6"]
    said += ["no end after 3 s of a processor", "GB of memory"]
    assert len(faults) == len(said)
    for number, (fault, word) in enumerate(zip(faults, said, strict=True), start=1):
        assert f"case-{number}: " in fault
        assert word in fault
    assert "8 files of seed 0" in capsys.readouterr().out


@pytest.mark.parametrize("seconds", [0.0, None])
def test_fuzzing_ends_after_so_many_files_or_seconds(seconds, capsys):
    assert watch(try_odd_case, 1, seconds, seed=0) == []
    n_files = "0 files" if seconds == 0 else "1 files of seed 0"
    assert n_files in capsys.readouterr().out


def test_mutated_files_of_audio_break_nothing(monkeypatch):
    monkeypatch.delenv("GENRE_TEST_DATA", raising=False)  # small files take less time
    assert audio.run(200, None, seed=1) == []


def test_mutated_tables_are_refused_or_load_as_they_stand(capsys):
    assert tables.run(150, None, seed=0) == []
    assert "loaded" in capsys.readouterr().out
