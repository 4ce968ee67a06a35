"""One credential is not hammered: an AAA server locks an account after a few refusals, and so the way to every router.

A credential that nobody has accepted yet is tried by one login at a time, so the first router of a run logs in before
the others start. One that was accepted is not held back. After a refusal no more logins are under way than could be
refused before the limit is reached; at the limit nothing more is tried. A success forgets the refusals before it.
"""

from __future__ import annotations

import itertools
import math
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from agent.fleet.run.credential import Credential, Digest, keyed
from agent.model.errors import AgentError, LoginWithheld, SSHAuthenticationError
from agent.model.masking.text import counted
from agent.model.outcome import Waiting
from agent.netconf.retry import Policy, Waits

LIMIT = 3
"""Refusals without a success in between after which nothing more is tried; accounts are often locked after five."""

SLOW = 10.0
"""Seconds after which a login under way keeps others from starting no longer: mostly the router does not answer."""
_FIRST_WAIT = 0.05
LONGEST_WAIT = 0.4
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Judged:
    """What a connection told of its logins: True accepted, False refused, None neither."""

    router: bool | None = None
    jump: bool | None = None

    @classmethod
    def by(cls, error: BaseException | None) -> Judged:
        """What *error* tells, or its absence. Only a refusal counts as one: a login that had nothing to give, or came
        to none, says nothing; one at the router was accepted by the jump hosts on the way."""
        match error:
            case None:
                return cls(router=True, jump=True)
            case SSHAuthenticationError(at_jump=True):
                return cls(jump=False if error.refused else None)
            case SSHAuthenticationError():
                return cls(router=False if error.refused else None, jump=True)
            case AgentError(logged_in=True):
                return cls(router=True, jump=True)
        return cls()

    def of(self, credential: Credential) -> bool | None:
        """What was told of the credential, which is the router's or a jump host's."""
        return self.jump if credential.jump else self.router


class Attempt:
    """A login that may be tried now; it is under way until it is *ended*, which the end of its block does."""

    def __init__(self, ended: Callable[[Judged], None]) -> None:
        self._ended: Callable[[Judged], None] | None = ended

    def end(self, judged: Judged) -> None:
        """It ended so; said again, nothing happens."""
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(judged)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        self.end(Judged.by(error))


class Guard(Protocol):
    """Who decides whether a login may be tried."""

    @property
    def digest(self) -> Digest:
        """What passwords are compared by."""

    @property
    def key(self) -> bytes:
        """What the processes of a run compare passwords by, as :func:`agent.fleet.run.credential.shared` says."""

    @property
    def longest_wait(self) -> float:
        """Seconds after which it may be asked again at the latest."""

    def begin(self, credentials: Sequence[Credential], router: str, *, accepted: bool = False) -> Attempt | None:
        """The attempt to log in to *router*, and to the jump hosts before it; None while others come first.

        Each of a router's ports is a *router* of its own, named so that messages may say it.

        *accepted*: the router took the credential in this job already. What was begun there is seen through: such a
        login is neither withheld nor made to wait.

        Raises:
            LoginWithheld: one of the credentials is not to be tried any more.
        """


def turn(
    guard: Guard, credentials: Sequence[Credential], router: str, policy: Policy, *, accepted: bool = False
) -> Waits[Attempt]:
    """Wait until *router* may be logged in to; the attempt is under way from then on.

    Raises:
        LoginWithheld: as of :meth:`Guard.begin`, also when that is found out while it waits.
    """
    seconds = _FIRST_WAIT
    while (attempt := guard.begin(credentials, router, accepted=accepted)) is None:
        yield from policy.pause(seconds, Waiting.TURN, "another login with the same credential is under way")
        seconds = min(2 * seconds, guard.longest_wait)
    return attempt


@dataclass(frozen=True, slots=True)
class Rest:
    """How long a refused credential is left alone, in seconds: at first, then doubling, at most."""

    first: float = 3600.0
    longest: float = 86400.0

    def after(self, before: float) -> float:
        """The rest that follows one of *before* seconds, 0 for none."""
        return min(2 * before, self.longest) if before else self.first


@dataclass(slots=True)
class _Resting:
    """When what was refused may be tried again, and how long it rests by then."""

    until: float = -math.inf
    seconds: float = 0.0

    def refused(self, rest: Rest | None, now: float) -> None:
        """One more refusal; the rest grows where it was over, and not by logins that were under way when it began."""
        if now >= self.until:
            self.seconds = rest.after(self.seconds) if rest is not None else math.inf
            self.until = now + self.seconds


