"""run.kernels: what the kernels of a run have in common, and how each of them ends."""

import subprocess
import sys

import pytest
from conftest import PROJECT
from rehearsals import rehearsal_of

from genres import files

FIRST, SECOND = "02-knn-baseline", "03-feature-search"

NOTE = """\
import multiprocessing
already = {name: name in sys.modules for name in ("wave", "tabnanny")}
forked = multiprocessing.parent_process() is not None
"""

# In a process of its own, as a process has one server.
SERVER = """
import os, sys
from pathlib import Path
from genres.run import kernels
folder = Path(sys.argv[1])
environment = {**os.environ, "PYTHONPATH": str(folder / "library")}
server = kernels.Server(sorted(folder.glob("notebooks/*.ipynb")), folder, environment)
def fork():
    return server.fork(["--version"], str(folder), dict(os.environ))
"""


def printed(folder, *code):
    process = subprocess.run(
        [sys.executable, "-c", SERVER + "\n".join(code), str(folder)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.splitlines()[-1]


@pytest.fixture
def two(make_toy_project, tmp_path):
    project = make_toy_project(tmp_path)
    project.write(
        FIRST, NOTE, "import wave, tabnanny", f'keep("{FIRST}", forked=forked, **already)'
    )
    project.write(SECOND, NOTE, "import wave", f'keep("{SECOND}", forked=forked, **already)')
    return project


linux = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone")


@linux
def test_what_several_notebooks_import_is_imported_once_for_their_kernels(two):
    runs = two.folder / "runs"
    command = rehearsal_of(two.folder, two.data, runs, "toy")
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    for name in (FIRST, SECOND):
        found = files.read_json(runs / "toy-quick" / "results" / f"{name}.json")
        assert (found["forked"], found["wave"], found["tabnanny"]) == (True, True, False)


@linux
def test_tables_are_written_as_in_a_kernel_that_starts_by_itself(two):
    written = "str(pandas.DataFrame([range(30)]))"
    for name in (FIRST, SECOND):
        keep = f'keep("{name}", forked=forked, written={written})'
        two.write(name, NOTE, "import pandas", keep)
    found = []
    for name, only in (("both", []), ("one", [FIRST])):
        command = rehearsal_of(two.folder, two.data, two.folder / "runs", name, *only)
        subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
        found.append(files.read_json(two.folder / f"runs/{name}-quick/results/{FIRST}.json"))
    forked, by_itself = found
    assert (forked["forked"], by_itself["forked"]) == (True, False)
    assert forked["written"] == by_itself["written"]


@linux
def test_a_forked_kernel_calls_its_notebooks_exit_functions_and_no_librarys(two):
    # That of a library may wait for a thread that only the server has. Logging's closes handlers.
    code = """
import atexit, logging
class Handler(logging.Handler):
    def close(self, left=run / "of a library"):
        left.touch()
logging.of_notebook = Handler()
atexit.register((run / "of the notebook").touch)
"""
    two.write(SECOND, NOTE, "import wave", f'keep("{SECOND}")', code)
    command = rehearsal_of(two.folder, two.data, two.folder / "runs", "toy")
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    left = {path.name for path in (two.folder / "runs" / "toy-quick").glob("of *")}
    assert left == {"of the notebook"}


@linux
def test_a_kernel_that_is_killed_leaves_no_semaphores(two):
    kill = "lock = multiprocessing.RLock()\nos.kill(os.getpid(), 9)"
    two.write(SECOND, NOTE, "import wave", kill)
    command = rehearsal_of(two.folder, two.data, two.folder / "runs", "toy")
    finished = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert "ended in the middle of a cell" in finished.stderr
    assert "leaked" not in finished.stderr


@linux
def test_the_kernel_of_a_single_notebook_starts_by_itself(two):
    two.notebook(SECOND).unlink()
    assert printed(two.folder, "print(fork())") == "None"


@linux
def test_a_kernel_starts_by_itself_once_the_library_has_changed(two):
    change = "(folder / 'genres' / 'new.py').touch()"
    assert printed(two.folder, "print(fork().wait())") == "0"
    assert printed(two.folder, "fork().wait()", change, "print(fork())") == "None"


@linux
def test_a_module_that_cannot_be_imported_is_left_to_the_notebooks(two):
    (two.folder / "library").mkdir()
    (two.folder / "library" / "wave.py").write_text("raise RuntimeError('broken')")
    assert printed(two.folder, "print(fork())") == "None"


@linux
def test_ctrl_c_while_the_server_imports_does_not_end_it(two):
    (two.folder / "library").mkdir()
    (two.folder / "library" / "wave.py").write_text("import time; time.sleep(1)")
    code = (
        "import signal",
        "from multiprocessing.forkserver import _forkserver",
        "os.kill(_forkserver._forkserver_pid, signal.SIGINT)",
        "print(fork().wait())",
    )
    assert printed(two.folder, *code) == "0"
