"""The library is built as docs/ARCHITECTURE.md says: rooms, arrows between them, sizes, names.

What a room may import is written in one place, the picture in that document. Each check is a
function of a project's folder, so that it can be seen to fail on a small one.
"""

import ast
import re
from graphlib import CycleError, TopologicalSorter

import pytest

from genres import imports
from genres.project import PROJECT
from genres.run.provenance import read_cells

MOST_LINES = 400
MOST_MODULES = 9
DATA_IN_CODE = {"genres/synth/styles.py"}  # which may be longer: it is a table
OUTSIDE = ("utils.py", "run_all.sh", "tests/conftest.py")  # the library, and read the environment
ARCHITECTURE = (PROJECT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")


def read_arrows(text):
    """Read which rooms each room may import from a Mermaid picture of them."""
    picture = re.search(r"```mermaid\n(.+?)```", text, re.S)[1]
    lines = [line.strip() for line in picture.splitlines()[1:]]
    arrows = {}
    for line in lines:
        room, *targets = re.sub(r'[\[(]+".*?"[\])]+', "", line).split(" --> ")
        arrows[room] = {target for listed in targets for target in listed.split(" & ")}
    return arrows


def find_circle(arrows):
    """Give rooms that import each other in a circle, or an empty list."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def rooms_of(project):
    return {path.parent.name for path in (project / "genres").glob("*/__init__.py")}


def used_arrows(project):
    """Give, for each room and room that it imports, the files that do it, in functions too.

    Two more import: ``notebooks``, with ``utils.py``; and ``root``, the modules beside the rooms.
    What the command line does, ``commands``, may put any rooms together.
    """
    rooms, used = rooms_of(project), {}
    for path, room, names in _imports(project, rooms):
        packages = {name.split(".")[1] for name in names if name.startswith("genres.")}
        for target in packages & rooms - {room}:
            used.setdefault((room, target), set()).add(path.relative_to(project).as_posix())
    return used


def _imports(project, rooms):
    """Give each file with the room that it counts for and the names that it imports."""
    for name, path in imports.modules(project).items():
        if name != "genres.commands":
            inside = name.split(".")[1:2]
            room = "notebooks" if name == "utils" else "".join(rooms.intersection(inside)) or "root"
            package = name if path.stem == "__init__" else name.rpartition(".")[0]
            yield path, room, imports.named(path.read_text(encoding="utf-8"), package)
    for path in sorted((project / "notebooks").glob("[0-9]*.ipynb")):
        code = [source for kind, source, _ in read_cells(path) if kind == "code"]
        yield path, "notebooks", imports.named("\n".join(code))


def find_forbidden_imports(project, arrows):
    """Say which files import a room that theirs has no arrow to."""
    return [
        f"{place}: {room} may not import {target}"
        for (room, target), places in used_arrows(project).items()
        if target not in arrows.get(room, ())
        for place in sorted(places)
    ]


def find_talking_inits(project):
    """List the rooms whose ``__init__.py`` holds more, or less, than a docstring."""
    return [
        path.parent.name
        for path in sorted((project / "genres").glob("*/__init__.py"))
        if not _is_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]


def _is_docstring(module):
    return len(module.body) == 1 and ast.get_docstring(module) is not None


def find_long_files(project):
    """List the files of the library, the bench and the benchmarks that have too many lines."""
    code = [
        path
        for folder in ("genres", "benchmarks")
        for path in (project / folder).rglob("*")
        if path.suffix in (".py", ".js", ".css", ".html")
    ]
    lengths = {
        path.relative_to(project).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in [*code, *project.glob("utils.py")]
    }
    return sorted(
        name for name, length in lengths.items() if length > MOST_LINES and name not in DATA_IN_CODE
    )


def modules_of(project, room):
    """Give the names of a room's modules; what it serves to a browser is none."""
    return {path.stem for path in (project / "genres" / room).glob("*.py")} - {"__init__"}


def find_crowded_rooms(project):
    """List the rooms with too many modules."""
    return [
        room for room in sorted(rooms_of(project)) if len(modules_of(project, room)) > MOST_MODULES
    ]


def defines(path, name):
    """Say whether a Python file defines a name, or ``Class.name``, at its top."""
    inside = ast.parse(path.read_text(encoding="utf-8")).body
    for part in name.split("."):
        found = [node for node in inside if part in _names(node)]
        if not found:
            return False
        inside = getattr(found[0], "body", [])
    return True


def _names(node):
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    if isinstance(node, ast.AnnAssign):
        return {node.target.id}
    return {getattr(node, "name", None)}


# The library itself


def test_rooms_import_only_what_an_arrow_leads_to():
    assert find_forbidden_imports(PROJECT, read_arrows(ARCHITECTURE)) == []


def test_no_rooms_import_each_other_in_a_circle():
    assert find_circle(read_arrows(ARCHITECTURE)) == []


def test_the_picture_has_the_rooms_that_there_are_and_no_arrow_too_many():
    arrows = read_arrows(ARCHITECTURE)
    assert set(arrows) - {"notebooks"} == rooms_of(PROJECT)
    drawn = {(room, target) for room, targets in arrows.items() for target in targets}
    assert drawn == set(used_arrows(PROJECT))


def test_a_rooms_init_holds_its_docstring_and_nothing_else():
    assert find_talking_inits(PROJECT) == []


def test_no_file_is_too_long():
    assert find_long_files(PROJECT) == []


def test_no_room_is_crowded():
    assert find_crowded_rooms(PROJECT) == []


def test_the_table_of_rooms_lists_their_modules():
    rows = re.findall(r"^\| `([a-z]+)` \| .+? \| (`.+?`) \| .+? \|$", ARCHITECTURE, re.M)
    listed = {room: set(re.findall(r"`(\w+)`", modules)) for room, modules in rows}
    assert listed == {room: modules_of(PROJECT, room) for room in rooms_of(PROJECT)}


def test_twelve_questions_are_answered_by_names_alone():
    table = ARCHITECTURE.partition("## Twelve questions\n")[2]
    rows = re.findall(r"^\| (.+\?) \| (.+) \|$", table, re.M)
    assert len(rows) == 12
    for question, answer in rows:
        assert re.fullmatch(r"`[\w./]+(:[\w.]+)?`(, `[\w./]+(:[\w.]+)?`)*", answer), question


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(\w[\w./-]+:[\w.]+)`", ARCHITECTURE))))
def test_a_name_that_the_document_gives_exists(name):
    file, _, defined = name.partition(":")
    assert defines(PROJECT / file, defined)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(\w+/[\w./-]+)`", ARCHITECTURE))))
def test_a_path_that_the_document_gives_exists(path):
    if "NN" not in path:
        assert (PROJECT / path).exists()


def test_the_table_of_environment_variables_says_who_reads_them():
    paths = [*(PROJECT / "genres").rglob("*.py"), *map(PROJECT.joinpath, OUTSIDE)]
    readers = {}
    for path in paths:
        for name in re.findall(r"\b(?:GENRE|DASK)_[A-Z_]+\b", path.read_text(encoding="utf-8")):
            readers.setdefault(name, set()).add(path.relative_to(PROJECT).as_posix())
    rows = re.findall(r"^\| `([A-Z_]+)` \| .+? \| (`.+?`) \|", ARCHITECTURE, re.M)
    listed = {name: set(re.findall(r"`(.+?)`", files)) for name, files in rows}
    assert set(listed) == set(readers)
    for name, files in listed.items():
        assert files <= readers[name]


# That the checks can fail

PICTURE = """\
```mermaid
flowchart TD
    models["<b>models</b>"] --> data & sound
    data["<b>data</b>"] --> sound
    sound["<b>sound</b>"]
```
"""


@pytest.fixture
def house(tmp_path):
    """Make a sound little project, and give a function that writes a file of it."""

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return tmp_path

    for room in ("sound", "data", "models"):
        write(f"genres/{room}/__init__.py", '"""What is it?"""\n')
    write("genres/files.py", "import os\n")
    write("genres/sound/audio.py", "from genres import files\n")
    write("genres/data/tables.py", "from genres.sound import audio\n")
    write("genres/models/networks.py", "import genres.data.tables\nfrom genres import sound\n")
    return write


def test_the_picture_is_read():
    assert read_arrows(PICTURE) == {"models": {"data", "sound"}, "data": {"sound"}, "sound": set()}


def test_a_sound_house_passes(house):
    project = house("genres/commands.py", "from genres.models import networks\n")
    assert find_forbidden_imports(project, read_arrows(PICTURE)) == []
    assert find_talking_inits(project) == find_long_files(project) == []
    assert find_crowded_rooms(project) == []


@pytest.mark.parametrize(
    "code",
    [
        "from genres.models import networks\n",
        "from genres.models.networks import layers\n",
        "from genres import files, models\n",
        "import genres.models.networks as networks\n",
        "from ..models import networks\n",
        "from .. import models\n",
        "def late():\n    from genres.models import networks\n",
        "if True:\n    import genres.models\n",
    ],
)
def test_an_import_against_the_arrows_is_found(house, code):
    project = house("genres/sound/audio.py", code)
    found = find_forbidden_imports(project, read_arrows(PICTURE))
    assert found == ["genres/sound/audio.py: sound may not import models"]


def test_a_module_at_the_root_that_imports_a_room_is_found(house):
    project = house("genres/files.py", "from genres.sound import audio\n")
    found = find_forbidden_imports(project, read_arrows(PICTURE))
    assert found == ["genres/files.py: root may not import sound"]


def test_a_circle_is_found():
    circle = PICTURE.replace('sound["<b>sound</b>"]\n', 'sound["<b>sound</b>"] --> data\n')
    assert find_circle(read_arrows(PICTURE)) == []
    assert set(find_circle(read_arrows(circle))) == {"data", "sound"}


@pytest.mark.parametrize(
    "text", ["", '"""What?"""\nfrom genres.sound import audio\n', "X = 1\n", "# only a comment\n"]
)
def test_an_init_that_is_more_than_a_docstring_is_found(house, text):
    assert find_talking_inits(house("genres/sound/__init__.py", text)) == ["sound"]


@pytest.mark.parametrize(
    "name", ["genres/sound/a.py", "genres/demo/page.js", "utils.py", "benchmarks/a.py"]
)
def test_a_long_file_is_found(house, name):
    house(name, "\n" * MOST_LINES)
    assert find_long_files(house("genres/synth/styles.py", "\n" * 2 * MOST_LINES)) == []
    assert find_long_files(house(name, "\n" * (MOST_LINES + 1))) == [name]


def test_a_crowded_room_is_found(house):
    for number in range(MOST_MODULES - 1):
        project = house(f"genres/sound/module_{number}.py", "")
    house("genres/sound/page.js", "")
    assert find_crowded_rooms(project) == []
    assert find_crowded_rooms(house("genres/sound/one_more.py", "")) == ["sound"]


@pytest.mark.parametrize(
    ("name", "is_there"),
    [("f", True), ("A", True), ("A.g", True), ("B", True), ("g", False), ("A.f", False)],
)
def test_a_name_is_looked_up(tmp_path, name, is_there):
    code = tmp_path / "code.py"
    code.write_text("B: int = 1\ndef f(): pass\nclass A:\n    def g(self): pass\n")
    assert defines(code, name) is is_there