@dataclass(slots=True)
class _Account:
    """What is known of one credential: the routers that refused it since a success, and the logins under way."""

    proven: bool = False
    refused: list[str] = field(default_factory=list)
    under_way: dict[int, float] = field(default_factory=dict)
    rest: _Resting = field(default_factory=_Resting)

    def room(self, limit: int, now: float) -> bool:
        """Whether one more login may start, where none is withheld."""
        most = limit - len(self.refused)
        if most == limit and self.proven:
            return True
        if most <= 0 or not (self.proven or self._all_slow(now)):
            most = 1
        return len(self.under_way) < most

    def _all_slow(self, now: float) -> bool:
        return all(now - began >= SLOW for began in self.under_way.values())

    def ended(self, number: int, accepted: bool | None, router: str) -> None:
        del self.under_way[number]
        if accepted:
            self.proven = True
            self.refused, self.rest = [], _Resting()
        elif accepted is False:
            self.refused.append(router)


class Logins:
    """The guard of one run, or of one watch; for many threads.

    Without *rest* a credential that reached the limit is not tried again. With it, as a poll that goes on for ever
    needs, one login is tried when the rest is over, and a router that refused a credential rests by itself as well,
    however many others accept it. A credential that was changed is another one.
    """

    def __init__(
        self, limit: int = LIMIT, *, rest: Rest | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit, self._rest, self._clock = limit, rest, clock
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._accounts: dict[Credential, _Account] = {}
        self._resting: dict[tuple[Credential, str], _Resting] = {}
        self.digest, self.key, self.longest_wait = keyed(), secrets.token_bytes(16), LONGEST_WAIT

    def begin(self, credentials: Sequence[Credential], router: str, *, accepted: bool = False) -> Attempt | None:
        """As of :meth:`Guard.begin`."""
        with self._lock:
            now = self._clock()
            accounts = [self._accounts.setdefault(one, _Account()) for one in credentials]
            if not accepted:
                for one, account in zip(credentials, accounts, strict=True):
                    self._see(one, account, router, now)
                if not all(account.room(self._limit, now) for account in accounts):
                    return None
            number = next(self._numbers)
            for account in accounts:
                account.under_way[number] = now
        return Attempt(lambda judged: self._ended(number, credentials, router, judged))

    def _see(self, credential: Credential, account: _Account, router: str, now: float) -> None:
        """See that the credential is not withheld from the router.

        Raises:
            LoginWithheld: it is.
        """
        at_router = self._resting.get((credential, router))
        if at_router is not None and now < at_router.until:
            raise _withheld(f"it refused the login as {credential.name}", at_router.until - now)
        if len(account.refused) >= self._limit and now < account.rest.until:
            raise _withheld(refusals(credential, account.refused), account.rest.until - now)

    def _ended(self, number: int, credentials: Sequence[Credential], router: str, judged: Judged) -> None:
        with self._lock:
            now = self._clock()
            for one in credentials:
                accepted, account = judged.of(one), self._accounts[one]
                account.ended(number, accepted, router)
                if accepted is False and len(account.refused) >= self._limit:
                    account.rest.refused(self._rest, now)
                if self._rest is not None:
                    self._rests(one, router, accepted, self._rest, now)

    def _rests(self, credential: Credential, router: str, accepted: bool | None, rest: Rest, now: float) -> None:
        if accepted:
            self._resting.pop((credential, router), None)
        elif accepted is False:
            self._resting.setdefault((credential, router), _Resting()).refused(rest, now)


def refusals(credential: Credential, routers: Sequence[str]) -> str:
    """How often the credential was refused since a success, and by whom, in words; *routers* has one for each time."""
    times, names = counted(len(routers), "time"), list(dict.fromkeys(routers))
    further = f" and {counted(len(names) - _NAMED, 'other')}" if len(names) > _NAMED else ""
    by = ", ".join(names[:_NAMED]) + further
    return f"the login as {credential.name} was refused {times} without a success in between, by {by}"


def _withheld(why: str, left: float) -> LoginWithheld:
    if left == math.inf:
        return LoginWithheld(
            f"not tried: {why}",
            hint="see that user name, password and key are right and the account is not locked, then run it again "
            "(of a push, push --resume goes on with those not tried); --max-refused-logins allows more refusals",
        )
    hours, minutes = round(left / 3600), max(1, round(left / 60))
    when = counted(hours, "hour") if hours > 1 else counted(minutes, "minute")
    return LoginWithheld(
        f"not tried: {why}; it is tried again in {when}, or when the credential was changed",
        hint="see that user name, password and key are right and the account is not locked",
        retry_in=left,
    )
