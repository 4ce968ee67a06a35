"""One push at a time to a router, whatever it is called, and what a dead one left is there for the next."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.model.device import Device
from agent.model.errors import InputError, Interrupted, JournalError
from agent.model.outcome import Waiting
from agent.model.unfinished import Unfinished
from agent.netconf.retry import Policy
from agent.remedy.lease import lease as module
from agent.remedy.lease.lease import Lease
from agent.ssh.settings.identity import addresses

ONE = ("192.0.2.1:830",)
CHANGE = Unfinished(
    "Trustpool",
    None,
    "enrollment terminal",
    "xr-agent-5f2b90d1",
    datetime(2026, 11, 28, 16, 30, 5, 250000, tzinfo=UTC),
    125.0,
)
FILE = "192.0.2.1:830.json"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "leases"


def test_the_wait_for_another_push_is_a_value_that_says_whose_it_is(tmp_path: Path) -> None:
    with Lease.take(ONE, path=tmp_path, run="20261128-163000-0b0d"):
        taking = Lease.taken(ONE, path=tmp_path, policy=Policy())
        wait = next(taking)
        assert wait.why is Waiting.PUSH
        assert "20261128-163000-0b0d" in wait.detail
    with pytest.raises(StopIteration) as had:
        next(taking)
    had.value.value.release()


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    """The folder is looked at once in a process; each test has its own."""
    module.prepare.cache_clear()
    yield
    module.prepare.cache_clear()


def impatient() -> Policy:
    """A push that is interrupted as soon as it waits."""
    return Policy(stop=lambda seconds: True)


def named(*found: str) -> Callable[..., list[tuple[Any, ...]]]:
    """A resolver that knows every name by these addresses."""
    return lambda *_, **__: [(0, 0, 0, "", (address, 0)) for address in found]


def unknown(*_: object, **__: object) -> list[tuple[Any, ...]]:
    raise socket.gaierror(socket.EAI_NONAME, "unknown")


def alone(host: str, **more: Any) -> Device:
    return Device(host, ssh_config=Path(os.devnull), **more)


def test_a_router_is_known_by_its_addresses_whatever_it_is_called() -> None:
    both = named("2001:DB8:0::1", "192.0.2.1")
    assert addresses(alone("r1.example"), both) == ("192.0.2.1:830", "[2001:db8::1]:830")
    assert addresses(alone("r1", port=8300), named("::ffff:192.0.2.1")) == ("192.0.2.1:8300",)
    assert set(addresses(alone("localhost"))) >= {"127.0.0.1:830"}
    assert addresses(alone("::ffff:127.0.0.1")) == ("127.0.0.1:830",)
    assert addresses(alone("0:0:0:0:0:0:0:1")) == addresses(alone("::1")) == ("[::1]:830",)


def test_a_name_that_cannot_be_resolved_is_itself() -> None:
    assert addresses(alone("R1.Example."), unknown) == addresses(alone("r1.example"), unknown) == ("r1.example:830",)
    assert addresses(alone("r" * 70 + ".example")) == ("r" * 70 + ".example:830",)  # no name of DNS


def test_the_ssh_configuration_names_a_router_too(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        "Host core1\n HostName 192.0.2.1\nHost far\n HostName 10.0.0.1\n ProxyJump 192.0.2.9\n"
        "Host by\n HostName 10.0.0.1\n ProxyCommand connect --password hunter2 %h\n"
    )
    assert addresses(Device("core1", ssh_config=config)) == ("192.0.2.1:830",)
    assert addresses(Device("far", ssh_config=config)) == ("10.0.0.1:830 via 192.0.2.9:22",)
    (by,) = addresses(Device("by", ssh_config=config))
    assert by.startswith("10.0.0.1:830 by ProxyCommand ")
    assert "hunter2" not in by


def test_one_address_behind_two_jump_hosts_is_two_routers() -> None:
    def behind(jump: str, host: str = "10.0.0.1") -> tuple[str, ...]:
        return addresses(alone(host, jump=alone(jump, port=22)))

    assert behind("192.0.2.8") == ("10.0.0.1:830 via 192.0.2.8:22",)
    assert behind("192.0.2.8") != behind("192.0.2.9")
    assert behind("192.0.2.8", "R1.example.") == ("r1.example:830 via 192.0.2.8:22",)


def test_a_second_push_waits_for_the_first_and_says_for_whom(path: Path) -> None:
    said: list[str] = []
    first = Lease.take(ONE, path=path, run="20261128-163000-0b0d")

    def stop(seconds: float) -> bool:
        assert seconds > 0
        if said:
            first.release()
        return False

    with Lease.take(ONE, path=path, policy=Policy(stop=stop), told=said.append) as second:
        assert second.waited
        with pytest.raises(Interrupted):
            Lease.take(ONE, path=path, policy=impatient())
    assert not first.waited
    (text,) = said
    assert text.startswith(f"waiting for the push of process {os.getpid()} by ")
    assert ", run 20261128-163000-0b0d, since " in text
    assert list(path.iterdir()) == []


def test_two_routers_do_not_wait_for_each_other(path: Path) -> None:
    other = ("192.0.2.2:830",)
    with Lease.take(ONE, path=path, policy=impatient()), Lease.take(other, path=path, policy=impatient()):
        assert {file.stem for file in path.iterdir()} == {*ONE, *other}


def test_routers_with_an_address_in_common_are_one(path: Path) -> None:
    with (
        Lease.take(("192.0.2.1:830", "[2001:db8::1]:830"), path=path) as held,
        pytest.raises(Interrupted),
        Lease.take(("[2001:db8::1]:830",), path=path, policy=impatient()),
    ):
        pass
    held.release()
    both = ("192.0.2.1:830", "[2001:db8::1]:830")
    with Lease.take(both, path=path, policy=impatient()) as again:
        again.begin(CHANGE)
    for one in both:
        with Lease.take((one,), path=path) as by_one:
            assert by_one.unfinished() == CHANGE


def test_of_two_changes_by_two_addresses_the_one_on_trial_counts(path: Path) -> None:
    for address, change in (("192.0.2.1:830", Unfinished("Other", None, None)), ("[2001:db8::1]:830", CHANGE)):
        with Lease.take((address,), path=path) as held:
            held.begin(change)
    with Lease.take(("192.0.2.1:830", "[2001:db8::1]:830"), path=path) as both:
        assert both.unfinished() == CHANGE
        both.end()
    assert list(path.iterdir()) == []


def test_threads_hold_it_one_after_the_other(path: Path) -> None:
    inside, most, turns = [0], [0], 16
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def push(number: int) -> None:
        known_by = ONE if number % 2 else (*ONE, "[2001:db8::1]:830")
        with Lease.take(known_by, path=path, policy=Policy(sleep=lambda seconds: time.sleep(0.001))) as held:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            held.begin(CHANGE)
            held.end()
            inside[0] -= 1

    try:
        threads = [threading.Thread(target=push, args=(number,)) for number in range(turns)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert (inside, most) == ([0], [1])
    assert list(path.iterdir()) == []


def test_what_is_unfinished_stays_for_the_next_push_and_goes_when_its_end_is_known(path: Path) -> None:
    told: list[Unfinished | None] = []
    with Lease.take(ONE, path=path, kept=told.append) as held:
        assert held.unfinished() is None
        held.begin(Unfinished("Trustpool", None, "enrollment terminal"))
        held.begin(CHANGE)
        assert held.unfinished() == CHANGE
        assert stat.S_IMODE((path / FILE).stat().st_mode) == 0o600
    assert [file.name for file in path.iterdir()] == [FILE]
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    with Lease.take(ONE, path=path, kept=told.append) as following:
        assert following.unfinished() == CHANGE
        following.end()
        following.end()
        assert following.unfinished() is None
    assert list(path.iterdir()) == []
    assert told == [Unfinished("Trustpool", None, "enrollment terminal"), CHANGE, None]


def test_what_a_push_that_died_had_half_written_is_in_nobodys_way(path: Path) -> None:
    path.mkdir()
    half = (path / FILE).with_suffix(".new")
    half.write_text("{")
    with Lease.take(ONE, path=path) as held:
        assert held.unfinished() is None
        held.begin(CHANGE)
        assert not half.exists()
    with Lease.take(ONE, path=path) as again:
        assert again.unfinished() == CHANGE


def test_a_killed_push_holds_nothing_and_its_change_is_found(path: Path) -> None:
    code = f"""
