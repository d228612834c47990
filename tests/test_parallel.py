"""Work runs side by side on this machine, or on a cluster."""

import errno
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from audio_collections import make_collection

from genres import Refusal, parallel
from genres.data import extract
from genres.models import neighbours, networks, training
from genres.models.networks import layers

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
    monkeypatch.setattr(parallel.resource, "getrlimit", lambda _: (1000, 1000))
    monkeypatch.setattr(parallel.os, "getuid", lambda: 4_242_424)
    assert parallel.tasks_left() == 1000
    running = SimpleNamespace(uids=lambda: SimpleNamespace(real=4_242_424), num_threads=lambda: 7)
    monkeypatch.setattr(parallel.psutil, "process_iter", lambda: [running, running])
    assert parallel.tasks_left() == 986
    monkeypatch.setattr(parallel.os, "getuid", lambda: 0)
    assert parallel.tasks_left() is None


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


def test_a_cluster_that_does_not_respond_is_refused(cluster):
    with pytest.raises(Refusal, match="No scheduler responds at tcp://127"):
        list(parallel.each(square, range(3), dask="tcp://127.0.0.1:9"))


def kill_first(workers, after):
    """Give a function that kills the first worker at a certain call."""
    calls = []

    def called(*_):
        calls.append(None)
        if len(calls) == after:
            workers[0].send_signal(signal.SIGKILL)

    return called


def test_an_extraction_on_a_cluster_that_loses_a_worker_writes_the_same_bytes(
    cluster, tmp_path, monkeypatch
):
    address, workers = cluster
    folder = make_collection(tmp_path / "clips", {"jazz": 40, "rock": 40})
    settings = extract.Settings(segments=(1, 2), seconds=2)
    here = extract.extract(folder, tmp_path / "here", settings, workers=1, progress=False)

    kill, write = kill_first(workers, after=2), extract._write_part
    monkeypatch.setattr(extract, "_write_part", lambda *part: (kill(), write(*part)))
    there = extract.extract(folder, tmp_path / "there", settings, dask=address, progress=False)
    assert workers[0].wait(timeout=30) == -signal.SIGKILL
    for one, other in zip(here.written, there.written, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_a_search_on_a_cluster_that_loses_a_worker_finds_the_same(cluster):
    address, workers = cluster
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(60, 9)), rng.normal(size=(100, 9))
    data = train, rng.integers(0, 3, 60), test, rng.integers(0, 3, 100)
    here = neighbours.search_subsets(*data)
    kill = kill_first(workers, after=2)
    there = neighbours.search_subsets(*data, dask=address, progress=kill)
    np.testing.assert_array_equal(here.macro_f1, there.macro_f1)
    np.testing.assert_array_equal(here.accuracy, there.accuracy)


def small_network():
    blocks = [layers.LSTM(8, return_sequences=True), layers.Dropout(0.3)]
    return networks.sequential((3, 4), blocks, 2)


def test_an_ensembles_members_are_trained_on_a_cluster_as_they_are_here(cluster):
    address, _ = cluster
    rng = np.random.default_rng(0)
    values, labels = rng.normal(size=(64, 3, 4)).astype("float32"), np.arange(64) % 2
    here, there = (
        training.fit_ensemble(small_network, values, labels, n_members=3, epochs=3, dask=dask)
        for dask in (None, address)
    )
    np.testing.assert_allclose(here.predict(values), there.predict(values), atol=1e-5)
    np.testing.assert_allclose(here.curves["loss"], there.curves["loss"], atol=1e-4)
