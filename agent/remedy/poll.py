"""Watch the licensing state of one device: one sample per interval, each change said once, reconnecting as needed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import partial

from agent.model.errors import AgentError, CapabilityMissing, ConnectError, ReplyTimeout, SessionLost
from agent.model.outcome import Waiting
from agent.model.state import AuthorizationState, Licensing, Reading
from agent.netconf.retry import Disposition, Policy, Waits, at_once, classify, completed
from agent.netconf.session import Connector, Session
from agent.remedy.observe import read_licensing
from agent.xr.cli.sshport import Ssh

log = logging.getLogger(__name__)

_FIRST_WAIT, _LONGEST_WAIT, _DOUBLINGS = 5.0, 300.0, 6
_WATCHED = ("registration", "authorization", "last_comm_success", "last_comm_time", "fail_message", "transport", "url")
_NOTHING = "the device shows no licensing state, or this user may not read it"


class Until(Enum):
    """What ends the watch."""

    AUTHORIZED = "authorized"
    CONTACTED = "contacted"
    FOREVER = "forever"


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the licensing state.

    Attributes:
        time: when it was taken, by the local clock, UTC.
        changed: the names of the fields that differ from the sample before; empty on the first.
        error: why nothing could be read, None where it could.
        kind: the word of the error tree for it; ``no-data`` where the device answered, but not with that.
        reached: whether the watch's end is reached with this sample.
    """

    time: datetime
    device: str
    licensing: Licensing | None = None
    changed: tuple[str, ...] = ()
    error: str | None = None
    kind: str | None = None
    reached: bool = False


def poll(
    connect: Connector,
    *,
    interval: float = 60.0,
    until: Until = Until.FOREVER,
    timeout: float | None = None,
    policy: Policy | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    device: str = "device",
    ssh: Ssh | None = None,
) -> Generator[Sample, None, None]:
    """Samples until *until* is reached, *timeout* seconds have passed, or the caller stops.

    One session is kept; when it is lost a new one is opened with growing waits of 5 to 300 s, at least a minute where
    the router limits new sessions, and the failure is a sample with its error. ``Until.CONTACTED`` is reached when the
    last contact succeeded, and at once where the licence is by policy, which knows none. *ssh* is the CLI, for releases
    without a licensing model.

    Raises:
        CapabilityMissing: no model of the device shows licensing.
        Interrupted: it was cancelled.
        AgentError: errors that waiting does not cure, such as a refused login or an unknown host key.
    """
    policy = policy or Policy()
    end = None if timeout is None else policy.clock() + timeout
    read = partial(read_licensing, policy=policy, ssh=ssh)
    watch = Watch(lambda: at_once(connect), read, until, interval=interval, policy=policy, now=now, device=device)
    try:
        while True:
            sample = completed(watch.sample(), policy)
            yield sample
            if sample.reached or (end is not None and policy.clock() + watch.wait > end):
                return
            completed(policy.pause(watch.wait, Waiting.INTERVAL), policy)
    finally:
        watch.close()


class Watch:
    """One device: the session that is kept, what was seen last, and how many seconds to wait before the next look.

    ``error``: what the last look failed by, where it did.
    """

    def __init__(
        self,
        connect: Callable[[], Waits[Session]],
        read: Callable[[Session], Waits[Reading[Licensing]]],
        until: Until,
        *,
        interval: float,
        policy: Policy,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        device: str = "device",
    ) -> None:
        self._interval = self.wait = interval
        self._connect, self._read, self._until, self._policy = connect, read, until, policy
        self._now, self._device = now, device
        self._session: Session | None = None
        self._before: Licensing | None = None
        self._failures = 0
        self.error: AgentError | None = None

    @property
    def seen(self) -> bool:
        """Whether any look brought the licensing state."""
        return self._before is not None

    def sample(self) -> Waits[Sample]:
        """One look; a device that is away is a sample with its error.

        Raises:
            CapabilityMissing: no model of the device shows licensing.
            AgentError: errors that waiting does not cure.
        """
        self.error = None
        try:
            reading = yield from self._read((yield from self._connected()))
        except (ConnectError, SessionLost, ReplyTimeout) as error:
            return self.failed(error)
        self._failures, self.wait = 0, self._interval
        seen = reading.value
        if seen is None and reading.source is None:
            hint = "on this release only the CLI over SSH shows it: leave --no-ssh out"
            raise CapabilityMissing(reading.missing or "no licensing model", device=self._device, hint=hint)
        if seen is None:
            return Sample(self._now(), self._device, error=reading.missing or _NOTHING, kind="no-data")
        before, self._before = self._before or seen, seen
        changed = tuple(name for name in _WATCHED if getattr(before, name) != getattr(seen, name))
        return Sample(self._now(), self._device, seen, changed, reached=self._reached(seen))

    def failed(self, error: AgentError) -> Sample:
        """The sample of a look that failed; the session is given up."""
        self._failures, self.error = self._failures + 1, error
        self.close()
        return Sample(self._now(), self._device, error=self._backed_off(error), kind=error.kind)

    def _connected(self) -> Waits[Session]:
        if self._session is None or not self._session.connected:
            self.close()
            self._session = yield from self._connect()
            self._device = self._session.device
        return self._session

    def _reached(self, seen: Licensing) -> bool:
        if self._until is Until.AUTHORIZED:
            return seen.authorization is AuthorizationState.AUTHORIZED
        # A licence by policy knows no contact that could be waited for.
        contacted = seen.last_comm_success or (seen.policy_based and seen.last_comm_success is None)
        return self._until is Until.CONTACTED and contacted is True

    def _backed_off(self, error: AgentError) -> str:
        """Wait longer while the device is away; what is said of it."""
        grown = max(self._interval, min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(self._failures - 1, _DOUBLINGS)))
        limited = classify(error) is Disposition.SLOW
        self.wait = max(grown, self._policy.jittered(self._policy.slow)) if limited else grown
        return f"{error.message}; rate limit: trying again in {self.wait:.0f} s" if limited else error.message

    def close(self) -> None:
        """End the session; the next look opens another. Never raises."""
        session, self._session = self._session, None
        if session is not None:
            try:
                session.close()
            except AgentError as error:
                log.debug("%s: close: %s", self._device, error.message)
