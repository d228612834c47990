"""report.handout: the notebooks as a student gets them."""

import json

import pytest
from conftest import PROJECT

from genres import Refusal
from genres.report import handout


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """What handout wrote of the project's notebooks, as (original, given) by name."""
    written = handout.write(PROJECT, tmp_path_factory.mktemp("handout"))
    notebooks = [path for path in written if path.suffix == ".ipynb"]
    assert notebooks
    return {
        path.stem: [
            json.loads(place.read_text("utf-8"))
            for place in (PROJECT / "notebooks" / path.name, path)
        ]
        for path in notebooks
    }


def sources(notebook, kind):
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


def test_a_handout_has_no_outputs_and_the_same_code(given):
    for original, copy in given.values():
        code = [cell for cell in copy["cells"] if cell["cell_type"] == "code"]
        assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
        assert sources(copy, "code") == sources(original, "code")


def test_each_answer_gives_way_to_a_place_for_the_students_own(given):
    for name, (original, copy) in given.items():
        before, after = ("\n".join(sources(one, "markdown")) for one in (original, copy))
        assert before.count("<summary>Answer</summary>") >= 2, name
        assert after.count(handout.PLACE_FOR_ANSWER) == before.count("<details>"), name
        assert "<details>" not in after and "</details>" not in after, name
        assert "**1.**" in after and "**2.**" in after, name


def test_the_glossary_comes_with_it_and_the_lecture_does_not(tmp_path):
    names = {path.name for path in handout.write(PROJECT, tmp_path / "new")}
    assert "GLOSSARY.md" in names
    assert "LECTURE.md" not in names


def test_what_a_student_wrote_is_not_overwritten(tmp_path):
    written = handout.write(PROJECT, tmp_path)
    assert handout.write(PROJECT, tmp_path) == written
    written[0].write_text(written[0].read_text("utf-8").replace("…", "Because.", 1), "utf-8")
    written[1].unlink()
    with pytest.raises(Refusal, match="differs: move it away"):
        handout.write(PROJECT, tmp_path)
    assert "Because." in written[0].read_text("utf-8")
    assert not written[1].exists()


def test_the_notebooks_own_folder_is_refused():
    with pytest.raises(Refusal, match="own place"):
        handout.write(PROJECT, PROJECT / "notebooks")
