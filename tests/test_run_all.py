"""run_all.sh: set-up and start, with a Python that only pretends to install."""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from genres.project import PROJECT

# It responds to run_all.sh as a Python would, and makes environments that hold a copy of itself.
# What it was started with goes into the file calls, and the environment of what it starts at last
# into environment; $SET_UP_FAILS and $NO_VENV make it fail there.
PRETENDER = """\
#!/usr/bin/env bash
case "$*" in
  *environment.py*) exec {python} "$@" ;;
esac
echo "$*" >>"$CALLS"
env >"$CALLS of ${3-}"
case "$*" in
  *"(3, 10)"*) [ "${VERSION:-3.11}" != 3.9 ] ;;
  *ensurepip*) [ -z "${NO_VENV:-}" ] ;;
  *fcntl*) exec {python} "$@" ;;
  *print*) echo "${VERSION:-3.11}" ;;
  *"-m venv "*) mkdir -p "$4/bin" && cp "$0" "$4/bin/python" && touch "$4/made-anew" ;;
  *"-m pip config"*) exec {python} "$@" ;;
  *"-m pip "*) sleep "${SET_UP_SECONDS:-0}" && [ -z "${SET_UP_FAILS:-}" ] ;;
  *--bogus*) echo "Unrecognized arguments: --bogus" >&2 && exit 2 ;;
  *"--check tset"*) exec {python} "$@" ;;
  *--check*) ;;
  *) echo "started in $PWD: $*" ;;
esac
"""


LOCKS = ("requirements.lock", "requirements-tags.lock")
N_INSTALLS = len(LOCKS) + 1  # and the project
CACHES = shutil.ignore_patterns("__pycache__")


class Machine:
    """A fresh copy of the project in a folder with spaces, and a Python that only pretends."""

    def __init__(self, folder):
        self.project = folder / "a fresh copy"
        self.project.mkdir()
        for name in ("run_all.sh", "pyproject.toml", *LOCKS):
            shutil.copy(PROJECT / name, self.project)
        shutil.copytree(PROJECT / "genres", self.project / "genres", ignore=CACHES)
        self.elsewhere = folder / "elsewhere"
        self.elsewhere.mkdir()
        self.path = folder / "bin"
        self.path.mkdir()
        self.calls = folder / "calls"
        self.add_python("python3")

    def add_python(self, name):
        (self.path / name).write_text(PRETENDER.replace("{python}", sys.executable))
        (self.path / name).chmod(0o755)

    def start(self, *arguments, script=None, shell=None, **environment):
        """Start run_all.sh from elsewhere."""
        self.calls.write_text("")
        system = os.pathsep.join(["/usr/bin", "/bin"])
        environment = {
            "PATH": f"{self.path}{os.pathsep}{system}",
            "CALLS": str(self.calls),
            **environment,
        }
        script = script or str(self.project / "run_all.sh")
        command = [shell or shutil.which("bash"), script, *arguments]
        return subprocess.run(
            command, cwd=self.elsewhere, env=environment, capture_output=True, text=True
        )

    def installs(self):
        """Give what the last start installed."""
        return [call for call in self.calls.read_text().splitlines() if "-m pip install" in call]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_the_first_start_installs_the_lock_with_hashes_and_the_project_and_runs(machine):
    first = machine.start("--quick", "--data", "my data")
    assert first.returncode == 0
    *locks, project = machine.installs()
    for lock, name in zip(locks, LOCKS, strict=True):
        assert "--require-hashes" in lock
        assert lock.endswith(f"--requirement {machine.project}/{name}")
    assert project.endswith(f"--editable {machine.project}")
    assert ["--no-deps" in call for call in (*locks, project)] == [False, True, True]
    expected = f"started in {machine.elsewhere}: -I -X utf8 -m genres run --quick --data my data\n"
    assert first.stdout.endswith(expected)


