"""Host keys: known is accepted, unknown is refused, changed is always refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.model.device import HostKeys
from agent.model.errors import HostKeyError, InputError
from agent.model.local.files import read_start
from agent.ssh.settings import knownhosts
from agent.ssh.settings.hostkeys import HostKeyCheck, fingerprint
from tests.threads import at_once

ED, RSA = "ssh-ed25519", "ssh-rsa"
KEY, OTHER = b"\0\0\0\x0bssh-ed25519" + b"k" * 36, b"\0\0\0\x0bssh-ed25519" + b"o" * 36
RSA_KEY = b"\0\0\0\x07ssh-rsa" + b"r" * 36


def line(name: str, blob: bytes = KEY, kind: str = ED) -> str:
    return f"{name} {kind} {base64.b64encode(blob).decode()}\n"


def check(
    tmp_path: Path, text: str | None, *, port: int = 830, accept: bool = False, pin: str | None = None
) -> HostKeyCheck:
    file = tmp_path / "known_hosts"
    if text is not None:
        file.write_text(text)
    return HostKeyCheck(HostKeys(file, pin, accept), "r1.example", port, device="r1")


@pytest.mark.parametrize("port, said", [(830, ""), (22, ""), (8301, " at port 8301")])
@pytest.mark.parametrize("known", ["", "[r1.example]:{port},r1.example"])
def test_an_error_says_another_port_than_the_usual_one_since_two_routers_may_be_behind_one_address(
    tmp_path: Path, port: int, said: str, known: str
) -> None:
    with pytest.raises(HostKeyError) as error:
        check(tmp_path, line(known.format(port=port), OTHER) if known else "", port=port).verify(ED, KEY)
    assert f"{ED} {fingerprint(KEY)}{said} is not " in error.value.message
    with pytest.raises(HostKeyError, match="is not the pinned one") as error:
        check(tmp_path, "", port=port, pin=fingerprint(OTHER)).verify(ED, KEY)
    assert f"its host key {fingerprint(KEY)}{said} is" in error.value.message


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
    with pytest.raises(HostKeyError, match="revoked") as caught:
        check(tmp_path, line("r1.example") + "@revoked " + line("*"), accept=True).verify(ED, KEY)
    assert "a new key" in (caught.value.hint or "")


def test_a_new_key_is_stored_on_request_and_known_from_then_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    check(tmp_path, "no newline at the end", accept=True).verify(ED, KEY)
    (said,) = caplog.messages
    assert " of [r1.example]:830 in " in said, "a router has one port for NETCONF and another for the CLI"
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

    monkeypatch.setattr(knownhosts, "read_start", read)
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
    recorded = check(tmp_path, line("[r1.example]:830", RSA_KEY, RSA))
    assert recorded.algorithms(offered)[:2] == ("rsa-sha2-512", "rsa-sha2-256")
    assert sorted(recorded.algorithms(offered)) == sorted(offered)


def over(*files: Path, accept: bool = False, everybody: tuple[Path, ...] = (), **given: object) -> HostKeyCheck:
    """The check over several files of the user's, and those for *everybody*."""
    return HostKeyCheck(
        HostKeys(accept_new=accept),
        "r1.example",
        830,
        device="r1",
        files=files,
        global_files=everybody,
        **given,  # type: ignore[arg-type] # alias and revoked
    )


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Two files of known hosts, the first of them empty."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("")
    return first, second


@pytest.mark.parametrize("system", [False, True])
def test_each_file_vouches_for_a_key_and_a_key_that_contradicts_any_is_never_stored(
    two: tuple[Path, Path], system: bool
) -> None:
    first, second = two
    second.write_text("# one\n" + line("[r1.example]:830"))
    checked = over(first, accept=True, everybody=(second,)) if system else over(first, second, accept=True)
    checked.verify(ED, KEY)
    with pytest.raises(HostKeyError, match=r"changed.*second, line 2") as refused:
        checked.verify(ED, OTHER)
    assert f"-f {second}" in str(refused.value)
    assert first.read_text() == ""


def test_a_new_key_goes_to_the_first_file_of_the_user(two: tuple[Path, Path]) -> None:
    first, second = two
    over(first, second, accept=True).verify(ED, KEY)
    assert first.read_text() == line("[r1.example]:830")
    assert not second.exists()


def test_a_key_of_a_host_without_any_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for files in ((), (Path("~/.ssh/known_hosts"),)):  # nobody's home
        with pytest.raises(HostKeyError, match="no file to store"):
            over(*files, accept=True).verify(ED, KEY)
    with pytest.raises(HostKeyError, match="is not in any file"):
        over().verify(ED, KEY)
    assert not list(tmp_path.iterdir())


def test_an_alias_stands_for_name_and_port(two: tuple[Path, Path]) -> None:
    first, second = two
    second.write_text(line("router-one"))
    over(first, second, alias="Router-One").verify(ED, KEY)
    second.write_text(line("[r1.example]:830", OTHER) + line("r1.example", OTHER))
    over(first, second, alias="Router-One", accept=True).verify(ED, KEY)
    assert first.read_text() == line("router-one")


