"""What an SSH server offers is read without logging in, from whatever bytes it sends."""

from __future__ import annotations

import itertools
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agent
from agent.model.device import Device
from agent.model.local.clock import Clock
from agent.ssh.peer.hearing import LARGEST, Hearing, NotSSH
from agent.ssh.peer.negotiation import CIPHER, HOST_KEY, KEX, MAC, Offer
from agent.ssh.peer.service import Service
from agent.ssh.probe import Probed, probe
from tests.interop.netconfd import SSHD
from tests.properties.conftest import steady
from tests.support import Lab, eventually

LISTS = (b"curve25519-sha256,diffie-hellman-group14-sha1", b"ssh-rsa", *(b"aes128-ctr",) * 2, *(b"hmac-sha1",) * 2)
OFFER = Offer(
    "SSH-2.0-Cisco-2.0",
    {
        KEX.name: ("curve25519-sha256", "diffie-hellman-group14-sha1"),
        HOST_KEY.name: ("ssh-rsa",),
        CIPHER.name: ("aes128-ctr",),
        MAC.name: ("hmac-sha1",),
    },
)


def packet(payload: bytes, padding: int = 4) -> bytes:
    return (len(payload) + padding + 1).to_bytes(4) + bytes([padding]) + payload + bytes(padding)


def kexinit(lists: Sequence[bytes] = LISTS) -> bytes:
    named = [*lists, *(b"none",) * 2, *(b"",) * 2]
    return b"\x14" + bytes(16) + b"".join(len(one).to_bytes(4) + one for one in named) + bytes(5)


SAID = b"SSH-2.0-Cisco-2.0\r\n" + packet(kexinit())


@contextmanager
def server(*said: bytes, stays: bool = False, interrupted: bool = False) -> Iterator[Device]:
    """A TCP server that says each in turn and closes, or *stays* silent: then time passes, or it is *interrupted*."""
    spoken, leave = threading.Event(), threading.Event()

    class Impatient(Clock):
        def wait(
            self, answered: threading.Event, seconds: float, session: str | None = None, message: str = "hello"
        ) -> bool:
            assert (seconds, message) == (7.0, "handshake")
            eventually(lambda: answered.wait(0.01) or spoken.is_set())
            if interrupted:
                raise KeyboardInterrupt
            return answered.is_set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)

        def serve() -> None:
            peer, _ = listener.accept()
            with peer, suppress(ConnectionError):
                for one in said:
                    peer.sendall(one)
                if stays:
                    peer.recv(100)
                    spoken.set()
                    leave.wait(60)
                else:
                    peer.shutdown(socket.SHUT_WR)
                    while peer.recv(100):
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Device("127.0.0.1", listener.getsockname()[1], open_timeout=7.0, clock=Impatient())
        finally:
            leave.set()
            thread.join()


def found(*said: bytes, stays: bool = False) -> Probed:
    with server(*said, stays=stays) as device:
        return probe(device, Service.NETCONF)


def failed(*said: bytes, stays: bool = False) -> agent.ConnectError:
    error = found(*said, stays=stays).error
    assert error is not None
    return error


@contextmanager
def sshd(folder: Path, *settings: str) -> Iterator[Device]:
    """OpenSSH's server with *settings*."""
    if not Path(SSHD).exists():
        pytest.skip("not installed: openssh-server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", folder / "host"], check=True)
    lines = (f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {folder}/host", "PidFile none", *settings)
    (folder / "sshd_config").write_text("".join(f"{line}\n" for line in lines))
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log) as process,
    ):
        try:
            assert eventually(lambda: f"port {port}" in (folder / "log").read_text()), (folder / "log").read_text()
            yield Device("127.0.0.1", port)
        finally:
            process.terminate()


# --- real servers --------------------------------------------------------------------------------------------------


