"""What each way to bring the root knows of itself: where it is possible, its steps, how they are taken, what it leaves.

All is pure, as planning is, but how the steps are taken.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from agent.model.errors import AgentError, AnchorMismatch, ConsoleError, OutcomeUnknown, RPCError
from agent.model.method import Method
from agent.model.outcome import Status
from agent.model.pki.certificate import Evidence
from agent.model.plan import Intent
from agent.model.state import Access, ConfigModel, Enrollment, EnrollmentKind, State
from agent.model.steps import Authenticate, ClearCertificates, ConfigureTrustpoint, Installation, Step
from agent.netconf.retry import Waits
from agent.netconf.yang.schema import Schema
from agent.remedy.run import Run, Steps
from agent.remedy.steps.clear import BY_HAND, clear
from agent.remedy.steps.verify import READ, certificate, judge, prove, reopen

log = logging.getLogger(__name__)

S = TypeVar("S", bound=Installation)

OPEN_SSH = (
    "make the router's SSH port reachable (--ssh-port, without --no-ssh): the CLI shows and does what its models do not"
)
OPEN_SFTP = "on the router: 'ssh server v2', and its SFTP; or name the other --storage"
MORE_SPACE = "free space on the router, or name the other --storage"
NO_COPY = "rpc copy is missing (shellutil-copy-act, 6.6.2 and later): the router cannot be told to copy from a URL"
_NO_CHANGE = "without it nobody can say what a change would replace"
_NO_CLEAR = "rpc ca-clear-certificates is missing (crypto-act, 25.3.1 and later)"
_NO_PROOF = "without them a push can neither tell whether it is needed nor prove its success"


@dataclass(frozen=True, slots=True)
class Refused:
    """A method that is not offered: why, and what would help."""

    reason: str
    hint: str | None = None


def no_file(method: Method, state: State, instead: str) -> Refused | None:
    """Why *method*, which needs one, can put no file on the device, where that was tried; *instead*: an option."""
    if state.sftp is not None:
        hint = f"{OPEN_SFTP}; or let the router fetch it: {instead}" if state.access.copy else OPEN_SFTP
        return Refused(f"method {method.value} puts a file on the router: {state.sftp}", hint)
    return _no_space(method, state)


def no_copy(method: Method, state: State, instead: str) -> Refused | None:
    """Why *method* cannot let the device copy a file from a URL; *instead*: what would help where no model does."""
    if not state.access.copy:
        return Refused(NO_COPY, instead)
    return _no_space(method, state)


def _no_space(method: Method, state: State) -> Refused | None:
    if state.space is None:
        return None
    return Refused(f"method {method.value} puts a file on the router: {state.space}", MORE_SPACE)


def longer(what: str, url: str, longest: int | None, taken_by: str) -> Refused | None:
    """Why the URL of *what* cannot be sent to *taken_by*, which takes *longest* characters of it."""
    if longest is None or len(url) <= longest:
        return None
    said = f"the {what} URL has {len(url)} characters for {taken_by}, which takes {longest} at most"
    return Refused(said, "serve it under a shorter URL")


class InstallMethod(ABC, Generic[S]):
    """One method, by which steps of type *S* bring the anchor.

    Attributes:
        method: the word for it.
        by_cli: whether it needs SSH beside NETCONF, for the CLI or SFTP.
        at_trustpoint: whether it brings the anchor under the trustpoint; else into the trustpool.
        lasts: whether a reload keeps what it brings; None where no source says.
        done, after: how its action ended where it went well, for the outcome's steps, and for a message that goes on.
        refused, missing, look_up: what helps where the device refuses it, where the anchor is not there in the end, and
            where that cannot be read; with ``{}`` for the trustpoint.
    """

    method: ClassVar[Method]
    by_cli: ClassVar[bool] = True
    at_trustpoint: ClassVar[bool] = True
    lasts: ClassVar[bool | None]
    done: ClassVar[str] = "answered ok, which proves nothing yet"
    after: ClassVar[str]
    refused: ClassVar[str] = ""
    missing: ClassVar[str]
    look_up: ClassVar[str]

    def needs_cli(self, intent: Intent, access: Access) -> bool:  # noqa: ARG002 - most need it for all or for none
        """Whether it needs SSH beside NETCONF for *intent* on a device of *access*."""
        return self.by_cli

    def lacks(self, access: Access) -> str | None:
        """The first thing that the device's models lack for it; None where it is possible."""

    @abstractmethod
    def considered(self, intent: Intent) -> bool:
        """Whether ``auto`` thinks of it for *intent*."""

    @abstractmethod
    def steps(self, intent: Intent, state: State) -> list[Step] | Refused:
        """The steps by which it brings the anchor into the device of *state*, or why it is not offered there."""

    def check(self, schema: Schema, step: S) -> None:
        """Build each payload of *step* once, before anything is changed.

        Raises:
            SchemaError: the device's models do not allow it.
        """

    @abstractmethod
    def carry_out(self, run: Run, step: S) -> Steps[None]:
        """Take *step* by :meth:`act`, with what it needs around that."""

    @abstractmethod
    def look(self, run: Run) -> Waits[tuple[Evidence | None, str | None]]:
        """The evidence that the anchor is there now, and why that cannot be read where it cannot.

        Raises:
            AnchorMismatch: another certificate is there.
            AgentError: it could not be read.
        """

    @abstractmethod
    def prove(self, run: Run, step: S, after: str) -> Steps[None]:
        """Find the anchor, *after* an action that ended so; the run's evidence says by what.

        Raises:
            CertificateMissing: it is not there.
            AnchorMismatch: another certificate is.
            OutcomeUnknown: nothing could be read that tells.
        """

    def act(
        self,
        run: Run,
        step: S,
        about: str,
        send: Callable[[], object],
        *,
        typed: bool = False,
        at_once: bool = False,
    ) -> Steps[None]:
        """*send* an rpc, or what is *typed* at the CLI, and prove the anchor: an ok shows as little as a refusal.

        It is repeated only where the state shows that it is still needed, and once begun nothing breaks it off.
        *at_once*: nothing was done since the last step, so what was read behind its last write is of now.

        Raises:
            RPCError, ConsoleError: the device refused it for good, and the anchor is not there.
            AgentError: as of :meth:`prove`.
        """
        name = run.plan.intent.trustpoint
        yield run.started_event(self.method.action, about)
        if not at_once:
            run.behind = None
        if typed:
            (yield from run.cli()).console()  # until the first prompt a cancellation breaks it off
        with run.unbroken():
            if (found := (yield from self._came_meanwhile(run))) is not None:
                run.proven(found)
                yield run.ended(self.method.action, Status.SKIPPED, f"{step.anchor.name} came in meanwhile")
                return
            run.changed, run.acted = True, run.acted or self.at_trustpoint
            try:
                yield from run.persist(self.method.action, send, before_repeat=lambda: self._needless(run))
                status, said, after = Status.DONE, self.done, self.after
            except OutcomeUnknown as error:
                run.behind = None
                status, said, after = Status.UNKNOWN, f"{error.message}; reading the certificate back", error.message
                if not typed:
                    yield from reopen(run, error)
            except (RPCError, ConsoleError) as error:
                run.behind = None
                if not (yield from self._there_despite(run, error)):
                    error.hint = error.hint or self.refused.format(name) or None
                    raise
                status, said, after = Status.UNKNOWN, f"{error.message}; yet the certificate is there", error.message
            run.settle()
            yield run.ended(self.method.action, status, said)
            yield from self.prove(run, step, after)
        run.persistent = self.lasts

    def _came_meanwhile(self, run: Run) -> Waits[Evidence | None]:
        """The evidence that somebody else brought the anchor since the state was read under the lock.

        No lock covers certificates, and a commit takes its time: behind one the last look is right ahead of the action.
        What the trustpool lists may be what the method before brought there, and a reload forgets.
        """
        if not (run.configured and self.at_trustpoint):
            return None
        return judge(run, (yield from certificate(run, behind=True)))

    def _needless(self, run: Run) -> Waits[Evidence | None]:
        """The evidence that no repeat is needed; None where the state shows that one is."""
        run.behind = None
        run.release()  # no source says that a router does it under a lock, be it ours
        found, missing = yield from self.look(run)
        if missing is not None:
            said = f"it was refused, and what it did cannot be read: {missing}"
            raise OutcomeUnknown(said, hint=self.look_up.format(run.plan.intent.trustpoint))
        return found

    def _there_despite(self, run: Run, refusal: AgentError) -> Waits[bool]:
        try:
            return (yield from self.look(run))[0] is not None
        except AnchorMismatch:
            raise
        except AgentError as error:
            log.info("%s: after '%s' nothing could be read: %s", run.plan.device, refusal.message, error.message)
            return False


