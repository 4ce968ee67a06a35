"""One router as a run reaches it: every connection and login in its turn, by what the caller's process has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol

from agent.fleet.inventory.target import Reach, Target
from agent.fleet.parking import Parked
from agent.fleet.results.record import Result
from agent.fleet.run.credential import presented
from agent.fleet.run.logins import Attempt, Guard, Judged, Logins, turn
from agent.fleet.run.rate import Limiter, Rate
from agent.model.device import Question
from agent.model.errors import AgentError, JournalError, LoginWithheld, SSHAuthenticationError
from agent.model.outcome import Event, Wait, Waiting
from agent.model.plan import Plan
from agent.model.unfinished import Unfinished
from agent.netconf.retry import Policy, Waits, at_once
from agent.netconf.session import Session, connect
from agent.netconf.trace import Trace
from agent.ssh.settings.config import settings
from agent.xr.cli.sshport import Ssh

if TYPE_CHECKING:
    from agent.recording.recorder import Recorder
Which = Literal["before", "held", "after"]
"""What is kept of a router's state: before the first step, the certificate that is to go, and after the last step."""


class Log(Protocol):
    """What keeps a run: a journal's ``RunLog``, or nothing."""

    def event(self, event: Event) -> None:
        """A step begins or ended; a write is kept for good before this returns, and it is sent only then."""

    def state(self, device: str, which: Which, seen: Mapping[str, Any]) -> None:
        """What was read of the router; on disk with the first write's event, if it was brought before."""

    def unfinished(self, device: str, change: Unfinished | None) -> None:
        """What is begun at the router's configuration, kept for good before this returns; None: its end is known."""


class ClientLost(JournalError):
    """The client that keeps the run is gone: nothing more is sent to the router, not even to take something back."""


_CLI = " (CLI)"

Told = Callable[[str], None]
Held = tuple[AbstractContextManager[object], bool]
"""What ends with its block, and whether it was waited for."""
Alone = Callable[[tuple[str, ...], Policy, Told], Waits[Held]]


def unshared(_addresses: tuple[str, ...], _policy: Policy, _told: Told) -> Waits[Held]:
    """For a run that no other machine takes part in."""
    return at_once(lambda: (nullcontext(), False))


@dataclass(frozen=True)
class Hooks:
    """What the caller's process has: it stays there.

    Attributes:
        approve: asks whoever pushes about the plan, before the router is held; None where nobody is asked.
        begins: is told what is known of the router, with its plan, right before a push writes: a signal must not break
            it off from then on.
        on_wait: is told, from any thread, for what a router waits, and None when it is at work.
        on_error: is told the error that ends one router's job, as an exception with its traceback.
        alone: holds a router beyond this machine, by its addresses, while a push is at it; it is told whom it waits
            for.
        logins: decides whether a login may be tried.
        ask: as of ``Device``; for a run on one router, with a person at the terminal.
        recorder: is told all that passes.
        before_session: called ahead of each NETCONF session that is opened; raises ConnectError where none can be.
        before_write: called ahead of each rpc that changes something; raises ClientLost where nobody keeps that.
    """

    log: Log | None = None
    policy: Policy = field(default_factory=Policy)
    limiter: Limiter = field(default_factory=lambda: Limiter(Rate()))
    logins: Guard = field(default_factory=Logins)
    on_event: Callable[[Event], None] | None = None
    trace: Trace | None = None
    recorder: Recorder | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    approve: Callable[[Plan], bool] | None = None
    ask: Callable[[Question], str | None] | None = None
    begins: Callable[[Result], None] = lambda _known: None
    on_wait: Callable[[str, Wait | None], None] = lambda _device, _wait: None
    on_error: Callable[[AgentError], None] = lambda _error: None
    alone: Alone = unshared
    before_session: Callable[[], None] = lambda: None
    before_write: Callable[[], None] = lambda: None

    def event(self, event: Event) -> None:
        """Keep it, then show it."""
        if self.log is not None:
            self.log.event(event)
        if self.on_event is not None:
            self.on_event(event)


def told_by(hooks: Hooks, parked: Parked) -> Hooks:
    """*hooks* that tell *parked* as well which routers wait."""

    def waits(device: str, wait: Wait | None) -> None:
        parked(device, wait)
        hooks.on_wait(device, wait)

    return replace(hooks, on_wait=waits)


