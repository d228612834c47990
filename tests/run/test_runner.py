"""run.runner and what it is made of: executing the report, and keeping what still holds."""

import errno
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import papermill
import psutil
import pytest
from conftest import PROJECT, run_report, write_table
from jupyter_client.channels import HBChannel

from genres import Refusal, files, project, screen
from genres.__main__ import main
from genres.data import folders
from genres.data.clips import CLIPS_AT_LEAST
from genres.project import COMMAND
from genres.report import ledger, summary
from genres.run import flights, kernels, provenance, runner, runs
from genres.run.forecast import expect
from genres.synth import corpus

KNN, SEARCH, EXPLORE = "02-knn-baseline", "03-feature-search", "04-model-exploration"

ENVIRONMENT = """\
keep("02-knn-baseline", accuracy=0.5, python=sys.executable, folder=os.getcwd(), given=DATA,
     backend=os.environ["MPLBACKEND"], hash_seed=os.environ["PYTHONHASHSEED"])
(run / "figures" / "02-knn-baseline-picture.png").write_bytes(b"a picture")
"""


@pytest.fixture(scope="module")
def toy(make_toy_project, tmp_path_factory):
    """A toy project with a run of its two notebooks, started by a user with odd settings."""
    folder = tmp_path_factory.mktemp("a project")
    project = make_toy_project(folder).write(KNN, ENVIRONMENT)
    project.write(SEARCH, 'keep("03-feature-search", best_macro_f1=0.25)')
    kernels = folder / "jupyter" / "kernels" / "python3"
    kernels.mkdir(parents=True)
    kernels.joinpath("kernel.json").write_text('{"argv": ["false"], "display_name": "another"}')
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("JUPYTER_PATH", str(folder / "jupyter"))
        environment.setenv("MPLBACKEND", "Agg")
        project.status = run_toy(project)
    return project


def run_toy(project, **options):
    return run_report(
        str(project.data), project=project.folder, out=project.folder / "runs", **options
    )


@pytest.fixture
def copy(toy, tmp_path):
    """A copy of the toy project and its run, to change."""
    folder = tmp_path / "copy"
    shutil.copytree(toy.folder, folder)
    copied = SimpleNamespace(
        folder=folder, data=folder / "toy", notebook=lambda name: folder / f"notebooks/{name}.ipynb"
    )
    copied.run = runs.Run(folder, folder / "runs" / "toy", folders.find(copied.data), False)
    copied.changes = lambda: copied.run.changes(copied.notebook(KNN))
    return copied


def change_cells(notebook, change):
    document = json.loads(notebook.read_text())
    change(document)
    notebook.write_text(json.dumps(document))


# A run on audio


