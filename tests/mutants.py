"""``python -m tests.mutants``: which changes to the library does no test notice?

Cosmic Ray changes one place at a time: a comparison, an operator, a number, a boolean or a branch.
The places are drawn at random, each with one of its changes, and each changed module is tested by
its own test files in a copy of the project. Annotations and the texts of messages stay. Changes
that change nothing are in ``equivalent-mutants.csv``, each with the reason.

    .venv/bin/python -m pip install --require-hashes -r requirements-mutation.lock
    GENRE_TEST_DATA=FOLDER .venv/bin/python -m tests.mutants --sample 200 --seed 0
"""

import argparse
import ast
import csv
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest
from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

PROJECT = Path(__file__).resolve().parent.parent
EQUIVALENT = Path(__file__).with_name("equivalent-mutants.csv")
ROOMS = ("sound", "data", "models")
TESTED_IN = {
    "data/catalogue": ["data/test_catalogue.py", "test_downloads.py"],
    "sound/spectra": ["sound/test_features.py"],
    "sound/tags": ["sound/test_tagger.py"],
    "data/folders": ["data/test_folders.py", "data/test_splits.py"],
    "data/tablefiles": ["data/test_tablefiles.py", "data/test_tables.py"],
    "models/nearest": ["models/test_neighbours.py"],
}
"""Test files of the modules that have more than that of their own name, or none."""
OPERATORS = [
    name
    for name in plugins.operator_names()
    if not name.endswith(("RemoveDecorator", "VariableReplacer", "VariableInserter"))
]
# What takes long to import is imported once, by the process that forks all others.
WARM = (
    *("tensorflow", "keras", "librosa.feature", "librosa.filters", "numba", "pandas", "pyarrow"),
    *("sklearn.ensemble", "sklearn.model_selection", "sklearn.neighbors", "sklearn.pipeline"),
    *("soundfile", "hypothesis.strategies", "nbformat", "papermill", "joblib", "requests", "pywt"),
)


class Mutant(NamedTuple):
    """One change of one module."""

    module: str
    number: int
    line: str
    changed: str
    source: str


def changes_of(module):
    """Give a module's source, and its changes by place: the name of an operator, and a number."""
    path = PROJECT / "genres" / f"{module}.py"
    source = path.read_text("utf-8")
    kept = list(unchanged(ast.parse(source)))
    nodes = list(ast_nodes(get_ast(source)))
    places = defaultdict(list)
    for name in OPERATORS:
        operator = plugins.get_operator(name)()
        positions = (place for node in nodes for place in operator.mutation_positions(node))
        for occurrence, (begin, end) in enumerate(positions):
            if not any(first <= begin and end <= last for first, last in kept):
                places[begin, end].append((name, occurrence))
    return source, places


def unchanged(tree):
    """Give where annotations and messages begin and end."""
    for node in ast.walk(tree):
        held = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        if isinstance(node, ast.JoinedStr | ast.Raise):
            held.append(node)
        for each in filter(None, held):
            yield (each.lineno, each.col_offset), (each.end_lineno, each.end_col_offset)


def draw(modules, n_mutants, seed):
    """Draw places at random, and for each a change that Python can read."""
    found = {module: changes_of(module) for module in modules}
    places = [(module, place) for module in modules for place in sorted(found[module][1])]
    chance = random.Random(seed)
    drawn = []
    for module, place in chance.sample(places, len(places)):
        source, changes = found[module]
        name, occurrence = chance.choice(changes[place])
        changed = mutate_code(source, plugins.get_operator(name)(), occurrence)
        try:
            compile(changed, module, "exec")
        except SyntaxError:
            continue
        if ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source)):
            number = place[0][0]
            texts = [" ".join(text.splitlines()[number - 1].split()) for text in (source, changed)]
            drawn.append(Mutant(module, number, *texts, changed))
        if len(drawn) == n_mutants:
            break
    return sorted(drawn)


