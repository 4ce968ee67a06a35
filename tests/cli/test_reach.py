"""The way to a router: what HOST may say, logins and host keys, and what fails on the way is one line."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from agent.cli import settings as settings_of
from agent.cli.main import program
from agent.netconf.session import connect
from agent.simulator import Fault, FaultKind
from tests.cli.lab import VARIABLE, Lab, one_error, untouched
from tests.cli.schemas import check


def test_the_address_of_a_router_is_said_once_and_a_host_key_is_said_with_its_port(lab: Lab) -> None:
    away, strange = lab.add(reachable=False), lab.add()
    refused = one_error(lab.run("show", away).stderr)
    assert refused.startswith(f"error: 127.0.0.1: port {away.port}: Connection refused\n")
    lab.known_hosts.write_text("")
    unknown = one_error(lab.run("show", strange).stderr)
    assert f" at port {strange.port} is not in {lab.known_hosts}\n" in unknown


@pytest.mark.parametrize("form", ["{user}@127.0.0.1:{port}", "ssh://{user}@127.0.0.1:{port}/"])
@pytest.mark.parametrize("again", [False, True])
def test_host_may_say_user_and_port(lab: Lab, form: str, again: bool) -> None:
    device, user = lab.add(), lab.simulator.username
    host, words = form.format(user=user, port=device.port), lab.words(device)
    said = words[1:7] if again else words[3:5]  # --port, --ssh-port, --username
    given = ["show", host, *said, *words[7:], "--format", "json"]
    done = CliRunner().invoke(program, given, env={VARIABLE: lab.simulator.password}, catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["address"] == device.address


@pytest.mark.parametrize(
    "host, said",
    [
        ("[::1]:831", "the port in HOST is another than that of --port"),
        ("me@::1", "the username in HOST is another than that of --username"),
        ("192.0.2.1/32", "'192.0.2.1/32' is no host name or address"),
        ("https://192.0.2.1", "a URL of another scheme than ssh"),
        ("me:hunter2@192.0.2.1", "there is a password before the @"),
    ],
)
@pytest.mark.parametrize("command", ["show", "assess", "plan", "push", "poll"])
def test_a_host_that_cannot_be_meant_is_wrong_usage(lab: Lab, command: str, host: str, said: str) -> None:
    words = lab.words(lab.add())
    more = ["--yes"] if command == "push" else []
    given = [command, host, *words[1:], *more]
    done = CliRunner().invoke(program, given, env={VARIABLE: lab.simulator.password}, catch_exceptions=False)
    assert done.exit_code == 2
    assert said in one_error(done.stderr)
    assert "hunter2" not in done.output


@pytest.fixture
def other_protocol() -> Iterator[int]:
    """A port that speaks another protocol."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize("command", ["show", "assess", "plan", "push"])
def test_a_host_that_is_not_there_is_one_line_and_one_object(lab: Lab, command: str) -> None:
    device = lab.add()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    words = ["--port", str(port), "--format", "json", *(["--yes"] if command == "push" else [])]
    done = lab.run(command, device, *words)
    assert done.exit_code == 1
    made = json.loads(done.stdout)
    check(command, made)
    if command == "push":
        assert (made["outcome"], made["error"]["kind"], made["address"]) == ("failed", "connect", f"127.0.0.1:{port}")
    assert "  next: " in one_error(done.stderr)


def test_another_protocol_on_the_port_is_one_line(lab: Lab, other_protocol: int) -> None:
    done = lab.run("push", lab.add(), "--port", str(other_protocol), "--yes", "--format", "json", "--open-timeout", "5")
    assert done.exit_code == 1
    check("push", json.loads(done.stdout))
    assert "another protocol" in one_error(done.stderr)
    assert len(done.stderr.splitlines()) == 2


def test_a_name_that_does_not_resolve(lab: Lab) -> None:
    words = lab.words(lab.add())
    done = CliRunner().invoke(
        program, ["show", "no-such-host.invalid", *words[1:]], env={VARIABLE: "x"}, catch_exceptions=False
    )
    assert (done.exit_code, done.stdout) == (1, "")
    assert "no-such-host.invalid" in one_error(done.stderr)


def test_a_wrong_password_is_one_line_and_never_shown(lab: Lab) -> None:
    done = lab.run("push", lab.add(), "--yes", "--format", "json", "-vv", password="s3cr3t-of-test")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"]["kind"] == "authentication"
    assert "s3cr3t-of-test" not in done.stdout + done.stderr


def test_an_unknown_host_key_is_refused_and_stored_on_request(lab: Lab) -> None:
    device = lab.add()
    lab.known_hosts.write_text("")
    done = lab.run("show", device)
    assert done.exit_code == 1
    assert "--accept-new-host-keys" in one_error(done.stderr)
    assert lab.run("show", device, "--accept-new-host-keys").exit_code == 0
    assert lab.run("show", device).exit_code == 0


def test_a_changed_host_key_is_refused_whatever_is_accepted(lab: Lab) -> None:
    device = lab.add()
    lines = lab.known_hosts.read_text().splitlines()
    lab.known_hosts.write_text("".join(f"{line[:-8]}AAAAAAAA\n" for line in lines))
    done = lab.run("push", device, "--yes", "--accept-new-host-keys", "--format", "json")
    assert (done.exit_code, json.loads(done.stdout)["error"]["kind"]) == (1, "host-key")
    assert "changed" in one_error(done.stderr)
    assert not device.log


