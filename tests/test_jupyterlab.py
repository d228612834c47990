"""Live cells as a reader meets them: in JupyterLab, in a browser."""

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from urllib.request import urlopen

import numpy as np
import pytest

from genres.data import folders, tables
from genres.models import neighbours
from genres.project import PROJECT
from genres.screen import spaced

NOTEBOOK = "02-knn-baseline.ipynb"
PATIENCE = 240_000  # ms, for JupyterLab to start a kernel and run the notebook on a busy machine

SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},  # the whole notebook is in the page
    "apputils-extension/notification": {"fetchNews": "false"},
}


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def responds(url):
    try:
        return urlopen(url, timeout=5).status == 200
    except OSError:
        return False


def rehearsal_of(notebook, folder):
    """Copy a notebook into a folder, as a rehearsal on the built-in corpus that works in it."""
    document = json.loads((PROJECT / "notebooks" / notebook).read_text())
    (parameters,) = (
        cell for cell in document["cells"] if "parameters" in cell["metadata"].get("tags", [])
    )
    parameters["source"] = (
        'DATA, SEED, QUICK = "synthetic", 0, True\n'
        f"import pathlib, genres.project as p; p.RUNS = pathlib.Path({str(folder / 'runs')!r})"
    )
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    (folder / notebook).write_text(json.dumps(document))


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Address of a JupyterLab that shows a folder with the notebook, and none of the user's own."""
    folder = tmp_path_factory.mktemp("lab")
    rehearsal_of(NOTEBOOK, folder)
    for plugin, chosen in SETTINGS.items():
        settings = folder / "settings" / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(json.dumps(chosen))
    own = ("config", "data", "runtime")
    environment = {name: value for name, value in os.environ.items() if name != "GENRE_RUN"}
    environment |= {f"JUPYTER_{name.upper()}_DIR": str(folder / name) for name in own}
    environment |= {
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    port, token = free_port(), secrets.token_hex(16)
    options = [
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder}",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            env=environment,
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + PATIENCE / 1000
    try:
        while not responds(f"{address}/api"):
            in_time = server.poll() is None and time.monotonic() < deadline
            assert in_time, (folder / "log").read_text()
            time.sleep(0.5)
        yield f"{address}/lab/tree/{NOTEBOOK}?token={token}"
    finally:
        server.terminate()  # it takes its kernels along
        server.wait(timeout=60)


@pytest.fixture
def page(browser, lab):
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(PATIENCE)
    page.goto(lab)
    yield page
    page.close()


def accuracy_of(features, n_neighbors):
    """Let the library score k-NN on the built-in corpus."""
    table = folders.find(folders.SYNTHETIC).table(folders.WHOLE)
    train, labels = tables.is_train(table), table["GenreID"].to_numpy()
    x = tables.standardise(table[list(tables.FEATURES)].to_numpy(), train)
    columns = np.array([[tables.FEATURES.index(feature) for feature in features]])
    scores = neighbours.score_subsets(
        x[train], labels[train], x[~train], labels[~train], columns, n_neighbors
    )
    return scores.accuracy[0]


def test_a_slider_moved_by_keyboard_shows_the_librarys_accuracy(page):
    page.get_by_text("| Idle").wait_for()  # without a kernel JupyterLab would ask for one
    page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()
    status = page.locator(".jp-OutputArea p[role=status]")
    status.wait_for()
    picture = page.locator(".jp-OutputArea img[alt^=Accuracy]")

    def shows(features, n_neighbors):
        accuracy = spaced(f"Accuracy {accuracy_of(features, n_neighbors):.1%} of ")
        return status.inner_text().startswith(accuracy)

    features = list(tables.BASE_FEATURES)
    assert "k = 5." in status.inner_text()
    assert shows(features, 5)
    slider = page.locator(".widget-slider", has_text="Neighbours k").locator(".noUi-handle")
    before = picture.get_attribute("src")
    slider.focus()
    for n_neighbors in (6, 7, 8):
        slider.press("ArrowRight")
        page.get_by_text(f"k = {n_neighbors}.").wait_for()
        assert shows(features, n_neighbors)
    assert picture.get_attribute("src") != before
    assert picture.get_attribute("alt") == status.inner_text()

    before = picture.get_attribute("src")
    features[3] = "mfcc_4_mean"
    page.get_by_label("Feature 4").select_option(features[3])
    page.wait_for_function(
        "old => document.querySelector('img[alt^=Accuracy]').src != old", arg=before
    )
    assert shows(features, 8)
