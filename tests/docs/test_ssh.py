"""docs/ssh.md says what tests/interop tries, and what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.ssh.peer.negotiation import HOST_KEY, KINDS, Kind
from tests.interop.rows import ROWS, table

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "ssh.md").read_text(encoding="utf-8")


def test_the_table_has_every_row_that_is_tried_and_no_other() -> None:
    (shown,) = (part for part in TEXT.split("\n\n") if part.startswith("| the server takes only"))
    assert f"{shown}\n" == table()


def test_each_algorithm_that_is_offered_is_tried_alone() -> None:
    tried = {(kind, names) for row in ROWS for kind, names in row.offers.items()}
    for kind in KINDS:
        for name in (*kind.modern, *kind.legacy):
            # Which OpenSSH has it, and which cryptography, depends on the machine.
            assert (kind, (name,)) in tried or name.startswith("mlkem"), name


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_the_error_advises_for_the_router_is_in_the_documentation(kind: Kind) -> None:
    (line,) = (line for line in TEXT.splitlines() if line.lstrip().startswith(f"| {kind.name} |"))
    assert f"`ssh server algorithms {kind.router}`" in line
    assert ("`crypto key generate ecdsa nistp256`" in line) is (kind is HOST_KEY)
    assert f"`{kind.option}`" in TEXT


def test_it_is_linked() -> None:
    assert "(docs/ssh.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
