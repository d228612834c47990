"""Which of the project's modules does a piece of code import?"""

import pytest

from genres import imports


@pytest.fixture
def project(tmp_path):
    """A project of two rooms, whose modules import each other in several ways."""
    for path, source in {
        "utils.py": "def late():\n    import genres.far.end",
        "genres/__init__.py": "",
        "genres/near/__init__.py": "",
        "genres/near/start.py": "from . import beside\nfrom ..far import end\nimport numpy",
        "genres/near/beside.py": "from genres import missing",
        "genres/near/other.py": "import utils",
        "genres/far/__init__.py": "from .face import name",
        "genres/far/face.py": "name = 1",
        "genres/far/end.py": "",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(source)
    return tmp_path


def reached(project, *names):
    return {path.relative_to(project).as_posix() for path in imports.closure(names, project)}


def test_a_closure_holds_what_is_imported_in_turn_and_the_packages_of_all(project):
    far = {"genres/__init__.py", "genres/far/__init__.py", "genres/far/face.py"}
    assert reached(project, "genres.far.end") == far | {"genres/far/end.py"}
    near = {"genres/near/__init__.py", "genres/near/start.py", "genres/near/beside.py"}
    assert reached(project, "genres.near.start") == far | near | {"genres/far/end.py"}
    assert reached(project, "utils") == far | {"utils.py", "genres/far/end.py"}
    assert reached(project, "numpy") == set()


def test_a_relative_import_that_leads_out_is_an_import_error():
    with pytest.raises(ImportError):
        imports.named("from . import x")


def test_a_fingerprint_follows_what_is_imported_and_nothing_else(project):
    def fingerprint():
        return imports.fingerprint(imports.closure(["genres.near.start"], project), project)

    before = fingerprint()
    (project / "genres" / "near" / "other.py").write_text("changed = True")
    assert fingerprint() == before
    (project / "genres" / "far" / "face.py").write_text("name = 2")
    assert fingerprint() != before


def test_code_is_parsed_again_only_where_it_is_another(project, monkeypatch):
    parsed, parse = [], imports.ast.parse
    monkeypatch.setattr(imports.ast, "parse", lambda source: parsed.append(source) or parse(source))
    start = project / "genres" / "near" / "start.py"
    start.write_text(start.read_text() + "\nimport first")
    reached(project, "genres.near.start")
    assert start.read_text() in parsed
    parsed.clear()
    reached(project, "genres.near.start", "genres.far.end")
    assert parsed == []
    start.write_text("import utils")
    assert "utils.py" in reached(project, "genres.near.start")