def test_librosas_functions_and_the_library_are_compiled_by_one_process_before_anything_runs(
    machine,
):
    machine.start()
    calls = machine.calls.read_text().splitlines()
    compiled = calls.index("-I -c import librosa.core.audio, librosa.core.pitch")
    assert "-m pip install" in calls[compiled - 1]
    library = f"{machine.project}/genres {machine.project}/utils.py"
    assert calls[compiled + 1 :] == [f"-I -m compileall -q {library}", "-I -X utf8 -m genres run"]
    machine.start()
    assert "-c import librosa" not in machine.calls.read_text()


def test_the_second_start_installs_nothing(machine):
    machine.start()
    second = machine.start("--quick")
    assert machine.installs() == []
    assert second.stderr == ""
    assert second.stdout.endswith("-I -X utf8 -m genres run --quick\n")


def test_a_second_start_waits_for_the_set_up_of_the_first(machine, tmp_path):
    with ThreadPoolExecutor() as starts:
        first = starts.submit(machine.start, SET_UP_SECONDS="1")
        while not (machine.project / ".venv" / "unfinished").exists():
            time.sleep(0.01)
        second = machine.start(CALLS=str(tmp_path / "its calls"))
    assert "started in" in first.result().stdout
    assert "started in" in second.stdout
    assert "-m pip" not in (tmp_path / "its calls").read_text()


def test_a_set_up_that_failed_is_done_anew_and_not_trusted(machine):
    failed = machine.start(SET_UP_FAILS="yes")
    assert failed.returncode == 2
    assert "Set-up did not finish" in failed.stderr
    assert "started" not in failed.stdout
    (machine.project / ".venv" / "half a package").touch()
    assert machine.start().returncode == 0
    assert len(machine.installs()) == N_INSTALLS
    assert not (machine.project / ".venv" / "half a package").exists()


@pytest.mark.parametrize("name", LOCKS)
def test_a_changed_lock_is_installed_into_the_same_environment(machine, name):
    machine.start()
    (machine.project / ".venv" / "large package").touch()
    with (machine.project / name).open("a") as lock:
        lock.write("# changed\n")
    machine.start()
    assert len(machine.installs()) == N_INSTALLS
    assert (machine.project / ".venv" / "large package").exists()


def test_a_project_that_was_moved_is_set_up_again(machine):
    machine.start()
    machine.project = machine.project.rename(machine.project.with_name("moved"))
    assert machine.start().returncode == 0
    assert len(machine.installs()) == N_INSTALLS


def test_another_python_that_is_named_gets_an_environment_of_its_own(machine):
    machine.start()
    (machine.project / ".venv" / "package of 3.11").touch()
    machine.add_python("python-of-mine")
    text = (machine.path / "python-of-mine").read_text()
    (machine.path / "python-of-mine").write_text(text.replace(":-3.11", ":-3.12"))
    for _ in range(2):
        named = machine.start(GENRE_PYTHON="python-of-mine")
    assert named.returncode == 0
    assert machine.installs() == []
    assert not (machine.project / ".venv" / "package of 3.11").exists()
    machine.start()
    assert machine.installs() == [], "the environment is what it was made to be"


def test_an_unknown_option_is_told_before_anything_is_installed(machine):
    refused = machine.start("--bogus")
    assert refused.returncode == 2
    assert refused.stderr == "Unrecognized arguments: --bogus\n"
    assert machine.installs() == []


def test_an_unknown_command_is_told_before_anything_is_installed(machine):
    refused = machine.start("tset")
    assert refused.returncode == 2
    assert refused.stderr.startswith("Argument command: invalid choice: 'tset' (choose from ")
    assert refused.stderr.endswith("; .venv/bin/genres --help lists what there is.\n")
    assert machine.installs() == []


def test_a_python_that_is_too_old_is_told_with_the_remedy(machine):
    for name in ("python3.10", "python3.11", "python3.12", "python3.13"):
        machine.add_python(name)
    refused = machine.start(VERSION="3.9")
    assert refused.returncode == 2
    assert "This machine has no Python 3.10 to 3.13" in refused.stderr
    assert "apt install python3" in refused.stderr
    named = machine.start(VERSION="3.9", GENRE_PYTHON="python3")
    assert "python3 has no" not in named.stderr
    assert "python3 is no Python 3.10 to 3.13" in named.stderr