class TrustpointMethod(InstallMethod[S]):
    """A method that configures the trustpoint where needed, and then has it authenticated.

    Attributes:
        takes_url: whether it can let the router fetch the certificate from the URL of its enrollment.
    """

    takes_url: ClassVar[bool] = True
    look_up = READ

    def considered(self, intent: Intent) -> bool:
        """Where a URL is given only with those that take one."""
        return self.takes_url or intent.enrollment_url is None

    def enrollment(self, intent: Intent) -> Enrollment:
        """What it needs the trustpoint to have."""
        return intent.enrollment

    @abstractmethod
    def step(self, intent: Intent, clears: ClearCertificates | None) -> S:
        """What follows the configuration, with what has to go first."""

    def steps(self, intent: Intent, state: State) -> list[Step] | Refused:
        """The configuration where it is not there yet, then the action."""
        if isinstance(clears := _clears(intent, state), Refused):
            return clears
        if (refused := self.refusal(intent, state)) is not None:
            return refused
        # Without a candidate to edit, the dialog's two lines are typed as well.
        model = state.access.config_model if state.access.candidate else ConfigModel.NONE
        change = _configure(self.enrollment(intent), intent, state, model)
        if isinstance(change, Refused):
            return change
        return [*([change] if change else []), self.step(intent, clears)]

    def refusal(self, intent: Intent, state: State) -> Refused | None:
        """Why it is not offered, before the configuration is looked at."""
        if (unread := _unread(state)) is not None or state.cli is None or not self.needs_cli(intent, state.access):
            return unread
        return Refused(f"method {self.method.value} needs SSH beside NETCONF: {state.cli}", OPEN_SSH)

    def act(
        self,
        run: Run,
        step: S,
        about: str,
        send: Callable[[], object],
        *,
        typed: bool = False,
        at_once: bool = False,
    ) -> Steps[None]:
        """With what has to go first; from its removal on nothing breaks off what is to take its place.

        Raises:
            AgentError: as of :func:`agent.remedy.steps.clear.clear`, and of :meth:`InstallMethod.act`.
        """
        if step.clears is None:
            yield from super().act(run, step, about, send, typed=typed, at_once=at_once)
            return
        if typed:
            (yield from run.cli()).console()
        run.policy.check()
        with run.unbroken():
            if not (yield from clear(run, step.clears)):
                yield from super().act(run, step, about, send, typed=typed)
            run.bare = False

    def look(self, run: Run) -> Waits[tuple[Evidence | None, str | None]]:
        reading = yield from certificate(run)
        return judge(run, reading), reading.missing

    def prove(self, run: Run, step: S, after: str) -> Steps[None]:
        hint = self.missing.format(run.plan.intent.trustpoint)
        return prove(run, after=after, hint=hint, fetches=isinstance(step, Authenticate) and step.fetches)


