"""Whatever a file that the user names may be, it is read within a bound or refused in one line with exit code 2."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli.input.collected import affected_hosts
from agent.cli.main import program
from agent.model.device import Secret
from agent.model.errors import InputError, SchemaError
from agent.model.local import files
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.bundle import Bundle
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.fetched import fetch_modules
from agent.remedy.notices.folder import bundled
from agent.remedy.support import of_hello
from agent.simulator import Persona
from tests.cli.lab import PEM
from tests.scripted import hello

# Nobody listens at port 1: what is read only for a connection is read before one is tried.
HOST = ("127.0.0.1", "--port", "1", "--ssh-port", "1", "--username", "u", "--password-env", "PATH")
CONFIG = ("--ssh-config", os.devnull)
WORDS: dict[str, tuple[str, ...]] = {
    "anchor": ("plan", *HOST, *CONFIG, "--anchor"),
    "bundle": ("plan", *HOST, *CONFIG, "--bundle"),
    "password": ("show", *HOST[:-2], *CONFIG, "--password-file"),
    "token": ("push", *HOST, *CONFIG, "--yes", "--register-token-file"),
    "known hosts": ("show", *HOST, *CONFIG, "--known-hosts"),
    "ssh config": ("show", *HOST, "--ssh-config"),
    "key": ("show", *HOST[:-2], *CONFIG, "--key"),
    "hello": ("support", "--hello"),
    "syslog": ("assess", "--syslog"),
}


def run(reader: str, path: object, text: bytes | None = None) -> Any:
    return CliRunner().invoke(program, [*WORDS[reader], str(path)], input=text, catch_exceptions=False)


def refused(done: Any, *codes: int) -> bool:
    """Whether one line says what is wrong, and one what to do."""
    lines = done.stderr.splitlines()
    return done.exit_code in (codes or (2,)) and lines[0].startswith("error: ") and len(lines) <= 2


@contextmanager
def pipe(data: bytes | None) -> Iterator[Path]:
    """A pipe as the shell's ``<(command)`` gives it: *data* comes out of it and its end, or nothing at all."""
    out, into = os.pipe()

    def write() -> None:
        with os.fdopen(into, "wb", buffering=0) as file:
            file.write(data or b"")

    writer = threading.Thread(target=write)
    if data is not None:
        writer.start()
    try:
        yield Path(f"/dev/fd/{out}")
    finally:
        os.close(out)
        if data is None:
            os.close(into)
        else:
            writer.join()


def but(*readers: str) -> list[str]:
    return [reader for reader in WORDS if reader not in readers]


@pytest.mark.parametrize("reader", WORDS)
def test_what_is_no_file_is_refused(tmp_path: Path, reader: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path, tmp_path / "loop", tmp_path / "file" / "x", tmp_path / ("x" * 300)):
        assert refused(run(reader, path)), path
    if reader != "known hosts":  # a new one is begun where a key is to be stored
        assert refused(run(reader, tmp_path / "none"))


@pytest.mark.parametrize("reader", but("known hosts", "ssh config", "hello"))
def test_an_endless_device_is_refused(reader: str) -> None:
    assert refused(run(reader, "/dev/zero"))


@pytest.mark.parametrize("reader, limit", [("known hosts", "64 MiB"), ("ssh config", "16 MiB"), ("anchor", "64 KiB")])
def test_what_is_too_large_is_refused_when_its_bound_is_reached(tmp_path: Path, reader: str, limit: str) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(2**40)  # a sparse file of a terabyte
    for path in (large, "/dev/zero"):
        done = run(reader, path)
        assert refused(done)
        assert f"larger than {limit}" in done.stderr


@pytest.mark.parametrize("reader", but("syslog", "known hosts", "ssh config"))
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path, reader: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = run(reader, tmp_path / "pipe")
    assert done.exit_code == (1 if reader == "hello" else 2)


@pytest.mark.parametrize("reader", but("syslog", "key"))
def test_a_silent_pipe_is_given_up(monkeypatch: pytest.MonkeyPatch, reader: str) -> None:
    monkeypatch.setattr(files, "SILENCE", 0.05)
    with pipe(None) as path:
        done = run(reader, path)
    assert refused(done)
    assert "nothing came for" in done.stderr


