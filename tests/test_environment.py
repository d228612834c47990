"""genres.environment: a user's own settings do not change what comes out."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from audio_collections import make_collection
from hypothesis import given
from hypothesis import strategies as st

from genres import environment, files
from genres.project import PROJECT

KNN = "02-knn-baseline"

# All at once, beside files in the home and in the working folder.
SETTINGS = {
    "PYTHONHOME": "/nowhere",
    "PYTHONINSPECT": "1",
    "PYTHONIOENCODING": "latin-1",
    "PYTHONOPTIMIZE": "2",
    "PYTHONHASHSEED": "123",
    "PYTHONSTARTUP": "startup.py",
    "PYTHONUTF8": "0",
    "PYTHONWARNINGS": "error",
    "VIRTUAL_ENV": "/nowhere",
    "KERAS_BACKEND": "jax",
    "KERAS_MAX_EPOCHS": "1",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_USE_LEGACY_KERAS": "1",
    "XLA_FLAGS": "--no_such_flag",
    "NUMBA_DISABLE_JIT": "1",
    "NUMBA_THREADING_LAYER": "tbb",
    "NPY_PROMOTION_STATE": "legacy",
    "SCIPY_ARRAY_API": "1",
    "SKLEARN_ASSUME_FINITE": "1",
    "JOBLIB_MULTIPROCESSING": "yes",
    "PANDAS_FUTURE_INFER_STRING": "1",
    "PLOTLY_RENDERER": "browser",
    "LIBROSA_CACHE_LEVEL": "50",
    "MPLBACKEND": "tkagg",
    "MATPLOTLIBRC": "matplotlibrc",
    "TQDM_MININTERVAL": "often",
    "JPY_PARENT_PID": "1",
    "JUPYTER_PATH": "/nowhere",
    "GIT_DIR": "/nowhere",
    "OMP_NUM_THREADS": "3",
    "OPENBLAS_NUM_THREADS": "3",
    "TF_NUM_INTRAOP_THREADS": "3",
    "TZ": "Pacific/Kiritimati",
    "LC_ALL": "tr_TR.ISO-8859-9",
    "LANG": "C",
    "BASH_ENV": "/nowhere",
    "CDPATH": "/",
}

HIDING = "raise SystemExit('this file hides a module')\n"

FILES = {
    "work/numpy.py": HIDING,
    "work/random.py": HIDING,
    "work/librosa.py": HIDING,
    "work/matplotlibrc": "text.usetex: True\n",
    "work/startup.py": HIDING,
    "home/.keras/keras.json": json.dumps(
        {"floatx": "float16", "backend": "jax", "image_data_format": "channels_first"}
    ),
    "home/.config/matplotlib/matplotlibrc": "text.usetex: True\nfigure.dpi: 300\n",
    "home/.ipython/profile_default/startup/first.py": HIDING,
    "home/.ipython/profile_default/ipython_config.py": HIDING,
    "home/.jupyter/jupyter_config.py": HIDING,
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Give a user's own environment, with a working folder and a home to go with it."""
    folder = tmp_path_factory.mktemp("user")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    inherited = {
        name: value for name, value in os.environ.items() if name not in environment._OF_TOOLS
    }
    own = {"PYTHONPATH": str(folder / "work"), "KERAS_HOME": str(folder / "home" / ".keras")}
    return {**inherited, **SETTINGS, **own, "HOME": str(folder / "home")}


def start(settings, *command, python=environment.PYTHON):
    return subprocess.run(
        [*python, *command],
        cwd=Path(settings["HOME"]).parent / "work",
        env=settings,
        capture_output=True,
        encoding="utf-8",
    )


def test_a_notebook_gives_the_same_under_all_settings_at_once(settings, tmp_path):
    command = ["-m", "genres", "run", "--data", "synthetic", "--only", "02", "--quick", "--offline"]
    found = {}
    for name, own in {"clean": {**os.environ, "HOME": settings["HOME"]}, "own": settings}.items():
        finished = start(own, *command, "--out", str(tmp_path / name))
        assert finished.returncode == 0, finished.stdout + finished.stderr
        found[name] = tmp_path / name / "synthetic-quick"
    clean, own = (files.read_json(folder / "results.json") for folder in found.values())
    assert clean[KNN] == own[KNN]
    pictures = sorted(path.name for path in (found["clean"] / "figures").iterdir())
    for picture in pictures:
        one, other = (folder / "figures" / picture for folder in found.values())
        assert one.read_bytes() == other.read_bytes(), picture


LIBRARIES = """\
import json
from genres.lab import plots
from genres.models import networks
import keras, matplotlib, numba, numpy
plots.set_style()
of_keras = [keras.config.backend(), keras.config.floatx(), keras.config.image_data_format()]
of_pictures = [matplotlib.rcParams["text.usetex"], matplotlib.rcParams["figure.dpi"]]
print(json.dumps([*of_keras, numba.config.DISABLE_JIT, *of_pictures]))
"""


def test_a_process_that_somebody_else_starts_takes_no_setting_of_a_library(settings):
    finished = start(settings, "-c", LIBRARIES)
    expected = ["tensorflow", "float32", "channels_last", 0, False, 100]
    assert json.loads(finished.stdout) == expected, finished.stderr


THREADS = """\
import json
import numpy, threadpoolctl
from genres.models.stacked import tf
numpy.ones((2, 2)) @ numpy.ones((2, 2))
of_blas = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
print(json.dumps([*of_blas, tf.config.threading.get_intra_op_parallelism_threads()]))
"""


