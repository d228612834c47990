"""Which of the user's own settings reach the processes of this project?

What comes out must not depend on how somebody has set up Python, pip, Jupyter or a library. So all
processes pass here. ``import genres`` takes the settings of the libraries that compute out of the
environment, before these read them: that holds in whatever process, a kernel of an editor or a
worker of a cluster, too. The command line and ``run_all.sh`` start their processes in an
environment without the settings of the tools, either: ``python environment.py COMMAND`` starts any
command so.

What says where things are or how much of the machine to use stays: proxies, certificates, folders
for caches, numbers of processes, devices. Only the threads of one process are always one where they
share a sum: how they divide it decides its last digits, and with them what a network learns.
"""

# Little is imported here: until a process is started anew, a random.py in the working folder may
# take the place of the module that it is called after.
import os
import stat
import sys
import sysconfig

LIBRARIES = (
    *("ARROW_", "JOBLIB_", "KERAS_", "LIBROSA_", "LOKY_", "NPY_", "NUMBA_", "NUMPY_", "PANDAS_"),
    *("PLOTLY_", "SCIPY_", "SKLEARN_", "SOXR_", "TF_", "TQDM_", "XLA_", "MATPLOTLIB"),
    *("DNNL_", "MKL_CBWR", "ONEDNN_"),
)
"""What the names of settings begin with, of the libraries that compute and draw."""

TOOLS = (
    *("PYTHON", "VIRTUAL_ENV", "IPYTHON", "JPY_", "JUPYTER", "PAPERMILL_", "MPLBACKEND", "PIP_"),
    *("DISTUTILS_", "DIST_EXTRA_CONFIG", "SETUPTOOLS_", "MYPY", "PYTEST_", "RUFF_"),
    *("BASH_", "BASHOPTS", "CDPATH", "ENV", "GLOBIGNORE", "POSIXLY_CORRECT", "SHELLOPTS"),
    *("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"),
)
"""And of those that start, install, show and check."""

_PIP_REACHES = (
    *("CACHE_DIR", "CERT", "CLIENT_CERT", "DEFAULT_TIMEOUT", "EXTRA_INDEX_URL", "FIND_LINKS"),
    *("INDEX_URL", "KEYRING_PROVIDER", "NO_CACHE_DIR", "NO_INDEX", "PROXY", "RETRIES", "TIMEOUT"),
    *("TRUSTED_HOST", "USE_DEPRECATED", "USE_FEATURE"),
)  # the settings with which pip reaches an index: the others choose what it installs, and where

KEPT = {
    *("JOBLIB_TEMP_FOLDER", "LOKY_MAX_CPU_COUNT", "NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS"),
    *("TF_FORCE_GPU_ALLOW_GROWTH", "TF_NUM_INTEROP_THREADS"),
    *("PIP_CONFIG_FILE", *(f"PIP_{name}" for name in _PIP_REACHES)),
}
"""Those of them that stay."""

_OF_LIBRARIES = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    **dict.fromkeys(("VECLIB_MAXIMUM_THREADS", "TF_NUM_INTRAOP_THREADS"), "1"),
    "KERAS_BACKEND": "tensorflow",
    "KERAS_HOME": os.devnull,  # below which there is no keras.json
    "MATPLOTLIBRC": os.devnull,
    "TF_CPP_MIN_LOG_LEVEL": "3",
}

# Jupyter's settings are the project's own: extensions, folders and kernels of another may not fit.
_OF_TOOLS = {
    "IPYTHONDIR": os.path.join(sys.prefix, "etc", "ipython"),
    "JUPYTER_CONFIG_DIR": os.path.join(sys.prefix, "etc", "jupyter"),
    "JUPYTER_DATA_DIR": os.path.join(sys.prefix, "share", "jupyter"),
    "JUPYTER_PREFER_ENV_PATH": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONNOUSERSITE": "1",
    "PYTHONUTF8": "1",
}

PYTHON = (sys.executable, "-I", *(["-B"] if sys.flags.dont_write_bytecode else []), "-X", "utf8")
"""What starts this Python in a process where no setting and no working folder counts."""

# Of this library, even where another copy is installed; the folder comes after those of libraries.
_RUN_MODULE = """
import runpy, sys
sys.path.append(sys.argv.pop(1))
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""

_COMPILED_AT_IMPORT = "librosa.core.audio, librosa.core.pitch"


def clean_libraries(environment=os.environ):
    """Take the libraries' settings out of an environment, by default this process's own."""
    for name in list(environment):
        if name.startswith(LIBRARIES) and name not in KEPT:
            del environment[name]
    environment.update(_OF_LIBRARIES)
    if not _numba_can_cache(environment):
        environment["NUMBA_CACHE_DIR"] = _private_cache()


def cleaned(environment) -> dict[str, str]:
    """Give an environment without the settings of libraries and tools, for a new process.

    It is its own: cleaned again, it is the same.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if name in KEPT or not name.startswith(TOOLS)
    }
    clean_libraries(kept)
    return kept | _OF_TOOLS


