"""Bring a file to the router for as long as one step needs it: by SFTP, or the router copies it from a URL itself."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from agent.model.errors import FileError, OutcomeUnknown, RPCError
from agent.model.method import Storage
from agent.model.outcome import Status
from agent.model.state import Reading
from agent.model.steps import Fetch
from agent.netconf.retry import Waits
from agent.remedy.run import Run, Steps
from agent.remedy.steps.routerfile import RouterFile
from agent.xr import shellutil
from agent.xr.shellutil import Found

Use = Callable[[RouterFile], Steps[None]]
_AS_IT_IS = "serve exactly that file: the certificate or bundle alone, as it was given here"


def sent(run: Run, data: bytes, suffix: str, storage: Storage, use: Use) -> Steps[None]:
    """*use* a file with *data* in *storage*, put there by SFTP and verified; it is removed however that ends.

    Raises:
        FileError, TransportError, ReplyTimeout: it is not there as it should be.
        AgentError: as of *use*.
    """
    file = _new(run, suffix, storage, sent=True)

    def steps() -> Steps[None]:
        yield run.started_event("sftp", file.path)
        files = (yield from run.cli()).files()
        try:
            files.put(data, file.path)
        finally:
            file.there = file.path in files.left
        yield run.ended("sftp", Status.DONE, f"{file.path}: {len(data)} bytes, read back and compared")
        yield from use(file)

    return file.removed_behind(steps())


def fetched(run: Run, fetch: Fetch, sizes: Collection[int], suffix: str, storage: Storage, use: Use) -> Steps[None]:
    """*use* a file in *storage* that the router itself copies there; it is removed however that ends.

    *sizes*: those of which it may be, in bytes; none: any but an empty one.

    Raises:
        RPCError: the router refused to copy it, as from a VRF that it does not know.
        FileError: it is not there, or of another size.
        AgentError: the answer was lost, and no other session comes up; or as of *use*.
    """
    file = _new(run, suffix, storage)

    def steps() -> Steps[None]:
        vrf = f" in vrf {fetch.vrf}" if fetch.vrf else ""
        yield run.started_event("fetch", f"{fetch.url}{vrf} to {file.path}")
        brought = yield from _Copying(file, shellutil.of_url(fetch.url), fetch.vrf, sizes).done("fetch")
        unread = brought.size is None
        yield run.ended("fetch", Status.UNKNOWN if unread else Status.DONE, f"{file.path}: {brought.told}")
        yield from use(file)

    return file.removed_behind(steps())


def copied(file: RouterFile, to: RouterFile, sizes: Collection[int]) -> Steps[Brought | str]:
    """Copy *file* on by rpc ``copy``; why it brought nothing, or not what it should, where it did not."""
    try:
        return (yield from _Copying(to, (file.folder, file.name), None, sizes, sure=True).done("copy"))
    except (RPCError, FileError) as error:
        return error.message


@dataclass(frozen=True, slots=True)
class Brought:
    """What a copy brought: its ``size`` in bytes, None where that cannot be read; ``told``: that in words."""

    size: int | None
    told: str


@dataclass(frozen=True, slots=True)
class _Copying:
    """A rpc ``copy`` from *source* to *file*, of one of *sizes*; *sure*: one that is not seen to be there is not."""

    file: RouterFile
    source: tuple[str, str]
    vrf: str | None
    sizes: Collection[int]
    sure: bool = False

    def done(self, step: str) -> Steps[Brought]:
        """Copy, and look at what came of it; a refusal that may pass is tried again where the file is not seen."""
        run, file = self.file.run, self.file
        file.there = True
        try:
            said = yield from run.persist(step, self._copy, before_repeat=self._needless)
        except OutcomeUnknown as error:
            return self._judged((yield from file.look()), error.message, answered=False)
        except RPCError:
            file.there = None
            raise
        return self._judged((yield from file.look()), f"the router said {said!r}" if said else "it was answered ok")

    def _copy(self) -> str:
        session, file = self.file.run.session, self.file
        return shellutil.copy(session, self.source, (file.folder, file.name), self.vrf)

    def _needless(self) -> Waits[str | None]:
        """Whether the copy that was refused is there all the same: then its size is judged, and it is not repeated."""
        self.file.run.release()  # a lock of ours may be what keeps the router from it
        found = yield from self.file.look()
        if found.value is None:
            said = f"the copy was refused, and whether it is there cannot be read: {found.missing}"
            raise FileError(said, device=self.file.run.plan.device)
        return "" if any(one.size in self.sizes for one in found.value) else None

    def _judged(self, found: Reading[Found], said: str, *, answered: bool = True) -> Brought:
        """What is there, *said* of it.

        Raises:
            FileError: nothing, or something else; or it is not known, and the answer was lost.
        """
        device, path = self.file.run.plan.device, self.file.path
        if found.value is None:
            if self.sure or not answered:
                raise FileError(f"{said}, and whether {path} is there cannot be read: {found.missing}", device=device)
            return Brought(None, f"{said}; its size cannot be read: {found.missing}")
        if not found.value and not answered:
            self.file.late = True
            hint = f"look for it on the router in a while: dir {self.file.folder}"
            raise FileError(f"{said}, and {path} is not there; it may come yet", device=device, hint=hint)
        if not found.value:
            raise FileError(f"{said}, and brought no file {path}", device=device)
        size = found.value[0].size
        if size is None:
            return Brought(None, f"{said}; its size cannot be read")
        if size in self.sizes or (size and not self.sizes):
            compared = "as it should have" if self.sizes else "compared with nothing: the bundle was not given"
            return Brought(size, f"{size:,} bytes, {compared}, by {found.source}")
        wanted = f"{max(self.sizes):,} are right" if self.sizes else "that is no bundle"
        raise FileError(f"{path} has {size:,} bytes, and {wanted}", device=device, hint=_AS_IT_IS)


def _new(run: Run, suffix: str, storage: Storage, *, sent: bool = False) -> RouterFile:
    from agent.ssh.sftp import fresh_name

    name = fresh_name(suffix)
    return RouterFile(run, storage.value, name, f"{storage.folder}/{name}", sent=sent)
