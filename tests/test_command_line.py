"""genres.__main__: what the operating system refuses ends in a sentence and status 2."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from genres.__main__ import main

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture
def commands(tmp_path):
    """Give the arguments of each command that writes to a place that is named."""
    noise = np.random.default_rng(0).normal(0, 0.1, 30 * 22_050)
    for genre in ("blues", "jazz"):
        (tmp_path / "music" / genre).mkdir(parents=True)
        soundfile.write(tmp_path / "music" / genre / "clip.wav", noise, 22_050)
    return {
        "run": ["run", "--data", "synthetic", "--only", "02", "--offline", "--quick"],
        "extract": ["extract", str(tmp_path / "music"), "--workers", "1", "--segments", "30"],
        "synth": ["synth", "--genre", "blues", "--seconds", "2"],
        "handout": ["handout"],
    }


def start(arguments, stdout=subprocess.PIPE, most_bytes=resource.RLIM_INFINITY):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    # Python itself cuts compiled modules (.pyc) short where it cannot write them to the end.
    finished = subprocess.run(
        [sys.executable, "-B", "-m", "genres", *arguments],
        cwd=PROJECT,
        preexec_fn=limit,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    return finished.returncode, finished.stderr


COMMANDS = pytest.mark.parametrize("command", ["run", "extract", "synth", "handout"])


@COMMANDS
@pytest.mark.parametrize("deep", [".", "deep/deeper"])
def test_a_file_where_a_folder_should_be_is_named(tmp_path, commands, capsys, command, deep):
    (tmp_path / "file").touch()
    out = tmp_path / "file" / deep / "out"
    assert main([*commands[command], "--out", str(out)]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert str(tmp_path / "file") in last
    assert last.endswith(": Not a directory.")


@pytest.mark.parametrize("command", ["run", "extract", "handout"])
def test_a_file_cannot_be_the_folder(tmp_path, commands, capsys, command):
    out = tmp_path / "out"
    out.touch()
    assert main([*commands[command], "--out", str(out)]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(str(out))
    assert last.endswith(": Not a directory.")


def test_a_folder_cannot_be_the_file(tmp_path, commands, capsys):
    assert main([*commands["synth"], "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"{tmp_path}: Is a directory.\n"


@COMMANDS
def test_links_in_a_circle_are_named(tmp_path, commands, capsys, command):
    (tmp_path / "circle").symlink_to("circle")
    out = tmp_path / "circle" / "out"
    assert main([*commands[command], "--out", str(out)]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(str(tmp_path / "circle"))


@COMMANDS
def test_a_folder_that_may_not_be_written_to_is_named(tmp_path, commands, capsys, command):
    (tmp_path / "closed").mkdir(mode=0o500)
    if os.access(tmp_path / "closed", os.W_OK):
        pytest.skip("root may write everywhere")
    out = tmp_path / "closed" / "out"
    assert main([*commands[command], "--out", str(out)]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(str(out))
    assert last.endswith(": Permission denied.")


@pytest.mark.parametrize("command", ["extract", "synth", "handout"])
def test_a_file_that_cannot_be_written_to_its_end_is_named(tmp_path, commands, command):
    out = tmp_path / "out"
    status, stderr = start([*commands[command], "--out", str(out)], most_bytes=1000)
    last = stderr.splitlines()[-1]
    assert status == 2
    assert "Traceback" not in stderr
    assert last.startswith(str(out))
    assert last.endswith(": File too large.")
    left = [path for path in out.rglob("*") if path.is_file()] if out.is_dir() else []
    assert all(path.name == "extract.log" for path in left)


def test_output_that_is_not_taken_is_told(monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    with Path("/dev/full").open("w") as full:
        status, stderr = start(["data", "list"], stdout=full)
    assert (status, stderr) == (2, "standard output: No space left on device.\n")


def test_who_reads_may_leave():
    reading, writing = os.pipe()
    os.close(reading)
    assert start(["data", "list"], stdout=writing) == (128 + signal.SIGPIPE, "")
    os.close(writing)


def test_paths_are_printed_without_control_characters(tmp_path, commands, capsys):
    odd, shown = "two\nlines \x1b[31m", r"two\nlines \x1b[31m"
    for command in ("handout", "synth"):
        assert main([*commands[command], "--out", str(tmp_path / command / odd)]) == 0
        assert f"{tmp_path / command / shown}" in capsys.readouterr().out
    assert main(["run", "--offline", "--data", str(tmp_path / odd)]) == 2
    assert f"There is no folder {tmp_path / shown}" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["run", f"--{odd}"])
    assert shown in capsys.readouterr().err
    (tmp_path / odd).touch()
    assert main([*commands["handout"], "--out", str(tmp_path / odd)]) == 2
    assert capsys.readouterr().err == f"{tmp_path / shown}: Not a directory.\n"


def test_tests_are_started_with_options_of_pytests():
    command = [
        sys.executable,
        "-m",
        "genres",
        "test",
        "--collect-only",
        "-qq",
        "tests/test_style.py",
    ]
    finished = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith("tests/test_style.py: ")
