#!/bin/sh
# lxml: copying, serialising and parsing release the interpreter's lock, however small the tree is.
# Expected: what takes a microsecond keeps the lock, as hashlib does for less than 2,048 bytes.
# Seen (lxml 6.1.3): a copy of two elements, its serialisation and its parsing each let another thread in between. Beside
# threads that have work each may wait for its turn again, up to the switch interval of 5 ms: 200 copies took 0.1 ms
# alone, and up to 50 ms beside one thread that counts. Adding or finding an element does not.
# So: where many threads send the same, serialise it once, and pass the text around.
# Exits with 1 where this has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q lxml==6.1.3
cat > "$folder/turns.py" <<'PY'
import copy
import sys
import threading
import time

from lxml import etree

MANY = 20_000
TEXT = b'<get xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><filter type="subtree"/></get>'
CALLS = {
    "copy.copy": copy.copy,
    "tostring": etree.tostring,
    "fromstring": lambda _: etree.fromstring(TEXT),
    "makeelement": lambda root: root.makeelement("a"),
    "find": lambda root: root.find("{*}filter"),
}


def turns(call):
    """How often another thread had its turn during MANY calls, where nothing but the calls themselves lets it."""
    taken, begun, over = 0, threading.Event(), threading.Event()

    def other():
        nonlocal taken
        begun.set()
        while not over.is_set():
            taken += 1
            time.sleep(0)

    root = etree.fromstring(TEXT)
    thread = threading.Thread(target=other)
    thread.start()
    begun.wait()
    before = taken
    for _ in range(MANY):
        call(root)
    found = taken - before
    over.set()
    thread.join()
    return found


sys.setswitchinterval(1000)  # nobody is made to give the lock away
found = {name: turns(call) for name, call in CALLS.items()}
print("lxml", etree.__version__, found)
releasing = {name for name, times in found.items() if times > 1}
sys.exit(releasing != {"copy.copy", "tostring", "fromstring"})
PY
"$folder/venv/bin/python" "$folder/turns.py"
