"""Whatever stands where hosts are expected ends in routers that can be called, or in an InputError."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import agent
from agent.fleet.inventory.source import load
from agent.fleet.inventory.target import Reach
from agent.model.address import Endpoint
from agent.model.errors import InputError
from tests.properties.conftest import few

PIECES = [*"[]@:/%.-0٣# é", "r1", "192.0.2.1", "2001:db8::1", "ssh://", "830", "\0"]
WHERE = st.text(max_size=20) | st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
CELL = WHERE | st.sampled_from(['"', "name", "host", "port", "\n#"])
ROWS = st.lists(st.lists(CELL, max_size=4).map(",".join), max_size=5)
MARKS = [
    *":-{}[],|>'\"\\%#=@ \n\t\x85",
    "  ",
    "r1",
    "&a",
    "*a",
    "!x",
    "!!int",
    "<<",
    "? ",
    "0o9",
    "1e999",
    "2024-13-45",
]
LINES = ["%YAML 1.1\n---\n", "%YAML 1.9\n", "%TAG ! a\n", "---\n", "...\n", "hostname: ", "data: "]
YAML = st.lists(st.sampled_from([*MARKS, *LINES]), max_size=12).map("".join)


@given(WHERE)
@few
def test_a_host_is_an_endpoint_that_a_device_takes_or_refused(text: str) -> None:
    try:
        where = Endpoint.parse(text)
    except InputError:
        return
    assert agent.Device(where.host, where.port or 830).address == str(Endpoint(where.host, port=where.port or 830))
    assert Endpoint.parse(str(where)) == Endpoint(where.host, port=where.port)


@pytest.mark.parametrize("form", ["csv", "txt", "yaml"])
@given(text=ROWS.map("\n".join) | ROWS.map(lambda rows: "\n".join(["name,host,port", *rows])) | YAML | st.text())
@settings(few, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_inventory_gives_routers_that_can_be_called_or_is_refused(tmp_path: Path, form: str, text: str) -> None:
    path = tmp_path / f"hosts.{form}"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        targets = load(str(path))
    except InputError:
        return
    assert targets
    for target in targets:
        target.device(Reach())
