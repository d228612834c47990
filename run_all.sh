#!/usr/bin/env bash
# Sets up what the report needs, once, and starts it: ./run_all.sh --help says how.
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

is_suitable() { "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null; }
can_make_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

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
  cat "$here/requirements.lock" "$here/pyproject.toml"
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
  "$python" -m venv "$venv"
  pip_install --require-hashes --requirement "$here/requirements.lock"
  pip_install --no-deps --no-build-isolation --editable "$here"
  compile_librosa
  rm "$unfinished"
  made_from >"$stamp.new"
  mv "$stamp.new" "$stamp"
}

pip_install() {
  local quiet=
  [ -t 1 ] || quiet=--quiet
  "$venv/bin/python" -m pip install $quiet --disable-pip-version-check "$@" ||
    refuse "$unfinished_message"
}

# Processes that are the first to need librosa's compiled functions, two at once, can leave a cache
# that crashes whoever reads it (numba, issue 10128): one process compiles beforehand what is used.
compile_librosa() {
  "$venv/bin/python" -I -c 'import librosa.core.audio, librosa.core.pitch' ||
    refuse "$unfinished_message"
}

case ${1-} in
  test | lab | publish | demo | report | handout) command=$1 && shift ;;
  '' | -*) command=run ;;
  *) refuse "There is no command $1; ./run_all.sh --help lists what there is." ;;
esac

if ! is_set_up; then
  python=$(find_python)
  case $command in
    test | lab) ;;
    # A wrong option is told now, not after the set-up; help needs none.
    *)
      (cd "$here" && "$python" -m genres --check "$command" "$@")
      case " $* " in *" --help "* | *" -h "*) exit ;; esac
      ;;
  esac
  # One set-up at a time: the lock is this shell's, and ends with it, however that ends.
  exec 9>"$here/.set-up.lock"
  "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
  is_set_up || set_up "$python"
  exec 9>&-
fi

# Isolated (-I), so that no folder the user stands in can take the place of the library.
case $command in
  test) cd "$here" && exec "$venv/bin/python" -m pytest "$@" ;;
  lab) exec "$venv/bin/python" -I -m jupyterlab "$here/notebooks" "$@" ;;
  *) exec "$venv/bin/python" -I -m genres "$command" "$@" ;;
esac
