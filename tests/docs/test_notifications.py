"""docs/notifications.md is true: its commands run, its example is as the schema says, its bounds are the code's."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli.main import program
from agent.fleet import notify
from agent.fleet.results.notification import MOST_NAMED
from tests.cli.schemas import check
from tests.support import Lab
from tests.web import hook

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "notifications.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", re.findall(r"^\$ (.*)$", PAGE, re.MULTILINE))
def test_every_command_tells_whom_it_names(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    device = lab.add(release="7.4.1", terminal_rpc="installs")
    (tmp_path / "routers.csv").write_text(f"name,host,port,ssh_port\nr1,127.0.0.1,{device.port},{device.ssh_port}\n")
    mail = tmp_path / "mail"
    mail.write_text(f'#!/bin/sh\ncat >> {tmp_path}/mailed\n[ "$*" = "-s xr-agent noc@example.net" ]\n')
    mail.chmod(0o700)
    monkeypatch.chdir(tmp_path)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "XR_PASSWORD": lab.simulator.password}
    with hook() as server:
        (tmp_path / "hook.url").write_text(f"{server.url}\n")
        given = [server.url if word.startswith("https://") else word for word in shlex.split(line)[1:]]
        given[given.index("ops")] = lab.simulator.username
        known = ["--known-hosts", str(lab.known_hosts), "--ssh-config", "/dev/null", "--journal", "journal.db"]
        done = CliRunner().invoke(
            program, [*given, *known], env={**environment, "no_proxy": "127.0.0.1"}, catch_exceptions=False
        )
        assert done.exit_code == 0, done.stderr
        assert "warning" not in done.stderr
        assert server.events == ["begin", "end"]
    if "mail" in line:
        bodies = [json.loads(line) for line in (tmp_path / "mailed").read_text().splitlines()]
        assert [body["event"] for body in bodies] == ["begin", "end"]


def test_the_example_is_as_the_schema_says() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    check("notification", json.loads(example))


def test_its_bounds_are_those_of_the_code() -> None:
    assert f"answer within {notify.WITHIN:g} seconds" in PAGE
    assert f"waited for up to\n{notify.PATIENCE:g} seconds" in PAGE
    assert (notify.TRIES, "up to five times" in PAGE, MOST_NAMED, "first hundred" in PAGE) == (5, True, 100, True)
    waits = [min(notify.FIRST * 2**number, notify.LONGEST) for number in range(notify.TRIES - 1)]
    assert "after {:g}, {:g}, {:g} and {:g} seconds".format(*waits) in PAGE
    assert all(str(status) in PAGE for status in notify._AGAIN)