def test_openssh_says_what_it_was_restricted_to(tmp_path: Path) -> None:
    restricted = (
        "KexAlgorithms diffie-hellman-group14-sha1",
        "HostKeyAlgorithms ssh-rsa",
        "Ciphers aes128-cbc,aes128-ctr",
        "MACs hmac-sha1",
    )
    with sshd(tmp_path, *restricted) as device:
        seen = probe(device, Service.NETCONF)
        log = tmp_path / "log"
        assert eventually(lambda: "127.0.0.1" in log.read_text()), "the probe's end is logged"
    assert seen.error is None
    assert seen.offer is not None
    assert seen.offer.version.startswith("SSH-2.0-OpenSSH")
    offered = seen.offer.algorithms
    assert "diffie-hellman-group14-sha1" in offered[KEX.name]
    assert (offered[HOST_KEY.name], offered[CIPHER.name]) == (("ssh-rsa",), ("aes128-cbc", "aes128-ctr"))
    assert offered[MAC.name] == ("hmac-sha1",)
    assert (seen.addresses, seen.address) == (("127.0.0.1",), "127.0.0.1")
    assert "Failed" not in log.read_text(), "nobody tried to log in"


def test_the_simulator_says_its_algorithms(lab: Lab) -> None:
    device = lab.add()
    seen = probe(lab.target(device), Service.NETCONF)
    assert seen.offer is not None
    assert seen.offer.version.startswith("SSH-2.0-AsyncSSH")
    assert "ssh-ed25519" in seen.offer.algorithms[HOST_KEY.name]
    assert all(seen.offer.algorithms.values())


# --- one server after another --------------------------------------------------------------------------------------


def test_the_offer_is_read_in_whatever_pieces_it_comes() -> None:
    assert found(SAID).offer == OFFER
    assert found(*(SAID[at : at + 1] for at in range(len(SAID)))).offer == OFFER


def test_lines_ahead_of_the_identification_are_the_banner() -> None:
    seen = found(b"Welcome\r\n\n", b"to r1\r\n", SAID.replace(b"2.0-Cisco", b"1.99-Cisco"))
    assert seen.offer is not None
    assert (seen.banner, seen.offer.version) == (("Welcome", "", "to r1"), "SSH-1.99-Cisco-2.0")


def test_messages_without_a_meaning_may_come_ahead_of_the_algorithms() -> None:
    ignored = packet(b"\x02" + (3).to_bytes(4) + b"abc")
    assert found(SAID.replace(b"\r\n", b"\r\n" + ignored, 1)).offer == OFFER


def test_a_port_where_nobody_listens_is_refused() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        seen = probe(Device("127.0.0.1", held.getsockname()[1]), Service.NETCONF)
    assert seen.error is not None
    assert not seen.error.rate_limited
    assert (seen.error.message, seen.addresses, seen.address) == ("Connection refused", ("127.0.0.1",), None)
    assert "ssh server netconf port" in (seen.error.hint or "")


@pytest.mark.parametrize("name", ["no-such-host.invalid", "a" * 64 + ".example"])
def test_a_name_without_an_address_is_said(name: str) -> None:
    seen = probe(Device(name), Service.NETCONF)
    assert seen.error is not None
    assert "cannot be resolved" in seen.error.message
    assert not seen.addresses


@pytest.mark.parametrize("said", [b"", b"Exceeded MaxStartups\r\n", b"Incoming SSH session rate limit exceeded\n"])
def test_a_server_that_limits_sessions_is_told_from_one_that_is_none(said: bytes) -> None:
    error = failed(said)
    assert error.rate_limited
    assert "wait a minute" in (error.hint or "")


def test_the_words_by_which_a_server_ends_the_connection_are_quoted() -> None:
    words = b"\x01" + (2).to_bytes(4) + (11).to_bytes(4) + b"not for you" + bytes(4)
    error = failed(b"SSH-2.0-x\r\n" + packet(words))
    assert "'not for you'" in error.message
    assert not error.rate_limited


