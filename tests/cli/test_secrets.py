"""No secret shows: whole operations at full verbosity, and every place where a password, passphrase or token could be.

The secrets have characters that XML, JSON and shells escape; the core of each survives every escaping but base64.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import logging
import resource
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from ncclient import manager

import agent
from agent.cli.main import program
from agent.simulator import Device, Fault, FaultKind, Simulator, rpc_error
from tests.cli.lab import VARIABLE, Lab, started
from tests.cli.processes import until
from tests.support import Clock, all_of

PASSWORD, PASSPHRASE, TOKEN = "pass&<word>'\"-Zq7x-end", "phrase&<opens>-Zq8x-end", "MDEw&<token>'-Zq9x-end"
CORES = ("Zq7x", "Zq8x", "Zq9x")
UNREGISTERED = {"registration": "not-registered", "authorization": "eval-expired"}
LOUD = ("-vv", "--log-json", "--debug")


def in_base64(secret: bytes) -> Iterator[str]:
    """What *secret* looks like in base64, wherever in the encoded bytes it begins."""
    for ahead in range(3):
        coded = base64.b64encode(b"\0" * ahead + secret).decode()
        yield coded[4 if ahead else 0 : len(coded) // 4 * 4 - 4]


@dataclass
class Vault(Lab):
    """A lab whose password is one of the secrets, with a key that the passphrase opens, and a token in a file."""

    folder: Path

    @property
    def key(self) -> Path:
        return self.folder / "id"

    @property
    def trace(self) -> Path:
        return self.folder / "trace"

    def leaks(self, text: str) -> list[str]:
        """All of the secrets that *text* shows."""
        signs = [*CORES, *(sign for one in (PASSWORD, PASSPHRASE, TOKEN) for sign in in_base64(one.encode()))]
        signs += self.key.read_text().splitlines()[1:-1]
        return [sign for sign in signs if sign in text]

    def environment(self, **changes: str) -> dict[str, str]:
        return {VARIABLE: PASSWORD, "XR_TEST_PHRASE": PASSPHRASE, "XR_TEST_TOKEN": TOKEN, **changes}

    def by_key(self, device: Device) -> list[str]:
        """As :meth:`words`, with the key in place of the password."""
        words = [word for word in self.words(device) if word not in ("--password-env", VARIABLE)]
        return [*words, "--key", str(self.key), "--key-passphrase-env", "XR_TEST_PHRASE"]

    def loudly(self, command: str, reach: list[str], *words: str, **changes: str) -> Any:
        """*command* with all that may be said about it said."""
        given = [command, *reach, *words, *LOUD, "--trace", str(self.trace)]
        assert not self.leaks(" ".join(given))
        return CliRunner().invoke(program, given, env=self.environment(**changes), catch_exceptions=False)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with Simulator(password=PASSWORD) as simulator:
        made = Vault(simulator, tmp_path / "known_hosts", tmp_path)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", PASSPHRASE, "-f", str(made.key)], check=True)
        simulator.authorize((tmp_path / "id.pub").read_text())
        (tmp_path / "token").write_text(f"{TOKEN}\n")
        (tmp_path / "bundle.pem").write_text(agent.TrustAnchor.bundled().pem)
        yield made


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Every record of every logger, with its arguments and its exception."""
    return "\n".join(f"{logging.Formatter().format(record)} {record.args!r}" for record in caplog.records)


def check(vault: Vault, caplog: pytest.LogCaptureFixture, done: Any) -> str:
    """That nothing leaked, that the log was at its loudest, and that there is a trace; gives the trace."""
    assert logging.getLogger().level == logging.DEBUG
    assert {"DEBUG"} <= {record.levelname for record in caplog.records if record.name == "asyncssh"}
    assert not vault.leaks(done.stdout)
    assert not vault.leaks(done.stderr)
    assert not vault.leaks(logged(caplog))
    traced = vault.trace.read_text()
    assert not vault.leaks(traced)
    assert stat.S_IMODE(vault.trace.stat().st_mode) == 0o600
    return traced


READS = [
    ("show", "table", "password"),
    ("show", "json", "key"),
    ("show", "jsonl", "password"),
    ("show --raw", "json", "key"),
    ("assess", "table", "password"),
    ("assess", "json", "key"),
    ("plan --register-token-env XR_TEST_TOKEN", "table", "key"),
    ("plan --register-token-env XR_TEST_TOKEN", "json", "password"),
    ("poll --until contacted --timeout 0.2 --interval 0.1", "table", "key"),
    ("poll --until contacted --timeout 0.2 --interval 0.1", "jsonl", "password"),
]


@pytest.mark.parametrize("command, form, login", READS)
def test_reading_shows_no_secret(
    vault: Vault, caplog: pytest.LogCaptureFixture, command: str, form: str, login: str
) -> None:
    name, *words = command.split()
    device = vault.add(release="7.4.1", **UNREGISTERED)
    reach = vault.words(device) if login == "password" else vault.by_key(device)
    done = vault.loudly(name, reach, *words, "--format", form)
    assert done.exit_code == (1 if name in ("assess", "poll") else 0), done.stderr
    traced = check(vault, caplog, done)
    assert " netconf 1 received\n  <rpc-reply " in traced
    assert (" cli - sent\n  show " in traced) is (command in ("show", "assess"))


PUSHES = [
    ("rpc", {}, ()),
    ("dialog", {"terminal_rpc": "refused"}, ()),
    ("trustpool", {}, ("--bundle", "bundle.pem")),
    ("file", {"release": "25.2.1"}, ()),
]


@pytest.mark.parametrize("form", ["table", "json", "jsonl"])
@pytest.mark.parametrize("method, persona, words", PUSHES, ids=[one[0] for one in PUSHES])
def test_a_push_that_registers_shows_no_secret(
    vault: Vault,
    caplog: pytest.LogCaptureFixture,
    method: str,
    persona: dict[str, Any],
    words: tuple[str, ...],
    form: str,
) -> None:
    device = vault.add(**{"release": "7.8.1", **UNREGISTERED, **persona})
    reach = vault.by_key(device) if form == "json" else vault.words(device)
    given = [str(vault.folder / word) if word.endswith(".pem") else word for word in words]
    token = ["--register-token-file", str(vault.folder / "token")]
    done = vault.loudly("push", reach, "--yes", "--method", method, "--format", form, *given, *token)
    assert done.exit_code == 0, done.stderr
    assert device.state.tokens == [TOKEN]
    traced = check(vault, caplog, done)
    assert "<id-token>***</id-token>" in traced
    assert (" cli - sent\n  crypto ca authenticate" in traced) is (method == "dialog")


def recorded(path: Path) -> str:
    """All that is in a recording, as text: its lines, and what is coded in them."""
    from agent.recording.events import Terminal
    from agent.recording.reading import read

    found = read(path)
    lines = gzip.decompress(path.read_bytes()).decode()
    return lines + "".join(event.data.decode("latin-1") for event in found.events if isinstance(event, Terminal))


@pytest.mark.parametrize("sanitise", ["--sanitise", "--no-sanitise"])
@pytest.mark.parametrize("login", ["password", "key"])
def test_a_recording_has_no_secret(vault: Vault, caplog: pytest.LogCaptureFixture, login: str, sanitise: str) -> None:
    device = vault.add(release="7.4.1", **UNREGISTERED)
    reach = vault.words(device) if login == "password" else vault.by_key(device)
    file = vault.folder / "r1.rec"
    done = vault.loudly("record", reach, "-o", str(file), sanitise, "--format", "json")
    assert done.exit_code == 0, done.stderr
    check(vault, caplog, done)
    assert not vault.leaks(recorded(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("sanitise", ["--sanitise", "--no-sanitise"])
@pytest.mark.parametrize("method, persona, words", PUSHES, ids=[one[0] for one in PUSHES])
def test_a_push_that_is_recorded_has_no_secret_in_the_file(
    vault: Vault, method: str, persona: dict[str, Any], words: tuple[str, ...], sanitise: str
) -> None:
    device = vault.add(**{"release": "7.8.1", **UNREGISTERED, **persona})
    device.faults.append(Fault("register-id-token", FaultKind.ERROR, QUOTED))
    given = [str(vault.folder / word) if word.endswith(".pem") else word for word in words]
    given += ["--register-token-file", str(vault.folder / "token"), "--record", str(vault.folder / "r1.rec"), sanitise]
    done = vault.loudly("push", vault.words(device), "--yes", "--method", method, *given)
    assert done.exit_code == 0, done.stderr
    found = recorded(vault.folder / "r1.rec")
    assert "<id-token>***</id-token>" in found
    assert not vault.leaks(found)


QUOTED = rpc_error("invalid-value", f"Invalid token {TOKEN}", info=f"<bad>{TOKEN.replace('&<', '&amp;&lt;')}</bad>")
FAULTS = [
    Fault("register-id-token", FaultKind.ERROR, QUOTED),
    Fault("register-id-token", FaultKind.DROP_BEFORE),
    Fault("register-id-token", FaultKind.GARBAGE, TOKEN.encode()),
    Fault("commit", FaultKind.ERROR, rpc_error("access-denied"), times=9),
    Fault("hello", FaultKind.RAW, b"<no-hello/>"),
]


@pytest.mark.parametrize("form", ["table", "json"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.operation}-{fault.kind.name}")
def test_a_push_that_goes_wrong_shows_no_secret(
    vault: Vault, caplog: pytest.LogCaptureFixture, fault: Fault, form: str
) -> None:
    device = vault.add(release="7.8.1", **UNREGISTERED)
    device.faults.append(replace(fault))
    words = ("--yes", "--register-token-env", "XR_TEST_TOKEN", "--format", form, "--timeout", "5")
    done = vault.loudly("push", vault.words(device), *words)
    assert done.exit_code == (0 if fault.operation == "register-id-token" else 1), done.stderr
    traced = check(vault, caplog, done)
    assert ("<id-token>***</id-token>" in traced) is (fault.operation == "register-id-token")


@pytest.mark.parametrize("command", ["show", "assess", "plan", "push --yes", "poll --timeout 0.1 --until authorized"])
@pytest.mark.parametrize(
    "login, changes, code",
    [
        ("password", {VARIABLE: "wrong-Zq7x"}, 1),
        ("key", {"XR_TEST_PHRASE": "wrong-Zq8x"}, 2),
    ],
)
def test_a_refused_login_shows_no_secret(
    vault: Vault, caplog: pytest.LogCaptureFixture, command: str, login: str, changes: dict[str, str], code: int
) -> None:
    name, *words = command.split()
    device = vault.add(release="7.8.1")
    reach = vault.words(device) if login == "password" else vault.by_key(device)
    done = vault.loudly(name, reach, *words, "--format", "json", **changes)
    assert done.exit_code == (1 if name == "poll" and login == "password" else code), done.stderr
    assert "Traceback" in done.stderr or name == "poll"
    assert check(vault, caplog, done) == ""


# --- the library -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
@pytest.mark.parametrize("owned", [True, False])
def test_plan_events_and_outcome_of_the_library_show_no_secret(
    vault: Vault, clock: Clock, caplog: pytest.LogCaptureFixture, owned: bool, level: int
) -> None:
    device = vault.add(release="7.8.1", **UNREGISTERED)
    target = agent.Device(
        "127.0.0.1",
        device.port,
        ssh_port=device.ssh_port,
        username=vault.simulator.username,
        password=agent.Secret(PASSWORD),
        host_keys=agent.HostKeys(vault.known_hosts),
    )
    intent = agent.Intent(token=agent.Secret(TOKEN))
    with caplog.at_level(level), contextlib.ExitStack() as stack:
        if owned:
            session = stack.enter_context(agent.connect(target))
        else:
            theirs = manager.connect(
                host="127.0.0.1",
                port=device.port,
                username=vault.simulator.username,
                password=PASSWORD,
                hostkey_verify=False,
                allow_agent=False,
                look_for_keys=False,
            )
            session = agent.Session.over(stack.enter_context(theirs))
        plan = agent.plan(intent, agent.observe(session, policy=clock.policy()))
        assert plan
        events = list(agent.apply(session, plan, clock.policy()))
    assert device.state.tokens == [TOKEN]
    assert ("Sending:" in caplog.text) is not owned
    assert not vault.leaks(logged(caplog))
    assert not vault.leaks("".join(map(repr, (target, intent, plan, plan.diff(), session, events))))


def test_errors_with_the_frames_they_came_through_show_no_secret(vault: Vault) -> None:
    device = vault.add(release="7.8.1")
    target = agent.Device(
        "127.0.0.1",
        device.port,
        username=vault.simulator.username,
        host_keys=agent.HostKeys(vault.known_hosts),
        use_agent=False,
    )
    for changes in (
        {"password": agent.Secret("wrong-Zq7x")},
        {"key_file": vault.key, "key_passphrase": agent.Secret("wrong-Zq8x")},
        {"key_file": vault.key},
    ):
        with pytest.raises(agent.AgentError) as raised:
            agent.connect(replace(target, **changes))
        assert not vault.leaks(all_of(raised.value))


# --- the process -----------------------------------------------------------------------------------------------------


def test_the_process_list_shows_no_secret(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    device = vault.add(release="7.8.1", **UNREGISTERED)
    device.faults.append(Fault("register-id-token", FaultKind.DELAY, seconds=1.0))
    monkeypatch.setenv("XR_TEST_TOKEN", TOKEN)
    words = ["--yes", "--register-token-env", "XR_TEST_TOKEN", "--trace", str(vault.trace)]
    with started(vault, "push", *vault.words(device), *words) as process:
        until(lambda: device.counters["register-id-token"] > 0)
        shown = Path(f"/proc/{process.pid}/cmdline").read_text()
        stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 0, stderr
    assert "push" in shown
    assert not vault.leaks(shown)
    assert not vault.leaks(stdout + stderr)
    assert device.state.tokens == [TOKEN]


LIMIT = 2**20
"""Bytes of the largest file that a process may write: enough for a journal, not for a trace of long hellos."""


def test_a_full_disk_ends_the_trace_and_not_the_push(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    device = vault.add(release="7.8.1", hello_size=2_800_000)

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))

    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    words = ["--yes", "--format", "json", "--trace", str(vault.trace)]
    with started(vault, "push", *vault.words(device), *words, preexec_fn=small_files) as process:
        stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 0, stderr
    assert '"outcome": "remedied"' in stdout
    assert vault.trace.stat().st_size == LIMIT
    assert [line for line in stderr.splitlines() if "trace" in line] == [
        f"WARNING agent.netconf.trace: {vault.trace}: the trace ends here: File too large"
    ]


@pytest.mark.parametrize("command", ["show", "assess", "plan", "push --yes", "push --dry-run", "poll"])
def test_a_trace_that_cannot_be_opened_is_wrong_use_before_any_connection(vault: Vault, command: str) -> None:
    name, *words = command.split()
    device = vault.add()
    (vault.folder / "link").symlink_to(vault.trace)
    done = vault.run(name, device, *words, "--trace", str(vault.folder / "link"), password=PASSWORD)
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        f"error: {vault.folder / 'link'}: no trace can be written there: it is a symbolic link",
        "  next: name a new file, or one of your own",
    ]
    assert not vault.trace.exists()
    assert device.last_session == 0


def test_without_the_option_nothing_that_passes_is_logged(vault: Vault, caplog: pytest.LogCaptureFixture) -> None:
    device = vault.add(release="7.1.1", terminal_rpc="refused")
    done = vault.run("push", device, "--yes", *LOUD, password=PASSWORD)
    assert done.exit_code == 0, done.stderr
    assert "crypto ca authenticate Trustpool" in " ".join(device.typed)
    for said in ("rpc-reply", "edit-config xmlns", "trustpoint-name", "-----BEGIN", "show crypto ca"):
        assert said not in done.stderr
        assert said not in logged(caplog)
