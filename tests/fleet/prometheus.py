"""A real Prometheus on loopback that scrapes one address every second, and promtool; both of Debian's package."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

_STARTS = 5
_DEADLINE = 30.0
_READY = "Server is ready to receive web requests"
_CONFIG = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: xr-agent
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def require(*programs: str) -> None:
    """Skip where Prometheus is not installed; in CI a skip is a failure."""
    absent = [program for program in programs if shutil.which(program) is None]
    if absent:
        pytest.skip(f"NOT TESTED against a real Prometheus: no {', '.join(absent)}; on Debian: apt install prometheus")


def promtool(*words: str, given: str = "") -> None:
    """Run it; whatever it complains of is the failure."""
    require("promtool")
    done = subprocess.run(["promtool", *words], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"promtool {' '.join(words)}\n{done.stdout}\n{done.stderr}"
    assert not done.stderr, done.stderr


@dataclass(frozen=True)
class Prometheus:
    """A running one, asked through its HTTP API."""

    port: int

    def ask(self, path: str, **given: str) -> Any:
        """The ``data`` of an answer; an expression that it does not understand is a failure."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", f"/api/v1/{path}?{urlencode(given)}")
            answer = json.load(connection.getresponse())
        finally:
            connection.close()
        assert answer["status"] == "success", f"{given}: {answer}"
        return answer["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """The labels and the value of each series that *expression* gives now."""
        found = self.ask("query", query=expression)["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]

    def eventually(self, expression: str, enough: Callable[[list[tuple[dict[str, str], float]]], bool] = bool) -> Any:
        """The same as soon as it is *enough*, a scrape or two later."""
        found = []
        for _ in range(150):
            found = self.query(expression)
            if enough(found):
                return found
            time.sleep(0.1)
        raise AssertionError(f"{expression} gives {found}; targets: {self.ask('targets')}")


@contextmanager
def scraping(port: int, folder: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes ``127.0.0.1:port/metrics``, ended with the context; its data lies in *folder*."""
    require("prometheus")
    for attempt in range(_STARTS):
        with socket.create_server(("127.0.0.1", 0)) as free:
            own = free.getsockname()[1]
        place = folder / str(attempt)
        place.mkdir()
        (place / "prometheus.yml").write_text(_CONFIG.format(port=port))
        with (place / "log").open("wb") as output:
            process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={place / 'prometheus.yml'}",
                    f"--storage.tsdb.path={place / 'data'}",
                    f"--web.listen-address=127.0.0.1:{own}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            if _came_up(process, place / "log"):
                yield Prometheus(own)
                return
        finally:
            process.terminate()
            process.wait(20)
    raise RuntimeError(f"{_STARTS} free ports were each taken before prometheus had them")


def _came_up(process: subprocess.Popen[bytes], log: Path) -> bool:
    """Whether it did; False where somebody else took its port meanwhile."""
    deadline = time.monotonic() + _DEADLINE
    while True:
        ended, said = process.poll() is not None, log.read_text(errors="replace")
        if not ended and _READY in said:
            return True
        if ended and "address already in use" in said:
            return False
        if ended or time.monotonic() > deadline:
            raise RuntimeError(f"prometheus did not come up:\n{said[-4000:]}")
        time.sleep(0.05)
