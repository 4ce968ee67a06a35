"""The command as a whole: start-up, exit codes, and one clear line for whatever goes wrong."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import agent
from agent.cli.main import Program, program
from agent.model.errors import ConnectError
from agent.model.pki.anchor import TrustAnchor
from tests.model.test_bundle import armoured, odd

COMMANDS = ("show", "assess", "plan", "push", "poll", "history", "record", "simulate", "demo")


def run(*words: str, **environment: str) -> Any:
    """The command in this process; a bug inside it is raised here."""
    return CliRunner().invoke(program, list(words), env=environment, catch_exceptions=False)


def python(*words: str, code: str = "") -> subprocess.CompletedProcess[str]:
    head = ["-c", code] if code else ["-m", "agent.cli.main"]
    return subprocess.run([sys.executable, *head, *words], capture_output=True, text=True, timeout=600, check=False)


def test_version() -> None:
    done = python("--version")
    assert (done.returncode, done.stdout.strip()) == (0, f"xr-agent {agent.__version__}")


def test_the_version_needs_no_library_but_click() -> None:
    code = (
        "import sys\n"
        "from agent.cli.main import main\n"
        "try:\n main()\n"
        "except SystemExit:\n"
        " names = {name.partition('.')[0] for name in sys.modules}\n"
        " print(sorted(names & {'rich', 'paramiko', 'ncclient', 'lxml', 'cryptography', 'pyang', 'yangson', 'asyncssh',"
        " 'importlib_metadata', 'asyncio', 'dataclasses', 'logging', 'msgspec'}"
        " | ({'importlib.metadata'} & set(sys.modules))))\n"
    )
    done = python("--version", code=code)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_names_every_command_without_loading_their_libraries() -> None:
    code = (
        "import sys\n"
        "from agent.cli.main import main\n"
        "try:\n main()\n"
        "except SystemExit:\n"
        " print(sorted({'rich', 'paramiko', 'lxml', 'asyncssh', 'msgspec'} & set(sys.modules)))\n"
    )
    done = python("--help", code=code)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name: str) -> None:
    done = run(name, "--help")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"Usage: xr-agent {name} ")


@pytest.mark.parametrize("name", COMMANDS)
def test_no_option_takes_a_secret(name: str) -> None:
    command = program.get_command(click.Context(program), name)
    assert command is not None
    words = {word for option in command.params for word in option.opts}
    assert not words & {"--password", "--passphrase", "--key-passphrase", "--secret", "--token"}


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    file = tmp_path / "root.pem"
    file.write_text(TrustAnchor.bundled().pem)
    return file


def test_a_root_with_an_odd_serial_number_is_taken_quietly(tmp_path: Path) -> None:
    """In a process of its own, where nothing makes errors of warnings."""
    file = tmp_path / "root.pem"
    file.write_text(armoured(odd("serial"), "CERTIFICATE"))
    done = python(
        "assess", "127.0.0.1", "--port", "1", "--username", "u", "--password-env", "PATH", "--anchor", str(file)
    )
    assert done.returncode == 1
    assert "Warning" not in done.stderr
    assert len(done.stderr.splitlines()) <= 3


def leaf() -> str:
    """A self-signed certificate that is no CA, valid for a day."""
    return _certificate(ca=False, days=1)


def expired() -> str:
    """A CA certificate that ended a day ago."""
    return _certificate(ca=True, days=-1)


def _certificate(*, ca: bool, days: int) -> str:
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "made for a test")])
    end = datetime.now(UTC) + timedelta(days=days)
    built = (
        x509.CertificateBuilder(
            name,
            name,
            key.public_key(),
            x509.random_serial_number(),
            end - timedelta(days=30),
            end,
        )
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM).decode()


ONE_LINE_EACH = [
    pytest.param(["nope"], "No such command", id="unknown command"),
    pytest.param(["push"], "HOST", id="no host"),
    pytest.param(["show", "r1", "--nope"], "--nope", id="unknown option"),
    pytest.param(["show", "-i", "hosts.yaml"], "show reads one HOST", id="show of an inventory"),
    pytest.param(["assess", "--syslog", "x", "--report", "r.html"], "--report does not go with", id="unheeded report"),
    pytest.param(["show", "r1", "--password", "x"], "--password", id="a secret in argv"),
    pytest.param(["show", "r1", "--port", "70000"], "70000", id="port"),
    pytest.param(["show", "r1", "--timeout", "0"], "--timeout", id="timeout"),
    pytest.param(["show", "r1", "--format", "xml"], "xml", id="format"),
    pytest.param(["show", "two words"], "no host name", id="host"),
    pytest.param(["show", "-oProxyCommand=x"], "option", id="host that looks like an option"),
    pytest.param(["show", "--", "-oProxyCommand=x"], "no host name", id="host that begins with a dash"),
    pytest.param(["show", "r1", "--jump", "j:x"], "jump host", id="jump"),
    pytest.param(["show", "r1", "--password-env", "XR_NOT_SET"], "XR_NOT_SET", id="variable"),
    pytest.param(["show", "r1", "--password-file", "/nonexistent"], "/nonexistent", id="password file"),
    pytest.param(["show", "r1", "--password-env", "A", "--ask-password"], "two ways", id="two passwords"),
    pytest.param(["show", "r1", "--ask-password"], "no terminal", id="nobody to ask"),
    pytest.param(["push", "r1", "--yes", "--ssh-config", "/nonexistent"], "/nonexistent", id="ssh config"),
    pytest.param(["show", "r1", "--key", "/nonexistent"], "/nonexistent", id="key"),
    pytest.param(["show", "r1", "--key-passphrase-env", "A"], "without --key", id="passphrase without key"),
    pytest.param(["show", "r1", "--host-key", "SHA256:short"], "pinned", id="pinned fingerprint"),
    pytest.param(["show", "r1", "--host-key", "ssh-ed25519 AAAA"], "pinned", id="pinned key"),
    pytest.param(["show", "r1", "--host-key", "SHA256:x", "--accept-new-host-keys"], "exclude", id="pinned and new"),
    pytest.param(["show", "r1", "--trustpoint", "a b"], "trustpoint name", id="trustpoint with a blank"),
    pytest.param(["push", "r1", "--yes", "--trustpoint", "a<b"], "trustpoint name", id="trustpoint XML refuses"),
    pytest.param(["push", "r1", "--yes", "--trustpoint", "a\x01"], "trustpoint name", id="trustpoint YANG refuses"),
    pytest.param(["push", "r1", "--yes", "--trustpoint", ""], "trustpoint name", id="empty trustpoint"),
    pytest.param(["push", "r1", "--yes", "--method", "trustpool"], "needs a bundle", id="trustpool without bundle"),
    pytest.param(["push", "r1", "--yes", "--bundle", "/nonexistent"], "/nonexistent", id="no bundle file"),
    pytest.param(["push", "r1", "--yes", "--bundle-url", "http://a:b@c/"], "a secret", id="bundle url with password"),
    pytest.param(["push", "r1", "--yes", "--pem-url", "http://a:b@c/"], "a secret", id="pem url with password"),
    pytest.param(["push", "r1", "--yes", "--pem-url", "root.pem"], "certificate URL", id="pem url"),
    pytest.param(["push", "r1", "--yes", "--pem-url", "http://c/", "--method", "rpc"], "--method file", id="no file"),
    pytest.param(["plan", "r1", "--fetch-vrf", "MGMT"], "nothing to copy", id="vrf without a url"),
    pytest.param(
        ["push", "r1", "--yes", "--register-token-env", "HOME", "--register-token-file", "/x"], "two ways", id="tokens"
    ),
    pytest.param(["support", "--hello"], "--hello", id="no hello file"),
    pytest.param(["support", "--release", "99.9.9"], "99.9.9", id="unknown release"),
    pytest.param(["support", "--hello", "/nonexistent"], "/nonexistent", id="no such hello"),
    pytest.param(["assess"], "HOST", id="neither host nor syslog"),
    pytest.param(["assess", "--syslog", "/nonexistent"], "/nonexistent", id="no such syslog"),
    pytest.param(["assess", "r1", "--notice", "/nonexistent"], "/nonexistent", id="no such notice"),
    pytest.param(["push", "r1", "--yes", "--method", "nope"], "nope", id="no method"),
    pytest.param(["push", "r1", "--yes", "--enrollment-url", "no url"], "enrollment URL", id="url"),
    pytest.param(["push", "r1", "--yes", "--enrollment-url", "http://a:b@c/"], "a secret", id="url with password"),
    pytest.param(
        ["push", "r1", "--yes", "--enrollment-url", "http://c/x?token=Zq7"], "a secret", id="url with a token"
    ),
    pytest.param(["push", "r1", "--yes", "--anchor", "/nonexistent"], "/nonexistent", id="no anchor"),
    pytest.param(["push", "r1"], "--dry-run", id="push unconfirmed"),
    pytest.param(["poll", "r1", "--until", "never"], "never", id="until"),
    pytest.param(["poll", "r1", "--interval", "-1"], "--interval", id="interval"),
]


@pytest.mark.parametrize("words, names", ONE_LINE_EACH)
def test_wrong_use_is_one_line_and_exit_code_2(words: list[str], names: str) -> None:
    done = run(*words)
    assert done.exit_code == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0].startswith("error: ")
    assert len(lines) <= 2
    assert all(line.startswith("  next: ") for line in lines[1:])
    assert names in done.stderr


@pytest.mark.parametrize("command", ["assess", "plan", "push"])
@pytest.mark.parametrize(
    "content, says",
    [
        (lambda _: "not a certificate", "no PEM certificate"),
        (lambda pem: pem + pem, "2 certificates"),
        (lambda pem: pem + "trailing junk\n", "other text"),
        (lambda pem: pem.replace("MII", "MIJ", 1), "damaged"),
        (lambda pem: "\xff\xfe" + pem, "PEM"),
        (lambda _: leaf(), "not a CA certificate"),
        (lambda _: expired(), "valid only from"),
        (lambda _: "A" * 70000, "64 KiB"),
    ],
    ids=["no PEM", "two", "junk", "damaged", "no text", "no CA", "expired", "huge"],
)
def test_a_wrong_anchor_is_refused_before_any_connection(pem: Path, command: str, content: Any, says: str) -> None:
    pem.write_text(content(pem.read_text()), encoding="latin-1")
    done = run(command, "203.0.113.1", "--anchor", str(pem), *(["--yes"] if command == "push" else []))
    assert done.exit_code == 2
    assert says in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("error: ")]) == 1


def test_a_pinned_key_in_either_form_is_taken() -> None:
    from agent.cli.settings import _check_pinned

    blob = b"\0\0\0\x0bssh-ed25519\0\0\0 " + bytes(32)
    _check_pinned(f"ssh-ed25519 {base64.b64encode(blob).decode()} comment")
    _check_pinned("SHA256:" + base64.b64encode(bytes(32)).decode().rstrip("="))


def boom(error: BaseException) -> Program:
    """The program with a command that raises."""

    @click.command("boom")
    @click.option("--debug", is_flag=True)
    @click.pass_context
    def command(ctx: click.Context, debug: bool) -> None:
        ctx.meta["agent.cli.debug"] = debug
        raise error

    class One(Program):
        def get_command(self, *_: object) -> click.Command | None:
            return command

    return One("xr-agent")


def test_an_expected_error_is_one_line_with_the_next_step() -> None:
    error = ConnectError("no answer\x1b[2J", device="r1", hint="check routes")
    done = CliRunner().invoke(boom(error), ["boom"], catch_exceptions=False)
    assert done.exit_code == 1
    assert done.stderr == "error: r1: no answer\\x1b[2J\n  next: check routes\n"


def test_debug_shows_the_traceback_of_an_expected_error() -> None:
    done = CliRunner().invoke(boom(ConnectError("no answer")), ["boom", "--debug"], catch_exceptions=False)
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1] == "error: no answer"


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        CliRunner().invoke(boom(ZeroDivisionError()), ["boom"], catch_exceptions=False)


def test_an_interrupt_is_exit_code_130() -> None:
    done = CliRunner().invoke(boom(KeyboardInterrupt()), ["boom"])
    assert (done.exit_code, done.stderr) == (130, "interrupted; nothing is locked\n")


def test_a_reader_that_leaves_is_no_traceback() -> None:
    code = (
        "import sys, click\n"
        "from agent.cli.main import Program\n"
        "@click.command('boom')\n"
        "def command():\n for _ in range(100000): print('x' * 100)\n"
        "class One(Program):\n def get_command(self, ctx, name): return command\n"
        "One('xr-agent').main(['boom'])\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(600) == 1


def test_without_a_command_there_is_the_help() -> None:
    done = CliRunner().invoke(program, [])
    assert done.exit_code in (0, 2)
    assert "Routers:" in done.output
    assert "error:" not in done.output
