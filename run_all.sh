#!/usr/bin/env bash
# Sets up what the report needs, once, and starts it: ./run_all.sh --help says how.

# With -p, bash takes over no options, functions or CDPATH of the user's. Another shell, as in
# "sh run_all.sh", gives way to it.
if [ -z "${BASH_VERSION:-}" ] || ! shopt -qo privileged; then
  command -v bash >/dev/null || {
    echo "run_all.sh needs bash, which is not installed." >&2
    exit 2
  }
  exec bash -p "$0" "$@"
fi
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$here/.venv
stamp=$venv/set-up         # what the environment was made from, once it is complete
unfinished=$venv/unfinished # there while it is being made

unfinished_message="Set-up did not finish, for the reason above: the same command begins it anew."

say() { printf '%s\n' "$*" >&2; }

refuse() {
  say "$*"
  exit 2
}

# Becomes a command in an environment without the user's own settings of Python, pip and others; it
# begins with the Python that makes the environment clean. Isolated (-I), so that no folder the user
# stands in can take the place of a library.
become() { exec "$1" -I "$here/genres/environment.py" "$@"; }

is_suitable() { "$1" -I -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null; }
can_make_venv() { "$1" -I -c 'import ensurepip, venv' 2>/dev/null; }
version_of() { "$1" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

find_python() {
  local candidate suitable=
  for candidate in ${GENRE_PYTHON:+"$GENRE_PYTHON"} \
    python3 python3.13 python3.12 python3.11 python3.10; do
    if is_suitable "$candidate"; then
      if can_make_venv "$candidate"; then
        printf '%s\n' "$candidate"
        return
      fi
      suitable=${suitable:-$candidate}
    fi
    [ -z "${GENRE_PYTHON:-}" ] || break
  done
  if [ -n "$suitable" ]; then
    refuse "$suitable lacks the modules venv and ensurepip: on Debian and Ubuntu install them with" \
      "'sudo apt install python$(version_of "$suitable")-venv'; elsewhere install Python from python.org."
  fi
  local what="This machine has no"
  [ -z "${GENRE_PYTHON:-}" ] || what="$GENRE_PYTHON is no"
  refuse "$what Python 3.10 to 3.13: install one with" \
    "'sudo apt install python3 python3-venv' (Debian, Ubuntu, WSL), 'brew install python@3.13' (macOS)" \
    "or from python.org, and name it with GENRE_PYTHON if it has an unusual name."
}

made_from() {
  printf '%s\n' "$here"
  cat "$here/requirements.lock" "$here/requirements-tags.lock" "$here/pyproject.toml"
}

is_set_up() {
  [ -x "$venv/bin/python" ] && made_from | cmp -s - "$stamp" &&
    { [ -z "${GENRE_PYTHON:-}" ] || has_version_of "$GENRE_PYTHON"; }
}

has_version_of() { [ "$(version_of "$venv/bin/python")" = "$(version_of "$1")" ]; }

set_up() {
  local python=$1
  if [ -e "$unfinished" ] || ! has_version_of "$python"; then
    rm -rf "$venv"
  fi
  say "Setting up in $venv: this takes a few minutes, once."
  mkdir -p "$venv"
  rm -f "$stamp"
  touch "$unfinished"
  (become "$python" -I -m venv "$venv")
  pip_install --require-hashes --requirement "$here/requirements.lock"
  pip_install --require-hashes --no-deps --requirement "$here/requirements-tags.lock"
  pip_install --no-deps --no-build-isolation --editable "$here"
  compile_librosa
  compile_library
  rm "$unfinished"
  made_from >"$stamp.new"
  mv "$stamp.new" "$stamp"
}

pip_install() {
  local quiet=
  [ -t 1 ] || quiet=--quiet
  (become "$venv/bin/python" -I -m pip install $quiet --disable-pip-version-check "$@") ||
    refuse "$unfinished_message"
}

# Processes that are the first to need librosa's compiled functions, two at once, can leave a cache
# that crashes whoever reads it (numba, issue 10128): one process compiles beforehand what is used.
compile_librosa() {
  (become "$venv/bin/python" -I -c 'import librosa.core.audio, librosa.core.pitch') ||
    refuse "$unfinished_message"
}

# Python leaves half of a compiled module where the disk is full, and then fails at every start.
compile_library() {
  (become "$venv/bin/python" -I -m compileall -q "$here/genres" "$here/utils.py") ||
    refuse "$unfinished_message"
}

check='import sys
sys.path.insert(0, sys.argv[1])
from genres.__main__ import main
sys.exit(main(sys.argv[2:]))'
lock='import contextlib, fcntl, sys
with contextlib.suppress(OSError):
    fcntl.flock(int(sys.argv[1]), fcntl.LOCK_EX)'

case ${1-} in
  -h | --help) ;;
  '' | -*) set -- run "$@" ;;
esac

if ! is_set_up; then
  python=$(find_python)
  # What is wrong with the command is told now, not after the set-up; help needs none.
  "$python" -I -X utf8 -c "$check" "$here" --check "$@"
  case " $* " in *" --help "* | *" -h "*) [ "$1" = test ] || exit 0 ;; esac
  # One set-up at a time: the lock is this shell's, and ends with it, however that ends. On a file
  # system that cannot lock there is none.
  exec 9>"$here/.set-up.lock"
  "$python" -I -c "$lock" 9
  is_set_up || set_up "$python"
  exec 9>&-
fi

exec "$venv/bin/python" -I -X utf8 -m genres "$@"
