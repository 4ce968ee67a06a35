"""Import a bundle into the trustpool, once, and find the anchor in what the device then lists."""

from __future__ import annotations

import logging
from contextlib import ExitStack

from agent.model.errors import AgentError, CertificateMissing, ConsoleError, FileError, OutcomeUnknown, RPCError
from agent.model.method import Method
from agent.model.outcome import Status, StepRecord
from agent.model.pki.certificate import Evidence
from agent.model.plan import ImportBundle, Intent, Note, Step
from agent.model.state import State
from agent.netconf.retry import Waits
from agent.netconf.yang.schema import Schema
from agent.remedy import read
from agent.remedy.methods.base import OPEN_SSH, InstallMethod, Refused, no_file
from agent.remedy.notices.folder import bundled
from agent.remedy.run import Run, Steps
from agent.remedy.steps.upload import left_behind, put
from agent.xr import trustpool

log = logging.getLogger(__name__)

_CLEAN = "the clean import drops everything that was imported into the trustpool before"
_TMP = "/tmp"  # noqa: S108 - on the router: the only folder that a local import takes a file from
_RIGHTS = "copying to /tmp needs task group root-lr or cisco-support"
_WEB = "give the user that right, or let the router fetch the bundle itself: --bundle-url"


class TrustpoolMethod(InstallMethod[ImportBundle]):
    """An import that can be judged needed before and proven afterwards: both take ``show crypto ca trustpool``."""

    method = Method.TRUSTPOOL
    at_trustpoint = False
    lasts = True
    after = "the import was answered with ok"
    refused = "the router's log may say why (show logging); with --method auto the methods that need no import follow"
    look_up = "on the router: show crypto ca trustpool"
    missing = f"{look_up}; check that the bundle is the one that holds the anchor"

    def considered(self, intent: Intent) -> bool:
        """With a bundle that is not to follow another method."""
        return intent.has_bundle and not intent.then_trustpool and intent.enrollment_url is None

    def steps(self, intent: Intent, state: State) -> list[Step] | Refused:
        if (refused := _refused(intent, state)) is not None:
            return refused
        access = state.access
        step = ImportBundle(
            anchor=intent.anchor,
            bundle=intent.bundle,
            url=intent.bundle_url,
            rpc=access.import_url,
            copy=access.copy,
            clean=intent.clean,
            storage=intent.storage,
        )
        notes: list[Step] = [Note(_CLEAN, about="trustpool")] if intent.clean else []
        harm = bundled().piling_up
        if harm is not None and state.release in harm.releases:
            notes.append(Note(f"imported once only: {harm.effect}", about="trustpool"))
        return [*notes, step]

    def check(self, schema: Schema, step: ImportBundle) -> None:
        if step.rpc:
            trustpool.import_request(schema, step.url or f"{_TMP}/xr-agent.p7b", clean=step.clean)

    def carry_out(self, run: Run, step: ImportBundle) -> Steps[None]:
        """Copy the bundle to where the router imports from, import it, and read the trustpool.

        Every copy is removed whatever happens.

        Raises:
            FileError, ConsoleError: a copy could not be made.
            AgentError: as of :meth:`act`.
        """
        with ExitStack() as undo:
            url = step.url or (yield from _copied(run, step, undo))

            def send() -> object:
                if step.rpc:
                    return trustpool.import_url(run.session, url, clean=step.clean)
                return run.shell().console().import_bundle(url, clean=step.clean)

            yield from self.act(run, step, url, send, typed=not step.rpc)

    def look(self, run: Run) -> Waits[tuple[Evidence | None, str | None]]:
        listed = yield from read.listed(run.shell(), run.plan.intent.anchor, own=True)
        return Evidence.CONSOLE if listed.value else None, listed.missing

    def prove(self, run: Run, step: ImportBundle, after: str) -> Steps[None]:
        """By the list; evidence that the trustpoint gave before is better."""
        yield run.started_event("read back", "trustpool")
        found, missing = yield from self.look(run)
        if missing is not None:
            said = f"{after}, and the trustpool could not be read: {missing}"
            raise OutcomeUnknown(said, hint=self.look_up)
        if found is None:
            said = f"{after}, but the trustpool does not list {step.anchor.name}"
            raise CertificateMissing(said, hint=self.missing)
        run.proven(run.evidence if run.evidence is not Evidence.NONE else found)
        yield run.ended("read back", Status.DONE, f"{step.anchor.name} is in the trustpool, by console")


def _refused(intent: Intent, state: State) -> Refused | None:
    if not intent.has_bundle:
        return Refused("a trustpool import needs a bundle", "give --bundle FILE or --bundle-url URL")
    if state.cli is not None:
        return Refused(
            f"a trustpool import needs SSH beside NETCONF, only the CLI shows the trustpool: {state.cli}", OPEN_SSH
        )
    if intent.bundle is not None and (no_way := no_file(Method.TRUSTPOOL, state)) is not None:
        return no_way
    if state.trustpool.missing is not None:
        return Refused(
            f"the trustpool could not be read: {state.trustpool.missing}",
            "see that 'show crypto ca trustpool' works for this user: imports pile up, so none is made blindly",
        )
    if intent.clean and state.access.import_url and not state.access.import_clean:
        return Refused("rpc ca-trustpool-import-url-clean is missing (crypto-act)", "leave out --clean")
    return None


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
            self._tried = True
            if self._seen():
                return "rpc copy"
            self.refusal = f"it brought no file there: {said or 'no response'}"
        except RPCError as error:
            self.refusal = error.message
        except OutcomeUnknown as error:
            self._tried, self.refusal = True, error.message
            yield from self._run.alive()
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
            raise ConsoleError(f"{_RIGHTS}: {error.message}", hint=_WEB, unauthorized=True) from error
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
