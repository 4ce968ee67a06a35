"""Import a bundle into the trustpool, once, and find the anchor in what the device then lists."""

from __future__ import annotations

import logging
from contextlib import ExitStack

from agent.model.errors import (
    AgentError,
    CertificateMissing,
    ConsoleError,
    FileError,
    OutcomeUnknown,
    RPCError,
)
from agent.model.outcome import Status, StepRecord
from agent.model.pki.certificate import Evidence
from agent.model.plan import ImportBundle
from agent.netconf.retry import Waits
from agent.remedy.run import Run, Steps
from agent.remedy.steps.upload import left_behind, put
from agent.remedy.steps.verify import pool_has, reopen
from agent.xr import trustpool

log = logging.getLogger(__name__)

_TMP = "/tmp"  # noqa: S108 - on the router: the only folder that a local import takes a file from
_RIGHTS = "copying to /tmp needs task group root-lr or cisco-support"
_REFUSED = "the router's log may say why (show logging); with --method auto the methods that need no import follow"
_WEB = "give the user that right, or let the router fetch the bundle itself: --bundle-url"


def import_bundle(run: Run, step: ImportBundle) -> Steps[None]:
    """Copy the bundle to where the router imports from, import it, and read the trustpool.

    Every copy is removed whatever happens. The import is repeated only after the trustpool was read and lacks the
    anchor.

    Raises:
        FileError, ConsoleError: a copy could not be made.
        RPCError, ConsoleError: the import was refused.
        CertificateMissing: it went through, and the trustpool does not list the anchor.
        OutcomeUnknown: the trustpool could not be read afterwards.
    """
    with ExitStack() as undo:
        url = step.url or (yield from _copied(run, step, undo))
        yield run.started_event("trustpool import", url)
        if not step.rpc:
            (yield from run.cli()).console()  # until the first prompt a wish to end breaks it off
        with run.unbroken():
            run.changed = True
            try:
                yield from run.persist(
                    "trustpool import",
                    lambda: _import(run, step, url),
                    before_repeat=lambda: _needless(run, step),
                )
                said, after = (Status.DONE, "answered ok, which proves nothing yet"), "the import was answered with ok"
            except OutcomeUnknown as error:
                said, after = (Status.UNKNOWN, f"{error.message}; reading the trustpool"), error.message
                if step.rpc:
                    yield from reopen(run, error)
            except (RPCError, ConsoleError) as error:
                if not (yield from pool_has(run, step.anchor)):
                    error.hint = error.hint or _REFUSED
                    raise
                said, after = (Status.UNKNOWN, f"{error.message}; yet the anchor is there"), error.message
            run.settle()
            yield run.ended("trustpool import", *said)
            yield from _prove(run, step, after)


def _needless(run: Run, step: ImportBundle) -> Waits[bool | None]:
    """True where the anchor is there; None where the trustpool was read and lacks it, so that the import is repeated.

    Raises:
        OutcomeUnknown: the trustpool cannot be read; a second import might pile up on the first.
    """
    run.release()  # as of rpc ca-authenticate
    found = yield from pool_has(run, step.anchor)
    if found is None:
        raise OutcomeUnknown(
            "the import was refused, and the trustpool could not be read",
            device=run.plan.device,
            hint="on the router: show crypto ca trustpool",
        )
    return found or None


def _import(run: Run, step: ImportBundle, url: str) -> bool:
    if step.rpc:
        trustpool.import_url(run.session, url, clean=step.clean)
    else:
        run.shell().console().import_bundle(url, clean=step.clean)
    return True


def _prove(run: Run, step: ImportBundle, after: str) -> Steps[None]:
    """Find the anchor in the trustpool, *after* an import and how it ended, in words."""
    yield run.started_event("read back", "trustpool")
    found = yield from pool_has(run, step.anchor)
    if found is None:
        raise OutcomeUnknown(
            f"{after}, and the trustpool could not be read",
            device=run.plan.device,
            hint="on the router: show crypto ca trustpool",
        )
    if not found:
        raise CertificateMissing(
            f"{after}, but the trustpool does not list {step.anchor.name}",
            device=run.plan.device,
            hint="on the router: show crypto ca trustpool; check that the bundle is the one that holds the anchor",
        )
    run.proven(run.evidence if run.evidence is not Evidence.NONE else Evidence.CONSOLE)
    run.persistent = True
    yield run.ended("read back", Status.DONE, f"{step.anchor.name} is in the trustpool, by console")


def _copied(run: Run, step: ImportBundle, undo: ExitStack) -> Steps[str]:
    """The bundle's path below /tmp on the router."""
    if step.bundle is None:
        raise AssertionError("an import has a bundle or a url")
    path = yield from put(run, undo, step.bundle.data, step.bundle.suffix, step.storage)
    copy = _Copy(run, step, path.rpartition("/")[2])
    yield run.started_event("copy", f"{path} to {copy.target}")
    undo.callback(copy.remove)
    how = (yield from copy.by_rpc()) if step.copy else None
    if how is None:
        if step.copy:
            yield run.ended("rpc copy", Status.SKIPPED, f"{copy.refusal}; trying 'run cp'")
        how = copy.by_cli()
    yield run.ended("copy", Status.DONE, f"{copy.target}, by {how}")
    return copy.target


class _Copy:
    """The file on its way to /tmp: by rpc copy where that brings it there, else by ``run cp``; and gone again."""

    def __init__(self, run: Run, step: ImportBundle, name: str) -> None:
        self._run, self._storage, self._name = run, step.storage.value, name
        self.target = f"{_TMP}/{name}"
        self.refusal = ""
        self._tried = False

    def by_rpc(self) -> Waits[str | None]:
        """``rpc copy``; None where it was refused or brought nothing, which ``refusal`` explains."""
        try:
            said = trustpool.copy((yield from self._run.alive()), self._name, source=self._storage, destination=_TMP)
        except RPCError as error:
            self.refusal = error.message
            return None
        except OutcomeUnknown as error:
            self._tried = True
            self.refusal = error.message
            yield from self._run.alive()
            return None
        self._tried = True
        if self._seen():
            return "rpc copy"
        self.refusal = f"it brought no file there: {said or 'no response'}"
        return None

    def by_cli(self) -> str:
        """``run cp``.

        Raises:
            ConsoleError: refused; where the right is missing the message names it.
        """
        console = self._run.shell().console()
        tried, self._tried = self._tried, True
        try:
            console.copy(f"/{self._storage}/{self._name}", self.target)
        except ConsoleError as error:
            if not error.unauthorized:
                raise
            self._tried = tried
            raise ConsoleError(
                f"{_RIGHTS}: {error.message}", device=self._run.plan.device, hint=_WEB, unauthorized=True
            ) from error
        return "run cp"

    def remove(self) -> None:
        """Remove the copy by SFTP, or over the CLI where SFTP does not see it; else the outcome names it.

        One that was never tried, or refused, and is not seen either, is no copy.
        """
        try:
            if self._seen():
                self._tried = True
                self._run.shell().files().remove(self.target)
            elif self._tried:
                self._run.shell().console().remove(self.target)
            else:
                return
        except AgentError as error:
            if self._tried:
                left_behind(self._run, self.target, error)
            else:
                log.info("%s: nothing was copied to %s: %s", self._run.plan.device, self.target, error.message)
        else:
            self._run.records.append(StepRecord("remove", Status.DONE, self.target))

    def _seen(self) -> bool:
        """Whether SFTP sees the copy; where SFTP may not look into /tmp, it counts as not."""
        try:
            return self._run.shell().files().exists(self.target)
        except FileError as error:
            log.info("%s: %s: %s", self._run.plan.device, self.target, error.message)
            return False
