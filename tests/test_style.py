import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_the_code_has_one_style(command):
    ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", PROJECT]
    finished = subprocess.run(ruff, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr
