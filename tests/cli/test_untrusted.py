"""Nothing that a device says acts on the terminal or fills it, by whatever way it gets there."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from agent.cli.view.render import cell
from agent.fleet.results import objects
from agent.model.masking.redact import masked
from agent.simulator import Device, Fault, FaultKind, rpc_error
from tests.cli.lab import Lab, started
from tests.cli.processes import until
from tests.model.test_anchor import make_pem

# What XML can carry: CSI as one character, DEL, a direction override, a line separator; what a CLI can: all the rest.
IN_XML = "\u009b2J\x7f\u202eowned\u2028"
AT_THE_CLI = "\x1b]0;owned\x07\x1b[2J\x08\x9b31m"
NOISE = (("--debug",), ("-vv",), ("-vv", "--log-json"), ("--format", "json", "--debug"), ("--format", "jsonl", "-v"))
COMMANDS = (
    ("show",),
    ("show", "--raw"),
    ("assess",),
    ("plan",),
    ("push", "--yes", "--contact-wait", "0"),
    ("poll", "--timeout", "0.1", "--until", "contacted", "--interval", "0.1"),
)


def safe(done: Any) -> bool:
    """Whether no more than lines of printable characters came out, and some did."""
    said = done.stdout + done.stderr
    return bool(said) and all(line.isprintable() for line in said.split("\n"))


def hello(device: Device, mark: str) -> bytes:
    """The device's hello, with *mark* in every revision."""
    return (device.hello % b"1").replace(b"&amp;revision=", f"&amp;revision={mark}".encode())


@pytest.mark.parametrize("noise", NOISE, ids=" ".join)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_errors_of_rpcs_are_neutralised(lab: Lab, command: tuple[str, ...], noise: tuple[str, ...]) -> None:
    device = lab.add()
    for operation in ("lock",) if command[0] == "push" else ("get", "get-config"):
        error = rpc_error(IN_XML, IN_XML, path=IN_XML)
        device.faults.append(Fault(operation, FaultKind.ERROR, error, times=1000))
    by_models = ("--no-ssh",) if command[0] == "poll" else ()  # else it has the state from the CLI
    done = lab.run(command[0], device, *command[1:], *by_models, *noise)
    assert safe(done)
    assert "owned" in done.stdout + done.stderr


@pytest.mark.parametrize("noise", NOISE[:3], ids=" ".join)
@pytest.mark.parametrize("mark", [IN_XML, "%1B%5B2Jowned%C2%9B", "owned" * 5000])
def test_what_a_hello_announces_is_neutralised(lab: Lab, mark: str, noise: tuple[str, ...]) -> None:
    device = lab.add()
    device.faults.append(Fault("hello", FaultKind.RAW, hello(device, mark)))
    done = lab.run("show", device, *noise)
    assert safe(done)
    assert "owned" in done.stdout


@pytest.mark.parametrize("noise", NOISE, ids=" ".join)
@pytest.mark.parametrize("command", COMMANDS[:5], ids=" ".join)
def test_the_names_of_certificates_are_neutralised(lab: Lab, command: tuple[str, ...], noise: tuple[str, ...]) -> None:
    device = lab.add(certificate=make_pem(f"{IN_XML}{AT_THE_CLI}"), release="6.6.3")
    done = lab.run(command[0], device, *command[1:], *noise)
    assert safe(done)


@pytest.mark.parametrize("noise", NOISE, ids=" ".join)
def test_what_the_cli_prints_and_asks_is_neutralised(lab: Lab, noise: tuple[str, ...]) -> None:
    device = lab.add(release="6.6.3", dialog_shows=make_pem(AT_THE_CLI))
    done = lab.run("push", device, "--yes", "--method", "dialog", *noise)
    assert safe(done)
    assert device.answers == ["no"]


@pytest.mark.parametrize("noise", NOISE, ids=" ".join)
def test_a_refused_command_is_neutralised(lab: Lab, noise: tuple[str, ...]) -> None:
    device = lab.add(release="6.6.3", commit_error=AT_THE_CLI)
    done = lab.run("push", device, "--yes", *noise)
    assert safe(done)
    assert "owned" in done.stdout + done.stderr


@pytest.mark.parametrize("raw", [b"\x1b[2J", b"<\x1b[2J/>", "<\u009b2J/>".encode(), b"<a>\xff\x1b</a>"])
def test_what_is_no_netconf_is_neutralised(lab: Lab, raw: bytes) -> None:
    for operation in ("hello", "get"):
        for kind in (FaultKind.RAW, FaultKind.GARBAGE):
            device = lab.add()
            device.faults.append(Fault(operation, kind, raw + b"\n" * 20, times=1000))
            assert safe(lab.run("assess", device, "--debug", "-vv", "--open-timeout", "1", "--timeout", "1"))


def test_an_interrupted_push_says_the_devices_words_neutralised(lab: Lab) -> None:
    device = lab.add(latency=0.1)
    device.faults.append(Fault("commit", FaultKind.ERROR, rpc_error("operation-failed", IN_XML), times=9))
    with started(lab, "push", *lab.words(device), "--yes", "--method", "rpc") as process:
        until(lambda: device.counters["commit"] > 0)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "owned" in stderr.splitlines()[-1]
    assert all(line.isprintable() for line in (stdout + stderr).split("\n"))


@pytest.mark.parametrize("where", ["the command", "a thread"])
def test_a_bug_keeps_its_traceback_and_acts_on_no_terminal(where: str) -> None:
    code = (
        "import sys, threading\n"
        "from agent.cli import main\n"
        "def bug(*_):\n"
        "    raise RuntimeError('\\x1b[2J owned \\u009b')\n"
        "def thread(*_):\n"
        "    one = threading.Thread(target=bug)\n"
        "    one.start()\n"
        "    one.join()\n"
        f"main.Program.invoke = {'bug' if where == 'the command' else 'thread'}\n"
        "sys.argv[1:] = ['demo']\n"
        "main.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Traceback" in done.stderr
    assert "RuntimeError: \\x1b[2J owned \\x9b" in done.stderr
    assert "\x1b" not in done.stderr
    assert done.returncode == (1 if where == "the command" else 0)


def test_json_has_no_character_that_a_terminal_obeys() -> None:
    said = {"text": "".join(map(chr, range(0x100))) + "\u2028\u202e\ud800"}
    for form in ("json", "jsonl"):
        shown = objects.dump(said, form)
        assert all(line.isprintable() and line.isascii() for line in shown.split("\n"))
        assert json.loads(shown) == said


def test_a_table_shows_a_text_without_end_in_part() -> None:
    assert len(cell("x" * 1_000_000).plain) < 10_000
    assert cell("x" * 1_000_000).plain.endswith("characters more)")


def test_masking_looks_at_a_text_once() -> None:
    for text in ("a" * 500_000 + "://", "a://" * 100_000, "a://b:" * 100_000, ":" * 500_000 + "a://b:c@d"):
        assert "c@d" not in masked(text)
