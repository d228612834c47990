"""Work runs on a cluster as it does here, or is refused in a sentence.

The workers import this file, to find what is called: it imports no TensorFlow, which takes seconds.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from audio_collections import make_collection

from genres import Refusal, __main__, cluster, parallel
from genres.extraction import extract
from genres.models import neighbours

ROOT = Path(__file__).parent.parent


def square(number):
    return number * number


def slow_square(number):
    time.sleep(0.1)
    return number * number


def end_process(_):
    os._exit(1)


def test_a_cluster_without_its_package_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.setenv(cluster.ADDRESS_VARIABLE, "tcp://127.0.0.1:8786")
    with pytest.raises(Refusal, match="pip install distributed"):
        list(parallel.each(square, range(3)))


class Started:
    """A scheduler, and workers, each a process of its own.

    Parameters
    ----------
    folder : Path
        For what they write.
    """

    def __init__(self, folder):
        self.folder, self.processes, self.workers = folder, [], []
        file = folder / "scheduler.json"
        self.where = ("--scheduler-file", str(file))
        self.scheduler = self._start("dask_scheduler", "--host", "127.0.0.1", "--port", "0")
        while not (file.exists() and file.stat().st_size):
            time.sleep(0.05)
        from distributed import Client

        with Client(scheduler_file=str(file), timeout="60s") as client:
            self.address = client.scheduler.address

    def add_workers(self, n_workers=1, library=ROOT):
        """Start workers that find the library in a folder; wait until the scheduler has them."""
        from distributed import Client

        with Client(self.address, timeout="60s") as client:
            known = len(client.scheduler_info(n_workers=-1)["workers"])
            options = "--nthreads", "1", "--no-nanny"
            for _ in range(n_workers):
                self.workers.append(self._start("dask_worker", *options, library=library))
            client.wait_for_workers(known + n_workers, timeout=60)

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()

    def _start(self, program, *options, library=ROOT):
        path = os.pathsep.join([str(library), str(ROOT / "tests"), *filter(None, sys.path)])
        command = [sys.executable, "-m", f"distributed.cli.{program}", *options, *self.where]
        command += ["--no-dashboard"]
        environment = dict(os.environ, PYTHONPATH=path)
        self.processes.append(subprocess.Popen(command, env=environment, cwd=self.folder))
        return self.processes[-1]


@pytest.fixture
def started(tmp_path):
    pytest.importorskip("distributed", reason="distributed is not installed: no cluster")
    folder = tmp_path / "cluster"
    folder.mkdir()
    started = Started(folder)
    yield started
    started.stop()


@pytest.fixture
def empty_library(tmp_path):
    """A package of the library's name with nothing in it."""
    folder = tmp_path / "empty"
    (folder / "genres").mkdir(parents=True)
    (folder / "genres" / "__init__.py").touch()
    return folder


