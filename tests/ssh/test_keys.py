"""The user's keys: each form of file, the agent's, in an order that uses up no router's tries."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from agent.model.device import Device, Secret
from agent.model.errors import InputError
from agent.ssh.settings import keys, lookup
from agent.ssh.settings.config import Settings, settings
from agent.ssh.settings.keys import accepted, key_pairs
from tests.threads import at_once

PASSPHRASE = "only for tests"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder and a process in which nothing has logged in yet."""
    (tmp_path / ".ssh").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(lookup, "SYSTEM_FILE", tmp_path / "nothing")
    monkeypatch.setattr(keys, "_good", set())
    return tmp_path


def generated(path: Path, *options: str, passphrase: str = "") -> bytes:
    """A key made by ssh-keygen; its public key in wire form."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-f", str(path), "-N", passphrase, "-C", "", *options], check=True
    )
    return public(path)


def public(path: Path) -> bytes:
    return base64.b64decode(path.with_name(f"{path.name}.pub").read_text().split()[1])


def made(folder: Path, text: str = "", **given: Any) -> Settings:
    (folder / "config").write_text(text)
    return settings(Device(**{"host": "r1.example", "username": "admin", "ssh_config": folder / "config", **given}))


def offered(given: Settings) -> list[bytes]:
    """The public keys in the order in which they are offered."""

    async def collect() -> list[bytes]:
        return [pair.public_data async for pair in key_pairs(given)]

    return asyncio.run(collect())


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An ssh-agent without keys; its socket has a short name, as sockets must."""
    folder = Path(tempfile.mkdtemp(prefix="xr-"))
    socket = folder / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # said when it listens
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        try:
            yield socket
        finally:
            process.terminate()
    shutil.rmtree(folder)


def added(*paths: Path) -> None:
    for path in paths:
        subprocess.run(["ssh-add", "-q", str(path)], check=True)


FORMS = [
    *(("ed25519", "RFC4716"), ("ecdsa", "RFC4716"), ("rsa", "RFC4716")),
    *(("ecdsa", "PEM"), ("rsa", "PEM")),
    *(("ed25519", "PKCS8"), ("ecdsa", "PKCS8"), ("rsa", "PKCS8")),
]


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE])
@pytest.mark.parametrize("kind, form", FORMS)
def test_each_kind_of_key_is_read_in_each_form(tmp_path: Path, kind: str, form: str, passphrase: str) -> None:
    path = tmp_path / "key"
    size = {"rsa": "2048", "ecdsa": "256", "ed25519": "256"}[kind]
    blob = generated(path, "-t", kind, "-b", size, "-m", form, passphrase=passphrase)
    secret = Secret(passphrase) if passphrase else None
    assert offered(made(tmp_path, key_file=path, key_passphrase=secret)) == [blob]
    if not passphrase:
        return
    for wrong, said in (
        (None, "has a passphrase.*--key-passphrase-env"),
        (Secret("wrong"), "passphrase does not open it"),
    ):
        with pytest.raises(InputError, match=rf"key: the key cannot be used: .*{said}") as refused:
            offered(made(tmp_path, key_file=path, key_passphrase=wrong))
        assert "wrong" not in str(refused.value)
        assert refused.value.__cause__ is refused.value.__context__ is None


