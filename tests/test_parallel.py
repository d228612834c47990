"""Work runs side by side on this machine."""

import errno
import os
import signal
import subprocess
import sys
import warnings
from types import SimpleNamespace

import pytest
from conftest import PROJECT

from genres import Refusal, parallel


def square(number):
    return number * number


def fail(number):
    raise ValueError(f"cannot do {number}")


def my_process(_):
    return os.getpid()


@pytest.mark.parametrize("workers", [1, 2, None])
def test_every_item_has_its_result(workers):
    assert sorted(parallel.each(square, range(20), workers)) == [n * n for n in range(20)]


def test_one_worker_is_this_process():
    assert set(parallel.each(my_process, range(3), 1)) == {os.getpid()}


def test_several_workers_are_other_processes():
    assert os.getpid() not in set(parallel.each(my_process, range(8), 2))


def threads_of_tensorflow(_):
    return os.environ.get("TF_NUM_INTRAOP_THREADS")


def test_a_worker_computes_with_one_thread_in_tensorflow_too(monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")
    assert set(parallel.each(threads_of_tensorflow, range(4), 2)) == {"1"}
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "2"


def test_that_a_worker_is_replaced_is_not_told(recwarn):
    for _ in parallel.each(abs, [-1, 2], workers=2):
        warnings.warn("A worker stopped while some jobs were given to it.", stacklevel=1)
    assert recwarn.list == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_is_not_swallowed(workers):
    with pytest.raises(ValueError, match="cannot do"):
        list(parallel.each(fail, range(3), workers))


def test_no_workers_are_refused():
    with pytest.raises(Refusal, match="1 or more"):
        list(parallel.each(square, range(3), 0))


def test_without_shared_memory_the_work_is_done_in_one_process(monkeypatch, capsys):
    def lock():
        raise OSError(errno.ENOSPC, "No space left on device")

    context = SimpleNamespace(Lock=lock)
    monkeypatch.setattr(parallel.multiprocessing, "get_context", lambda _: context)
    assert set(parallel.each(my_process, range(3), 2)) == {os.getpid()}
    said = "Working in one process: /dev/shm cannot be used (No space left on device).\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(("left", "processes"), [(0, 1), (19, 1), (26, 3)])
def test_no_more_processes_are_started_than_the_user_may(monkeypatch, capsys, left, processes):
    monkeypatch.setattr(parallel, "tasks_left", lambda: left)
    assert len(set(parallel.each(my_process, range(12), 4))) <= processes
    what = "one process" if processes == 1 else f"{processes} processes"
    said = f"Working in {what}: this user may start {left} more (ulimit -u).\n"
    assert capsys.readouterr().err == said


def test_the_limit_counts_what_the_user_runs_already(monkeypatch):
    monkeypatch.setattr("resource.getrlimit", lambda _: (1000, 1000))
    monkeypatch.setattr(parallel.os, "getuid", lambda: 4_242_424)
    assert parallel.tasks_left() == 1000
    running = SimpleNamespace(uids=lambda: SimpleNamespace(real=4_242_424), num_threads=lambda: 7)
    monkeypatch.setattr(parallel.psutil, "process_iter", lambda: [running, running])
    assert parallel.tasks_left() == 986
    monkeypatch.setattr(parallel.os, "getuid", lambda: 0)
    assert parallel.tasks_left() is None


KILLED = """
import os
import signal
from genres import parallel
assert len(list(parallel.each(abs, range({n_items}), 2))) == {n_items}
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("n_items", [1, 8])
def test_workers_end_when_who_they_work_for_is_killed(n_items):
    command = [sys.executable, "-c", KILLED.format(n_items=n_items)]
    # Workers inherit the pipe, and one without work has it, too: it ends when the last of them has.
    killed = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, timeout=60)
    assert killed.returncode == -signal.SIGKILL


def test_a_container_may_have_less_memory_than_the_machine(monkeypatch, tmp_path):
    free = parallel.memory_left()
    monkeypatch.setattr(parallel, "Path", lambda _: tmp_path)
    assert parallel.memory_left() == pytest.approx(free, rel=0.2)
    for name, text in {
        "max": "max",
        "current": "700",
        "stat": "anon 400\ninactive_file 200",
    }.items():
        (tmp_path / f"memory.{name}").write_text(f"{text}\n")
    assert parallel.memory_left() > 1000
    (tmp_path / "memory.max").write_text("1000\n")
    assert parallel.memory_left() == 1000 - 700 + 200
