"""What runs where Windows runs: without bash, and without what its Python lacks.

Nothing of this was tried on Windows itself: `like_windows` hides what is not there.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from genres import files, imports
from genres.project import PROJECT

TESTS = Path(__file__).parent
HIDE = f"import sys; sys.path[:0] = [{str(PROJECT)!r}, {str(TESTS)!r}]; import like_windows\n"

RUN = """
from genres.run import kernels
kernels._OPTIONS.append(f"--IPKernelApp.exec_lines={hide}")
from genres.__main__ import main
"""


def run(code, *arguments):
    return subprocess.run(
        [sys.executable, "-I", "-X", "utf8", "-c", HIDE + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.mark.parametrize(
    "code",
    [
        "import fcntl",
        "import os; os.getuid()",
        "import signal; signal.SIGKILL",
        "from os import killpg",
        "import socket; assert not hasattr(socket, 'AF_UNIX'); socket.AF_UNIX",
    ],
)
def test_what_windows_lacks_is_hidden(code):
    failed = run(code)
    assert failed.returncode == 1
    assert "Error: " in failed.stderr.splitlines()[-1]


def test_what_windows_lacks_is_there_for_libraries():
    assert run("import psutil, shutil, tempfile; print(psutil.Process().uids())").returncode == 0


def test_every_module_is_imported():
    names = [name for name in imports.modules(PROJECT) if name != "genres.__main__"]
    imported = run(f"import importlib\nfor name in {names}: importlib.import_module(name)")
    assert imported.returncode == 0, imported.stderr


def test_a_notebook_is_executed_and_hints_name_the_command_as_windows_has_it(tmp_path):
    code = f"hide = {HIDE.strip()!r}\n{RUN}\nsys.exit(main(sys.argv[1:]))"
    options = ["--only", "01", "--quick", "--data", "synthetic", "--offline", "--out", tmp_path]
    finished = run(code, "run", *options)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    (state,) = tmp_path.glob("*/state/01-*.json")
    assert "made_from" in files.read_json(state)
    refused = run(code, "run", "--bogus")
    assert refused.returncode == 2
    assert r".venv\Scripts\genres --help" in refused.stderr