@pytest.mark.parametrize(
    "said, why",
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it says 'HTTP/1.1 400 Bad Request"),
        (b"\x15\x03\x01\x00\x02\x02\x0a", "no text"),
        (b"SSH-1.5-old\r\n", "another version"),
        (b"SSH-2.0-x\r\n" + packet(b"\x15"), "message 21"),
        (b"SSH-2.0-x\r\n" + packet(kexinit()[:40]), "cut off"),
        (b"SSH-2.0-x\r\n" + b"\xff" * 8, "impossible length"),
        (b"line\r\n" * LARGEST, "without its algorithms"),
        (b"x" * (LARGEST + 1), "without its algorithms"),
    ],
)
def test_a_port_that_is_not_sshs_is_said(said: bytes, why: str) -> None:
    error = failed(said[: 2 * LARGEST])
    assert error.message.startswith("the port is not SSH's: ")
    assert why in error.message
    assert not error.rate_limited
    assert error.device == "127.0.0.1"


@pytest.mark.parametrize(
    "said, what",
    [((), "does not say that it is SSH's"), ((b"SSH-2.0-x\r\n",), "does not say which algorithms it offers")],
)
def test_a_server_that_stops_answering_is_left_after_the_open_timeout(said: tuple[bytes, ...], what: str) -> None:
    error = failed(*said, stays=True)
    assert what in error.message
    assert "within 7 s" in error.message


def test_an_interrupt_ends_the_probe_and_its_connection() -> None:
    with server(stays=True, interrupted=True) as device, pytest.raises(KeyboardInterrupt):
        probe(device, Service.NETCONF)


@pytest.mark.parametrize(
    "written, through",
    [("ProxyJump jump.example", "the jump host jump.example"), ("ProxyCommand nc %h %p", "a ProxyCommand")],
)
def test_behind_what_leads_there_nothing_is_tried(tmp_path: Path, written: str, through: str) -> None:
    config = tmp_path / "config"
    config.write_text(f"Host 127.0.0.1\n{written}\n")
    seen = probe(Device("127.0.0.1", 1, username="admin", ssh_config=config), Service.NETCONF)
    assert (seen.through, seen.addresses, seen.error) == (through, (), None)


# --- any bytes -----------------------------------------------------------------------------------------------------


def heard(pieces: Sequence[bytes]) -> object:
    hearing = Hearing()
    try:
        for piece in pieces:
            if (offer := hearing.feed(piece)) is not None:
                return offer
    except (NotSSH, ConnectionResetError) as error:
        return type(error)
    return None


damaged = st.tuples(st.integers(0, len(SAID)), st.integers(0, 30), st.binary(max_size=8)).map(
    lambda cut: SAID[: cut[0]] + cut[2] + SAID[cut[0] + cut[1] :]
)


@steady
@given(st.binary(max_size=300) | damaged | st.binary(max_size=60).map(lambda data: b"SSH-2.0-x\r\n" + data))
def test_any_bytes_are_an_offer_or_none_or_said_to_be_no_ssh(data: bytes) -> None:
    whole = heard([data])
    assert whole is None or isinstance(whole, Offer) or whole in (NotSSH, ConnectionResetError)
    by_bytes = heard([data[at : at + 1] for at in range(len(data))])
    assert by_bytes == whole or (whole is NotSSH) or (by_bytes is NotSSH)


@steady
@given(st.lists(st.integers(1, len(SAID) - 1), max_size=6).map(sorted))
def test_where_it_is_cut_changes_nothing(cuts: list[int]) -> None:
    ends: list[int] = [0, *cuts, len(SAID)]
    assert heard([SAID[begin:end] for begin, end in itertools.pairwise(ends)]) == OFFER


def test_a_byte_at_a_time_takes_no_longer_the_more_there_was() -> None:
    hearing, looked = Hearing(), 0
    for _ in range(LARGEST):
        hearing.feed(b"x")
        looked = max(looked, hearing._looked_at)
    assert looked == LARGEST, "what was looked at is not looked at again"
