import subprocess
import sys
from types import SimpleNamespace

from conftest import PROJECT

from benchmarks import __main__ as benchmarks
from benchmarks import row, shown
from genres import files


def test_the_page_on_speed_shows_what_was_measured():
    measured = files.read_json(benchmarks.MEASURED)
    text = benchmarks.PAGE.read_text(encoding="utf-8")
    assert f"{benchmarks.BEGIN}\n{benchmarks.table(measured)}\n{benchmarks.END}" in text


def test_every_benchmark_was_measured():
    known = {path.stem for path in benchmarks.HERE.glob("[a-z]*.py")}
    assert set(files.read_json(benchmarks.MEASURED)) == known


def test_times_are_written_with_three_digits():
    times = 0.001728, 9.996, 56.16, 999.6, 43675.9
    assert [shown(time) for time in times] == ["0.00173", "10.0", "56.2", "1,000", "43,700"]


def test_an_unknown_benchmark_gets_a_sentence():
    command = [sys.executable, "-m", "benchmarks", "nothing"]
    finished = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert finished.returncode == 2
    assert finished.stderr.startswith("There is no benchmark nothing; there are audit, ")


def test_what_is_measured_is_written_only_where_that_is_asked_for(tmp_path, monkeypatch, capsys):
    measured, page = tmp_path / "measured.json", tmp_path / "SPEED.md"
    measured.write_text("{}")
    page.write_text(f"# Speed\n\n{benchmarks.BEGIN}\nold\n{benchmarks.END}\n")
    monkeypatch.setattr(benchmarks, "MEASURED", measured)
    monkeypatch.setattr(benchmarks, "PAGE", page)
    made = SimpleNamespace(rows=lambda: [row("a search", 3.0, 1.5, "Twice.")])
    monkeypatch.setattr(benchmarks.importlib, "import_module", lambda _: made)

    assert benchmarks.main(["search"]) == 0
    told = capsys.readouterr()
    assert "a search: 3.00 s against 1.50 s, 2.0 times as fast. Twice." in told.out
    assert "[1/1] search" in told.err  # it takes minutes
    assert measured.read_text() == "{}" and "old" in page.read_text()

    assert benchmarks.main(["search", "--publish"]) == 0
    assert files.read_json(measured)["search"]["rows"][0]["ratio"] == 2
    text = page.read_text()
    assert "| a search | 3.00 s | 1.50 s | 2.0 |" in text and "old" not in text
