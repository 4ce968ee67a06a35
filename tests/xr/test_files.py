"""Files over SFTP: whole and compared, or not there; nothing that exists is overwritten."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from agent.model.errors import FileError, ReplyTimeout, SessionLost
from agent.ssh.sftp import fresh_name
from tests.xr.routers import Mute, Router, Routers

PATH = "/misc/disk1/xr-agent-test.pem"
DATA = bytes(number * number % 251 for number in range(300_000))


def on_disk(router: Router) -> list[Path]:
    return [path for path in router.folder.rglob("*") if path.is_file()]


class Full(asyncssh.SFTPServer):
    """A disk with room for 100 kB; says so as OpenSSH does: failure, without more."""

    async def write(self, file_obj: Any, offset: int, data: bytes) -> int:
        if offset + len(data) > 100_000:
            raise asyncssh.SFTPFailure("Failure")
        super().write(file_obj, offset, data)
        return len(data)


class Truncating(asyncssh.SFTPServer):
    """Says ok and keeps half."""

    async def write(self, file_obj: Any, offset: int, data: bytes) -> int:
        if offset < len(DATA) // 2:
            super().write(file_obj, offset, data)
        return len(data)


class Damaging(asyncssh.SFTPServer):
    """One bit falls over."""

    async def write(self, file_obj: Any, offset: int, data: bytes) -> int:
        super().write(file_obj, offset, bytes([data[0] ^ 1]) + data[1:])
        return len(data)


class NoModes(asyncssh.SFTPServer):
    """A file system without modes."""

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs, *, follow_symlinks: bool = True) -> None:
        raise asyncssh.SFTPOpUnsupported("no modes here")


class KnowsNoModes(asyncssh.SFTPServer):
    """One that takes what sets a mode for a mistake."""

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs, *, follow_symlinks: bool = True) -> None:
        raise asyncssh.SFTPBadMessage("what is that?")


class Denying(asyncssh.SFTPServer):
    """Nothing may be written or removed."""

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        raise asyncssh.SFTPPermissionDenied("no")

    def remove(self, path: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("no")

    def stat(self, path: bytes) -> Any:
        if path.endswith(b"secret"):
            raise asyncssh.SFTPPermissionDenied("no")
        return super().stat(path)


class Hanging(asyncssh.SFTPServer):
    """Takes the file, and says nothing."""

    router: Router

    async def write(self, file_obj: Any, offset: int, data: bytes) -> int:
        with file_obj:
            self.router.silence.opened(self.channel, Mute())
            await asyncio.Event().wait()
        return 0


class HangingBack(asyncssh.SFTPServer):
    """Takes the file, and says nothing when it is read back."""

    router: Router

    async def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        with file_obj:
            self.router.silence.opened(self.channel, Mute())
            await asyncio.Event().wait()
        return b""


class Dying(asyncssh.SFTPServer):
    """Hangs up in the middle."""

    async def write(self, file_obj: Any, offset: int, data: bytes) -> int:
        if offset:
            self.channel.get_connection().abort()
        super().write(file_obj, offset, data)
        return len(data)


def test_a_file_goes_there_whole_readable_by_its_owner_and_back(routers: Routers) -> None:
    router = routers.add()
    with router.ssh() as ssh:
        files = ssh.files()
        assert not files.exists(PATH)
        files.put(DATA, PATH)
        assert files.exists(PATH)
        (there,) = on_disk(router)
        assert there.read_bytes() == DATA
        assert stat.S_IMODE(there.stat().st_mode) == 0o600
        files.remove(PATH)
        assert not files.exists(PATH)
        files.remove(PATH)
    assert not on_disk(router)


def test_an_empty_file_is_a_file(routers: Routers) -> None:
    router = routers.add()
    with router.ssh() as ssh:
        ssh.files().put(b"", PATH)
    assert [path.read_bytes() for path in on_disk(router)] == [b""]


def test_what_exists_is_neither_overwritten_nor_removed(routers: Routers) -> None:
    router = routers.add()
    there = router.folder / PATH.lstrip("/")
    there.write_bytes(b"somebody's")
    with router.ssh() as ssh, pytest.raises(FileError, match="exists already"):
        ssh.files().put(DATA, PATH)
    assert there.read_bytes() == b"somebody's"


@pytest.mark.parametrize(
    "server, said, advice",
    [
        (Full, "could not be written", "disk may be full"),
        (Truncating, "bytes, and 300000 were sent", "disk full"),
        (Damaging, "is not what was sent", "damaged"),
        (Denying, "could not be made", "more rights"),
    ],
)
def test_what_does_not_arrive_whole_is_not_left(routers: Routers, server: Any, said: str, advice: str) -> None:
    router = routers.add(sftp=server)
    with router.ssh() as ssh:
        files = ssh.files()
        with pytest.raises(FileError, match=said) as caught:
            files.put(DATA, PATH)
        assert caught.value.hint is not None
        assert advice in caught.value.hint
        assert files.alive
    assert not on_disk(router)


def test_a_folder_that_is_not_there_is_named(routers: Routers) -> None:
    with routers.add().ssh() as ssh, pytest.raises(FileError, match="/misc/scratch/a could not be made") as caught:
        ssh.files().put(b"x", "/misc/scratch/a")
    assert "no such folder" in str(caught.value.hint)


@pytest.mark.parametrize("server", [NoModes, KnowsNoModes])
def test_a_disk_without_modes_takes_the_file_all_the_same(
    routers: Routers, server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    router = routers.add(sftp=server)
    with caplog.at_level("INFO", "agent.ssh.sftp"), router.ssh() as ssh:
        ssh.files().put(DATA, PATH)
    assert [path.read_bytes() for path in on_disk(router)] == [DATA]
    assert "keeps its mode" in caplog.text


def test_what_may_not_be_removed_or_looked_at_is_an_error(routers: Routers) -> None:
    with routers.add(sftp=Denying).ssh() as ssh:
        with pytest.raises(FileError, match="could not be removed"):
            ssh.files().remove(PATH)
        with pytest.raises(FileError, match="could not be looked for"):
            ssh.files().exists("/misc/secret")


@pytest.mark.parametrize("server", [Hanging, HangingBack])
def test_a_server_that_hangs_times_out_once_and_the_next_try_has_a_session_of_its_own(
    routers: Routers, server: Any
) -> None:
    router = routers.add(sftp=server)
    with router.ssh() as ssh:
        with pytest.raises(ReplyTimeout) as caught:
            ssh.files().put(DATA, PATH)
        assert PATH in str(caught.value.hint)
        assert router.time.now == 60.0
        ssh.files().remove(PATH)
    assert not on_disk(router)
    assert router.logins == 1


def test_a_session_lost_in_the_middle_names_what_may_be_left(routers: Routers) -> None:
    router = routers.add(sftp=Dying)
    with router.ssh() as ssh:
        with pytest.raises(SessionLost) as caught:
            ssh.files().put(DATA, PATH)
        assert PATH in str(caught.value.hint)
        ssh.files().remove(PATH)
    assert not on_disk(router)
    assert router.logins == 2


def test_a_router_without_sftp_is_told_so_and_keeps_its_cli(routers: Routers) -> None:
    router = routers.add(sftp=None, commands={"show clock": "now\n"})
    with router.ssh() as ssh:
        with pytest.raises(FileError, match="the router has no SFTP"):
            ssh.files()
        assert ssh.console().show("show clock") == "now"


def test_sftp_that_says_nothing_is_waited_for_once(routers: Routers) -> None:
    router = routers.add(silent=True)
    with router.ssh() as ssh:
        for _ in range(2):
            with pytest.raises(FileError, match="the router has no SFTP"):
                ssh.files()
    assert router.shells == 1


def test_names_are_fresh_and_say_whose_they_are() -> None:
    names = {fresh_name(".pem") for _ in range(100)}
    assert len(names) == 100
    assert all(name.startswith("xr-agent-") and name.endswith(".pem") and len(name) == 9 + 32 + 4 for name in names)