def _clears(intent: Intent, state: State) -> ClearCertificates | Refused | None:
    """What has to go first; None where the trustpoint holds nothing else than the anchor, as far as it shows."""
    name, held = intent.trustpoint, state.certificate.value
    if held is None or held.proves(intent.anchor) is not None:
        return None
    holds = f"trustpoint {name} holds another certificate: {held.described}"
    if not state.access.clear_certificates:
        return Refused(
            holds,
            f"{_NO_CLEAR}: {BY_HAND.format(name)}, or use another --trustpoint",
        )
    if not intent.replace:
        return Refused(holds, "--replace removes it, and keeps it in the journal; or use another --trustpoint")
    return ClearCertificates(name, held)


def _unread(state: State) -> Refused | None:
    for what, missing, hint in (
        ("trustpoint configuration", state.config.missing, _NO_CHANGE),
        ("certificates", state.certificate.missing, _NO_PROOF),
    ):
        if missing is not None:
            why = f"{missing}; {state.cli}" if state.cli else missing
            return Refused(f"the {what} could not be read: {why}", OPEN_SSH if state.cli else hint)
    return None


def _configure(
    wanted: Enrollment, intent: Intent, state: State, model: ConfigModel
) -> ConfigureTrustpoint | Refused | None:
    present = state.config.value
    if model is not ConfigModel.NONE and wanted.kind not in state.access.enrollments:
        return Refused(f"{model.value} cannot set '{wanted.cli}' here")
    replaces = None
    if present is not None:
        if present.enrollment == wanted:
            return None
        if present.enrollment.kind is not EnrollmentKind.NONE:
            if not intent.replace:
                return Refused(
                    f"trustpoint {intent.trustpoint} has '{present.enrollment.cli}'",
                    f"--replace changes it to '{wanted.cli}', or name another --trustpoint",
                )
            replaces = present.enrollment
    return ConfigureTrustpoint(model, intent.trustpoint, wanted, replaces=replaces, creates=present is None)