def test_of_a_folder_of_audio_tables_are_made_first(
    make_toy_project, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("genres.project.DATA", tmp_path / "data")
    project = make_toy_project(tmp_path / "project").write(KNN, f'keep("{KNN}", accuracy=0.5)')
    project.data = tmp_path / "music"
    for genre in ("jazz", "rock"):
        clip = corpus.render(genre, seed=0)
        for number in range(CLIPS_AT_LEAST):
            corpus.write_wav(clip, project.data / genre / f"{number}.wav")
    (project.data / "rock" / "notes.txt").write_text("no music")

    assert run_toy(project) == 0
    found = folders.find(project.data)
    assert (found.name, list(found.tables)) == ("music", [5, 10, 30])
    assert len(found.table(10)) == 2 * CLIPS_AT_LEAST * 3
    assert f"from {2 * CLIPS_AT_LEAST} clips; 1 rejected (rejected.csv)" in capsys.readouterr().out
    assert run_toy(project) == 0
    assert f"{KNN} · kept" in capsys.readouterr().out


def test_a_folder_of_too_few_clips_is_refused_before_one_is_measured(
    make_toy_project, tmp_path, monkeypatch
):
    monkeypatch.setattr("genres.project.DATA", tmp_path / "data")
    project = make_toy_project(tmp_path / "project").write(KNN, f'keep("{KNN}", accuracy=0.5)')
    project.data = tmp_path / "music"
    for genre in ("jazz", "rock", "ska"):
        (project.data / genre).mkdir(parents=True)
        for number in range(6):
            (project.data / genre / f"{number}.mp3").touch()
    complaint = (
        rf"music has 3 genres of 6 clips: the report needs at least {CLIPS_AT_LEAST} of each"
    )
    with pytest.raises(Refusal, match=complaint):
        run_toy(project)
    assert not (tmp_path / "data").exists()


def test_a_table_of_too_few_clips_is_refused_before_anything_is_executed(toy, tmp_path, capsys):
    few = tmp_path / "few"
    few.mkdir()
    write_table(few / "GenreClassData_30s.txt", value=1, n_per_genre=6)
    complaint = rf"30s\.txt has 2 genres of 6 clips: the report needs at least {CLIPS_AT_LEAST} of"
    with pytest.raises(Refusal, match=complaint):
        run_report(str(few), project=toy.folder, out=tmp_path / "runs")
    assert "[1/2]" not in capsys.readouterr().out


def test_an_unsound_table_is_refused_before_anything_is_executed(toy, tmp_path, capsys):
    bad = tmp_path / "bad"
    bad.mkdir()
    write_table(bad / "GenreClassData_30s.txt", value="loud")
    options = {"project": toy.folder, "out": tmp_path / "runs"}
    with pytest.raises(Refusal, match=r"GenreClassData_30s\.txt, line 2"):
        run_report(str(bad), **options)
    assert "[1/2]" not in capsys.readouterr().out
    assert not list((tmp_path / "runs" / "bad").rglob("*.ipynb"))


def test_a_refused_run_leaves_the_ledger_of_an_earlier_one(toy, tmp_path):
    bad = tmp_path / "bad"
    bad.mkdir()
    write_table(bad / "GenreClassData_30s.txt", value="loud")
    ledger_of_earlier = tmp_path / "runs" / "bad" / "ledger.md"
    ledger_of_earlier.parent.mkdir(parents=True)
    ledger_of_earlier.write_text("figures")
    with pytest.raises(Refusal, match="line 2"):
        run_report(str(bad), project=toy.folder, out=tmp_path / "runs")
    assert ledger_of_earlier.read_text() == "figures"


# What a run makes


def test_a_run_keeps_notebooks_results_pictures_and_state(toy):
    run = toy.folder / "runs" / "toy"
    assert toy.status == 0
    kept = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    kept = {path for path in kept if not path.startswith("report/")}
    assert kept == {
        ".lock",
        "ledger.md",
        "results.json",
        f"figures/{KNN}-picture.png",
        *(f"{kind}/{name}.json" for kind in ("results", "state") for name in (KNN, SEARCH)),
        *(f"notebooks/{name}.ipynb" for name in (KNN, SEARCH)),
    }
    combined = json.loads((run / "results.json").read_text())
    assert list(combined) == [KNN, SEARCH]
    assert combined[SEARCH]["best_macro_f1"] == 0.25


def test_the_kernel_is_this_python_in_the_notebooks_folder_whatever_the_user_has(toy):
    found = json.loads((toy.folder / "runs" / "toy" / "results" / f"{KNN}.json").read_text())
    assert found["python"] == sys.executable
    assert found["folder"] == str(toy.folder / "notebooks")
    assert found["given"] == str(toy.data)
    assert found["backend"] == "module://matplotlib_inline.backend_inline"
    assert found["hash_seed"] == "0"


def test_an_execution_opens_no_port_and_leaves_no_heartbeat(make_toy_project, tmp_path):
    project = make_toy_project(tmp_path).write(
        KNN,
        "from ipykernel.connect import get_connection_info",
        "found = get_connection_info(unpack=True)",
        f'keep("{KNN}", transport=found["transport"], ip=found["ip"])',
    )
    assert run_toy(project) == 0
    assert not [thread for thread in threading.enumerate() if isinstance(thread, HBChannel)]
    found = files.read_json(tmp_path / "runs" / "toy" / "results" / f"{KNN}.json")
    assert found["transport"] == "ipc"
    assert not Path(found["ip"]).parent.exists()


@pytest.fixture
def short_place():
    """A folder whose path leaves room for that of a socket; tmp_path's is too long for that."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_what_a_killed_execution_left_of_its_sockets_is_cleared_away(short_place, monkeypatch):
    monkeypatch.setattr(kernels.tempfile, "tempdir", str(short_place))
    monkeypatch.setattr(kernels, "_SOCKETS", "sockets-")
    code = (
        "import os, sys, tempfile; from genres.run import kernels\n"
        "tempfile.tempdir, kernels._SOCKETS = sys.argv[1], 'sockets-'\n"
        "with kernels._folder_of_sockets():\n"
        "    os.kill(os.getpid(), 9)"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code, short_place], cwd=PROJECT)
        (left,) = short_place.glob("sockets-*")
    with kernels._folder_of_sockets() as first, kernels._folder_of_sockets() as second:
        assert set(short_place.glob("sockets-*")) == {first, second}
    assert not left.exists()
    assert list(short_place.iterdir()) == []


def test_the_state_tells_what_an_execution_took_and_where_it_was(toy):
    state = json.loads((toy.folder / "runs" / "toy" / "state" / f"{KNN}.json").read_text())
    assert state["seconds"] > 0
    assert state["cpu_seconds"] > 0
    assert state["peak_memory"] > 10e6
    assert state["commit"] is None
    assert state["machine"]["cores"] >= 1
    assert set(state["machine"]["libraries"]) == {"papermill"}


# Side by side

MEET = """\
(run / "{name}").touch()
deadline = time.monotonic() + 20
while alone := not (run / "{other}").exists():
    if time.monotonic() > deadline or {in_vain}:
        break
    time.sleep(0.05)
keep("{name}", alone=alone, cores=os.environ["LOKY_MAX_CPU_COUNT"])
"""


def meet(project, in_vain=False):
    """Write two notebooks that look for each other, in vain or until they meet."""
    for name, other in ((KNN, SEARCH), (SEARCH, KNN)):
        project.write(name, MEET.format(name=name, other=other, in_vain=in_vain))
    return project


def found_by(project):
    return files.read_json(project.folder / "runs" / "toy" / "results.json")


def test_two_notebooks_are_executed_at_the_same_time_and_share_the_cores(
    make_toy_project, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("genres.parallel.cores", lambda: 5)
    monkeypatch.setattr("genres.parallel.memory_left", lambda: 16 << 30)
    project = meet(make_toy_project(tmp_path))
    assert run_toy(project) == 0
    for found in found_by(project).values():
        assert (found["alone"], found["cores"]) == (False, "2")
    assert "2 to execute, time not known yet, up to 2 at a time" in capsys.readouterr().out


@pytest.mark.parametrize(("gigabytes", "cores"), [(16, "5"), (3, "2"), (1, "1")])
def test_one_at_a_time_a_notebook_has_the_cores_that_memory_allows(
    make_toy_project, tmp_path, monkeypatch, gigabytes, cores
):
    monkeypatch.setattr("genres.parallel.cores", lambda: 5)
    monkeypatch.setattr("genres.parallel.memory_left", lambda: gigabytes << 30)
    monkeypatch.setattr(flights, "_memory_taken", lambda: 0)
    project = meet(make_toy_project(tmp_path), in_vain=True)
    assert run_toy(project, jobs=1) == 0
    found = found_by(project)
    assert {of["cores"] for of in found.values()} == {cores}
    assert (found[KNN]["alone"], found[SEARCH]["alone"]) == (True, False)


def test_all_code_is_parsed_by_one_thread(make_toy_project, tmp_path, monkeypatch):
    project = make_toy_project(tmp_path).write(KNN, f'keep("{KNN}")').write(SEARCH)
    threads, real = set(), provenance.fingerprint
    note = lambda *parts: threads.add(threading.current_thread()) or real(*parts)  # noqa: E731
    monkeypatch.setattr(provenance, "fingerprint", note)
    run_toy(project, jobs=2)
    assert threads == {threading.main_thread()}


def test_where_memory_is_short_the_second_notebook_waits(make_toy_project, tmp_path, monkeypatch):
    monkeypatch.setattr("genres.parallel.memory_left", lambda: 1 << 20)
    monkeypatch.setattr(flights, "_memory_taken", lambda: 0)
    project = make_toy_project(tmp_path)
    for name in (KNN, SEARCH):
        project.write(name, "start = time.time()", f'keep("{name}", start=start, end=time.time())')
    assert run_toy(project, jobs=2) == 0
    assert found_by(project)[KNN]["end"] < found_by(project)[SEARCH]["start"]


@pytest.mark.parametrize(
    ("cores", "gigabytes", "jobs"), [(2, 16, 2), (8, 16, 8), (8, 5, 2), (8, 1, 1)]
)
def test_by_default_there_are_as_many_as_cores_and_memory_allow(
    monkeypatch, cores, gigabytes, jobs
):
    monkeypatch.setattr("genres.parallel.cores", lambda: cores)
    monkeypatch.setattr("genres.parallel.memory_left", lambda: gigabytes << 30)
    assert flights.most_at_once() == jobs


def test_no_notebook_at_a_time_is_refused_before_anything_is_done(toy, tmp_path):
    with pytest.raises(Refusal, match="0 notebooks at a time are too few"):
        run_report(str(toy.data), project=toy.folder, out=tmp_path / "runs", jobs=0)
    assert not (tmp_path / "runs").exists()


# What of it still holds


def test_nothing_is_executed_again_where_nothing_changed(copy, monkeypatch, capsys):
    monkeypatch.setattr(flights, "_Flight", lambda *_: pytest.fail("executed again"))
    assert run_toy(copy) == 0
    assert "0 to execute, 2 kept" in capsys.readouterr().out


def test_outputs_metadata_and_the_place_of_project_and_data_change_nothing(copy, tmp_path):
    def execute(document):
        document["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "1"}]
        document["cells"][1]["execution_count"] = 7
        document["metadata"]["kernelspec"] = {"name": "other", "display_name": "Other"}

    change_cells(copy.notebook(KNN), execute)
    shutil.copytree(copy.data, tmp_path / "elsewhere" / "toy")
    moved = folders.find(tmp_path / "elsewhere" / "toy")
    run = runs.Run(copy.folder, copy.run.folder, moved, False)
    assert run.changes(copy.notebook(KNN)) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["cells"][3].update(source="pass"),
        lambda document: document["cells"][1]["metadata"].update(tags=[]),
        lambda document: document["cells"].pop(),
    ],
    ids=["code", "tag", "cell taken away"],
)
def test_a_change_of_code_is_a_reason_to_execute_again(copy, change):
    change_cells(copy.notebook(KNN), change)
    assert copy.changes() == ["cells changed"]


def test_a_change_of_text_is_taken_over_and_nothing_is_executed(copy, monkeypatch):
    def reword(document):
        document["cells"][0]["source"] = "# Another heading"
        document["cells"].insert(2, document["cells"][0] | {"id": "more", "source": "More."})

    before = json.loads(copy.run.executed(KNN).read_text())["cells"]
    monkeypatch.setattr(flights, "_Flight", lambda *_: pytest.fail("executed again"))
    change_cells(copy.notebook(KNN), reword)
    assert run_toy(copy) == 0
    cells = json.loads(copy.run.executed(KNN).read_text())["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    assert texts == ["# Another heading", "More."]
    code = [[cell for cell in some if cell["cell_type"] == "code"] for some in (before, cells)]
    assert code[0] == code[1]  # the injected cell and all outputs among them


def test_a_change_of_the_lock_file_is_a_reason_to_execute_again(copy):
    (copy.folder / "requirements.lock").write_text("papermill==2\n")
    assert copy.changes() == ["lock changed"]


def test_a_change_of_the_data_is_a_reason_to_execute_again(copy):
    write_table(copy.data / "GenreClassData_30s.txt", value=2)
    assert copy.changes() == ["data changed"]


def test_a_change_of_the_excerpts_is_a_reason_to_execute_again(copy):
    excerpt = copy.data / "gtzan-excerpts" / "blues" / "blues.00001.flac"
    excerpt.parent.mkdir(parents=True)
    excerpt.write_text("sound")
    assert copy.changes() == ["excerpts changed"]


def test_taggrams_count_for_a_notebook_that_can_read_them(library):
    def changes(code):
        library.write(KNN, code)
        before, after = (
            provenance.fingerprint(library.notebook(KNN), library.folder, data, False)
            for data in (bare, tagged)
        )
        return [part for part in after if after[part] != before.get(part)]

    shutil.copytree(library.data, library.folder / "tagged" / library.data.name)
    bare = folders.find(library.data)
    tagged = folders.find(library.folder / "tagged" / library.data.name)
    (tagged.folder / "musicnn").mkdir()
    (tagged.folder / "musicnn" / "taggrams.npz").write_text("tags")
    (library.folder / "genres" / "data").mkdir()
    (library.folder / "genres" / "data" / "__init__.py").touch()
    (library.folder / "genres" / "data" / "taggrams.py").touch()
    assert changes("from genres import near") == []
    assert changes("from genres.data import taggrams") == ["taggrams"]


def test_another_python_or_parameter_is_a_reason_to_execute_again(copy, monkeypatch):
    run = runs.Run(copy.folder, copy.run.folder, copy.run.data, True)
    assert run.changes(copy.notebook(KNN)) == ["quick changed"]
    monkeypatch.setattr(sys, "version_info", SimpleNamespace(major=3, minor=99))
    assert copy.changes() == ["Python changed"]


@pytest.mark.parametrize("kind", ["notebooks", "results", "state"])
def test_a_file_that_is_gone_is_a_reason_to_execute_again(copy, kind):
    for path in (copy.run.folder / kind).glob(f"{KNN}.*"):
        path.unlink()
    assert copy.changes() == ["for the first time"]


@pytest.mark.parametrize("damaged", ["", "{", '{"seconds": 1}'])
def test_a_state_that_is_not_whole_is_a_reason_to_execute_again(copy, damaged):
    copy.run.state(KNN).write_text(damaged)
    assert copy.changes() == ["for the first time"]


@pytest.fixture
def library(tmp_path, make_toy_project):
    """A project whose notebook imports a part of its library."""
    project = make_toy_project(tmp_path)
    project.write(KNN, "from genres import near\nimport numpy", "if QUICK:\n    import utils")
    for path, source in {
        "genres/near.py": "import os",
        "genres/other.py": "",
        "utils.py": "def late():\n    from genres.far import thing",
        "genres/far.py": "from . import farther",
        "genres/farther.py": "",
    }.items():
        (tmp_path / path).write_text(source)
    return project


@pytest.mark.parametrize(
    "module", ["utils", "genres/__init__", "genres/near", "genres/far", "genres/farther"]
)
def test_a_change_of_a_module_that_a_notebook_imports_counts(library, module):
    before = provenance.fingerprint_of_code(library.notebook(KNN), library.folder)
    (library.folder / f"{module}.py").write_text("changed = True")
    after = provenance.fingerprint_of_code(library.notebook(KNN), library.folder)
    assert [part for part in before if before[part] != after[part]] == ["library"]


def test_a_change_of_a_module_that_a_notebook_does_not_import_does_not_count(library):
    before = provenance.fingerprint_of_code(library.notebook(KNN), library.folder)
    (library.folder / "genres" / "other.py").write_text("changed = True")
    assert provenance.fingerprint_of_code(library.notebook(KNN), library.folder) == before


def test_every_module_counts_where_a_cell_is_not_plain_python(library):
    library.write(KNN, "%run something")
    named = {path.stem for path in provenance.code_files(library.notebook(KNN), library.folder)}
    assert named == {"__init__", "near", "far", "farther", "other", "utils"}


# A run that does not end well


def test_a_failed_notebook_is_named_and_kept_and_the_others_go_on(copy, capsys):
    change_cells(
        copy.notebook(KNN),
        lambda document: document["cells"][3].update(source='raise ValueError("first\\nlast")'),
    )
    change_cells(
        copy.notebook(SEARCH), lambda document: document["cells"][0].update(source="# Search")
    )
    assert run_toy(copy) == 1
    said = capsys.readouterr().out
    assert f"{KNN} failed in cell [4]: last" in said
    kept = copy.run.failed(KNN)
    assert str(kept) in said
    assert "ValueError" in kept.read_text()
    assert not copy.run.executed(KNN).exists()
    assert not (copy.run.folder / "figures" / f"{KNN}-picture.png").exists()
    assert list(json.loads((copy.run.folder / "results.json").read_text())) == [SEARCH]
    assert copy.changes() == ["for the first time"]
    assert copy.run.read_state(KNN)["seconds"] > 0, "lost for the next estimate"


def test_a_notebook_is_written_before_each_cell_of_code_with_all_outputs_up_to_there(
    make_toy_project, tmp_path, monkeypatch
):
    written = []

    def note(notebook, path):
        written.append([cell.cell_type == "code" and len(cell.outputs) for cell in notebook.cells])
        return write(notebook, path)

    write = papermill.engines.write_ipynb
    monkeypatch.setattr(papermill.engines, "write_ipynb", note)
    project = make_toy_project(tmp_path / "project")
    project.write(KNN, "print(1)", "print(2)", f'keep("{KNN}", accuracy=0.5)')
    assert run_toy(project) == 0
    # Heading, parameters, those of the run, opening, and three cells; first, all outputs are taken.
    nothing = [False, 0, 0, 0, 0, 0, 0]
    first, second = [*nothing[:4], 1, 0, 0], [*nothing[:4], 1, 1, 0]
    assert written == [nothing] * 5 + [first, second]


def test_a_disk_that_is_full_while_a_notebook_is_executed_is_told(copy, monkeypatch, capsys):
    def fill(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(flights.Execution, "run", fill)
    copy.run.state(KNN).unlink()
    out = copy.run.folder.parent
    options = ["--data", str(copy.data), "--out", str(out)]
    monkeypatch.setattr(
        runner.run_report,
        "__kwdefaults__",
        runner.run_report.__kwdefaults__ | {"project": copy.folder},
    )
    assert main(["run", *options]) == 2
    assert capsys.readouterr().err == f"{copy.run.folder}: No space left on device.\n"


def test_a_notebook_whose_python_dies_or_that_writes_no_results_has_failed(
    make_toy_project, tmp_path, capsys
):
    project = make_toy_project(tmp_path).write(KNN, "os.kill(os.getpid(), 9)").write(SEARCH)
    assert run_toy(project) == 1
    said = capsys.readouterr().out
    assert f"{KNN} ended in the middle of a cell" in said
    assert f"{SEARCH} ended without writing its results" in said


def test_a_python_that_does_not_start_is_a_failure_of_its_notebook(
    make_toy_project, tmp_path, monkeypatch, capsys
):
    project = make_toy_project(tmp_path / "project").write(KNN)
    monkeypatch.setattr(kernels, "_OPTIONS", ["--version"])  # which it tells, and ends
    assert run_toy(project) == 1
    assert f"{KNN} did not start: Kernel died" in capsys.readouterr().out


HANG = """\
from genres import parallel
hold = run.parent.parent / "hold" / "{name}"
with open(os.environ["GENRE_PROGRESS"], "a") as bars:
    print(json.dumps({{"label": "epochs", "done": 2, "total": 5}}), file=bars)
if hold.parent.exists():
    worker, *_ = parallel.each(lambda _: os.getpid(), range(2), workers=2)
    hold.with_suffix(".new").write_text(f"{{os.getpid()}} {{worker}}")
    hold.with_suffix(".new").rename(hold)
    time.sleep(600)
"""


@pytest.fixture
def waiting(make_toy_project, tmp_path):
    """A project with its own copy of the library; two of its three notebooks wait to be stopped."""
    project = make_toy_project(tmp_path)
    shutil.rmtree(tmp_path / "genres")
    library = PROJECT / "genres"
    shutil.copytree(library, tmp_path / "genres", ignore=shutil.ignore_patterns("__pycache__"))
    project.write(KNN, f'keep("{KNN}", accuracy=0.5)')
    for name in (SEARCH, EXPLORE):
        project.write(name, HANG.format(name=name), f'keep("{name}", best_macro_f1=0.25)')
    (tmp_path / "hold").mkdir()
    project.started = []
    yield project
    for process in project.started:
        process.kill()
        process.wait()


def start(project, **streams):
    command = [sys.executable, "-m", "genres", "run", "--jobs", "2", "--data", project.data]
    project.started.append(subprocess.Popen(command, cwd=project.folder, text=True, **streams))
    return project.started[-1]


def in_flight(project):
    """Wait until two notebooks hang, and give their processes: of each, its kernel and a worker."""
    paths = [project.folder / "hold" / name for name in (SEARCH, EXPLORE)]
    deadline = time.monotonic() + 60
    while not all(path.exists() for path in paths):
        assert time.monotonic() < deadline, "they never began"
        time.sleep(0.1)
    return [psutil.Process(int(number)) for path in paths for number in path.read_text().split()]


def read_until(terminal, words):
    """Read what is shown on a terminal until these words are there."""
    said = ""
    deadline = time.monotonic() + 30
    while words not in said:
        readable, _, _ = select.select([terminal], [], [], 30)
        assert readable and time.monotonic() < deadline, f"only shown was {said!r}"
        said += os.read(terminal, 4096).decode()
    return said


def finish(project):
    """Let the notebooks go on, start again, and give what the run says."""
    shutil.rmtree(project.folder / "hold")
    process = start(project, stdout=subprocess.PIPE)
    said, _ = process.communicate()
    assert process.returncode == 0
    return said


def test_a_run_killed_and_started_again_redoes_only_the_notebooks_in_flight(waiting):
    process = start(waiting, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    children = in_flight(waiting)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive
    said = finish(waiting)
    assert f"[1/3] {KNN} · kept" in said
    for title in (f"[2/3] {SEARCH}", f"[3/3] {EXPLORE}"):
        assert f"{title} · runs now: for the first time" in said
    results = json.loads((waiting.folder / "runs" / "toy" / "results.json").read_text())
    assert list(results) == [KNN, SEARCH, EXPLORE]
    assert (results[KNN]["accuracy"], results[SEARCH]["best_macro_f1"]) == (0.5, 0.25)
    assert not (waiting.folder / "runs" / "toy" / "work").exists()


def test_ctrl_c_ends_the_kernels_and_says_what_is_kept(waiting):
    terminal, theirs = os.openpty()
    process = start(waiting, stdout=theirs)
    os.close(theirs)
    children = in_flight(waiting)
    said = read_until(terminal, f"[3/3] {EXPLORE} · cell 4/5 · epochs 40 %")
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert not psutil.wait_procs(children, timeout=30)[1]
    said += os.read(terminal, 65536).decode()
    os.close(terminal)
    both = (
        f"[2/3] {SEARCH} · cell 4/5 · epochs 40 %\r\n[3/3] {EXPLORE} · cell 4/5 · epochs 40 %\r\n"
    )
    assert f"{both}1 of 3 done" in said
    assert f"Stopped in {SEARCH} and {EXPLORE}. 1 of 3 notebooks are done and kept" in said
    assert "2 to execute, 1 kept" in finish(waiting)


def test_sigterm_ends_the_kernels_too(waiting):
    process = start(waiting, stdout=subprocess.PIPE)
    children = in_flight(waiting)
    process.terminate()
    said, _ = process.communicate()
    assert process.returncode == 143
    assert not psutil.wait_procs(children, timeout=30)[1]
    assert "Stopped in" in said


def test_a_second_run_into_the_same_folder_is_refused(copy):
    with runner._lock(copy.run.folder), pytest.raises(Refusal, match="Another run is working in"):
        run_toy(copy)
    assert run_toy(copy) == 0


def test_a_user_who_may_start_few_processes_is_told(copy, monkeypatch, capsys):
    monkeypatch.setattr("genres.parallel.tasks_left", lambda: 20)
    run_toy(copy)
    said = capsys.readouterr().out
    assert "This user may start only 20 more processes and threads (ulimit -u)" in said


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_on_a_file_system_that_cannot_lock_a_run_goes_on(copy, monkeypatch, capsys, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    assert run_toy(copy) == 0
    assert "start no second run in it meanwhile" in capsys.readouterr().out


# What may be run


def test_a_number_or_a_name_chooses_notebooks(copy):
    for wanted in ("03", "3", SEARCH):
        assert [path.stem for path in project.find_notebooks(copy.folder, [wanted])] == [SEARCH]


@pytest.mark.parametrize("wanted", ["4", "99", "03-feature", ""])
def test_a_notebook_that_is_not_there_is_refused(copy, wanted):
    with pytest.raises(Refusal, match=f"There is no notebook {wanted}; there are 02-knn"):
        project.find_notebooks(copy.folder, [wanted])


@pytest.mark.parametrize("name", ["a/b", "..", "", " ", ".hidden", "-x", "a\nb", "x" * 300])
def test_a_name_that_is_no_folder_name_is_refused_before_anything_is_measured(
    copy, name, monkeypatch
):
    monkeypatch.setattr(runner, "_extract", lambda *_: pytest.fail("measured"))
    (copy.folder / "music" / "jazz").mkdir(parents=True)
    (copy.folder / "music" / "jazz" / "a.wav").touch()
    with pytest.raises(Refusal, match=r"cannot name a run: '.+' can"):
        run_report(str(copy.folder / "music"), project=copy.folder, name=name)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("R&B", "R-B"),
        ("archive (1)", "archive-1"),
        ("my music", "my music"),
        ("caf\u00e9", "caf\u00e9"),
        ("cafe\u0301", "caf\u00e9"),
        ("हिन्दी संगीत", "हिन्दी संगीत"),
        ("音楽", "音楽"),
        (".hidden", "hidden"),
        ("-x", "x"),
        ("100 %", "100"),
        ("♥", "music"),
        ("\udcff\udcfe2", "2"),
        ("{course}", "course"),
        ("a\nb", "a-b"),
    ],
)
def test_any_folders_name_makes_a_name_of_a_run(folder, name):
    assert runner.safe_name(folder) == name
    assert runner.safe_name(name) == name


def test_the_longest_name_leaves_room_in_a_file_system():
    assert len(os.fsencode(runner.safe_name("音" * 255) + "-quick")) < 255


def test_braces_in_paths_are_no_parameters(make_toy_project, tmp_path):
    project = make_toy_project(tmp_path / "a {project} [x]").write(
        SEARCH, 'keep("03-feature-search", best_macro_f1=0.25)'
    )
    out = tmp_path / "runs of {course} {} [a-z] 100 %"
    assert run_report(str(project.data), project=project.folder, out=out) == 0
    assert (out / "toy" / "notebooks" / f"{SEARCH}.ipynb").is_file()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "--bogus"], "Unrecognized arguments: --bogus; .venv/bin/genres --help"),
        (["run", "--qui"], "Unrecognized arguments: --qui;"),
        (["run", "--only"], "Argument --only: expected one argument;"),
        (["run", "--jobs", "0"], "Argument --jobs: a number of notebooks is 1 or more;"),
        (["run", "--jobs", "two"], "Argument --jobs: a number of notebooks is 1 or more;"),
        (["walk"], "invalid choice: 'walk'"),
    ],
)
def test_an_unknown_option_gets_one_sentence_and_status_2(capsys, arguments, sentence):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert sentence in said
    assert said.count("\n") == 1


def test_a_notebook_that_is_not_there_is_refused_by_a_check_of_the_command_line(capsys):
    assert main(["--check", "run", "--only", "99"]) == 2
    assert "There is no notebook 99; there are 01-" in capsys.readouterr().err
    assert main(["--check", "run", "--only", "03", "--only", "knn"]) == 2
    assert main(["--check", "run", "--only", "3"]) == 0
    assert main(["--check", "demo"]) == 0


@pytest.mark.parametrize("command", ["run --name x --data synthetic", "extract {audio}"])
def test_a_file_in_the_place_of_a_folder_is_one_sentence_and_status_2(tmp_path, capsys, command):
    for genre in ("rock", "ska"):
        (tmp_path / "audio" / genre).mkdir(parents=True)
        (tmp_path / "audio" / genre / "a.wav").touch()
    (tmp_path / "file").touch()
    command = command.format(audio=tmp_path / "audio").split()
    assert main([*command, "--out", str(tmp_path / "file")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(str(tmp_path / "file"))
    assert re.search(r": (Not a directory|File exists)\.\n\Z", said)
    assert said.count("\n") == 1


def test_a_refusal_is_one_sentence_on_stderr_and_status_2(capsys, tmp_path):
    assert main(["run", "--data", str(tmp_path / "nowhere")]) == 2
    said = capsys.readouterr()
    assert "There is no folder" in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


# How long it takes


def test_the_time_left_is_said_before_where_every_notebook_was_timed(copy, capsys):
    for name in (KNN, SEARCH):
        files.write_json(copy.run.state(name), {"seconds": 250})
    run_toy(copy, only=["03"])
    assert "1 to execute, about 4 min" in capsys.readouterr().out


def test_the_published_times_serve_where_there_are_no_others(copy, capsys):
    figures, n_tracks = copy.folder / "figures", len(copy.run.data.table(folders.WHOLE))
    seconds = {SEARCH: 4 + 240 * 990 / n_tracks}  # of 990 tracks
    files.write_json(figures / "run.json", {SEARCH: {"seconds": seconds[SEARCH]}})
    shutil.rmtree(copy.run.folder)
    run_toy(copy, only=["03"], quick=True)
    assert "1 to execute, time not known yet" in capsys.readouterr().out
    shutil.rmtree(copy.folder / "runs")
    files.write_json(figures / "rehearsal.json", seconds)
    files.write_json(figures / "run.json", {SEARCH: {"seconds": 1}})
    run_toy(copy, only=["03"], quick=True)
    assert "1 to execute, about 4 min" in capsys.readouterr().out
    files.write_json(figures / "run.json", {SEARCH: {"seconds": seconds[SEARCH]}})
    run_toy(copy, only=["03"])
    assert "1 to execute, about 4 min" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("quick", "data", "expected"),
    [(False, "toy", 250), (True, "toy", None), (False, "other", None)],
)
def test_of_other_runs_those_of_the_same_kind_and_data_serve(copy, quick, data, expected):
    state = {"seconds": 250, "made_from": {"quick": quick, "data": f"{data} 12ab"}}
    files.write_json(copy.folder / "runs" / "another" / "state" / f"{SEARCH}.json", state)
    copy.run.state(SEARCH).unlink()
    assert expect(copy.run, [SEARCH]) == {SEARCH: expected}


def test_on_the_built_in_corpus_a_run_is_expected_to_take_what_one_took_there(tmp_path):
    figures = tmp_path / "figures"
    files.write_json(figures / "run.json", {KNN: {"seconds": 100}, SEARCH: {"seconds": 4}})
    files.write_json(figures / "built-in.json", {KNN: 20.0})
    run = runs.Run(tmp_path, tmp_path / "new", folders.find("synthetic"), quick=False)
    assert expect(run, [KNN, SEARCH]) == {KNN: 20.0, SEARCH: 4.0}
    run.quick = True
    assert expect(run, [KNN]) == {KNN: None}


@pytest.mark.parametrize("quick", [False, True])
def test_every_notebook_of_the_project_has_a_forecast(tmp_path, quick):
    names = [path.stem for path in project.find_notebooks(PROJECT)]
    run = runs.Run(PROJECT, tmp_path / "new", folders.find("synthetic"), quick)
    assert all(expect(run, names).values())


def test_time_that_notebooks_were_executed_side_by_side_counts_once():
    spans = [(30, "10:00:40"), (35, "10:00:45"), (2, "10:00:20"), (5, "10:02:00")]
    states = [{"seconds": seconds, "finished": f"2026-01-01T{end}+00:00"} for seconds, end in spans]
    assert runs.time_taken(states) == 35 + 5


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (61 * 60, "61 min"), (7800, "2 h 10 min")],
)
def test_durations_are_said_as_a_person_would(seconds, words):
    assert screen.spoken(seconds) == words


@pytest.mark.parametrize(
    ("text", "done"),
    [
        ("", None),
        ('{"label": "x", "done": 1, "total": 4}\n{"label": "x", "do', 1),
        ('{"label": "x", "done": 1, "total": 4}\n{"label": "x", "done": 3, "total": 4}\n', 3),
        ('{"label": "x", "done": 4, "total": 4}\n', None),
        ('{"label": "x", "done": 1, "total": 4}\n' * 1000, 1),
    ],
    ids=["empty", "half a line", "two", "complete", "long"],
)
def test_the_last_whole_line_of_progress_counts(tmp_path, text, done):
    assert screen.last_bar(tmp_path / "bars") is None
    (tmp_path / "bars").write_text(text)
    bar = screen.last_bar(tmp_path / "bars")
    assert (bar and bar["done"]) == done


# How it compares

ROWS = ledger.read(PROJECT / ledger.PLACE)
HEADLINES = ledger.headlines(ROWS)
COURSE = {"data": "course", "quick": False, "hard_vote_accuracies": [0.80]}


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "yes"),
        ({"hard_vote_accuracies": [0.84]}, "yes"),
        ({"hard_vote_accuracies": [0.76]}, "yes"),
        ({"hard_vote_accuracies": [0.845]}, "no"),
        ({"quick": True}, f"{ledger.NONE} (quick)"),
        ({"data": "mine"}, f"{ledger.NONE} (other data)"),
        ({"hard_vote_accuracies": None}, f"{ledger.NONE} (no figure)"),
    ],
)
def test_two_runs_agree_within_the_tolerance_where_they_can_be_compared(change, verdict):
    row = HEADLINES["05-lstm-ensemble"]
    assert summary.agreement(row, {**COURSE, **change}, COURSE) == verdict


def test_an_exact_figure_must_be_exact():
    published = {"data": "course", "quick": False, "accuracy": 80 / 198}
    for hits, verdict in ((80, "yes"), (81, "no")):
        mine = {**published, "accuracy": hits / 198}
        assert summary.agreement(HEADLINES[KNN], mine, published) == verdict


def test_what_was_not_published_is_not_compared():
    verdict = summary.agreement(HEADLINES[KNN], {"accuracy": 0.4}, None)
    assert verdict == f"{ledger.NONE} (not published)"


def test_the_networks_headline_is_the_mean_of_one_that_was_not_chosen_by_it():
    networks = {
        "fully connected: batch-normalised": {"accuracies": [0.9, 0.5]},
        "hybrid: lucky": {"accuracies": [0.95, 0.95]},
    }
    row = HEADLINES["04-model-exploration"]
    assert ledger.figure(row, {"networks": networks}) == pytest.approx(0.7)


@pytest.mark.parametrize("results", [None, {}, {"networks": {}}, {"networks": {"a": {}}}])
def test_results_that_lack_the_headline_have_none(results):
    for row in HEADLINES.values():
        assert ledger.figure(row, results) is None
        assert ledger.headline(row, results)[1] == ledger.NONE
    assert summary.agreement(None, results, results) == f"{ledger.NONE} (no figure)"


def test_the_table_sets_time_headline_and_published_figure_side_by_side():
    results = {KNN: {"data": "course", "quick": False, "accuracy": 80 / 198}}
    table = summary.comparison_table(ROWS, [KNN, SEARCH], {KNN: 3.2}, results, results)
    head, knn, search = table.splitlines()
    assert knn.split()[:3] == [KNN, "3", "s"]
    assert knn.split()[-5:] == ["40.4", "%", "40.4", "%", "yes"]
    assert search.split() == [SEARCH, "failed"]
    assert head.index("published") == knn.rindex("40.4")
    assert head.index("here") == knn.index("40.4")


def test_the_table_of_the_published_run_is_within_a_hundred_columns(published):
    rows = ledger.read(PROJECT / ledger.PLACE)
    seconds = dict.fromkeys(published, 8000)
    table = summary.comparison_table(rows, list(published), seconds, published, {})
    assert max(map(len, table.splitlines())) <= 100
    words = " ".join(ledger.headlines(rows)["04-model-exploration"].headline.split()[-3:])
    assert words.split()[-1] in table


@pytest.mark.parametrize("has_model", [False, True])
def test_next_steps_are_commands_that_there_are(copy, has_model):
    if has_model:
        copy.run.champion.mkdir(parents=True)
    said = summary.next_steps(copy.run)
    assert ("genres demo" in said) == has_model
    for line in said.splitlines()[1:]:
        words = line.split("  ")[1].removeprefix(f"{COMMAND} ").split()
        if words[0] != "lab":
            assert main(["--check", *words]) == 0
