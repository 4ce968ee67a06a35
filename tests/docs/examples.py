"""What the tests of docs/orchestrators.md share: its text, and running its examples in the lab."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT, commands, plain
from tests.support import Lab

TEXT = (ROOT / "docs" / "orchestrators.md").read_text(encoding="utf-8")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_MD5 = re.compile(r"\b[0-9a-f]{2}(:[0-9a-f]{2}){15}\b(?: at port \d+)?")


def documented(script: str) -> str:
    """The output that the page shows for *script*, in the form of :func:`printed`."""
    (output,) = [output for command, output in commands(TEXT) if script in command]
    return plain(_MD5.sub("MD5", output))


def printed(script: str, *words: str, lab: Lab, home: Path, known_hosts: str | None = None) -> str:
    """What *script* prints, started in *home*, without what differs from run to run.

    *known_hosts* is the user's ``~/.ssh/known_hosts``; it names all of the lab's routers unless given.
    """
    (home / ".ssh").mkdir(exist_ok=True)
    (home / ".ssh" / "known_hosts").write_text(known_hosts or lab.simulator.known_hosts())
    given = {name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "examples" / script), *words],
        cwd=home,
        env={**given, "HOME": str(home), "XR_PASSWORD": lab.simulator.password, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == "", done.stderr
    return plain(_MD5.sub("MD5", _COLOUR.sub("", done.stdout)))
