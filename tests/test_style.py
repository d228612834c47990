"""The code has one style, and the types that it names are right."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "--no-cache"],
        ["ruff", "format", "--check", "--no-cache"],
        ["mypy", "--cache-dir", "/dev/null"],
    ],
)
def test_the_code_has_one_style_and_sound_types(command):
    finished = subprocess.run(
        [sys.executable, "-m", *command], cwd=PROJECT, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
