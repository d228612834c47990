"""report.publish: what of a finished run becomes the published report."""

import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import PROJECT, run_report

from genres import Refusal, files
from genres.report import ledger, summary
from genres.report.publish import (
    BEGIN,
    END,
    EVALUATED,
    LARGEST,
    TIMES,
    _log_evaluation,
    publish,
    publish_leaderboard,
    result_table,
)
from genres.run import runner, runs

KNN, SEARCH = "02-knn-baseline", "03-feature-search"

SHOWS = """\
keep("02-knn-baseline", accuracy=80 / 198)
(run / "figures" / "02-knn-baseline-genres.png").write_bytes(b"new")
print("trained")
1 + 1"""

PICTURE = """\
from IPython.display import Image
Image(data=b"\\x89PNG" + bytes(100), format="png")"""


def git(folder, *arguments):
    identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def finished(make_toy_project, tmp_path_factory):
    """A committed toy project with a finished run."""
    folder = tmp_path_factory.mktemp("project")
    project = make_toy_project(folder).write(KNN, SHOWS, "", PICTURE)
    project.write(SEARCH, 'keep("03-feature-search", best_macro_f1=0.25)')
    (folder / "README.md").write_text(f"# Title\n\n{BEGIN}\nold table\n{END}\n\nThe end.\n")
    (folder / "docs").mkdir()
    (folder / "docs" / "SPEED.md").write_text("\n".join(["# Speed", *TIMES, "The end."]))
    (folder / ".gitignore").write_text("runs/\n")
    (folder / "figures" / f"{KNN}-gone.png").write_bytes(b"old")
    (folder / "figures" / "logo.png").write_bytes(b"logo")
    git(folder, "init", "--quiet")
    commit_all(folder)
    assert run_report(str(project.data), project=folder) == 0
    return folder


def commit_all(folder):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Everything")


@pytest.fixture
def project(finished, tmp_path):
    """A copy of the project and its run, to publish."""
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    return SimpleNamespace(
        folder=folder,
        run=folder / "runs" / "toy",
        publish=lambda *only: publish(folder / "runs" / "toy", folder, only),
        notebook=folder / "notebooks" / f"{KNN}.ipynb",
        executed=folder / "runs" / "toy" / "notebooks" / f"{KNN}.ipynb",
        results=folder / "runs" / "toy" / "results" / f"{KNN}.json",
        state=folder / "runs" / "toy" / "state" / f"{KNN}.json",
    )


def change(path, update):
    document = json.loads(path.read_text())
    update(document)
    path.write_text(json.dumps(document))


def add_output(project, **data):
    """Put an output of a rich kind into the last cell of the executed notebook."""
    output = {"output_type": "display_data", "metadata": {}, "data": data}
    change(project.executed, lambda document: document["cells"][-1]["outputs"].append(output))