@pytest.mark.parametrize(
    "broken",
    [
        "[r1.example]:830 ssh-ed25519 AAAA\n",  # no key
        "[r1.example]:830 ssh-ed25519 A\n",  # no base64
        "[r1.example]:830 ssh-ed25519\n",
        "r1.example\n",
        line("*", KEY, RSA),  # a key of another type than it says
        line("[r1.example]:830").replace(" ", " @oops ", 1),
        "@oops " + line("[r1.example]:830"),
        "@revoked [r1.example]:830 ssh-ed25519 AAAA\n",
        hashed("[r1.example]:830") + " ssh-ed25519 AAAA\n",
    ],
)
def test_a_line_for_the_host_that_cannot_be_read_is_named_and_nothing_is_stored(
    two: tuple[Path, Path], broken: str
) -> None:
    first, second = two
    second.write_text("\n" + broken)
    with pytest.raises(HostKeyError, match="second, line 2, is for it and cannot be read"):
        over(first, second, accept=True).verify(ED, OTHER)
    assert first.read_text() == ""
    second.write_text("\n" + broken + line("[r1.example]:830"))
    over(first, second).verify(ED, KEY)


def test_lines_that_cannot_be_read_and_are_for_others_do_not_matter(two: tuple[Path, Path]) -> None:
    first, second = two
    second.write_text(f"[r2.example]:830 ssh-ed25519 AAAA\n|1|oops|oops {ED} AAAA\n|1|\n@revoked\n\xff\0\n")
    over(first, second, accept=True).verify(ED, KEY)


@pytest.mark.parametrize("name", ["[r1.example]:830", "r1.example", hashed("r1.example"), "*"])
def test_a_revoked_key_is_refused_in_whichever_file_it_is(two: tuple[Path, Path], name: str) -> None:
    first, second = two
    first.write_text(line("[r1.example]:830"))
    second.write_text("@revoked " + line(name))
    with pytest.raises(HostKeyError, match=r"revoked in .*second, line 1"):
        over(first, everybody=(second,)).verify(ED, KEY)


def test_keys_of_revoked_host_keys_are_refused(two: tuple[Path, Path], tmp_path: Path) -> None:
    first, revoked = two
    first.write_text(line("r1.example") + line("r1.example", OTHER))
    revoked.write_text(f"# stolen\n\n{ED} {base64.b64encode(KEY).decode()} r1\n")
    checked = over(first, revoked=revoked)
    checked.verify(ED, OTHER)
    with pytest.raises(HostKeyError, match=r"revoked in .*second"):
        checked.verify(ED, KEY)


@pytest.mark.parametrize(
    "content, said", [(b"SSHKRL\n\0\0", "KRL"), (b"ssh-ed25519 oops\n", "line 1"), (None, "No such file")]
)
def test_revoked_keys_that_cannot_be_read_are_an_error(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "revoked"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=said):
        over(revoked=file)


@pytest.mark.parametrize("name", ["*.example", "r1.example", "[*.example]:830", hashed("[r1.example]:830")])
def test_an_authority_certifies_the_hosts_it_is_for(two: tuple[Path, Path], name: str) -> None:
    first, second = two
    second.write_text("@cert-authority " + line(name))
    checked = over(first, second)
    assert checked.authorities
    checked.verify_authority(ED, KEY)
    with pytest.raises(HostKeyError, match="authority of its host certificate"):
        checked.verify_authority(ED, OTHER)
    with pytest.raises(HostKeyError, match="is not in"):
        checked.verify(ED, KEY)  # its key is no host's
    second.write_text("@cert-authority " + line(name) + "@revoked " + line("*"))
    with pytest.raises(HostKeyError, match=r"authority .* is revoked in .*second, line 2"):
        over(first, second).verify_authority(ED, KEY)
    pinned = HostKeyCheck(HostKeys(second, fingerprint(KEY)), "r1.example", 830, device="r1")
    assert not pinned.authorities
    second.write_text("@cert-authority " + line("r2.example"))
    assert not over(first, second).authorities


def test_many_threads_read_ten_thousand_hosts_once(tmp_path: Path, reads: list[Path]) -> None:
    file = tmp_path / "known_hosts"
    file.write_text("".join(line(f"[r{number}.example]:830") for number in range(10_000)))

    def verify(number: int) -> None:
        fleet_check(file, number * 150).verify(ED, KEY)
        with pytest.raises(HostKeyError, match="changed"):
            fleet_check(file, number, accept=True).verify(ED, OTHER)

    at_once(verify)
    assert reads == [file]


def test_many_threads_store_the_keys_of_a_fleet_beside_each_other(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    at_once(lambda number: fleet_check(file, number // 2, accept=True).verify(ED, KEY))
    assert sorted(file.read_text().splitlines(True)) == sorted(line(f"[r{number}.example]:830") for number in range(32))


def test_a_file_for_each_router_does_not_put_the_large_one_out_of_memory(tmp_path: Path, reads: list[Path]) -> None:
    large = tmp_path / "known_hosts"
    large.write_text(line("*"))
    for number in range(600):
        small = tmp_path / f"r{number}"
        small.write_text("")
        over(small, large).verify(ED, KEY)
    assert reads.count(large) == 1


def test_a_file_that_was_replaced_by_one_as_large_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(line("r1.example"))
    over(file).verify(ED, KEY)
    about = file.stat()
    other = tmp_path / "other"
    other.write_text(line("r1.example", OTHER))
    os.utime(other, ns=(about.st_atime_ns, about.st_mtime_ns))
    other.replace(file)
    over(file).verify(ED, OTHER)
