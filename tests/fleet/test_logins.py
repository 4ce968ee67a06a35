"""No credential is tried further once it was refused so often that an account might be locked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

import agent
from agent.fleet.run.credential import Credential, keyed, presented
from agent.fleet.run.logins import Attempt, Judged, Logins, Rest, turn
from agent.model.errors import (
    AgentError,
    ConnectError,
    HostKeyError,
    Interrupted,
    LoginWithheld,
    SSHAuthenticationError,
)
from agent.model.outcome import Wait, Waiting
from agent.netconf.retry import Policy, completed
from tests.support import Clock
from tests.threads import THREADS, at_once

ADMIN, OTHER = Credential("admin", b"1"), Credential("other", b"2")
JUMP = Credential("ops", jump=True)
ACCEPTED, REFUSED = Judged(router=True, jump=True), Judged(router=False, jump=True)


def refused(*, at_jump: bool = False, by_server: bool = True) -> SSHAuthenticationError:
    error = SSHAuthenticationError("it refused the login", refused=by_server)
    error.at_jump = at_jump
    return error


def begun(logins: Logins, *credentials: Credential, router: str = "r1", accepted: bool = False) -> Attempt:
    attempt = logins.begin(credentials or (ADMIN,), router, accepted=accepted)
    assert attempt is not None
    return attempt


def waits(logins: Logins, *credentials: Credential, router: str = "r9") -> bool:
    """Whether a login would have to wait; where not, it ends without a word."""
    attempt = logins.begin(credentials or (ADMIN,), router)
    if attempt is not None:
        attempt.end(Judged())
    return attempt is None


def end(logins: Logins, judged: Judged, *credentials: Credential, router: str = "r1") -> None:
    begun(logins, *credentials, router=router).end(judged)


def withheld(logins: Logins, *credentials: Credential, router: str = "r9") -> LoginWithheld:
    with pytest.raises(LoginWithheld) as raised:
        logins.begin(credentials or (ADMIN,), router)
    return raised.value


def test_the_first_login_is_alone_until_it_was_accepted() -> None:
    logins = Logins()
    first = begun(logins)
    assert waits(logins)
    first.end(ACCEPTED)
    assert not any(logins.begin((ADMIN,), f"r{number}") is None for number in range(1000))


@pytest.mark.parametrize("error", [ConnectError("away"), HostKeyError("changed"), refused(by_server=False), None])
def test_after_a_login_that_says_nothing_the_next_one_is_alone_as_well(error: AgentError | None) -> None:
    logins = Logins()
    first = begun(logins)
    first.end(Judged() if error is None else Judged.by(error))
    second = begun(logins)
    assert waits(logins)
    second.end(ACCEPTED)
    assert not waits(logins)


def test_at_the_limit_nothing_more_is_tried_with_it_and_it_is_said_why() -> None:
    logins = Logins()
    for router in ("r1", "r2", "r3"):
        end(logins, REFUSED, router=router)
    error = withheld(logins)
    assert (error.kind, error.retry_in) == ("login-withheld", None)
    assert error.message == (
        "not tried: the login as admin was refused 3 times without a success in between, by r1, r2, r3"
    )
    assert error.hint is not None
    assert "push --resume" in error.hint
    assert "--max-refused-logins" in error.hint
    assert not waits(logins, OTHER)


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_the_limit_is_the_users(limit: int) -> None:
    logins = Logins(limit)
    for _ in range(limit):
        end(logins, REFUSED)
    withheld(logins)


def test_a_success_forgets_the_refusals_before_it() -> None:
    logins = Logins()
    for _ in range(5):
        end(logins, REFUSED)
        end(logins, REFUSED)
        end(logins, ACCEPTED)
    end(logins, REFUSED)
    end(logins, REFUSED)
    end(logins, REFUSED)
    withheld(logins)


def test_after_refusals_no_more_are_under_way_than_could_be_refused_before_the_limit() -> None:
    logins = Logins()
    end(logins, ACCEPTED)
    end(logins, REFUSED)
    two = [begun(logins), begun(logins)]
    assert waits(logins)
    two[0].end(REFUSED)
    assert waits(logins)
    two[1].end(ACCEPTED)
    assert not any(logins.begin((ADMIN,), "r1") is None for _ in range(100))


def test_logins_that_were_under_way_when_it_was_refused_count_against_the_room() -> None:
    logins = Logins()
    end(logins, ACCEPTED)
    many = [begun(logins) for _ in range(50)]
    many[0].end(REFUSED)
    assert waits(logins)
    for attempt in many[1:48]:
        attempt.end(Judged())
    assert waits(logins)
    many[48].end(Judged())
    assert not waits(logins)


def test_a_router_that_does_not_answer_does_not_keep_the_others_waiting_for_long(clock: Clock) -> None:
    logins = Logins(clock=lambda: clock.now)
    first = begun(logins)
    clock.now = 9.9
    assert waits(logins)
    clock.now = 10.0
    second = begun(logins)
    assert waits(logins)
    clock.now = 20.0
    third = begun(logins)
    clock.now = 1e6
    assert waits(logins)  # each of the three may still be refused
    for attempt in (first, second, third):
        attempt.end(REFUSED)
    withheld(logins)


def test_a_refusal_at_the_jump_host_is_counted_for_its_credential_alone() -> None:
    logins = Logins()
    for _ in range(3):
        end(logins, Judged.by(refused(at_jump=True)), ADMIN, JUMP)
    assert "the login as ops at the jump host was refused 3 times" in withheld(logins, ADMIN, JUMP).message
    end(logins, ACCEPTED, ADMIN)


def test_a_refusal_behind_the_jump_host_proves_the_credential_of_that() -> None:
    logins = Logins()
    end(logins, Judged.by(refused()), ADMIN, JUMP)
    flying = [begun(logins, OTHER, JUMP)]
    assert waits(logins, OTHER, JUMP)
    flying.append(begun(logins, Credential("third"), JUMP))
    for attempt in flying:
        attempt.end(ACCEPTED)
    assert not waits(logins, JUMP, router="another")


def test_where_one_of_two_has_to_wait_the_other_is_not_taken() -> None:
    logins = Logins()
    held = begun(logins, JUMP)
    assert waits(logins, ADMIN, JUMP)
    assert not waits(logins, ADMIN)
    held.end(ACCEPTED)
    begun(logins, ADMIN, JUMP)


def test_what_was_begun_at_a_router_that_took_the_credential_is_seen_through() -> None:
    logins = Logins()
    for _ in range(3):
        end(logins, REFUSED)
    withheld(logins)
    begun(logins, accepted=True).end(Judged())
    withheld(logins)
    begun(logins, accepted=True).end(ACCEPTED)
    assert not waits(logins)


def test_an_attempt_ends_with_its_block_and_once() -> None:
    logins = Logins()
    with pytest.raises(SSHAuthenticationError), begun(logins) as attempt:
        raise refused()
    attempt.end(REFUSED)
    attempt.end(REFUSED)
    with begun(logins):
        pass
    assert not waits(logins)


def test_a_wait_for_the_turn_is_a_value_that_can_be_cancelled(clock: Clock) -> None:
    logins = Logins()
    first = begun(logins)
    steps = turn(logins, (ADMIN,), "r2", clock.policy(stop=lambda _: False))
    step = next(steps)
    assert isinstance(step, Wait)
    assert (step.why, step.breakable, step.seconds > 0) == (Waiting.TURN, True, True)
    with pytest.raises(Interrupted):
        completed(turn(logins, (ADMIN,), "r3", clock.policy(stop=lambda _: True)), clock.policy(stop=lambda _: True))
    first.end(ACCEPTED)
    assert isinstance(completed(steps, clock.policy()), Attempt)


def test_who_waits_is_told_when_the_credential_is_withheld_meanwhile(clock: Clock) -> None:
    logins = Logins(1)
    first = begun(logins)
    steps = turn(logins, (ADMIN,), "r2", clock.policy())
    next(steps)
    first.end(REFUSED)
    with pytest.raises(LoginWithheld, match="by r1"):
        next(steps)


HOUR = 3600.0


def test_a_router_that_refused_rests_an_hour_then_twice_that_at_most_a_day(clock: Clock) -> None:
    logins = Logins(rest=Rest(), clock=lambda: clock.now)
    seen = []
    for _ in range(7):
        end(logins, ACCEPTED, router="good")  # so that the credential itself is never withheld
        end(logins, REFUSED, router="bad")
        error = withheld(logins, router="bad")
        assert error.retry_in is not None
        seen.append(error.retry_in / HOUR)
        clock.now += error.retry_in - 1
        withheld(logins, router="bad")
        clock.now += 1
    assert seen == [1, 2, 4, 8, 16, 24, 24]
    end(logins, ACCEPTED, router="bad")
    end(logins, REFUSED, router="bad")
    error = withheld(logins, router="bad")
    assert error.retry_in == HOUR
    assert error.message == (
        "not tried: it refused the login as admin; it is tried again in 60 minutes, or when the credential was changed"
    )


def test_a_credential_that_rested_is_tried_by_one_login_alone(clock: Clock) -> None:
    logins = Logins(rest=Rest(), clock=lambda: clock.now)
    end(logins, ACCEPTED, router="r0")
    many = [begun(logins, router=f"r{number}") for number in range(50)]
    for attempt in many:
        attempt.end(REFUSED)
    assert withheld(logins, router="new").retry_in == HOUR
    clock.now += HOUR
    one = begun(logins, router="new")
    assert waits(logins, router="newer")
    one.end(REFUSED)
    assert withheld(logins, router="newer").retry_in == 2 * HOUR
    clock.now += 2 * HOUR
    end(logins, ACCEPTED, router="newer")
    assert not any(logins.begin((ADMIN,), f"n{number}") is None for number in range(50))


def test_a_changed_credential_is_another_one(clock: Clock) -> None:
    logins = Logins(1, rest=Rest(), clock=lambda: clock.now)
    end(logins, REFUSED, router="r1")
    withheld(logins, router="r1")
    begun(logins, Credential("admin", b"new"), router="r1")


def test_the_same_credential_is_known_by_user_password_keys_and_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent.1")
    monkeypatch.setenv("HOME", str(tmp_path))
    config, key = tmp_path / "config", tmp_path / "key"
    config.touch()
    key.write_text("1")
    digest = keyed()

    def of(host: str = "r1", **given: object) -> tuple[Credential, ...]:
        return presented(agent.Device(host, ssh_config=config, **given), digest)  # type: ignore[arg-type]

    password, jump = agent.Secret("s3cr3t"), agent.Device("j1", username="ops", ssh_config=config)
    first = of(username="admin", password=password)
    assert first == of("r2", username="admin", password=agent.Secret("s3cr3t"), port=22)
    different = [
        first,
        of(username="admin", password=agent.Secret("other")),
        of(username="root", password=password),
        of(username="admin", key_file=key),
        of(username="admin"),
        of(username="admin", use_agent=False),
    ]
    assert len(set(different)) == len(different)
    own, at_jump = of(username="admin", password=password, jump=jump)
    assert (own, at_jump) == (*first, replace(*of(username="ops"), jump=True))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519").write_text("a new one")
    assert of(username="admin") != different[4]
    assert of(username="admin", password=password) == first
    before = of(key_file=key)
    key.write_text("12")
    assert of(key_file=key) != before
    config.write_text(f"Host r2\n  IdentityFile {key}\n")
    assert of("r2", username="admin", password=password) == first
    before = of(username="admin")
    assert of("r2", username="admin") != before
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent.2")
    assert of(username="admin") != before
    assert presented(agent.Device("r1", ssh_config=config, password=password), keyed()) != of(password=password)


def test_no_password_shows_in_what_is_compared() -> None:
    (one,) = presented(agent.Device("r1", username="admin", password=agent.Secret("s3cr3t")), keyed())
    assert "s3cr3t" not in repr(one)
    assert one.password is not None
    assert b"s3cr3t" not in one.password
    assert repr(one.password) not in repr(one)


@dataclass
class Server:
    """An AAA server that counts: how many logins there were, how many at once, how many refusals in a row."""

    accepts: Callable[[int], bool]
    tried: int = 0
    most: int = 0
    in_turn: int = 0
    most_in_turn: int = 0
    alone: bool = True
    _there: int = 0
    _accepted: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def login(self, number: int) -> None:
        with self._lock:
            self.tried += 1
            self._there += 1
            self.most = max(self.most, self._there)
            self.alone = self.alone and (self._accepted or self._there == 1)
        time.sleep(0.0005 * (number % 3))
        with self._lock:
            self._there -= 1
            taken = self.accepts(number)
            self._accepted = self._accepted or taken
            self.in_turn = 0 if taken else self.in_turn + 1
            self.most_in_turn = max(self.most_in_turn, self.in_turn)
        if not taken:
            raise refused()


def run(logins: Logins, server: Server) -> Iterator[str]:
    """How each of many threads fared that log in three times."""
    policy = Policy(sleep=lambda _: time.sleep(0))

    def work(number: int) -> str:
        for _ in range(3):
            try:
                with completed(turn(logins, (ADMIN,), f"r{number}", policy), policy):
                    server.login(number)
            except SSHAuthenticationError:
                return "refused"
            except LoginWithheld:
                return "withheld"
        return "accepted"

    yield from at_once(work)


def test_of_many_threads_no_more_are_refused_than_the_limit() -> None:
    for limit in (1, 3, 7):
        server = Server(accepts=lambda _: False)
        ends = list(run(Logins(limit), server))
        assert (server.tried, server.most_in_turn, server.most) == (limit, limit, 1)
        assert (ends.count("refused"), ends.count("withheld")) == (limit, THREADS - limit)


def test_many_threads_go_at_once_when_the_first_was_accepted() -> None:
    server = Server(accepts=lambda _: True)
    assert set(run(Logins(), server)) == {"accepted"}
    assert (server.tried, server.alone) == (3 * THREADS, True)


def test_routers_that_refuse_among_many_that_accept_stop_nothing_but_themselves() -> None:
    server = Server(accepts=lambda number: number % 8 > 0)
    ends = list(run(Logins(9), server))  # eight refuse, each once
    assert (ends.count("refused"), ends.count("withheld")) == (8, 0)
    assert server.alone


def test_the_turns_of_many_threads_are_all_given_back() -> None:
    logins = Logins(10**6)

    def work(number: int) -> None:
        for again in range(50):
            one = logins.begin((ADMIN, JUMP), f"r{number}")
            if one is not None:
                one.end((ACCEPTED, REFUSED, Judged(), Judged(jump=False))[(number + again) % 4])

    at_once(work)
    end(logins, ACCEPTED, ADMIN, JUMP)
    assert not waits(logins, ADMIN, JUMP)
    assert {len(one.under_way) for one in logins._accounts.values()} == {0}
