#!/bin/sh
# Make a virtual environment: venv.sh PYTHON FOLDER. Says what to do where the machine cannot.
set -eu
python=$1
venv=$2

fail() {
    echo "$1" >&2
    exit 1
}

command -v "$python" >/dev/null || fail "$python is not there: install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3 ..."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old: Python 3.11 or newer is needed. Name another: make PYTHON=python3.12 ..."
# Debian and Ubuntu keep the part of Python that makes virtual environments in a package of its own.
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    fail "$python cannot make virtual environments: apt install python3-venv, then again."

"$python" -m venv --clear "$venv"