@pytest.fixture
def two_workers(started):
    """Address of a scheduler with two workers; and the workers."""
    started.add_workers(2)
    return started.address, started.workers


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Patience enough for a machine that is busy with other tests."""
    monkeypatch.setattr(cluster, "_PATIENCE", 30.0)


@pytest.fixture
def short_patience(patience, monkeypatch):
    monkeypatch.setattr(cluster, "_PATIENCE", 2.0)


@pytest.fixture
def other_library(tmp_path):
    """A copy of the library in which one thing is different."""
    folder = tmp_path / "other"
    shutil.copytree(ROOT / "genres", folder / "genres")
    for name in ("requirements.txt", "utils.py"):
        shutil.copy(ROOT / name, folder)
    with (folder / "genres" / "sound" / "features.py").open("a") as file:
        file.write("# this is new\n")
    return folder


def test_a_cluster_gives_the_same_results(two_workers):
    address, _ = two_workers
    assert sorted(parallel.each(square, range(20), dask=address)) == [n * n for n in range(20)]


def test_a_worker_killed_in_the_middle_loses_nothing(two_workers):
    address, workers = two_workers
    results = []
    for result in parallel.each(square, range(50), dask=address):
        results.append(result)
        if len(results) == 5:
            workers[0].send_signal(signal.SIGKILL)
    assert sorted(results) == [n * n for n in range(50)]


def kill_first(workers, after):
    """Give a function that kills the first worker at a certain call."""
    calls = []

    def called(*_):
        calls.append(None)
        if len(calls) == after:
            workers[0].send_signal(signal.SIGKILL)

    return called


def test_an_extraction_on_a_cluster_that_loses_a_worker_writes_the_same_bytes(
    two_workers, tmp_path, monkeypatch
):
    address, workers = two_workers
    folder = make_collection(tmp_path / "clips", {"jazz": 40, "rock": 40})
    settings = extract.Settings(segments=(1, 2), seconds=2)
    here = extract.extract(folder, tmp_path / "here", settings, workers=1, progress=False)

    kill, write = kill_first(workers, after=2), extract._write_part
    monkeypatch.setattr(extract, "_write_part", lambda *part: (kill(), write(*part)))
    there = extract.extract(folder, tmp_path / "there", settings, dask=address, progress=False)
    assert workers[0].wait(timeout=30) == -signal.SIGKILL
    for one, other in zip(here.written, there.written, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_a_search_on_a_cluster_that_loses_a_worker_finds_the_same(two_workers):
    address, workers = two_workers
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(60, 9)), rng.normal(size=(100, 9))
    data = train, rng.integers(0, 3, 60), test, rng.integers(0, 3, 100)
    here = neighbours.search_subsets(*data)
    kill = kill_first(workers, after=2)
    there = neighbours.search_subsets(*data, dask=address, progress=kill)
    np.testing.assert_array_equal(here.macro_f1, there.macro_f1)
    np.testing.assert_array_equal(here.accuracy, there.accuracy)


def test_an_ensembles_members_are_trained_on_a_cluster_as_they_are_here(two_workers):
    from small_networks import lstm, make_sequences

    from genres.models import training

    address, _ = two_workers
    values, labels = make_sequences()
    here, there = (
        training.fit_ensemble(lstm, values, labels, n_members=3, epochs=3, dask=dask)
        for dask in (None, address)
    )
    np.testing.assert_allclose(here.predict(values), there.predict(values), atol=1e-5)
    np.testing.assert_allclose(here.curves["loss"], there.curves["loss"], atol=1e-4)


@pytest.fixture
def silent_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def web_server():
    server = HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


@pytest.mark.parametrize(
    "address",
    ["tcp://127.0.0.1:9", "tls://127.0.0.1:9", "127.0.0.1", "foo://host:1", "inproc://1", "[::1"],
)
def test_an_address_without_a_scheduler_is_refused(address, short_patience):
    pytest.importorskip("distributed", reason="distributed is not installed: no cluster")
    with pytest.raises(Refusal, match="No scheduler responds at "):
        cluster.require(address)


def test_a_port_where_something_else_listens_is_refused(silent_port, web_server, short_patience):
    pytest.importorskip("distributed", reason="distributed is not installed: no cluster")
    for port in (silent_port, web_server):
        with pytest.raises(Refusal, match="No scheduler responds at tcp://127"):
            cluster.require(f"tcp://127.0.0.1:{port}")


def test_a_cluster_without_workers_is_refused(started, short_patience):
    with pytest.raises(Refusal, match="has no workers"):
        list(parallel.each(square, range(3), dask=started.address))


def test_the_report_is_refused_before_it_starts(started, short_patience, tmp_path, capsys):
    out = tmp_path / "out"
    asked = ["run", "--data", "synthetic", "--out", str(out), "--dask", started.address]
    assert __main__.main(asked) == 2
    assert "has no workers" in capsys.readouterr().err
    assert not out.exists()


def test_the_address_of_a_worker_is_refused(started, short_patience):
    from distributed import Client

    started.add_workers()
    with Client(started.address) as client:
        (worker,) = client.scheduler_info()["workers"]
    with pytest.raises(Refusal, match="is no scheduler but a Worker"):
        cluster.require(worker)


def test_a_worker_with_other_code_is_refused(started, other_library):
    started.add_workers()
    started.add_workers(library=other_library)
    with pytest.raises(Refusal, match=r"The worker tcp://\S+ has other code of this project"):
        list(parallel.each(square, range(3), dask=started.address))


def test_a_worker_without_the_library_is_refused(started, empty_library):
    started.add_workers(library=empty_library)
    with pytest.raises(Refusal, match=r"The worker tcp://\S+ lacks this project's library"):
        list(parallel.each(square, range(3), dask=started.address))


def test_a_worker_that_joins_later_is_refused(started, other_library):
    started.add_workers()
    results = parallel.each(slow_square, range(100), dask=started.address)
    assert next(results) in {n * n for n in range(100)}
    started.add_workers(library=other_library)
    started.workers[0].kill()
    with pytest.raises(Refusal, match=r"The worker tcp://\S+ has other code"):
        list(results)


class LostAndMadeAgain:
    """The future of a result that is waited for in vain, while making it again fails."""

    status = "error"

    def __init__(self, error):
        self.error, self.asked = error, 0

    def result(self, timeout):
        self.asked += 1
        raise TimeoutError(f"timed out after {timeout} s.") if self.asked == 1 else self.error

    def exception(self):
        return self.error


class Unwatched:
    """A watch over a cluster to which nothing happens."""

    address = "tcp://nowhere"

    def look(self):
        pass


@pytest.mark.parametrize("error", [Refusal("The worker w has other code."), TimeoutError("own")])
def test_what_fails_while_a_lost_result_is_waited_for_is_said(error):
    pytest.importorskip("distributed", reason="distributed is not installed: no cluster")
    with pytest.raises(type(error)) as said:
        cluster._result_of(LostAndMadeAgain(error), Unwatched())
    assert isinstance(error, TimeoutError) or said.value is error


def test_other_versions_are_named():
    here = {"code": "1", "Python": "3.12", "numpy": "2.4.0", "librosa": "0.11.0"}
    sentences = {
        "has numpy 1.26.4, and this machine 2.4.0": {**here, "numpy": "1.26.4"},
        "has Python 3.10, and this machine 3.12": {**here, "Python": "3.10"},
        "has no librosa, unlike this machine": {k: here[k] for k in here if k != "librosa"},
        "has a numba, unlike this machine": {**here, "numba": "1"},
    }
    for sentence, there in sentences.items():
        with pytest.raises(Refusal, match=f"The worker w {sentence}: its results could differ"):
            cluster._compare(here, there, "w")
    cluster._compare(here, dict(here), "w")


def test_a_scheduler_that_is_lost_is_named(two_workers, started):
    results = parallel.each(slow_square, range(200), dask=started.address)
    next(results)
    started.scheduler.kill()
    with pytest.raises(Refusal, match=r"The scheduler at \S+ was lost"):
        list(results)


def test_a_cluster_that_loses_all_its_workers_is_not_waited_for(two_workers, monkeypatch):
    address, workers = two_workers
    results = parallel.each(slow_square, range(200), dask=address)
    next(results)
    monkeypatch.setattr(cluster, "_PATIENCE", 2.0)
    for worker in workers:
        worker.kill()
    with pytest.raises(Refusal, match=r"The cluster at \S+ has lost its workers"):
        list(results)


def test_work_that_is_the_end_of_every_worker_is_named(started):
    started.add_workers(4)
    with pytest.raises(Refusal, match="were killed again and again at the same work"):
        list(parallel.each(end_process, range(1), dask=started.address))