def content(folder):
    """Give all files of the project but its run and git's own."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in ("runs", ".git")
    }


def refuses(project, sentence, *only):
    """Assert that publishing is refused in one sentence and leaves everything as it was."""
    before = content(project.folder)
    with pytest.raises(Refusal, match=sentence) as refusal:
        project.publish(*only)
    assert "\n" not in str(refusal.value)
    assert content(project.folder) == before


def write_leaderboard(folder, synthetic=False, word="rank"):
    place = folder / "evaluations"
    for name in ("leaderboard.html", "leaderboard.md", "leaderboard.csv", "evaluation-svm.html"):
        files.write_text(place / name, word)
    files.write_json(place / "svm.json", {"synthetic": synthetic})
    files.write_text(place / "a-class" / "leaderboard.html", "of students")


# What is published


def test_a_published_notebook_is_the_written_one_with_the_outputs_of_the_run(project):
    written = json.loads(project.notebook.read_text())
    project.publish()
    published = json.loads(project.notebook.read_text())
    outputs = {cell["id"]: cell.pop("outputs") for cell in published["cells"] if "outputs" in cell}
    counts = [cell.pop("execution_count", None) for cell in published["cells"]]
    for cell in written["cells"]:
        cell.pop("outputs", None)
        cell.pop("execution_count", None)
    assert published["cells"] == written["cells"]
    assert counts == [None, 1, 2, 3, None, 4]
    stream, result = outputs["cell-0"]
    assert "".join(stream["text"]) == "trained\n"
    assert (result["data"]["text/plain"], result["execution_count"]) == (["2"], 3)
    assert "image/png" in outputs["cell-2"][0]["data"]
    assert published["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


def test_nothing_of_the_way_it_was_executed_is_published(project):
    project.publish()
    text = project.notebook.read_text()
    for word in ("papermill", "injected", "iopub", 'DATA = \\"/'):
        assert word in project.executed.read_text()
        assert word not in text


def test_the_run_still_holds_after_it_was_published(project):
    project.publish()
    data = runner.folders.find(project.folder / "toy")
    run = runs.Run(project.folder, project.run, data, False)
    assert run.changes(project.notebook) == []


def test_publishing_twice_changes_nothing(project):
    project.publish()
    once = content(project.folder)
    project.publish()
    assert content(project.folder) == once


def test_pictures_of_the_run_take_the_place_of_those_of_the_last(project):
    project.publish()
    names = {path.name for path in (project.folder / "figures").iterdir()}
    assert names == {f"{KNN}-genres.png", "logo.png", "results.json", "run.json"}
    assert (project.folder / "figures" / f"{KNN}-genres.png").read_bytes() == b"new"


def test_the_readme_has_the_table_of_the_results_between_its_markers(project):
    project.publish()
    results = json.loads((project.folder / "figures" / "results.json").read_text())
    run = json.loads((project.folder / "figures" / "run.json").read_text())
    assert list(results) == [KNN, SEARCH]
    rows = ledger.read(project.folder / ledger.PLACE)
    expected = f"# Title\n\n{BEGIN}\n{result_table(rows, results, run)}\n{END}\n\nThe end.\n"
    assert (project.folder / "README.md").read_text() == expected
    speed = (project.folder / "docs" / "SPEED.md").read_text()
    assert speed == "\n".join(["# Speed", TIMES[0], summary.time_table(run), TIMES[1], "The end."])
    assert "| report 1: 40.4 % | 40.4 % |" in expected
    assert "| report 1: 0.521 | 0.250 |" in expected


def test_each_notebook_is_described_with_the_commit_of_its_code(project):
    code = git(project.folder, "rev-parse", "HEAD")
    project.publish()
    described = files.read_json(project.folder / "figures" / "run.json")
    assert list(described) == [KNN, SEARCH]
    for made in described.values():
        assert made["commit"] == code
        assert made["data"] == "toy"
        assert made["seconds"] > 0
        assert made["peak_memory"] > 10e6
        assert set(made["machine"]) == {"python", "platform", "cpu", "cores", "libraries"}


# One notebook of it


def execute_anew(project, accuracy):
    """Change the k-NN notebook and commit it, then execute it; give the commit."""
    source = SHOWS.replace("80 / 198", str(accuracy)).replace('b"new"', 'b"newer"')
    change(project.notebook, lambda document: document["cells"][3].update(source=source))
    commit_all(project.folder)
    assert run_report(str(project.folder / "toy"), project=project.folder, only=["02"]) == 0
    return git(project.folder, "rev-parse", "HEAD")


@pytest.mark.parametrize(
    ("beside", "kept"), [("toy-quick", "rehearsal.json"), ("synthetic", "built-in.json")]
)
def test_the_seconds_of_the_runs_beside_it_are_published(project, beside, kept):
    def execute(name):
        files.write_json(project.run.with_name(beside) / "state" / f"{name}.json", {"seconds": 5.0})

    path = project.folder / "figures" / kept
    execute(KNN)
    project.publish()
    assert not path.exists(), "one notebook of two"
    execute(SEARCH)
    project.publish()
    assert files.read_json(path) == {KNN: 5.0, SEARCH: 5.0}


def test_one_notebook_is_published_and_the_others_stay_as_they_are(project):
    before = git(project.folder, "rev-parse", "HEAD")
    project.publish()
    kept = project.notebook.with_name(f"{SEARCH}.ipynb").read_bytes()
    after = execute_anew(project, accuracy=0.5)
    # Of the other notebook the run holds nothing more that could be published.
    (project.run / "state" / f"{SEARCH}.json").unlink()

    assert project.publish("2") == [project.notebook]
    assert project.notebook.with_name(f"{SEARCH}.ipynb").read_bytes() == kept
    assert (project.folder / "figures" / f"{KNN}-genres.png").read_bytes() == b"newer"
    results = files.read_json(project.folder / "figures" / "results.json")
    assert [results[KNN]["accuracy"], results[SEARCH]["best_macro_f1"]] == [0.5, 0.25]
    described = files.read_json(project.folder / "figures" / "run.json")
    assert [described[name]["commit"] for name in (KNN, SEARCH)] == [after, before]
    readme = (project.folder / "README.md").read_text()
    assert "| report 1: 40.4 % | 50.0 % |" in readme and "| report 1: 0.521 | 0.250 |" in readme
    assert "| 40.4 % | 50.0 % |" in (project.folder / "docs" / "LEDGER.md").read_text()


def test_one_notebook_can_be_the_first_that_is_published(project):
    project.publish("03")
    assert list(files.read_json(project.folder / "figures" / "results.json")) == [SEARCH]
    assert "papermill" not in project.notebook.read_text()
    assert (project.folder / "figures" / f"{KNN}-gone.png").exists()


def test_every_notebook_wanted_is_checked_before_one_is_published(project):
    project.publish()
    execute_anew(project, accuracy=0.5)
    (project.run / "state" / f"{SEARCH}.json").unlink()
    refuses(project, f"not complete: {SEARCH} was not executed", "02", "03")
    refuses(project, "There is no notebook 7", "7")


@pytest.mark.parametrize(
    ("data", "names"), [("other 1234", "other and toy"), ("my songs 12", "my songs and toy")]
)
def test_notebooks_of_other_data_than_the_rest_are_refused(project, data, names):
    project.publish()
    change(project.state, lambda state: state["made_from"].update(data=data))
    refuses(project, rf"would be of different data \({names}\)", "02")


def test_notebooks_of_another_version_of_the_data_are_refused(project):
    project.publish()
    change(project.state, lambda state: state["made_from"].update(data="toy 1234"))
    refuses(project, r"would be of different data \(toy\)", "02")


def test_beside_what_an_older_version_published_one_notebook_alone_is_refused(project):
    project.publish()
    path = project.folder / "figures" / "run.json"
    files.write_json(path, {"commit": "0" * 40, "seconds": {KNN: 1.0, SEARCH: 2.0}})
    refuses(project, "run.json is of another version: publish all notebooks", "02")
    assert runs.find(project.folder, "published").seconds == 0
    assert len(project.publish()) == 2


# What is refused


def test_a_run_that_is_not_there_is_refused(project):
    shutil.rmtree(project.run)
    refuses(project, "There is no run in")


@pytest.mark.parametrize("missing", ["executed", "results", "state"])
def test_a_run_that_lacks_a_notebook_is_refused(project, missing):
    getattr(project, missing).unlink()
    refuses(project, f"not complete: {KNN} was not executed to its end")


def test_a_run_in_which_a_notebook_failed_is_refused(project):
    change(project.state, lambda state: state.pop("made_from"))
    refuses(project, f"not complete: {KNN} was not executed to its end")


def test_a_run_made_before_a_notebook_was_added_is_refused(project):
    shutil.copy(project.notebook, project.notebook.with_name("04-new.ipynb"))
    refuses(project, "not complete: 04-new was not executed to its end")


@pytest.mark.parametrize("key", ["quick", "synthetic"])
def test_a_run_of_which_any_result_is_quick_or_synthetic_is_refused(project, key):
    change(project.results, lambda results: results.update({key: True}))
    refuses(project, f"{KNN} .*{key}")
    change(project.results, lambda results: results.pop(key))
    refuses(project, f"{KNN} .*{key}")


def test_a_run_of_other_cells_than_there_are_now_is_refused(project):
    change(project.notebook, lambda document: document["cells"][1].update(source="# New"))
    refuses(project, f"{KNN} was executed before its cells changed")


def test_a_run_of_another_library_than_there_is_now_is_refused(project):
    (project.folder / "requirements.lock").write_text("changed")
    refuses(project, f"{KNN} was executed before its lock changed")


def test_a_run_on_different_data_is_refused(project):
    change(project.state, lambda state: state["made_from"].update(data="other 1234"))
    refuses(project, "executed with different data")


def test_code_that_is_in_no_commit_is_refused(project):
    change(project.notebook, lambda document: document["cells"][0].update(source="# New"))
    shutil.copy(project.notebook, project.folder / "uncommitted.ipynb")
    commit_all(project.folder)
    change(project.notebook, lambda document: document["cells"][0].update(source=f"# {KNN}"))
    refuses(project, f"The code of {KNN} is in no commit")
    shutil.rmtree(project.folder / ".git")
    refuses(project, f"The code of {KNN} is in no commit")


def test_a_path_of_this_machine_in_an_output_is_refused(project):
    data = json.loads(project.executed.read_text())["metadata"]["papermill"]["parameters"]["DATA"]
    for path in (project.run, project.folder, data, Path.home()):
        add_output(project, **{"text/html": f"<a href='{path}/models'>models</a>"})
        refuses(project, f"{KNN}, cell 4, shows the path {path}, ")
        change(project.executed, lambda document: document["cells"][-1]["outputs"].pop())
    project.publish()


def test_what_only_looks_like_a_path_in_a_picture_is_published(project, monkeypatch):
    monkeypatch.setenv("HOME", "/QUJD")
    add_output(project, **{"image/png": "iVBO/QUJD/RA==", "text/plain": "see/QUJD"})
    project.publish()


def test_a_notebook_too_large_for_github_is_refused(project):
    add_output(project, **{"image/png": "A" * LARGEST})
    refuses(project, f"{KNN} would be 3.0 MB")


def test_a_readme_without_a_place_for_the_table_is_refused(project):
    (project.folder / "README.md").write_text(f"# Title\n{BEGIN}\n")
    refuses(project, "README.md has no")


# The published report itself


def test_the_readme_of_the_project_shows_the_published_results():
    published = PROJECT / "figures" / "results.json"
    if not published.exists():
        pytest.skip("no run is published yet")
    run = files.read_json(published.with_name("run.json"))
    rows = ledger.read(PROJECT / ledger.PLACE)
    table = result_table(rows, files.read_json(published), run)
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert f"{BEGIN}\n{table}\n{END}" in readme
    speed = (PROJECT / "docs" / "SPEED.md").read_text(encoding="utf-8")
    assert "\n".join([TIMES[0], summary.time_table(run), TIMES[1]]) in speed


def test_times_are_told_with_the_cores_that_were_used():
    one = {"finished": "2026-01-01T10:05:00+00:00", "seconds": 300.0, "peak_memory": 2_000_000_000}
    two = {"finished": "2026-01-01T10:06:00+00:00", "seconds": 120.0, "peak_memory": 900_000_000}
    assert summary.time_table({"a": one | {"cpu_seconds": 450.0}, "b": two}).splitlines()[2:] == [
        "| a | 5.0 | 7.5 | 1.5 | 2.0 GB |",
        f"| b | 2.0 | {ledger.NONE} | {ledger.NONE} | 0.9 GB |",
    ]
    both = {"a": one | {"cpu_seconds": 450.0}, "b": two | {"cpu_seconds": 30.0}}
    last = summary.time_table(both).splitlines()[-1]
    assert last == "| all | 6.0 | 8.0 | 1.3 | 2.0 GB |"


def test_each_evaluation_on_the_test_tracks_is_noted_once(tmp_path):
    path = tmp_path / "evaluations.csv"
    first = {"finished": "2026-01-02", "commit": "0123456789abcdef"}
    for state in (first, first, {"finished": "2026-01-04", "commit": None}):
        _log_evaluation(path, [0.8, 0.9], state)
    _log_evaluation(path, [0.8], {"finished": "2026-01-05", "commit": None})
    assert path.read_text().splitlines() == [
        "date,commit,accuracy,kind,what",
        "2026-01-02,0123456789,0.8500,evaluation,mean of 2 seeds",
        "2026-01-04,uncommitted,0.8500,evaluation,mean of 2 seeds",
        "2026-01-05,uncommitted,0.8000,evaluation,one seed",
    ]


# The leaderboard


def test_a_leaderboard_is_published_with_the_run_or_alone(project):
    project.publish()
    assert not (project.folder / EVALUATED).exists()
    write_leaderboard(project.run)
    files.write_text(project.folder / EVALUATED / "evaluation-gone.html", "old")
    project.publish(KNN)
    assert (project.folder / EVALUATED / "evaluation-gone.html").exists()
    project.publish()
    written = publish_leaderboard(project.run, project.folder)
    assert sorted(written) == sorted((project.folder / EVALUATED).iterdir())
    assert [path.name for path in sorted(written)] == [
        "evaluation-svm.html",
        "leaderboard.csv",
        "leaderboard.html",
        "leaderboard.md",
    ]


def test_a_leaderboard_that_tells_too_much_or_of_synthetic_music_is_refused(project):
    write_leaderboard(project.run, word=f"in {Path.home()}/model.py")
    refuses(project, "evaluation-svm.html, shows the path|leaderboard.html, shows the path")
    write_leaderboard(project.run, synthetic=True)
    refuses(project, "of synthetic music")
    shutil.rmtree(project.run / "evaluations")
    with pytest.raises(Refusal, match="holds no leaderboard"):
        publish_leaderboard(project.run, project.folder)
