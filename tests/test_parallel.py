"""Work runs side by side on this machine, or on a cluster."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from genres import Refusal, parallel

ROOT = Path(__file__).parent.parent


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


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_is_not_swallowed(workers):
    with pytest.raises(ValueError, match="cannot do"):
        list(parallel.each(fail, range(3), workers))


def test_no_workers_are_refused():
    with pytest.raises(Refusal, match="1 or more"):
        list(parallel.each(square, range(3), 0))


def test_a_cluster_without_its_package_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.setenv(parallel.ADDRESS_VARIABLE, "tcp://127.0.0.1:8786")
    with pytest.raises(Refusal, match="pip install distributed"):
        list(parallel.each(square, range(3)))


@pytest.fixture
def cluster(tmp_path):
    """Address of a scheduler with two workers, each a process of its own; and the workers."""
    pytest.importorskip("distributed", reason="distributed is not installed: no cluster")
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), *filter(None, sys.path)]))
    started = []

    def start(program, *options):
        command = [sys.executable, "-m", f"distributed.cli.{program}", *options, "--no-dashboard"]
        started.append(subprocess.Popen(command, env=environment, cwd=tmp_path))
        return started[-1]

    scheduler_file = tmp_path / "scheduler.json"
    where = ("--scheduler-file", str(scheduler_file))
    start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", *where)
    workers = [start("dask_worker", "--nthreads", "1", "--no-nanny", *where) for _ in range(2)]
    from distributed import Client

    with Client(scheduler_file=str(scheduler_file), timeout="60s") as client:
        client.wait_for_workers(2, timeout=60)
        address = client.scheduler.address
    yield address, workers
    for process in started:
        process.kill()
        process.wait()


def test_a_cluster_gives_the_same_results(cluster):
    address, _ = cluster
    assert sorted(parallel.each(square, range(20), dask=address)) == [n * n for n in range(20)]


def test_a_worker_killed_in_the_middle_loses_nothing(cluster):
    address, workers = cluster
    results = []
    for result in parallel.each(square, range(50), dask=address):
        results.append(result)
        if len(results) == 5:
            workers[0].send_signal(signal.SIGKILL)
    assert sorted(results) == [n * n for n in range(50)]


def test_a_cluster_that_does_not_answer_is_refused(cluster):
    with pytest.raises(Refusal, match="No scheduler answers at tcp://127"):
        list(parallel.each(square, range(3), dask="tcp://127.0.0.1:9"))