def test_a_missing_venv_module_is_told_with_the_remedy(machine):
    refused = machine.start(NO_VENV="yes", GENRE_PYTHON="python3")
    assert refused.returncode == 2
    assert "python3 lacks the modules venv and ensurepip" in refused.stderr
    assert "apt install python3.11-venv" in refused.stderr


def test_tests_lab_and_publish_are_started_after_the_same_set_up(machine):
    started = machine.start("test", "-k", "some")
    assert len(machine.installs()) == N_INSTALLS
    assert started.stdout.endswith("-m genres test -k some\n")
    assert machine.start("lab", "--in-place").stdout.endswith("-m genres lab --in-place\n")
    assert machine.start("publish", "runs/mine").stdout.endswith("genres publish runs/mine\n")


def test_of_pips_settings_only_those_count_with_which_it_reaches_an_index(machine, tmp_path):
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://example.org/simple\nproxy = http://proxy.example.org\n"
        "no-binary = :all:\n[install]\nuser = yes\ntarget = /somewhere\nprefix = /elsewhere\n"
    )
    chosen = {"PIP_USER": "1", "PIP_TARGET": "/somewhere", "PIP_DRY_RUN": "1", "PIP_ROOT": "/root"}
    own = chosen | {"PIP_CERT": "/my.pem", "PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere"}
    started = machine.start(**own, PIP_CONFIG_FILE=str(tmp_path / "pip.conf"))
    assert started.returncode == 0, started.stderr
    lines = (tmp_path / "calls of pip").read_text().splitlines()
    told = {line for line in lines if line.startswith(("PIP_", "PYTHON"))}
    assert told == {
        "PIP_CERT=/my.pem",
        "PIP_CONFIG_FILE=/dev/null",
        "PIP_INDEX_URL=https://example.org/simple",
        "PIP_PROXY=http://proxy.example.org",
        "PYTHONHASHSEED=0",
        "PYTHONNOUSERSITE=1",
        "PYTHONUTF8=1",
    }


def test_settings_of_the_shell_do_not_count(machine, tmp_path):
    (tmp_path / "startup").write_text("dirname() { echo /; }; set -o noclobber\n")
    (tmp_path / "decoy" / machine.project.name).mkdir(parents=True)
    machine.elsewhere = machine.project.parent
    started = machine.start(
        script=f"{machine.project.name}/run_all.sh",
        BASH_ENV=str(tmp_path / "startup"),
        CDPATH=str(tmp_path / "decoy"),
        SHELLOPTS="posix",
        **{"BASH_FUNC_cat%%": "() { echo nothing; }"},
    )
    assert started.returncode == 0, started.stderr
    assert started.stdout.endswith("-m genres run\n")
    assert len(machine.installs()) == N_INSTALLS


def test_another_shell_gives_way_to_bash(machine):
    if not (shell := shutil.which("dash")):
        pytest.skip("dash is not installed")
    assert machine.start("--quick", shell=shell).stdout.endswith("-m genres run --quick\n")


def test_a_machine_without_bash_is_told(machine):
    if not (shell := shutil.which("dash")):
        pytest.skip("dash is not installed")
    refused = machine.start(shell=shell, PATH="/nowhere")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "run_all.sh needs bash, which is not installed.\n"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["--help"], ["run", "lab", "classify", "--quick"]),
        (["run", "--help"], ["--data", "--name", "--only", "--quick", "--fresh", "--offline"]),
    ],
)
def test_help_needs_no_set_up(asked, words):
    shown = subprocess.run(
        [PROJECT / "run_all.sh", *asked], capture_output=True, text=True, check=True
    )
    for word in words:
        assert word in shown.stdout
