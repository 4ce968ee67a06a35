"""docs/opentelemetry.md is true: its command is run with an SDK that prints the spans, and its program as it stands."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from opentelemetry import trace

from tests.spans import recorded
from tests.support import Lab

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "opentelemetry.md").read_text(encoding="utf-8")


def objects(text: str) -> list[dict[str, Any]]:
    """Every JSON object that begins a line of *text*."""
    decoder, found = json.JSONDecoder(), []
    while (start := re.search(r"^\{", text, re.MULTILINE)) is not None:
        one, end = decoder.raw_decode(text, start.start())
        found.append(one)
        text = text[end:]
    return found


def test_the_command_makes_the_spans_of_the_page_also_in_processes(lab: Lab, tmp_path: Path) -> None:
    devices = [lab.add(release="7.4.1", terminal_rpc="installs") for _ in range(2)]
    rows = [f"r{number},127.0.0.1,{device.port},{device.ssh_port}" for number, device in enumerate(devices)]
    (tmp_path / "routers.csv").write_text("\n".join(["name,host,port,ssh_port", *rows, ""]))
    (line,) = re.findall(r"^\$ (opentelemetry-instrument .*)$", PAGE, re.MULTILINE)
    (exported,) = re.findall(r"^\$ export (.*)$", PAGE, re.MULTILINE)
    tool, program, *words = shlex.split(line)
    assert program == "xr-agent"
    words[words.index("ops")] = lab.simulator.username
    known = ["--known-hosts", str(lab.known_hosts), "--ssh-config", os.devnull, "--journal", "journal.db"]
    set_up = dict(one.split("=", 1) for one in exported.split())
    assert set_up.pop("OTEL_EXPORTER_OTLP_ENDPOINT")
    environment = {**os.environ, **set_up, "OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "none"}
    more = {"OTEL_LOGS_EXPORTER": "none", "XR_PASSWORD": lab.simulator.password, "PYTHONPATH": str(ROOT)}
    command = [str(Path(sys.executable).with_name(tool)), sys.executable, "-m", "agent.cli.main", *words, *known]
    done = subprocess.run(
        [*command, "--processes", "1"],
        env={**environment, **more},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    spans = objects(done.stdout)
    (run,) = [span for span in spans if span["name"] == "push run"]
    routers = [span for span in spans if span["name"] == "push router"]
    assert [span["parent_id"] for span in routers] == [run["context"]["span_id"]] * 2
    assert {span["context"]["trace_id"] for span in spans} == {run["context"]["trace_id"]}
    assert run["resource"]["attributes"]["service.name"] == "xr-agent"
    steps = {span["name"] for span in spans} - {"push run", "push router"}
    assert {"lock", "commit", "ca-authenticate", "read back"} <= steps
    named = {name for span in spans for name in span["attributes"]}
    assert {name.removeprefix("xr_agent.") for name in named} <= set(re.findall(r"`(\w+)`", PAGE))


def test_the_program_has_the_push_below_its_own_span(lab: Lab) -> None:
    device = lab.add(release="7.4.1", terminal_rpc="installs")
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    with recorded() as spans:
        exec(compile(block, "opentelemetry.md", "exec"), {"router": lab.target(device)})  # noqa: S102 - our own text
        (window,) = spans.named("change window")
        assert [span.name for span in spans.below(window)] == ["push router"]
    assert trace.get_current_span() is trace.INVALID_SPAN