PUTTY = b"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n"
DSA = b"-----BEGIN OPENSSH PRIVATE KEY-----\n%s\n-----END OPENSSH PRIVATE KEY-----\n" % base64.b64encode(
    b"openssh-key-v1\0"
    + b"".join(len(part).to_bytes(4) + part for part in (b"none", b"none", b""))
    + (1).to_bytes(4)
    + b"\0\0\0\0"
    + b"\0\0\0\x14"
    + b"\0" * 8
    + b"\0\0\0\x08sk-other"
)  # SYNTHETIC


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "no private key of a kind that is known"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "no private key"),
        (b"-----BEGIN EC PRIVATE KEY-----\nMAAA\n-----END EC PRIVATE KEY-----\n", "no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nnothing", "no private key"),
        (b"\xff\xfe\0", "no private key"),
        (b"-----BEGIN (PRIVATE KEY-----\nMAAA\n", "no private key"),
        (b"ssh-rsa AAAAB3NzaC1yc2EAAAAB/wAAAAH/\n", "no private key"),  # negative numbers
        (DSA, "no private key"),
        (PUTTY, "PuTTY.*puttygen"),
        (b"x" * (2 << 20), "larger than 1 MiB"),
        (None, "No such file"),
        (..., "Is a directory"),
    ],
)
def test_a_key_that_is_named_and_cannot_be_used_says_why(tmp_path: Path, content: Any, said: str) -> None:
    path = tmp_path / "key"
    if content is ...:
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=f"key: the key cannot be used: .*{said}") as refused:
        offered(made(tmp_path, key_file=path))
    assert refused.value.hint
    good = generated(tmp_path / "good")
    assert offered(made(tmp_path, f"IdentityFile {path}\nIdentityFile {tmp_path}/good\n")) == [good]


def test_a_public_key_is_told_from_a_private_one(tmp_path: Path) -> None:
    generated(tmp_path / "key")
    with pytest.raises(InputError, match="it is a public key"):
        offered(made(tmp_path, key_file=tmp_path / "key.pub"))


def test_a_key_of_a_security_key_is_for_the_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generated(tmp_path / "key")
    monkeypatch.setattr(asyncssh.SSHKey, "get_algorithm", lambda _: "sk-ssh-ed25519@openssh.com")
    with pytest.raises(InputError, match=r"security key.*load it into ssh-agent"):
        offered(made(tmp_path, key_file=tmp_path / "key"))


def test_named_files_come_first_then_the_agent_then_default_files(tmp_path: Path, agent: Path) -> None:
    one, two, three, four = (generated(tmp_path / name) for name in ("one", "two", "three", "four"))
    default = generated(tmp_path / ".ssh" / "id_ed25519")
    added(tmp_path / "one", tmp_path / "two", tmp_path / "three")
    (tmp_path / "three").unlink()
    files = "".join(f"IdentityFile {tmp_path}/{name}\n" for name in ("four", "three", "nowhere"))
    assert offered(made(tmp_path, files)) == [four, three, one, two]
    assert offered(made(tmp_path)) == [one, two, three, default]
    assert offered(made(tmp_path, f"{files}IdentitiesOnly yes\n")) == [four, three]
    assert offered(made(tmp_path, f"IdentityFile {tmp_path}/two.pub\nIdentitiesOnly yes\n")) == [two]
    assert offered(made(tmp_path, "IdentityAgent none\n")) == [default]
    assert offered(made(tmp_path, "PubkeyAuthentication no\n")) == []
    assert offered(made(tmp_path, use_agent=False)) == []
    assert offered(made(tmp_path, files, password=Secret("x"))) == [four]
    assert offered(made(tmp_path, key_file=tmp_path / "two")) == [two]


def test_a_key_that_logged_in_is_offered_first_from_then_on(tmp_path: Path, agent: Path) -> None:
    blobs = [generated(tmp_path / f"k{number}") for number in range(8)]
    added(*(tmp_path / f"k{number}" for number in range(8)))

    async def log_in() -> None:
        async for pair in key_pairs(made(tmp_path)):
            if pair.public_data == blobs[6]:
                assert isinstance(pair, asyncssh.SSHAgentKeyPair)
                assert await pair.sign_async(b"data")
                accepted(pair)

    assert offered(made(tmp_path)) == blobs
    asyncio.run(log_in())
    assert offered(made(tmp_path)) == [blobs[6], *blobs[:6], blobs[7]]