HELLO = hello(Persona(release="7.8.1").capabilities()).encode()
LOG = b"<1>Feb 22 10:00:00 r1 %SMART_LIC-3-COMM_FAILED : x\n"


@pytest.mark.parametrize(
    "data, read, expected",
    [
        (PEM.encode(), lambda path: TrustAnchor.from_file(path).pem, PEM),
        (PEM.encode() * 200, lambda path: len(Bundle.from_file(path).data), len(PEM) * 200),
        (b"hunter2\nmore\n", lambda path: Secret.from_file(path).reveal(), "hunter2"),
        (HELLO, lambda path: run("hello", path).exit_code, 0),
        (LOG, lambda path: [*affected_hosts(path, bundled().signatures)[0].hosts], ["r1"]),
    ],
    ids=["anchor", "bundle", "secret", "hello", "syslog"],
)
def test_what_a_shell_gives_as_a_pipe_is_read(data: bytes, read: Callable[[Path], object], expected: object) -> None:
    with pipe(data) as path:
        assert read(path) == expected


@pytest.mark.parametrize("junk", [b"\x00" * 5000, b"\xff\xfe\x00\n", bytes(range(256)) * 20, b"[" * 100_000])
@pytest.mark.parametrize("reader", but("known hosts", "syslog", "key"))
def test_junk_is_refused(tmp_path: Path, reader: str, junk: bytes) -> None:
    file = tmp_path / "junk"
    file.write_bytes(junk)
    assert refused(run(reader, file)) if reader != "hello" else run(reader, file).exit_code == 1


@pytest.mark.parametrize("reader", but("known hosts", "ssh config", "syslog", "key"))
def test_an_empty_file_is_refused(tmp_path: Path, reader: str) -> None:
    (tmp_path / "empty").touch()
    assert run(reader, tmp_path / "empty").exit_code == (1 if reader == "hello" else 2)


def test_lines_of_known_hosts_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_bytes(
        b"\x00\xff\n|1|x|y ssh-rsa AAAA\n@revoked\n* ssh-rsa =\n"
        + b"*?[!]," * 1000
        + b" ssh-ed25519 AAAA\n@cert-authority\n"
    )
    done = run("known hosts", file)
    assert refused(done, 1)
    assert "127.0.0.1: port 1: " in done.stderr


@pytest.mark.parametrize("text", ["Match\n", 'Host "\n', "\xff"])
def test_an_ssh_configuration_that_cannot_be_followed_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    assert refused(run("ssh config", file))


def test_a_file_that_fails_while_it_is_read_is_refused() -> None:
    assert refused(run("syslog", "/proc/self/mem"))
    assert refused(run("anchor", "/proc/self/mem"))


@pytest.mark.parametrize(
    "words",
    [
        *(("assess", "--syslog", "-"), ("support", "--hello", "-"), ("assess", "-i", "-", "--username", "ops")),
        ("history", "import", "-", "--journal", "none.db"),
    ],
    ids=" ".join,
)
def test_a_closed_standard_input_is_refused(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "agent.cli.main", *words]
    done = subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "standard input is closed" in done.stderr


def test_a_standard_input_that_does_not_wait_is_said() -> None:
    class Hasty(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int | None:
            return None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Hasty())))
        with pytest.raises(InputError, match="does not wait"):
            affected_hosts(Path("-"), bundled().signatures)


def test_a_name_with_a_null_character_is_no_file_name() -> None:
    for read in (TrustAnchor.from_file, Bundle.from_file, Secret.from_file):
        with pytest.raises(InputError, match="no file name"):
            read("a\x00b")


def test_a_captured_file_is_looked_through_once() -> None:
    one = hello(Persona(release="7.8.1").capabilities()).encode()
    assert of_hello(b"</hello>" * 100_000 + one + b"</hello>" * 100_000).methods
    with pytest.raises(Exception, match="0 hello"):
        of_hello(b"<hello " * 500_000)


def test_a_folder_that_cannot_be_written_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SchemaError, match="cannot be kept"):
        fetch_modules("m", "", lambda name, day: "module m { }", Capabilities.from_uris(()), tmp_path / "file" / "x")
