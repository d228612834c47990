"""All notebooks on the fewest clips that the report takes, with features that never change."""

import re
import subprocess

import nbformat
import numpy as np
import pytest
from rehearsals import leave_untraced, rehearsal_of, take_less, write_project

from genres.data import clips, folders, tables
from genres.project import PROJECT
from genres.sound import melstore
from genres.synth import corpus

TEXTS = ("text/markdown", "text/plain")
NAMES = sorted(path.stem for path in (PROJECT / "notebooks").glob("[0-9]*.ipynb"))
GENRES = ["classical", "metal"]
CONSTANT = [name for name in tables.FEATURES if name.startswith(("chroma", "rmse"))]


def write_data(folder):
    """Write tables and a mel store of the least: two genres, one of them of a single tempo."""
    whole = folders.find("synthetic").table(folders.WHOLE)
    files = [
        file
        for genre in GENRES
        for file in whole.loc[whole["Genre"] == genre, "File"][: clips.CLIPS_AT_LEAST]
    ]
    labels = whole.set_index("File").loc[files, ["Genre"]].reset_index()
    labels["Type"] = clips.split(
        [clips.Clip("", genre, file) for file, genre in labels.itertuples(index=False)]
    )
    for seconds in (5, 10, folders.WHOLE):
        rows = folders.find("synthetic").table(seconds)
        rows.loc[rows["Genre"] == "metal", "tempo"] = 120.0
        rows[CONSTANT] = 1.0
        of_file = dict(list(rows.groupby("File")[list(tables.FEATURES)]))
        values = np.stack([of_file[file].to_numpy() for file in files])
        table = tables.build(values, labels, "tables of few clips")
        table.to_parquet(folder / f"GenreClassData_{seconds}s.parquet", index=False)
    rng = np.random.default_rng(0)
    n_columns = round(melstore.COLUMNS_PER_SECOND * corpus.SECONDS)
    noise = (rng.integers(0, 256, (128, n_columns), np.uint8).tobytes() for _ in files)
    melstore.write(folder / "mel.npz", files, noise, n_columns)


def test_the_documentation_says_how_many_clips_are_needed():
    text = (PROJECT / "docs" / "OWN-MUSIC.md").read_text(encoding="utf-8")
    needs = f"**{clips.CLIPS_AT_LEAST} clips of each**, {clips.TRAINING_AT_LEAST} of them for train"
    assert needs in text


@pytest.fixture(scope="module")
def run(request):
    """Folder of a quick run on the least.

    It takes minutes, as each notebook imports what it needs, and many train networks. It stands in
    pytest's cache, so that the next session executes only what changed.
    """
    cache = request.config.cache.mkdir("few-clips")
    data = cache / "few"
    if not data.exists():
        data.mkdir()
        write_data(data)
    write_project(cache / "project", leave_untraced, take_less)
    command = rehearsal_of(cache / "project", data, cache, "few")
    finished = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return cache / "few-quick"


@pytest.mark.parametrize("name", NAMES)
def test_every_notebook_comes_to_its_end_on_the_fewest_clips(run, name):
    executed = nbformat.read(run / "notebooks" / f"{name}.ipynb", as_version=4)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", ())]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    said = [output.data.get(kind, "") for output in outputs if "data" in output for kind in TEXTS]
    assert [text for text in said if re.search(r"\bnan\b", text, re.I)] == []