import sys
from datetime import datetime, UTC
from pathlib import Path
from agent.remedy.lease.lease import Lease
from agent.model.unfinished import Unfinished
held = Lease.take({ONE!r}, path=Path(sys.argv[1]), run="r")
held.begin(Unfinished("Trustpool", "no enrollment", "enrollment terminal", "p" * 20, datetime(2026, 1, 1, tzinfo=UTC)))
print("held", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        said: list[str] = []
        with pytest.raises(Interrupted):
            Lease.take(ONE, path=path, policy=impatient(), told=said.append)
        assert said[0].startswith(f"waiting for the push of process {process.pid} by ")
        process.send_signal(signal.SIGKILL)
        process.wait()
    with Lease.take(ONE, path=path, policy=impatient()) as following:
        left = following.unfinished()
        assert left is not None
        assert (left.before, left.persist) == ("no enrollment", "p" * 20)


@pytest.mark.parametrize(
    "left",
    [
        b"",
        b'{"trustpoint": "Trus',
        b"[]",
        b"[" * 5000,
        b"\xff\xfe",
        b'{"trustpoint": "Trustpool", "before": null, "wanted": null, "persist": null}',
        b'{"trustpoint": "Trustpool", "before": 7, "wanted": null, "persist": null, "until": null}',
        b'{"trustpoint": "Trustpool", "before": null, "wanted": "\\ud800", "persist": null, "until": null}',
        b'{"trustpoint": "Trustpool", "before": null, "wanted": null, "persist": null, "until": "tomorrow"}',
        b'{"trustpoint": "Trustpool", "before": null, "wanted": null, "persist": null, "until": "2026-11-28T16:30"}',
        b'{"trustpoint": null, "before": null, "wanted": null, "persist": null, "until": null}',
        b'{"trustpoint": "T", "before": null, "wanted": null, "persist": null, "until": null, "seconds": "long"}',
        b'{"trustpoint": "T", "before": null, "wanted": null, "persist": null, "until": null, "seconds": NaN}',
        b" " * (1 << 17),
    ],
    ids=range(14),
)
def test_what_is_left_and_cannot_be_read_is_said_and_kept(path: Path, left: bytes) -> None:
    path.mkdir()
    (path / FILE).write_bytes(left)
    for _ in range(2):
        with pytest.raises(InputError, match=r"left unfinished cannot be read: .*:830\.json: ") as told:
            Lease.take(ONE, path=path, policy=impatient())
        assert told.value.hint is not None
        assert "remove the file" in told.value.hint
    assert (path / FILE).read_bytes() == left
    assert [file.name for file in path.iterdir()] == [FILE]


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_of_ours_is_said(path: Path, kind: str) -> None:
    path.mkdir()
    if kind == "folder":
        (path / FILE).mkdir()
    else:
        os.mkfifo(path / FILE)
    with pytest.raises(InputError, match="left unfinished cannot be read"):
        Lease.take(ONE, path=path)


def test_a_change_that_cannot_be_kept_is_not_begun(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    told: list[Unfinished | None] = []
    with Lease.take(ONE, path=path, kept=told.append) as held:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(JournalError, match="No space left"):
                held.begin(CHANGE)
        assert (held.unfinished(), told) == (None, [])
        held.begin(CHANGE)  # what is left of the first try is in nobody's way
    with Lease.take(ONE, path=path) as following:
        assert following.unfinished() == CHANGE


def test_a_change_that_the_journal_cannot_keep_is_not_begun(path: Path) -> None:
    def fails(change: Unfinished | None) -> None:
        raise JournalError("the disk is full")

    with Lease.take(ONE, path=path, kept=fails) as held:
        with pytest.raises(JournalError, match="the disk is full"):
            held.begin(CHANGE)
        held.end()
    assert list(path.iterdir()) == []


def test_a_state_folder_without_locks_is_told_before_anything_is_done(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(file: object, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.raises(InputError, match="No locks available") as told:
        Lease.take(ONE, path=path)
    assert told.value.hint is not None
    assert "XDG_STATE_HOME" in told.value.hint
    monkeypatch.setattr(fcntl, "flock", lambda file, how: None)  # as a file system that takes every lock
    with pytest.raises(InputError, match="keeps no locks"):
        Lease.take(ONE, path=path)


def test_a_state_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/leases: Not a directory"):
        Lease.take(ONE, path=tmp_path / "file" / "leases")


def test_a_lock_file_of_somebody_else_is_told_and_names_nobody(path: Path) -> None:
    path.mkdir()
    (path / "192.0.2.1:830.lock").symlink_to("/dev/null")
    with pytest.raises(InputError, match=r"the lease .*:830\.lock cannot be had"):
        Lease.take(ONE, path=path)


def test_a_holder_without_a_name_is_waited_for_too(path: Path) -> None:
    path.mkdir()
    said: list[str] = []
    for signed in (b"", b"{", b"[]", b'{"pid": "x", "host": 1, "user": 2, "run": 3, "since": 4}', b"[" * 5000):
        with (path / "192.0.2.1:830.lock").open("wb") as file:
            file.write(signed)
            file.flush()
            fcntl.flock(file, fcntl.LOCK_EX)
            with pytest.raises(Interrupted):
                Lease.take(ONE, path=path, policy=impatient(), told=said.append)
    assert said == ["waiting for another push of this machine"] * 5


def test_names_that_no_file_can_have_are_leases_as_well(path: Path) -> None:
    for address in ("../../etc:830", "r" * 5000, "fe80::1%eth0/x:830"):
        with Lease.take((address,), path=path) as held:
            held.begin(CHANGE)
            (kept,) = path.glob("*.json")
            assert json.loads(kept.read_text())["router"] == address
            assert all(file.parent == path for file in path.rglob("*"))
            held.end()