def start_clean(module: str):
    """Start this process again, unless its environment is clean, as this library's ``module``."""
    # Processes that libraries start, as joblib does, must not find modules in the working folder.
    environment = cleaned(os.environ) | {"PYTHONSAFEPATH": "1"}
    if environment != os.environ:
        project = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        command = [*PYTHON, "-c", _RUN_MODULE, project, module, *sys.argv[1:]]
        become(command, environment)


def become(command, environment):
    """Become a command; where a process cannot, start it, and end with its exit status."""
    if os.name != "nt":
        os.execvpe(command[0], command, environment)
    import signal
    import subprocess

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the command, which responds to it
    sys.exit(subprocess.run(command, env=environment).returncode)


def pip_settings(listed: str) -> dict[str, str]:
    """Give, as variables, those of pip's settings with which it reaches an index.

    Parameters
    ----------
    listed : str
        What ``pip config list`` prints: a line ``section.name='value'`` for each setting.

    Returns
    -------
    dict of str to str
        With them ``PIP_CONFIG_FILE``, which says that no file counts any more.
    """
    import ast

    settings = {}
    lines = [line.partition("=") for line in listed.splitlines()]
    for section in ("global", "install", ":env:"):  # the last that has a setting decides
        for key, _, value in lines:
            of, _, name = key.rpartition(".")
            if of == section and name.upper().replace("-", "_") in _PIP_REACHES:
                text = " ".join(str(ast.literal_eval(value)).splitlines()).strip()
                settings[f"PIP_{name.upper().replace('-', '_')}"] = text
    return settings | {"PIP_CONFIG_FILE": os.devnull}


def _numba_can_cache(environment):
    """Say whether numba finds a folder for what it compiles; without one it fails on import."""
    named = environment.get("NUMBA_CACHE_DIR")
    if named:
        return _can_be_written(named)
    beside_the_code = (os.path.dirname(__file__), sysconfig.get_path("purelib"))
    if all(map(_can_be_written, beside_the_code)):
        return True
    caches = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    place = os.path.expanduser(environment.get("XDG_CACHE_HOME") or caches)
    return os.path.isabs(place) and _can_be_written(os.path.join(place, "numba"))


def _can_be_written(folder):
    while not os.path.lexists(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


def _private_cache():
    """Make a folder for what numba compiles that belongs to this user alone; give its path."""
    import subprocess
    import tempfile
    from contextlib import ExitStack, suppress

    user = os.getuid() if hasattr(os, "getuid") else "mine"  # Windows has such a place for each
    folder = os.path.join(tempfile.gettempdir(), f"genres-numba-{user}")
    with suppress(FileExistsError):
        os.mkdir(folder, mode=0o700)
    if user != "mine":
        status = os.lstat(folder)
        if status.st_uid != user or status.st_mode != stat.S_IFDIR | 0o700:
            folder = tempfile.mkdtemp(prefix="genres-numba-")  # somebody else has made that one
    with ExitStack() as stack, open(os.path.join(folder, "compiled"), "a+") as note:
        with suppress(ImportError, OSError):  # what makes the environment has no library yet
            from genres import locks

            stack.enter_context(locks.held(os.path.join(folder, "lock")))
        if not os.fstat(note.fileno()).st_size:
            # Two processes that compile at once can leave a cache that crashes whoever reads it
            # (numba, issue 10128): one compiles beforehand what importing librosa takes.
            environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
            command = [*PYTHON, "-c", f"import {_COMPILED_AT_IMPORT}"]
            if subprocess.run(command, env=environment, capture_output=True).returncode == 0:
                note.write(_COMPILED_AT_IMPORT)
    return folder


def main(command):
    """Become a command, in a clean environment.

    Parameters
    ----------
    command : list of str
        The program and its arguments. Where it is ``PYTHON -I -m pip …``, settings in pip's
        files count only as far as they say how to reach an index.
    """
    import subprocess

    environment = cleaned(os.environ)
    if command[1:4] == ["-I", "-m", "pip"]:
        listed = subprocess.run(
            [*command[:4], "config", "list"], env=environment, stdout=subprocess.PIPE, text=True
        )
        environment |= pip_settings(listed.stdout)
    become(command, environment)


if __name__ == "__main__":
    main(sys.argv[1:])
