"""Host keys: known is accepted, unknown is refused, changed is always refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.model.device import HostKeys
from agent.model.errors import HostKeyError, InputError
from agent.model.local.files import read_start
from agent.ssh.settings import hostkeys
from agent.ssh.settings.hostkeys import HostKeyCheck, fingerprint

ED, RSA = "ssh-ed25519", "ssh-rsa"
KEY, OTHER = b"\0\0\0\x0bssh-ed25519" + b"k" * 36, b"\0\0\0\x0bssh-ed25519" + b"o" * 36


def line(name: str, blob: bytes = KEY, kind: str = ED) -> str:
    return f"{name} {kind} {base64.b64encode(blob).decode()}\n"


def check(
    tmp_path: Path, text: str | None, *, port: int = 830, accept: bool = False, pin: str | None = None
) -> HostKeyCheck:
    file = tmp_path / "known_hosts"
    if text is not None:
        file.write_text(text)
    return HostKeyCheck(HostKeys(file, pin, accept), "r1.example", port, device="r1")


def hashed(name: str) -> str:
    salt = b"s" * 20
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    "name", ["[r1.example]:830", "r1.example", "[*.example]:830", "other,[R1.example]:830", hashed("[r1.example]:830")]
)
def test_a_known_key_is_accepted_however_it_is_recorded(tmp_path: Path, name: str) -> None:
    check(tmp_path, "# comment\n\n" + line(name)).verify(ED, KEY)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        line("[r2.example]:830"),
        line("[*.example]:830,![r1.example]:830"),
        "garbage\n@cert-authority r1.example ssh-rsa AAAA\n",
    ],
)
def test_an_unknown_key_is_refused_and_the_line_says_how_to_add_it(tmp_path: Path, text: str | None) -> None:
    with pytest.raises(HostKeyError, match="is not in") as refused:
        check(tmp_path, text).verify(ED, KEY)
    assert fingerprint(KEY) in str(refused.value)
    assert "--accept-new-host-keys" in str(refused.value)


@pytest.mark.parametrize("accept", [False, True])
def test_a_changed_key_is_always_refused(tmp_path: Path, accept: bool) -> None:
    with pytest.raises(HostKeyError, match="changed"):
        check(tmp_path, line("[r1.example]:830"), accept=accept).verify(ED, OTHER)


def test_a_revoked_key_is_refused_even_where_it_is_recorded(tmp_path: Path) -> None:
    with pytest.raises(HostKeyError, match="revoked"):
        check(tmp_path, line("r1.example") + "@revoked " + line("*"), accept=True).verify(ED, KEY)


def test_a_new_key_is_stored_on_request_and_known_from_then_on(tmp_path: Path) -> None:
    check(tmp_path, "no newline at the end", accept=True).verify(ED, KEY)
    check(tmp_path, None).verify(ED, KEY)
    with pytest.raises(HostKeyError, match="changed"):
        check(tmp_path, None, accept=True).verify(ED, OTHER)


def fleet_check(file: Path, number: int, *, accept: bool = False) -> HostKeyCheck:
    return HostKeyCheck(HostKeys(file, None, accept), f"r{number}.example", 830, device=f"r{number}")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every reading of a file of host keys."""
    seen: list[Path] = []

    def read(path: Path, most: int, *, hint: str) -> bytes:
        seen.append(path)
        return read_start(path, most, hint=hint)

    monkeypatch.setattr(hostkeys, "read_start", read)
    return seen


def test_workers_that_begin_together_read_the_file_once(tmp_path: Path, reads: list[Path]) -> None:
    file = tmp_path / "known_hosts"
    file.write_text("".join(line(f"[r{number}.example]:830") for number in range(3000)))
    together = threading.Barrier(8)

    def verify(number: int) -> None:
        together.wait()
        fleet_check(file, number).verify(ED, KEY)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(verify, range(8)))
    assert reads == [file]


def test_new_keys_of_a_fleet_are_known_without_reading_the_file_again(tmp_path: Path, reads: list[Path]) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(line("[r0.example]:830").rstrip("\n"))
    fleet_check(file, 0).verify(ED, KEY)
    for number in range(1, 20):
        fleet_check(file, number, accept=True).verify(ED, KEY)
    for number in range(20):
        fleet_check(file, number).verify(ED, KEY)
        with pytest.raises(HostKeyError, match="changed"):
            fleet_check(file, number, accept=True).verify(ED, OTHER)
    assert reads == [file]
    assert len(file.read_text().splitlines()) == 20


def test_workers_that_meet_one_host_together_store_one_key_and_take_no_other(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    first, second, third = (fleet_check(file, 1, accept=True) for _ in range(3))
    first.verify(ED, KEY)
    second.verify(ED, KEY)
    with pytest.raises(HostKeyError, match="changed"):
        third.verify(ED, OTHER)
    assert file.read_text() == line("[r1.example]:830")


def test_what_somebody_else_added_meanwhile_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(line("[r0.example]:830"))
    check = fleet_check(file, 1, accept=True)
    with file.open("a") as other:
        other.write(line("[r2.example]:830"))
    check.verify(ED, KEY)
    for number in range(3):
        fleet_check(file, number).verify(ED, KEY)


def test_openssh_finds_the_key_that_was_stored(tmp_path: Path) -> None:
    check(tmp_path, None, accept=True).verify(ED, KEY)
    found = subprocess.run(
        ["ssh-keygen", "-F", "[r1.example]:830", "-f", str(tmp_path / "known_hosts")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert base64.b64encode(KEY).decode() in found.stdout


def test_a_key_that_cannot_be_stored_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    policy = HostKeys(tmp_path / "file" / "known_hosts", accept_new=True)
    with pytest.raises((HostKeyError, InputError), match="known_hosts"):
        HostKeyCheck(policy, "r1", 830, device="r1").verify(ED, KEY)


@pytest.mark.parametrize("pin", [fingerprint(KEY), f"ssh-ed25519 {base64.b64encode(KEY).decode()} comment"])
def test_a_pinned_key_alone_is_accepted(tmp_path: Path, pin: str) -> None:
    check(tmp_path, line("r1.example", OTHER), pin=pin).verify(ED, KEY)
    with pytest.raises(HostKeyError, match="pinned"):
        check(tmp_path, line("r1.example", OTHER), pin=pin, accept=True).verify(ED, OTHER)


def test_a_pin_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pinned"):
        check(tmp_path, None, pin="ssh-ed25519").verify(ED, KEY)


def test_the_recorded_key_type_is_asked_for_first_and_rsa_fits_rsa_sha2(tmp_path: Path) -> None:
    offered = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256")
    recorded = check(tmp_path, line("[r1.example]:830", kind=RSA))
    assert recorded.algorithms(offered)[:2] == ("rsa-sha2-512", "rsa-sha2-256")
    assert sorted(recorded.algorithms(offered)) == sorted(offered)
