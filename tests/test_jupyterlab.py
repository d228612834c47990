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
from genres.run import workbench
from genres.screen import spaced

NOTEBOOK = "02-knn-baseline.ipynb"
PATIENCE = 240_000  # ms, for JupyterLab to start a kernel and run the notebook on a busy machine

WINDOW = {"width": 1280, "height": 1000}

SERVE = """
import pathlib, sys
from genres.run import workbench
project, port, *options = sys.argv[1:]
workbench.serve(pathlib.Path(project), int(port), browser=False, options=options)
"""

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
    """Write a notebook's text as a rehearsal on the built-in corpus that works in a folder."""
    document = json.loads((PROJECT / "notebooks" / notebook).read_text())
    (parameters,) = (
        cell for cell in document["cells"] if "parameters" in cell["metadata"].get("tags", [])
    )
    parameters["source"] = (
        'DATA, SEED, QUICK = "synthetic", 0, True\n'
        "import pathlib, genres.project as p, genres.synth.builtin as b\n"
        f"p.RUNS = pathlib.Path({str(folder / 'runs')!r})\n"
        f"b.FOLDER = pathlib.Path({str(folder / 'sound')!r})"
    )
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    return json.dumps(document)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Address of what `genres lab` opens, and the project whose notebooks it shows."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / NOTEBOOK).write_text(rehearsal_of(NOTEBOOK, folder))
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
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
    ]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVE, folder, str(port), *options],
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
        yield f"{address}/?token={token}", folder
    finally:
        server.terminate()  # it takes its kernels along
        server.wait(timeout=60)


@pytest.fixture(scope="module")
def page(browser, lab):
    """A page on the copy of the notebook, opened from where JupyterLab starts, and executed."""
    address, _ = lab
    page = browser.new_page(viewport=WINDOW)
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    listed(page, NOTEBOOK).dblclick()
    page.get_by_text("| Idle").wait_for()  # without a kernel JupyterLab would ask for one
    choose(page, "Run", "Run All Cells")
    page.locator(".jp-OutputArea p[role=status]").wait_for()
    yield page
    page.close()


def listed(page, name):
    """Give what the file browser shows of a file or folder."""
    return page.locator(".jp-DirListing-item", has_text=name)


def choose(page, menu, entry):
    """Choose an entry of a menu."""
    page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{menu}$")).click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{entry}$")).click()


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
    status = page.locator(".jp-OutputArea p[role=status]")
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


def test_a_chosen_feature_is_offered_by_no_other_list(page):
    lists = [page.get_by_label(f"Feature {n}", exact=True) for n in range(1, 5)]
    lists[2].select_option("mfcc_9_mean")
    page.wait_for_function(
        "([one, other]) => !document.querySelector(one).innerText.includes(other)",
        arg=[".jp-OutputArea .widget-dropdown select", "mfcc_9_mean"],
    )
    chosen = [one.evaluate("one => one.selectedOptions[0].innerText") for one in lists]
    assert chosen[2] == "mfcc_9_mean"
    for number, one in enumerate(lists):
        offered = one.locator("option").all_inner_texts()
        assert set(offered) & set(chosen) == {chosen[number]}
        assert len(offered) == len(tables.FEATURES) - 3


def test_no_control_is_cut(page):
    is_cut = "one => one.scrollWidth > one.clientWidth"
    for label in page.locator(".jp-OutputArea .widget-label").all():
        assert not label.evaluate(is_cut), label.inner_text()
    is_narrower = """one => {
      const free = one.cloneNode(true);
      Object.assign(free.style, {position: "absolute", width: "max-content", flex: "none"});
      document.body.append(free);
      const needed = free.offsetWidth;
      free.remove();
      return one.offsetWidth < needed;
    }"""
    for one in page.locator(".jp-OutputArea .widget-dropdown select").all():
        assert not one.evaluate(is_narrower)


def test_no_control_is_wider_than_a_narrow_window(page):
    all_fit = """() => {
      const controls = document.querySelectorAll(
        ".jp-OutputArea-output :is(.widget-dropdown, .widget-slider)"
      );
      return controls.length === 6 && [...controls].every((one) =>
        one.getBoundingClientRect().right
          <= one.closest(".jp-OutputArea-output").getBoundingClientRect().right);
    }"""
    page.keyboard.press("Control+b")  # folds the file browser up
    page.set_viewport_size({"width": 360, "height": 800})
    try:
        page.wait_for_function(all_fit, timeout=PATIENCE / 10)
    finally:
        page.set_viewport_size(WINDOW)
        page.keyboard.press("Control+b")


def test_a_picture_is_scrolled_in_a_narrow_window(page):
    page.keyboard.press("Control+b")
    page.set_viewport_size({"width": 360, "height": 800})
    try:
        page.wait_for_function(
            """() => {
              const picture = document.querySelector(".jp-OutputArea img[alt^=Accuracy]");
              const around = picture.closest(".widget-html");
              around.scrollLeft = 1000;
              return picture.offsetWidth === 580 && around.scrollLeft > 200
                && around.clientWidth <= innerWidth;
            }""",
            timeout=PATIENCE / 10,
        )
        said = page.locator(".jp-OutputArea p[role=status]")
        assert said.evaluate("one => one.offsetWidth <= innerWidth")
    finally:
        page.set_viewport_size(WINDOW)
        page.keyboard.press("Control+b")


def test_sound_of_the_built_in_corpus_is_made_at_a_press(page, lab):
    _, project = lab
    page.get_by_role("button", name="Load the sound").click()
    page.wait_for_function("() => document.querySelectorAll('.jp-OutputArea audio').length == 6")
    page.get_by_role("button", name="Load the sound").wait_for()
    assert len(list((project / "sound").glob("audio/*/*.wav"))) == 6
    page.wait_for_function(
        "() => [...document.querySelectorAll('.jp-OutputArea audio')].every(a => a.duration == 30)"
    )


def test_what_is_rerun_and_saved_is_the_copy(page, lab):
    _, project = lab
    copy, published = (project / name / NOTEBOOK for name in ("my-notebooks", "notebooks"))
    choose(page, "File", "Save Notebook")
    page.wait_for_function("() => !document.querySelector('.jp-mod-dirty')")
    assert "Accuracy" in copy.read_text()
    assert published.read_text() == rehearsal_of(NOTEBOOK, project)
    assert workbench.copy_notebooks(project) == []  # as a second start does
    assert "Accuracy" in copy.read_text()


def test_runs_can_be_reached_and_the_published_notebook_is_not_saved(page, lab):
    _, project = lab
    page.locator(".jp-BreadCrumbs-home").click()
    listed(page, re.compile("^runs")).wait_for()
    listed(page, re.compile("^notebooks")).dblclick()
    page.locator(".jp-BreadCrumbs-item[title=notebooks]").wait_for()
    listed(page, NOTEBOOK).dblclick()
    page.locator(".lm-TabBar-tab.lm-mod-current", has_text=NOTEBOOK).wait_for()
    choose(page, "File", "Save Notebook")
    refusal = page.locator(".jp-Dialog", has_text="is published as it is, and was not saved")
    refusal.wait_for()
    refusal.get_by_role("button").click()
    published = project / "notebooks" / NOTEBOOK
    assert published.read_text() == rehearsal_of(NOTEBOOK, project)
