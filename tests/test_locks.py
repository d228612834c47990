"""genres.locks: who holds one, what of a killed process is removed, where nothing can be locked."""

import errno
import os
import subprocess
import sys

import pytest

from genres import locks
from genres.project import PROJECT

HOLD = """
import sys
from genres import locks
with locks.{what}:
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def start():
    """Give a function that starts a process which holds something until its input ends."""
    started = []

    def start(what, *arguments):
        command = [sys.executable, "-c", HOLD.replace("{what}", what), *map(str, arguments)]
        process = subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_lock_is_another_processes_until_that_ends_however_that_is(start, tmp_path):
    holder = start("held(sys.argv[1])", tmp_path / "lock")
    with pytest.raises(locks.Taken), locks.held(tmp_path / "lock", wait=False):
        pass
    holder.kill()
    holder.wait()
    with locks.held(tmp_path / "lock", wait=False):
        pass


def test_who_waits_for_a_lock_gets_it(start, tmp_path):
    holder = start("held(sys.argv[1])", tmp_path / "lock")
    holder.stdin.close()
    with locks.held(tmp_path / "lock"):
        assert holder.wait(30) == 0


def test_a_folder_is_removed_in_the_end_and_that_of_who_was_killed_by_the_next(start, tmp_path):
    folder_in = "folder_in(sys.argv[1], 'mine-')"
    alive, killed = start(folder_in, tmp_path), start(folder_in, tmp_path)
    killed.kill()
    killed.wait()
    assert len(list(tmp_path.glob("mine-*"))) == 2
    with locks.folder_in(tmp_path, "mine-") as folder:
        (folder / "inside").touch()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert len(list(tmp_path.glob("mine-*"))) == 2  # that of who is alive
    alive.stdin.close()
    alive.wait(30)
    assert list(tmp_path.iterdir()) == []


def test_one_process_at_a_time_does_what_has_to_be_done_alone(start, tmp_path):
    holder = start("alone_in(__import__('pathlib').Path(sys.argv[1]))", tmp_path)
    with pytest.raises(locks.Taken), locks.held(tmp_path / ".lock", wait=False):
        pass
    holder.stdin.close()
    with locks.alone_in(tmp_path):
        assert holder.wait(30) == 0


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_where_nothing_can_be_locked_that_is_an_error_and_no_lock_is_left(
    tmp_path, monkeypatch, number
):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(OSError, match=os.strerror(number)), locks.held(tmp_path / "lock"):
        pass
    with locks.folder_in(tmp_path, "mine-") as folder:
        assert folder.is_dir()
        assert not list(tmp_path.glob(".mine-*"))
    assert not folder.exists()
    with locks.alone_in(tmp_path):
        pass


def test_a_place_that_is_missing_is_not_made(tmp_path):
    place = tmp_path / "missing"
    with pytest.raises(FileNotFoundError), locks.folder_in(place, "mine-"):
        pass
    assert not place.exists()