def test_a_pinned_host_key(lab: Lab) -> None:
    device = lab.add()
    pinned = " ".join(device.host_key.split()[1:])
    lab.known_hosts.write_text("")
    assert lab.run("show", device, "--host-key", pinned).exit_code == 0
    done = lab.run("show", device, "--host-key", "SHA256:" + "A" * 43)
    assert done.exit_code == 1
    assert "pinned" in one_error(done.stderr)


REPLIES = [
    pytest.param(b"this is no XML", id="garbage"),
    pytest.param(b"<rpc-reply xmlns='urn:ietf:params:xml:ns:netconf:base:1.0' message-id='MID'><data>", id="truncated"),
    pytest.param(
        b"<!DOCTYPE r [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><rpc-reply message-id='MID' "
        b"xmlns='urn:ietf:params:xml:ns:netconf:base:1.0'><data>&b;</data></rpc-reply>",
        id="entities",
    ),
    pytest.param(
        b"<rpc-reply message-id='MID' xmlns='urn:ietf:params:xml:ns:netconf:base:1.0'><data>\xff\xfe</data>"
        b"</rpc-reply>",
        id="non-UTF-8",
    ),
    pytest.param(
        b"<rpc-reply message-id='MID' xmlns='urn:ietf:params:xml:ns:netconf:base:1.0'><data>" + b"<a>" * 100000,
        id="deep",
    ),
    pytest.param(
        b"<rpc-reply message-id='MID' xmlns='urn:ietf:params:xml:ns:netconf:base:1.0'><data>" + b" " * (65 * 2**20),
        id="huge",
    ),
]


@pytest.mark.parametrize("reply", REPLIES)
def test_a_broken_reply_is_one_line_and_nothing_changes(lab: Lab, reply: bytes) -> None:
    device = lab.add()
    device.faults.append(Fault("get", FaultKind.RAW, reply.replace(b"MID", b"2"), times=99))
    done = lab.run("push", device, "--yes", "--format", "json", "--timeout", "20")
    made = json.loads(done.stdout)
    check("push", made)
    assert (done.exit_code, made["outcome"]) == (1, "failed")
    one_error(done.stderr)
    assert untouched(device)


@pytest.fixture
def locked_key(lab: Lab, tmp_path: Path) -> Path:
    """A private key that the lab's routers accept, which a passphrase opens."""
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    lab.simulator.authorize(public.decode())
    file = tmp_path / "id"
    encryption = serialization.BestAvailableEncryption(b"s3cr3t-of-test")
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, encryption))
    return file


def by_key(lab: Lab, command: str, key: Path, phrase: str, *words: str) -> Any:
    """*command* on a new router, with *key* in place of the password."""
    reach = [word for word in lab.words(lab.add()) if word not in ("--password-env", VARIABLE)]
    given = [command, *reach, "--key", str(key), "--key-passphrase-env", "XR_TEST_PHRASE", *words]
    return CliRunner().invoke(program, given, env={"XR_TEST_PHRASE": phrase}, catch_exceptions=False)


def test_a_key_and_its_passphrase(lab: Lab, locked_key: Path) -> None:
    for phrase, code in (("s3cr3t-of-test", 0), ("another-s3cr3t", 2)):
        done = by_key(lab, "show", locked_key, phrase, "-vv")
        assert done.exit_code == code
        assert phrase not in done.stdout + done.stderr


@pytest.mark.parametrize("words", [("push", "--yes"), ("plan",), ("assess",)])
def test_an_input_error_found_while_connecting_is_exit_code_2_with_an_object(
    lab: Lab, locked_key: Path, words: tuple[str, ...]
) -> None:
    done = by_key(lab, words[0], locked_key, "another-s3cr3t", *words[1:], "--format", "json")
    made = json.loads(done.stdout)
    check(words[0], made)
    assert done.exit_code == 2
    if words[0] != "assess":
        assert made["error"]["kind"] == "input"
    assert str(locked_key) in one_error(done.stderr)


def test_the_library_reaches_the_same_device(lab: Lab, tmp_path: Path) -> None:
    """What the options make is a Device like any other."""
    device = lab.add()
    secret = tmp_path / "password"
    secret.write_text(f"{lab.simulator.password}\n")
    given = {
        "host": "127.0.0.1",
        "port": device.port,
        "ssh_port": device.ssh_port,
        "username": "admin",
        "password_env": None,
        "password_file": secret,
        "ask_password": False,
        "key": None,
        "key_passphrase_env": None,
        "known_hosts": lab.known_hosts,
        "host_key": None,
        "accept_new_host_keys": False,
        "jump": None,
        "ssh_config": Path("/dev/null"),
        "timeout": 5.0,
        "open_timeout": 5.0,
        "login_timeout": 5.0,
        "legacy_ssh": False,
        "connect_wait": 0.0,
        "no_ssh": False,
        "strict_models": False,
    }
    with connect(settings_of.host(given).device(settings_of.reach(given))) as session:
        assert session.connected