class Router:
    """One router as a run reaches it: every connection and login in its turn, with its messages traced.

    One that limits new sessions is waited for as the reach says, unless not *waits*.

    Attributes:
        path: where its NETCONF sessions go, whatever becomes of the SSH configuration.

    Raises:
        InputError: its entry or a secret cannot be used.
    """

    def __init__(self, target: Target, reach: Reach, hooks: Hooks, *, waits: bool = True) -> None:
        device = target.device(reach, hooks.policy.stop)
        self.device = replace(device, ask=hooks.ask) if hooks.ask else device
        self._reach, self._hooks = target.reach(reach), hooks
        self._opening = replace(hooks.policy, **({"deadline": reach.connect_wait} if waits else {"attempts": 1}))
        self._settings = settings(self.device)
        self._credentials = presented(self.device, hooks.logins.digest, self._settings)
        self.path = self._settings.destination
        self._accepted = False
        self._opened: list[Session | Ssh] = []
        self._lost: ClientLost | None = None

    @contextmanager
    def fenced(self) -> Iterator[None]:
        """Where the client is lost in the block, the connections end first, so that nothing else is sent; with them the
        router drops locks and candidate."""
        try:
            yield
        except ClientLost as error:
            self._lost = error
            for one in self._opened:
                one.close()
            raise

    def first(self) -> Waits[Session]:
        """The first session; an interrupt breaks off the wait for it."""
        login = yield from self._login(self._hooks.policy)
        return (yield from self._opening.opening().repeated(partial(self._tried, login), Waiting.SESSION))

    def _tried(self, login: AbstractContextManager[None], number: int) -> Waits[Session]:
        """One try to open it; each further one takes a turn as well."""
        with login if number == 1 else (yield from self._login(self._hooks.policy)):
            return self._session()

    def opening(self) -> Waits[Session]:
        """One try to open a session, in its turn."""
        with (yield from self._login(self._hooks.policy)):
            return self._session()

    def turn(self) -> float:
        """Takes a turn to open a session, and says in how many seconds it comes."""
        self._still_kept()
        return self._hooks.limiter.turn(self._reach.jump, self._hooks.policy.clock)

    def _still_kept(self) -> None:
        if self._lost is not None:
            raise self._lost

    def opened(self) -> Waits[Session]:
        """A further session, for whoever waits for the turn and decides whether it is tried again."""
        with self._judged((yield from self._attempt(self._hooks.policy.unstopped()))):
            return self._session()

    def _session(self) -> Session:
        self._still_kept()
        strict, hooks = self._reach.strict_models, self._hooks
        hooks.before_session()
        known = self._settings.anew()
        session = connect(self.device, strict_models=strict, trace=hooks.trace, recorder=hooks.recorder, known=known)
        session.before_write = self._hooks.before_write
        self._opened.append(session)
        return session

    def _login(self, policy: Policy, way: str = "") -> Waits[AbstractContextManager[None]]:
        """Wait until it may be logged in to by that *way*; the connection is to be opened in the block at once."""
        attempt = yield from self._attempt(policy, way)
        try:
            yield from policy.pause(self.turn(), Waiting.TURN)
        except BaseException:
            attempt.end(Judged())
            raise
        return self._judged(attempt)

    def _attempt(self, policy: Policy, way: str = "") -> Waits[Attempt]:
        self._still_kept()
        name, logins = self.device.name, self._hooks.logins
        try:
            return (yield from turn(logins, self._credentials, name + way, policy, accepted=self._accepted))
        except LoginWithheld as error:
            error.device = name
            raise

    @contextmanager
    def _judged(self, attempt: Attempt) -> Iterator[None]:
        try:
            with attempt:
                yield
        except SSHAuthenticationError:
            self._accepted = False
            raise
        self._accepted = True

    @contextmanager
    def shell(self) -> Iterator[Ssh | None]:
        """The CLI and SFTP, opened when first used and closed with the block; None where the user ruled them out."""
        if not self._reach.ssh:
            yield None
            return
        trace, recorder, login = self._hooks.trace, self._hooks.recorder, partial(self._login, way=_CLI)
        with Ssh(self.device, self._opening, trace=trace, recorder=recorder, login=login) as ssh:
            self._opened.append(ssh)
            yield ssh
