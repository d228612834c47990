"""What several test files share."""

import gc
import json
import os
import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import settings
from rehearsals import (
    add_answers,
    rehearsal_of,
    take_less,
    train_few_kinds,
    train_on_one_batch,
    write_project,
)

from genres import files, locks
from genres.data.clips import CLIPS_AT_LEAST
from genres.data.tables import FEATURES
from genres.report import ledger, summary
from genres.run import runner
from genres.synth import corpus

PROJECT = Path(__file__).resolve().parent.parent

os.environ["GENRE_CHROMIUM"] = ""  # the runs of tests print no PDF: each would take seconds
settings.register_profile("however long it takes", deadline=None)  # a machine may be busy
settings.load_profile("however long it takes")
gc.disable()  # while test files, and what they need, are imported
# Each of those that test at the same time has a core, unless a test asks for more workers: they
# would each import TensorFlow, which takes longer than what they do.
os.environ["LOKY_MAX_CPU_COUNT"] = "1"
# Where the tests are started in the background, Ctrl-C is ignored, and so it would be by what they
# start and then interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Files whose tests rehearse notebooks, which takes minutes: none of them comes at the end. What
# else needs the first one's rehearsal comes long after, and does not have to wait for it. The
# second one begins when numba has compiled for the first, or it would compile all of it twice.
FIRST = [
    "test_notebooks.py",
    "test_site.py",
    "test_cluster.py",
    "test_few_clips.py",
    "test_spectrogram_notebooks.py",
]

OPENING = """\
import json, os, pathlib, sys, time
run = pathlib.Path(os.environ["GENRE_RUN"])
for folder in ("results", "figures"):
    (run / folder).mkdir(exist_ok=True)
def keep(name, **results):
    results = {"data": "toy", "synthetic": False, "quick": QUICK, **results}
    (run / "results" / f"{name}.json").write_text(json.dumps(results))
"""


def pytest_collection_modifyitems(items):
    """Put the files that rehearse the report, and what is tested beside them, first."""
    places = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


def pytest_collection_finish():
    """Let the collection of garbage, which Keras does before each training, pass over modules."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def real_data():
    """Folder of the real data, or a skip where there is none."""
    folder = os.environ.get("GENRE_TEST_DATA")
    if not folder:
        pytest.skip("GENRE_TEST_DATA is not set: no real data")
    return Path(folder).resolve()


@pytest.fixture(scope="session")
def published():
    """Results of the published run, or a skip before there is one."""
    path = PROJECT / "figures" / "results.json"
    if not path.exists():
        pytest.skip("no run is published yet")
    return files.read_json(path)


@pytest.fixture(scope="module")
def untraced():
    """Let a file's networks compute at once: where they take few steps, tracing takes longer."""
    import tensorflow as tf  # here, as few tests need it

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def quick_run(request):
    """Folder of a quick run of the whole report, with the exercises' answers, on the real data.

    Where there are none, it is one on the built-in corpus. Its networks learn next to nothing; on
    the fewest clips they are trained on all rows. It stands in pytest's cache, so that the next
    session executes only what changed.
    """
    cache = request.config.cache.mkdir("quick-run")
    data = os.environ.get("GENRE_TEST_DATA") or "synthetic"
    command = rehearsal_of(cache / "project", data, cache / "runs", "report")
    with locks.held(cache / "lock"):  # who tests beside us waits, and finds it done
        changes = (add_answers, take_less, train_few_kinds, train_on_one_batch)
        write_project(cache / "project", *changes)
        finished = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return cache / "runs" / "report-quick"


CHROMIUM_OPTIONS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync "
    # Each window makes those of its address bar anew, in half a second; playwright's own list of
    # features is replaced, so what matters of it is repeated.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,AimEnabled,HttpsUpgrades,"
    "HttpsFirstBalancedModeAutoEnable,MediaRouter,OptimizationHints,PaintHolding,PreconnectToSearch"
)


@pytest.fixture(scope="module")
def browser():
    """Start a headless Chromium (playwright's `Browser`), or skip where there is none.

    It lives for one file of tests only: while it does, asyncio cannot be used beside it.
    """
    reason = "no browser: playwright is not installed"
    playwright = pytest.importorskip("playwright.sync_api", reason=reason)
    # Debian has Chromium without its windows too, which takes less time.
    chromium = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if not chromium:
        pytest.skip("no browser: chromium is not installed")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=chromium, headless=True, args=CHROMIUM_OPTIONS.split()
        )
        yield browser
        browser.close()


