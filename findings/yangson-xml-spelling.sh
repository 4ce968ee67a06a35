#!/usr/bin/env bash
# yangson reads leaf values from XML (RFC 7950 sections 9.4.2, 9.8.2, 9.10.3) less widely than they may be spelled:
# an empty string, a binary with line breaks, an identity whose prefix is declared. Exits non-zero if that has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check yangson==1.7.9
cat > "$work/m@2031-01-01.yang" <<'YANG'
module m {
  namespace "urn:m"; prefix m; revision 2031-01-01;
  identity shape; identity round { base shape; }
  leaf text { type string; }
  leaf bytes { type binary; }
  leaf kind { type identityref { base shape; } }
}
YANG
cat > "$work/try.py" <<'PYTHON'
import json
import sys
import xml.etree.ElementTree as ET
from importlib.metadata import version

from yangson import DataModel

module = {"name": "m", "revision": "2031-01-01", "namespace": "urn:m", "conformance-type": "implement"}
library = {"ietf-yang-library:modules-state": {"module-set-id": "", "module": [module]}}
model = DataModel(json.dumps(library), (sys.argv[1],))
TRIED = (
    ("an empty string", "<text/>", "''", "RawTypeError: {/m:text} expected string value"),
    ("a binary of two lines", "<bytes>AAAA\nAAAA\n</bytes>", "six bytes", "Error: Only base64 data is allowed"),
    ("an identity by its prefix", '<kind xmlns:p="urn:m">p:round</kind>', "('round', 'm')", "MissingModuleNamespace: None"),
)
print("yangson", version("yangson"))
changed = False
for what, inner, expected, seen in TRIED:
    try:
        found = repr(model.from_xml(ET.fromstring(f'<data xmlns="urn:m">{inner}</data>')).value)
    except Exception as error:
        try:
            found = f"{type(error).__name__}: {error}"
        except TypeError:  # some of its errors cannot be told as text
            found = f"{type(error).__name__}: None"
    print(f"{what}: expected {expected}, seen {found}")
    changed = changed or found != seen
sys.exit("the behaviour has changed" if changed else 0)
PYTHON
"$work/venv/bin/python" "$work/try.py" "$work"