class Durations:
    """Note how long each test takes, or run those first that took the shortest."""

    def __init__(self, path):
        self.path = path
        self.seconds = json.loads(path.read_text()) if path.exists() else {}

    def pytest_collection_modifyitems(self, items):
        """Put quick tests first."""
        items.sort(key=lambda item: self.seconds.get(item.nodeid, 0))

    def pytest_runtest_logreport(self, report):
        """Add what a test, its set-up or its end took."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration


def start(folder, module, source, durations):
    """Test a module in a process of its own, in a copy of the project; give the process's id."""
    (folder / "genres" / f"{module}.py").write_text(source, "utf-8")
    process = os.fork()
    if process:
        return process
    os.setsid()
    with (folder / "log").open("w") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    os.chdir(folder)
    os.environ["PYTHONPATH"] = str(folder)
    sys.path[:] = [str(folder), *(place for place in sys.path if place not in ("", str(PROJECT)))]
    for name in [name for name in sys.modules if name.split(".")[0] in ("genres", "tests")]:
        del sys.modules[name]
    noted = Durations(durations)
    options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider"]
    tests = [f"tests/{name}" for name in tests_of(module)]
    status = pytest.main([*tests, *options], plugins=[noted])
    if not durations.exists():
        durations.write_text(json.dumps(noted.seconds))
    os._exit(status)


def tests_of(module):
    """Name the files of tests of a module."""
    room, name = module.split("/")
    return TESTED_IN.get(module, [f"{room}/test_{name}.py"])


def finished(process, seconds):
    """Wait for a process at most so long; give its exit status, or None."""
    last = time.monotonic() + seconds
    while time.monotonic() < last:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None


def equivalent():
    """Give the reasons of the changes that change nothing, by module, line and changed line."""
    with EQUIVALENT.open(encoding="utf-8", newline="") as table:
        return {tuple(row[:3]): row[3] for row in csv.reader(table)}


def main(arguments=None):
    parser = argparse.ArgumentParser("python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="ROOM/MODULE", help="only of these")
    parser.add_argument("--sample", type=int, default=200, metavar="N", help="at most so many")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other changes")
    options = parser.parse_args(arguments)
    known = [
        f"{room}/{path.stem}"
        for room in ROOMS
        for path in sorted((PROJECT / "genres" / room).glob("[a-z]*.py"))
    ]
    drawn = draw(options.modules or known, options.sample, options.seed)
    importlib.import_module("genres")  # which sets up the environment of the others
    sys.dont_write_bytecode = True
    for name in WARM:
        importlib.import_module(name)
    reasons = equivalent()
    count, limits = Counter(), {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard", "-z"])
        for name in listed.decode().split("\0")[:-1]:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, folder / name)
        for place, mutant in enumerate(drawn, start=1):
            print(f"[{place}/{len(drawn)}] {mutant.module}", file=sys.stderr, flush=True)
            durations = folder / "-".join(tests_of(mutant.module)).replace("/", "-")
            original = (PROJECT / "genres" / f"{mutant.module}.py").read_text("utf-8")
            if durations not in limits:
                begin = time.monotonic()
                status = finished(start(folder, mutant.module, original, durations), 3600)
                limits[durations] = 30 + 5 * (time.monotonic() - begin)
                if status:
                    sys.exit(f"The tests of {mutant.module} fail:\n{(folder / 'log').read_text()}")
            process = start(folder, mutant.module, mutant.source, durations)
            status = finished(process, limits[durations])
            (folder / "genres" / f"{mutant.module}.py").write_text(original, "utf-8")
            reason = reasons.get((mutant.module, mutant.line, mutant.changed))
            outcome = "timed out" if status is None else "killed" if status else "survived"
            if reason and not status:
                outcome = "equivalent"
            count[outcome] += 1
            if outcome != "killed":
                print(f"{outcome}: genres/{mutant.module}.py:{mutant.number}: {reason or ''}")
                print(f"    {mutant.line}\n    {mutant.changed}", flush=True)
    noticed, missed = count["killed"] + count["timed out"], count["survived"]
    print(f"{len(drawn)} drawn: " + ", ".join(f"{n} {outcome}" for outcome, n in count.items()))
    print(f"{noticed / max(1, noticed + missed):.1%} of those that change something were noticed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