@contextmanager
def visiting(browser, url):
    """Open a page, and note in `complaints` and `asked` what it complains of and asks for."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.complaints, page.asked = [], []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    context.on("request", lambda request: page.asked.append(request.url))
    page.goto(url)
    yield page
    context.close()


def write_table(path, value, n_per_genre=CLIPS_AT_LEAST):
    """Write a sound feature table of two genres, a fifth for testing, all features alike."""
    rows = [
        (track, f"{track}.wav", *[value] * len(FEATURES), track % 2, "ab"[track % 2], part)
        for track, part in enumerate(
            ["Train"] * 2 * (n_per_genre - n_per_genre // 5) + ["Test"] * 2 * (n_per_genre // 5)
        )
    ]
    lines = [("Track ID", "File", *FEATURES, "GenreID", "Genre", "Type"), *rows]
    path.write_text("".join("\t".join(map(str, line)) + "\n" for line in lines))


def put(row, column, value):
    """Give a function that copies a table with another value in one cell."""

    def change(table):
        table = table.astype(object)
        table.loc[row, column] = value
        return table

    return change


def run_report(*arguments, **options):
    """Run the report as the command line does; give the exit status."""
    rows = ledger.read(options.get("project", PROJECT) / ledger.PLACE)
    return summary.conclude(runner.run_report(*arguments, **options), rows)


class ToyProject:
    """A project whose notebooks take no time, with data that are only there."""

    def __init__(self, folder):
        self.folder = folder
        self.data = folder / "toy"
        self.data.mkdir(parents=True)
        write_table(self.data / "GenreClassData_30s.txt", value=1)
        for name in ("notebooks", "figures", "genres", "data"):
            (folder / name).mkdir()
        shutil.copy(PROJECT / "data" / "ledger.csv", folder / "data")
        (folder / "genres" / "__init__.py").touch()
        (folder / "requirements.lock").write_text("papermill==1\n")
        (folder / "requirements.txt").write_text("papermill>=1  # runs notebooks\n")

    def notebook(self, name):
        """Give the path of a notebook."""
        return self.folder / "notebooks" / f"{name}.ipynb"

    def write(self, name, *code):
        """Write a notebook: a heading, the parameters, an opening and cells of this code."""
        cells = [
            {"cell_type": "markdown", "id": "heading", "metadata": {}, "source": f"# {name}"},
            code_cell("parameters", 'DATA = "course"\nQUICK = False', tags=["parameters"]),
            code_cell("opening", OPENING),
            *(code_cell(f"cell-{number}", source) for number, source in enumerate(code)),
        ]
        document = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        self.notebook(name).write_text(json.dumps(document))
        return self


def code_cell(name, source, tags=()):
    """Give a code cell that was not executed."""
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {"tags": list(tags)} if tags else {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


@pytest.fixture(scope="session")
def make_toy_project():
    """Make a toy project in a folder."""
    return ToyProject


TOY_GENRES = ["classical", "metal"]


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory):
    """Folder of a run whose models were trained on six clips of two synthetic genres."""
    from genres.models import champion, networks  # which import TensorFlow: not all tests need it
    from genres.models.champion import Champion, Mixture
    from genres.models.classifiers import LstmClassifier
    from genres.models.kernel import TextureClassifier
    from genres.sound import measurements

    folder = tmp_path_factory.mktemp("runs") / "toy"
    clips = [corpus.render(genre, seed) for seed in range(3) for genre in TOY_GENRES]
    names = [f"synthetic_{TOY_GENRES[n % 2]}_{n:05}.wav" for n in range(5)] + ["clip-5.wav"]
    labels = np.arange(6) % 2
    tracks = measurements.measure([clip.samples for clip in clips], 3, names)

    base = {"kernel machine on texture": TextureClassifier()}
    kept = Champion(base, Mixture.alone(*base), TOY_GENRES).fit(tracks, labels)
    champion.save(kept, folder / "models" / "champion")

    lstms = LstmClassifier(n_members=1, epochs=2, random_state=0).fit(tracks, labels)
    preparation = {**lstms.preparation_, "seconds": 10, "genres": TOY_GENRES}
    networks.save_ensemble(lstms.ensemble_, folder / "models" / "lstm-ensemble", preparation)
    return folder


@pytest.fixture(scope="session")
def music(tmp_path_factory):
    """Folder of a clip of 24 s that changes its genre from classical to metal, as WAV and MP3."""
    folder = tmp_path_factory.mktemp("music")
    n_samples = 12 * corpus.SAMPLE_RATE
    samples = np.concatenate([corpus.render(genre, 0).samples[:n_samples] for genre in TOY_GENRES])
    soundfile.write(folder / "song.wav", samples, corpus.SAMPLE_RATE)
    soundfile.write(folder / "song.mp3", samples, corpus.SAMPLE_RATE)
    return folder


@pytest.fixture(scope="session")
def axe():
    return pytest.importorskip("axe_playwright_python.sync_playwright").Axe()


def violations(visit, axe, **rules):
    """What axe-core has against the page in the browser."""
    options = {"preload": False, "resultTypes": ["violations"], "rules": rules}
    found = axe.run(visit, options=options).response["violations"]
    return [(one["id"], one["nodes"][0]["html"]) for one in found]
