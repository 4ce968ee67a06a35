#!/usr/bin/env sh
# nornir 3.4.1: with all that it asks for, and nothing else, it cannot be imported: it needs setuptools and does not say so.
#
# Expected: what a package imports when it is imported is among its requirements, so that pip brings it.
# Seen:     nornir/__init__.py imports pkg_resources for its own version, and setuptools, whose that is, is not among the
#           requirements: ModuleNotFoundError where no other package brings one that still has it, as in environments of
#           Python 3.12. nornir 3.5.0 asks importlib.metadata.
# Exits with 1 where this has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/tool"

probe() {
    python3 -m venv --without-pip "$folder/$1"
    "$folder/tool/bin/python" -m pip --python "$folder/$1/bin/python" install --quiet --disable-pip-version-check "nornir==$1"
    "$folder/$1/bin/python" -c 'import nornir; print("imported", nornir.__version__)' 2>&1 | tail -n 1
}

old=$(probe 3.4.1)
new=$(probe 3.5.0)
echo "nornir 3.4.1: $old"
echo "nornir 3.5.0: $new"
case "$old" in
    *"No module named 'pkg_resources'"*) ;;
    *) echo "changed: 3.4.1 is imported"; exit 1 ;;
esac
[ "$new" = "imported 3.5.0" ] || { echo "changed: 3.5.0 is not imported"; exit 1; }
