"""assess --syslog: a collector's text, whatever its framing, tells which hosts are affected."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli.main import program
from tests.cli.schemas import check

# After the line of the facts, as IOS XR writes it (SYNTHETIC hosts and times).
XR = (
    "RP/0/RP0/CPU0:Feb 22 10:00:07.962 UTC: smartlicserver[127]: %LICENSE-SMART_LIC-3-COMM_FAILED : "
    "Communications failure with the Cisco Smart Software Manager (CSSM) : Fail to send out Call Home HTTP message"
)
OLD = XR.replace("LICENSE-SMART_LIC", "SMART_LIC")
QUIET = "RP/0/RP0/CPU0:Feb 22 10:00:07.962 UTC: ifmgr[1]: %PKT_INFRA-LINK-3-UPDOWN : Interface up"


def run(path: str, *words: str, text: bytes | None = None) -> Any:
    return CliRunner().invoke(program, ["assess", "--syslog", path, *words], input=text, catch_exceptions=False)


def hosts(path: Path) -> dict[str, Any]:
    rows = [json.loads(line) for line in run(str(path), "--format", "jsonl").stdout.splitlines()]
    for row in rows:
        check("syslog", row)
    return {row["host"]: row for row in rows}


@pytest.mark.parametrize("words", [["--report", "x.html"], ["--group", "core"], ["--workers", "2"], ["r1.example"]])
def test_an_option_that_would_go_unheeded_is_wrong_usage(words: list[str]) -> None:
    done = CliRunner().invoke(program, ["assess", "--syslog", "-", *words], input="", catch_exceptions=False)
    assert done.exit_code == 2


def test_rfc_3164_lines_in_both_spellings(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text(
        f"<187>Feb 22 10:00:08 r1 4567: {XR}\n<187>Feb 23 11:00:00 r1 4568: {OLD}\n<187>Feb 22 10:00:08 r2 1: {QUIET}\n"
    )
    found = hosts(file)
    assert list(found) == ["r1"]
    assert found["r1"] == {
        "host": "r1",
        "state": "lost",
        "first": "Feb 22 10:00:08",
        "last": "Feb 23 11:00:00",
        "restored": None,
        "signatures": {"SMART_LIC-3-COMM_FAILED": 2},
    }


def test_rfc_5424_with_octet_counts_and_no_newline(tmp_path: Path) -> None:
    file = tmp_path / "log"
    messages = [
        f"<187>1 2022-02-2{day}T10:00:07.962Z {host} smartlicserver 127 - - {text}"
        for day, host, text in ((3, "r1", XR), (2, "r1", XR), (4, "r2", OLD), (5, "r3", QUIET))
    ]
    file.write_text("".join(f"{len(message)} {message}" for message in messages))
    found = hosts(file)
    assert list(found) == ["r1", "r2"]
    assert (found["r1"]["first"][:10], found["r1"]["last"][:10]) == ("2022-02-22", "2022-02-23")


@pytest.mark.parametrize(
    "said, mnemonic",
    [
        (
            "%SECURITY-XR_SSL-3-CERT_VERIFY_ERR_2_PARAM : SSL certificate verify error",
            "XR_SSL-3-CERT_VERIFY_ERR_2_PARAM",
        ),
        ("%SECURITY-PKI-6-ERR_1_PARAM : Download failed, HTTP returned an error", "PKI-6-ERR_1_PARAM"),
        ("%LICENSE-SMART_LIC-3-AGENT_REG_FAILED : x", "SMART_LIC-3-AGENT_REG_FAILED"),
        ("%SMART_LIC-3-AUTH_RENEW_FAILED : x", "SMART_LIC-3-AUTH_RENEW_FAILED"),
        ("%CALL_HOME-5-SL_MESSAGE_FAILED: x", "CALL_HOME-5-SL_MESSAGE_FAILED"),
        ("%SECURITY-PKI-6-ERR_1_PARAM : something else", None),
        ("%LICENSE-SMART_LIC-3-COMM_FAILED_NOT : x", None),
    ],
)
def test_each_signature_and_nothing_like_it(tmp_path: Path, said: str, mnemonic: str | None) -> None:
    file = tmp_path / "log"
    file.write_text(f"2026-11-23T10:00:00.5+01:00 r9 RP/0/RP0/CPU0: proc[1]: {said}\n")
    found = hosts(file)
    assert [*found.get("r9", {"signatures": {}})["signatures"]] == ([mnemonic] if mnemonic else [])


def test_lines_without_a_header_are_of_an_unknown_host(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text(f"{XR}\n")
    assert list(hosts(file)) == ["unknown"]


def test_a_gzipped_text_and_one_from_stdin(tmp_path: Path) -> None:
    text = f"Feb 22 10:00:08 r1 1: {XR}\n".encode()
    file = tmp_path / "log.gz"
    file.write_bytes(gzip.compress(text))
    assert list(hosts(file)) == ["r1"]
    for given in (text, gzip.compress(text)):
        done = run("-", "--format", "json", text=given)
        assert (done.exit_code, [row["host"] for row in json.loads(done.stdout)]) == (1, ["r1"])


def test_a_cut_off_gzip_lists_what_was_found_and_says_so(tmp_path: Path) -> None:
    text = f"Feb 22 10:00:08 r1 1: {XR}\n".encode() + bytes(range(256)) * 40000
    file = tmp_path / "log.gz"
    file.write_bytes(gzip.compress(text)[:-2000])
    done = run(str(file), "--format", "jsonl")
    assert done.exit_code == 2
    assert "damaged or cut off" in done.stderr


def test_a_text_without_signatures_is_well(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"\x00\xff%SMART_LIC" * 1000 + b"\n" + QUIET.encode())
    assert run(str(file)).exit_code == 0


def test_memory_does_not_grow_with_the_text(tmp_path: Path) -> None:
    """300 MB through a child process whose peak is compared with that for 3 MB."""
    line = f"<187>Feb 22 10:00:08 r1 4567: {XR}\n" + f"<187>Feb 22 10:00:08 r2 1: {QUIET}\n" * 60
    code = (
        "import io, resource, sys\n"
        "from agent.remedy.notices.folder import bundled\n"
        "from agent.xr.logs.scan import scan\n"
        "class Endless(io.RawIOBase):\n"
        "    left = int(sys.argv[1])\n"
        "    block = sys.stdin.buffer.read() * 200\n"
        "    def read(self, size=-1):\n"
        "        self.left -= 1\n"
        "        return self.block[:size] if self.left >= 0 else b''\n"
        "found = scan(Endless(), bundled().signatures).hosts\n"
        "print(sum(found['r1'].counts.values()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    peaks = []
    for blocks in (3, 300):
        done = subprocess.run(
            [sys.executable, "-c", code, str(blocks)], input=line, capture_output=True, text=True, check=True
        )
        count, peak = map(int, done.stdout.split())
        assert count >= blocks
        peaks.append(peak)
    assert peaks[1] < peaks[0] + 20_000  # kilobytes
