"""Which of the project's modules does a piece of code import?"""

import ast
import hashlib
import json
from functools import lru_cache
from importlib.util import resolve_name
from pathlib import Path

from genres import files


def modules(project: Path):
    """List the project's own modules.

    Parameters
    ----------
    project : Path
        The folder that holds ``genres/`` and, perhaps, ``utils.py``.

    Returns
    -------
    dict of str to Path
        Their files by dotted name; a package's is its ``__init__.py``.
    """
    found = {_name(path, project): path for path in (project / "genres").rglob("*.py")}
    if (project / "utils.py").exists():
        found["utils"] = project / "utils.py"
    return found


@lru_cache(maxsize=1000)  # most notebooks import the same modules
def named(source: str, package: str = ""):
    """Give the names that some Python code may import.

    Parameters
    ----------
    source : str
        The code. All of it counts, within functions too.
    package : str, optional
        The package that the code is in, for its relative imports.

    Returns
    -------
    frozenset of str
        Dotted names. In ``from a import b``, b may be a module or not, so both ``a`` and ``a.b``
        are among them; and packages of packages, as importing a module imports these too.

    Raises
    ------
    SyntaxError
        If it is not plain Python.
    ImportError
        If a relative import leads out of all packages.
    """
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            module = resolve_name(module, package) if node.level else module
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return frozenset().union(*map(_with_packages, names))


def closure(names, project: Path) -> list[Path]:
    """Find the modules that some modules consist of: themselves, and all that these import.

    A change in a module that is not among them cannot change what they do.

    Parameters
    ----------
    names : iterable of str
        Dotted names; those that are not modules of the project count for nothing.
    project : Path
        As `modules` has it.

    Returns
    -------
    list of Path
        The modules' files, sorted.
    """
    known, reached = modules(project), set()
    waiting = set().union(*map(_with_packages, names))
    while waiting:
        name = waiting.pop()
        if name in known and name not in reached:
            reached.add(name)
            path = known[name]
            package = name if path.stem == "__init__" else name.rpartition(".")[0]
            waiting |= named(path.read_text(encoding="utf-8"), package)
    return sorted(known[name] for name in reached)


def fingerprint(paths, project):
    """Give a digest of the paths and the content of some modules, as `closure` finds them."""
    content = [[path.relative_to(project).as_posix(), files.sha256(path)] for path in paths]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _name(path, project):
    parts = path.relative_to(project).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _with_packages(name):
    return {name.rsplit(".", depth)[0] for depth in range(name.count(".") + 1)}