def test_an_encrypted_file_whose_key_the_agent_has_is_the_agents(tmp_path: Path, agent: Path) -> None:
    one = generated(tmp_path / "one")
    added(tmp_path / "one")
    subprocess.run(["ssh-keygen", "-q", "-p", "-f", str(tmp_path / "one"), "-P", "", "-N", PASSPHRASE], check=True)
    other = generated(tmp_path / "other")
    added(tmp_path / "other")
    assert offered(made(tmp_path, f"IdentityFile {tmp_path}/one\n")) == [one, other]


def test_a_certificate_is_offered_in_front_of_its_key(tmp_path: Path) -> None:
    for name in ("authority", "key", "other"):
        generated(tmp_path / name)
    for name in ("key", "other"):
        sign = ["ssh-keygen", "-q", "-s", str(tmp_path / "authority"), "-I", "id", "-n", "admin"]
        subprocess.run([*sign, str(tmp_path / f"{name}.pub")], check=True)
    (tmp_path / "other-cert.pub").rename(tmp_path / "elsewhere")
    certificate, elsewhere = (
        base64.b64decode((tmp_path / name).read_text().split()[1]) for name in ("key-cert.pub", "elsewhere")
    )
    text = f"IdentityFile {tmp_path}/key\nIdentityFile {tmp_path}/other\nCertificateFile {tmp_path}/elsewhere\n"
    assert offered(made(tmp_path, text)) == [
        *(certificate, public(tmp_path / "key"), elsewhere, public(tmp_path / "other"))
    ]
    (tmp_path / "elsewhere").write_text("no certificate\n")
    assert offered(made(tmp_path, text))[2:] == [public(tmp_path / "other")]


@pytest.mark.parametrize("said", [b"", b"\0\0\0\1\5", b"\0\0\0\5\x0c\0\0\0\x09"])
def test_an_agent_that_gives_no_keys_is_passed_over(tmp_path: Path, said: bytes) -> None:
    default = generated(tmp_path / ".ssh" / "id_ed25519")
    given = replace(made(tmp_path), agent_path=f"{tempfile.mkdtemp(prefix='xr-')}/agent")
    assert offered(given) == [default]  # nobody listens

    async def served() -> list[bytes]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(5)
            writer.write(said)
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_unix_server(answer, given.agent_path):
            return [pair.public_data async for pair in key_pairs(given)]

    assert asyncio.run(served()) == [default]
    assert given.agent_path is not None
    shutil.rmtree(Path(given.agent_path).parent)


def test_a_key_is_decrypted_once_for_a_fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = generated(tmp_path / "key", passphrase=PASSPHRASE)
    imported: list[object] = []
    original = asyncssh.import_private_key

    def importing(data: bytes, passphrase: str | None = None) -> asyncssh.SSHKey:
        imported.append(passphrase)
        return original(data, passphrase)

    monkeypatch.setattr(asyncssh, "import_private_key", importing)
    given = made(tmp_path, key_file=tmp_path / "key", key_passphrase=Secret(PASSPHRASE))
    assert at_once(lambda _: offered(given), 16) == [[blob]] * 16
    assert imported == [PASSPHRASE]
    wrong = made(tmp_path, key_file=tmp_path / "key", key_passphrase=Secret("wrong"))
    for _ in range(2):
        with pytest.raises(InputError):
            offered(wrong)
    assert imported == [PASSPHRASE, "wrong", None]  # to tell a wrong passphrase from a broken file
    os.utime(tmp_path / "key", ns=(1, 1))
    assert offered(given) == [blob]
    assert imported == [PASSPHRASE, "wrong", None, PASSPHRASE]


def test_each_connection_has_its_own_pair(tmp_path: Path) -> None:
    generated(tmp_path / "key", "-t", "rsa", "-b", "2048")
    given = made(tmp_path, key_file=tmp_path / "key")

    async def both() -> None:
        (one,), (two,) = [[pair async for pair in key_pairs(given)] for _ in range(2)]
        one.set_sig_algorithm(b"rsa-sha2-256")
        assert two.sig_algorithm != one.sig_algorithm

    asyncio.run(both())