def test_what_is_summed_is_summed_by_one_thread_however_many_there_may_be(settings):
    finished = start(environment.cleaned(settings), "-c", THREADS)
    assert set(json.loads(finished.stdout)) <= {0, 1}, finished.stderr


def test_the_command_line_and_its_workers_find_no_module_in_the_working_folder(settings, tmp_path):
    if sys.version_info < (3, 11):
        pytest.skip("before Python 3.11 workers look into the working folder")
    own = {name: value for name, value in settings.items() if name != "PYTHONHOME"}
    make_collection(tmp_path / "clips", {"jazz": 2, "rock": 2})
    options = ["--workers", "2", "--seconds", "2", "--segments", "1", "--out", tmp_path / "out"]
    command = ["-m", "genres", "extract", tmp_path / "clips", *options]
    finished = start(own, *command, python=[sys.executable])
    assert finished.returncode == 0, finished.stderr
    assert "from 4 clips" in finished.stdout


def test_the_command_line_stays_that_of_the_folder_it_was_started_in(tmp_path):
    copy = tmp_path / "genres"
    shutil.copytree(PROJECT / "genres", copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "synth" / "corpus.py").write_text("print('the copy'); raise SystemExit(7)")
    own = {name: value for name, value in os.environ.items() if name not in environment._OF_TOOLS}
    command = [sys.executable, "-m", "genres", "synth", "--genre", "blues"]
    finished = subprocess.run(command, cwd=tmp_path, env=own, capture_output=True, text=True)
    assert (finished.returncode, finished.stdout) == (7, "the copy\n")


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_setting_does_not_reach_a_process(name):
    kept = environment.cleaned({name: SETTINGS[name]}).get(name)
    if name.startswith(("TZ", "L")):  # time and language are the person's own
        assert kept == SETTINGS[name] or name.startswith("LIBROSA")
    else:
        assert kept == environment.cleaned({}).get(name) != SETTINGS[name]


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "HOME", "GENRE_DATA", "DASK_SCHEDULER_ADDRESS", "HTTPS_PROXY", "SSL_CERT_FILE"),
        *("NUMBA_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "LOKY_MAX_CPU_COUNT"),
        *("PIP_INDEX_URL", "PIP_CERT", "PIP_PROXY", "CONDA_PREFIX", "LD_LIBRARY_PATH", "TMPDIR"),
    ],
)
def test_what_says_where_things_are_or_how_much_to_use_stays(name):
    assert environment.cleaned({name: "mine"})[name] == "mine"


NAMES = st.sampled_from(sorted({*SETTINGS, *environment.KEPT, "PATH", "HOME", "XDG_CACHE_HOME"}))


@given(st.dictionaries(NAMES.filter(lambda name: name != "NUMBA_CACHE_DIR"), st.just("/tmp")))
def test_a_clean_environment_is_clean(settings):
    cleaned = environment.cleaned(settings)
    assert environment.cleaned(cleaned) == cleaned


def test_settings_of_pip_count_as_far_as_they_reach_an_index():
    listed = """\
:env:.index-url='https://mine.example.org/simple'
:env:.user='1'
global.constraint='/etc/constraints.txt'
global.extra-index-url='https://a.example.org\\nhttps://b.example.org'
global.index-url='https://example.org/simple'
install.target='/somewhere'
install.trusted-host='a.example.org'
"""
    assert environment.pip_settings(listed) == {
        "PIP_INDEX_URL": "https://mine.example.org/simple",
        "PIP_EXTRA_INDEX_URL": "https://a.example.org https://b.example.org",
        "PIP_TRUSTED_HOST": "a.example.org",
        "PIP_CONFIG_FILE": os.devnull,
    }


# Where numba keeps what it compiles


def test_a_cache_of_numbas_that_can_be_written_is_left_alone(tmp_path):
    assert "NUMBA_CACHE_DIR" not in environment.cleaned({})
    named = {"NUMBA_CACHE_DIR": str(tmp_path / "later")}
    assert environment.cleaned(named)["NUMBA_CACHE_DIR"] == named["NUMBA_CACHE_DIR"]


def test_without_a_cache_numba_gets_a_private_one(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(environment, "_COMPILED_AT_IMPORT", "numba")
    own = tmp_path / f"genres-numba-{os.getuid()}"
    broken = {"NUMBA_CACHE_DIR": "/dev/null/cache"}
    assert environment.cleaned(broken)["NUMBA_CACHE_DIR"] == str(own)
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    assert (own / "compiled").read_text() == "numba"
    assert environment.cleaned(broken)["NUMBA_CACHE_DIR"] == str(own)


def test_a_cache_that_others_can_write_to_is_not_trusted(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(environment, "_COMPILED_AT_IMPORT", "numba")
    foreign = tmp_path / f"genres-numba-{os.getuid()}"
    foreign.mkdir()
    foreign.chmod(0o777)
    found = environment.cleaned({"NUMBA_CACHE_DIR": "/dev/null/cache"})["NUMBA_CACHE_DIR"]
    assert found != str(foreign)
    assert stat.S_IMODE(Path(found).stat().st_mode) == 0o700


def test_a_clone_has_the_same_bytes_whatever_git_is_set_to(tmp_path):
    if not (PROJECT / ".git").exists():
        pytest.skip("the project is no clone")
    clone = ["clone", "--quiet", "--depth", "1", "--config", "core.autocrlf=true"]
    subprocess.run(["git", *clone, f"file://{PROJECT}", tmp_path / "clone"], check=True)
    scripts = ["run_all.sh", ".ci/run", "genres/__main__.py", "requirements.lock"]
    assert not any(b"\r" in (tmp_path / "clone" / name).read_bytes() for name in scripts)
