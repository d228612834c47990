"""Working copies of the notebooks: what is kept, what follows, what is put beside."""

import json

import pytest
from tornado.web import HTTPError

from genres import Refusal
from genres.run import workbench

NAME = "02-knn-baseline.ipynb"


@pytest.fixture
def project(tmp_path):
    """A project with two notebooks and a text beside them."""
    (tmp_path / "notebooks").mkdir()
    for name in (NAME, "03-feature-search.ipynb", "GLOSSARY.md"):
        (tmp_path / "notebooks" / name).write_text(f"{name}, first edition")
    return tmp_path


def copies(project):
    folder = project / workbench.COPIES
    return {path.name: path.read_text() for path in folder.glob("[!.]*")}


def publish(project, text):
    (project / "notebooks" / NAME).write_text(text)


def change(project, text, name=NAME):
    (project / workbench.COPIES / name).write_text(text)


def test_copies_are_what_is_published_with_the_texts_that_it_links_to(project):
    assert workbench.copy_notebooks(project) == []
    assert copies(project) == {
        path.name: path.read_text() for path in (project / "notebooks").iterdir()
    }


def test_a_changed_copy_stays_and_one_that_is_deleted_is_made_again(project):
    workbench.copy_notebooks(project)
    first = copies(project)
    change(project, "mine")
    (project / workbench.COPIES / "03-feature-search.ipynb").unlink()
    assert workbench.copy_notebooks(project) == []
    assert copies(project) == first | {NAME: "mine"}


def test_a_copy_as_it_was_made_follows_its_original(project):
    workbench.copy_notebooks(project)
    publish(project, "second edition")
    assert workbench.copy_notebooks(project) == []
    assert copies(project)[NAME] == "second edition"
    assert len(copies(project)) == 3


def test_a_changed_original_is_put_beside_a_changed_copy_once(project):
    workbench.copy_notebooks(project)
    change(project, "mine")
    publish(project, "second edition")
    beside = "02-knn-baseline-updated.ipynb"
    assert workbench.copy_notebooks(project) == [beside]
    assert copies(project)[NAME] == "mine"
    assert copies(project)[beside] == "second edition"
    assert workbench.copy_notebooks(project) == []
    (project / workbench.COPIES / beside).unlink()  # who does not want it is not offered it again
    assert workbench.copy_notebooks(project) == []
    assert beside not in copies(project)


def test_what_was_put_beside_and_changed_stays_too(project):
    workbench.copy_notebooks(project)
    change(project, "mine")
    publish(project, "second edition")
    workbench.copy_notebooks(project)
    publish(project, "third edition")
    assert workbench.copy_notebooks(project) == ["02-knn-baseline-updated.ipynb"]
    change(project, "mine, too", "02-knn-baseline-updated.ipynb")
    publish(project, "fourth edition")
    assert workbench.copy_notebooks(project) == ["02-knn-baseline-updated-2.ipynb"]
    kept = {name: text for name, text in copies(project).items() if name.startswith("02")}
    assert sorted(kept.values()) == ["fourth edition", "mine", "mine, too"]


@pytest.mark.parametrize("note", ["", "[]", '{"02', "{}"])
def test_without_the_note_of_what_was_copied_nothing_is_lost(project, note):
    workbench.copy_notebooks(project)
    change(project, "mine")
    (project / workbench.COPIES / ".copied.json").write_text(note)
    workbench.copy_notebooks(project)
    assert copies(project)[NAME] == "mine"
    assert json.loads((project / workbench.COPIES / ".copied.json").read_text())


def test_copies_that_were_not_finished_are_not_offered_twice(project, monkeypatch):
    workbench.copy_notebooks(project)
    change(project, "mine")
    publish(project, "second edition")

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr(workbench.files, "write_json", stop)
        workbench.copy_notebooks(project)
    workbench.copy_notebooks(project)
    assert copies(project)[NAME] == "mine"
    assert len(copies(project)) == 4


def test_a_project_without_notebooks_is_refused(tmp_path):
    with pytest.raises(Refusal, match="holds no notebook"):
        workbench.copy_notebooks(tmp_path)


@pytest.mark.parametrize("path", ["notebooks/02.ipynb", "/notebooks/LECTURE.md"])
def test_what_is_published_cannot_be_saved(path):
    with pytest.raises(HTTPError, match=r"published as it is.+my-notebooks/"):
        workbench._refuse_published(path=path, model={})


@pytest.mark.parametrize("path", ["my-notebooks/02.ipynb", "runs/course/notebooks/02.ipynb"])
def test_all_else_can_be_saved(path):
    workbench._refuse_published(path=path, model={})
