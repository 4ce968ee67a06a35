"""Each folder here is about one orchestrator, and is collected where that is installed.

nornir-netconf wants ncclient below 0.7 and NAPALM exactly 0.7.0, so neither fits beside the newest, with which the
other tests run. ``tests/packaging/test_environments.py`` makes an environment for each and runs its folder there, in CI
too; it fails where a folder has no environment, and where nothing ran.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

_NEEDS = {"ansible": "ansible", "napalm": "napalm", "nornir": "nornir_netconf", "pyats": "pyats"}

collect_ignore = [str(Path(__file__).parent / folder) for folder, name in _NEEDS.items() if find_spec(name) is None]
