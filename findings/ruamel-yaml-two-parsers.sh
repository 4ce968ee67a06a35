#!/usr/bin/env sh
# ruamel.yaml: YAML(typ="safe") gives other values, and other errors, as soon as ruamel.yaml.clib is installed.
#
# Expected: one class and one document give one value, whatever other package is there; the documentation calls the
#           default YAML 1.2, and "%YAML 1.1" asks for the older rules.
# Seen:     with the package the same call takes libyaml, which refuses colons in plain scalars inside braces and brackets
#           (an IPv6 address, env:NAME) that YAML 1.2 allows, and takes a tab after "key:" that the other refuses. Of a
#           document that says "%YAML 1.1" it gives the values of YAML 1.2: "no" is a text and 012 is twelve.
#           pure=True gives the one parser in both cases.
# Exits with 1 where this has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ruamel.yaml==0.18.6 ruamel.yaml.clib==0.2.12
cat > "$folder/probe.py" <<'PROBE'
import sys
from importlib.metadata import version

import ruamel.yaml.main
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

DOCUMENTS = ["a: {b: 2001:db8::1}\n", "a: [::1]\n", "a:\t830\n", "%YAML 1.1\n---\na: [no, 012]\n"]
EXPECTED = [
    [{"a": {"b": "2001:db8::1"}}, "ScannerError"],
    [{"a": ["::1"]}, "ParserError"],
    ["ScannerError", {"a": 830}],
    [{"a": [False, 10]}, {"a": ["no", 12]}],
]


def read(text, pure):
    try:
        return YAML(typ="safe", pure=pure).load(text)
    except YAMLError as error:
        return type(error).__name__


print("ruamel.yaml", version("ruamel.yaml"), "ruamel.yaml.clib", version("ruamel.yaml.clib"))
seen = []
for text in DOCUMENTS:
    seen.append([read(text, pure=True), read(text, pure=False)])
    print(f"{text!r}: without clib {seen[-1][0]!r}, with it {seen[-1][1]!r}")
ruamel.yaml.main.CParser = None  # as where the package is not installed
alone = [read(text, pure=False) for text in DOCUMENTS]
if seen != EXPECTED or alone != [pure for pure, _ in seen]:
    sys.exit("this has changed")
PROBE
"$folder/venv/bin/python" "$folder/probe.py"
