import subprocess
import sys

from benchmarks import __main__ as benchmarks
from genres import files


def test_the_readme_shows_what_was_measured():
    measured = files.read_json(benchmarks.MEASURED)
    text = benchmarks.README.read_text(encoding="utf-8")
    assert f"{benchmarks.BEGIN}\n{benchmarks.table(measured)}\n{benchmarks.END}" in text


def test_every_benchmark_was_measured():
    known = {path.stem for path in benchmarks.HERE.glob("[a-z]*.py")}
    assert set(files.read_json(benchmarks.MEASURED)) == known


def test_an_unknown_benchmark_gets_a_sentence():
    command = [sys.executable, "-m", "benchmarks", "nothing"]
    finished = subprocess.run(command, cwd=benchmarks.README.parent, capture_output=True, text=True)
    assert finished.returncode == 2
    assert finished.stderr.startswith("There is no benchmark nothing; there are ensemble, ")
