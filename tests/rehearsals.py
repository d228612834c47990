"""How is the report rehearsed by tests?"""

import re
import sys

import nbformat

from genres.project import PROJECT

ANSWER = re.compile(
    r"<details><summary>Answer</summary>\n\n"
    r"```python\n(?P<code>.+?)\n```\n+```text\n(?P<shown>.+?)\n```\n+(?P<text>.+?)\n\n</details>",
    re.S,
)
"""The answer to an exercise: its code, and what that shows."""


def write_project(folder, *changes):
    """Make a folder that is the project, but for what functions change in each notebook."""
    (folder / "notebooks").mkdir(parents=True, exist_ok=True)
    for name in ("data", "figures", "genres", "utils.py", "requirements.lock", "requirements.txt"):
        if not (folder / name).exists():
            (folder / name).symlink_to(PROJECT / name)
    for left in folder.glob("notebooks/*.ipynb"):
        left.unlink()
    for path in (PROJECT / "notebooks").glob("[0-9]*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for change in changes:
            change(notebook)
        nbformat.write(notebook, folder / "notebooks" / path.name)


FEW_STEPS_OF_UMAP = """\
from functools import partial
import numba
numba.config.DISABLE_JIT = True
import umap
numba.config.DISABLE_JIT = False
umap.UMAP = partial(umap.UMAP, n_epochs=3)
"""


def add_answers(notebook):
    """Add the answers to a notebook's exercises at its end.

    UMAP is not compiled for them: in three epochs, that takes longer than all else in a notebook.
    """
    text = "\n\n".join(cell.source for cell in notebook.cells)
    if "from umap import" in text:
        notebook.cells.append(nbformat.v4.new_code_cell(FEW_STEPS_OF_UMAP, id="umap-of-tests"))
    notebook.cells += [
        nbformat.v4.new_code_cell(answer["code"], id=f"answer-{number}")
        for number, answer in enumerate(ANSWER.finditer(text), start=1)
    ]


TRAINS = r"^from genres\.models import .*\b(champion|networks)\b"
"""What a notebook imports that trains networks."""

UNTRACED = """\
import warnings
from genres.models.stacked import tf
tf.config.run_functions_eagerly(True)
warnings.filterwarnings("ignore", "Even though the `tf.config")
"""


def leave_untraced(notebook):
    """Let a notebook's networks compute at once, and not be traced first.

    Where they take few steps on few clips, tracing takes most of the time.
    """
    _let_train(notebook, UNTRACED)


ONE_BATCH = """\
from genres.models import training
from genres.models.stacked import keras, tf
fit, fit_members = keras.Model.fit, training._train
def fit_one_batch(network, rows, *labels, steps_per_epoch=None, **settings):
    one = (rows[:32], labels[0][:32]) if labels else (rows.take(1),)
    return fit(network, *one, **settings)
def fit_members_to_one_batch(members, own, settings, progress=None):
    own = [(seed, rows[: settings.batch_size]) for seed, rows in own]
    tf.config.run_functions_eagerly(True)
    found = fit_members(members, own, settings, progress)
    tf.config.run_functions_eagerly(False)
    return found
training._train, keras.Model.fit = fit_members_to_one_batch, fit_one_batch
keras.Model.run_eagerly = property(lambda network: True, lambda network, value: None)
"""


def train_on_one_batch(notebook):
    """Let a notebook's networks take one step in each epoch, untraced.

    In a rehearsal, tracing a network takes longer than training it.
    """
    _let_train(notebook, ONE_BATCH)


def _let_train(notebook, code):
    """Put a cell first in a notebook that trains networks."""
    sources = [cell.source for cell in notebook.cells]
    opening = next(number for number, source in enumerate(sources) if "utils.Bench(" in source)
    if any(re.search(TRAINS, source, re.M) for source in sources):
        notebook.cells.insert(opening, nbformat.v4.new_code_cell(code, id="networks-of-tests"))


LESS = {
    "04-model-exploration": {"86dd3fdc": "EPOCHS, N_VOTERS = 1, 2"},
    "05-lstm-ensemble": {"acc1b7c5": "N_MEMBERS, EPOCHS = 2, 3"},
    "06-honest-evaluation": {"effort": "effort, EPOCHS = champion.Effort(1, 1, 1, 1), 2"},
    "09-genre-maps": {"effort": "N_DRAWS, EPOCHS = 2, 1"},
    "10-wavelets-and-leakage": {"effort": "EPOCHS, UPDATES = 1, 4"},
    "11-champion": {"bench": "effort = champion.Effort(1, 1, 1, 1)"},
    "12-genre-timeline": {
        "cell-02": "N_TUNING, N_HELD_OUT, N_SPLICES, N_CONTROLS, EPOCHS = 2, 8, 12, 4, 1"
    },
    "13-transfer": {"set-up": "SIZES, N_DRAWS = SIZES[:2], 2"},
}
"""What tests rehearse notebooks with, instead of the numbers that are a user's rehearsal.

It comes after the cells that are named.
"""


def take_less(notebook):
    """Let a notebook train, draw and try less than in a user's rehearsal."""
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    opening = re.search(r'^bench = utils\.Bench\("(.+?)"', code, re.M)
    for cell_id, less in LESS.get(opening[1], {}).items():
        _add_after(notebook, cell_id, less)


FEW_KINDS = """\
basic = ["convolutional: basic", "recurrent: LSTM", *again]
kinds = {name: kinds[name] for name in kinds if name in basic or name.startswith("fully")}
"""


def train_few_kinds(notebook):
    """Let notebook 04 train half of its kinds of network; on the fewest clips it trains all."""
    if any(cell.id == "rounds" for cell in notebook.cells):
        _add_after(notebook, "rounds", FEW_KINDS)


def _add_after(notebook, cell_id, code):
    place = next(number for number, cell in enumerate(notebook.cells) if cell.id == cell_id)
    cell = nbformat.v4.new_code_cell(code, id=f"after-{cell_id}")
    notebook.cells.insert(place + 1, cell)


REHEARSAL = """\
import sys
from pathlib import Path
from genres.run.runner import run_report
project, data, out, name, *only = sys.argv[1:]
options = {"name": name, "quick": True, "offline": True, "only": only}
outcome = run_report(data, out=out, project=Path(project), **options)
sys.exit("\\n".join(outcome.failures) or 0)
"""


def rehearsal_of(project, data, out, name, *only):
    """Give the command that starts a quick run of a project that `write_project` has made."""
    return [sys.executable, "-c", REHEARSAL, *map(str, (project, data, out, name, *only))]
