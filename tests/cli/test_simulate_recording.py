"""simulate --recording: a recording served, how to reach it, and what it has no answer to."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli.main import program
from tests.cli.lab import COMMAND
from tests.cli.processes import served
from tests.cli.replays import AFFECTED, run
from tests.scripted import VERSION_FILTER, Script, get, label


def test_simulate_serves_a_recording_says_how_to_reach_it_and_what_it_had_no_answer_to(tmp_path: Path) -> None:
    path, known_hosts = tmp_path / "thin.rec", tmp_path / "known_hosts"
    Script().netconf((get(VERSION_FILTER), label("7.3.2"))).cli(("show clock", "")).write(path, command="record")
    words = [*COMMAND, "simulate", "--recording", str(path), "--known-hosts", str(known_hosts)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            lines = served(process)
            (line,) = (one for one in lines if one.startswith("xr-agent assess "))
            environment = {"XR_SIMULATED_PASSWORD": "admin"}
            done = CliRunner().invoke(program, [*line.split()[1:], "--ssh-config", os.devnull], env=environment)
            assert done.exit_code == 1
            assert "7.3.2" in done.stdout
        finally:
            process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=600)
    assert any("r7, NETCONF on 127.0.0.1" in one for one in lines)
    assert "the recording thin.rec has no answer to" in told
    assert len(known_hosts.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    "words, why",
    [
        (("--recording", str(AFFECTED), "--release", "7.3.2"), "--release is of a simulated router"),
        (("--recording", str(AFFECTED), "--fleet", "2"), "--fleet is of a simulated router"),
        (("--recorded-timing",), "goes with --recording FILE"),
    ],
)
def test_a_recording_is_served_as_it_is(words: tuple[str, ...], why: str) -> None:
    done = run("simulate", *words)
    assert (done.exit_code, why in " ".join(done.stderr.split())) == (2, True), done.stderr
