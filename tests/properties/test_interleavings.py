"""Any interleaving of faults and retries converges: pushes that are disturbed, then one that is not.

Each example is a few simulated routers side by side, each with up to four faults and pushed to up to three times.
After every push nothing may be held back and the outcome must be true; the last push, on a router that is well again,
must end well with the root installed once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import agent
from agent.model.device import Device as Target
from agent.model.outcome import Outcome, Status
from agent.simulator import Device, Fault, FaultKind, Persona, Simulator, rpc_error
from agent.simulator.datastores import trustpoints
from agent.simulator.device.operstate import State
from tests.support import Clock, DeviceClock, eventually

ROOT = agent.TrustAnchor.bundled()
TIMEOUT = 10.0
"""Seconds for an answer, by the clock of the router's world."""
ROUTERS = 8
AGES = 1000.0
"""Seconds after which the router has taken back every commit on trial that nobody confirmed."""

_BEFORE = ("lock", "edit-config", "validate")
_READS = ("get-config", "get")
_ENDS = ("renew-auth", "unlock", "discard-changes", "close-session")
_DIALOG = "cli:crypto ca authenticate"
_LOST = (
    FaultKind.DROP_BEFORE,
    FaultKind.DROP_AFTER,
    FaultKind.DROP_ANSWERED,
    FaultKind.SILENT,
    FaultKind.DELAY,
    FaultKind.HALF,
    FaultKind.GARBAGE,
    FaultKind.RESET,
)
_NO_HELLO = (FaultKind.DROP_BEFORE, FaultKind.SILENT, FaultKind.HALF, FaultKind.GARBAGE, FaultKind.RESET)
_AT_THE_CLI = (FaultKind.SILENT, FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.ERROR)
_REBOOTS = (FaultKind.REBOOT, FaultKind.REBOOT_AFTER)
_REFUSED = (FaultKind.ERROR, FaultKind.ERROR_AFTER)
_ERRORS = {
    "in-use": rpc_error("in-use", "Datastore locked"),
    "lock-denied": rpc_error("lock-denied", info="<session-id>77</session-id>"),
    "access-denied": rpc_error("access-denied"),
    "operation-failed": rpc_error("operation-failed"),
    "invalid-value": rpc_error("invalid-value", "bad value"),
    "not ready": rpc_error("operation-failed", "This (D)RP Node is not ready or active for login /configuration"),
    "overtaken": rpc_error("operation-failed", "One or more commits have occurred from other configuration sessions"),
}


@dataclass(frozen=True)
class Trouble:
    """A fault as an example shows it."""

    operation: str
    kind: FaultKind
    error: str = ""
    skip: int = 0
    times: int = 1

    def fault(self) -> Fault:
        """A fresh one: a fault counts itself down."""
        data = _ERRORS.get(self.error, b"")
        return Fault(self.operation, self.kind, data, self.times, self.skip, seconds=3 * TIMEOUT)


def _troubles(
    operations: Sequence[str],
    *kinds: FaultKind,
    error: st.SearchStrategy[str] | None = None,
    skips: Sequence[int] = (0, 0, 1),
) -> st.SearchStrategy[Trouble]:
    return st.builds(
        Trouble,
        operation=st.sampled_from(operations),
        kind=st.sampled_from(kinds),
        error=st.just("") if error is None else error,
        skip=st.sampled_from(skips),
        times=st.integers(1, 3),
    )


def _decisive(method: agent.Method, *, confirmed_commit: bool) -> st.SearchStrategy[Trouble]:
    """What can go wrong where the router is changed."""
    commands = (_DIALOG,) if method in (agent.Method.DIALOG, agent.Method.AUTO) else ()
    operations = ("commit", "confirm") if confirmed_commit else ("commit",)
    acts = ("ca-authenticate",) if method is not agent.Method.DIALOG else ()
    typed = _troubles(commands, *_AT_THE_CLI) if commands else st.nothing()
    changes = (*operations, *acts)
    return st.one_of(
        typed,
        _troubles(changes, *_LOST, *_REBOOTS),
        _troubles(changes, *_REFUSED, error=st.sampled_from(sorted(_ERRORS))),
    )


def _around() -> st.SearchStrategy[Trouble]:
    """What can go wrong before, between and after that."""
    errors = st.sampled_from(sorted(_ERRORS))
    # Nobody can know of a reload behind the last answer, so none strikes at the very end.
    return st.one_of(
        _troubles((*_BEFORE, *_ENDS), *_LOST),
        _troubles((*_BEFORE, *_ENDS), *_REFUSED, error=errors),
        _troubles((*_BEFORE, "renew-auth"), *_REBOOTS),
        _troubles(_READS, *_LOST, *_REBOOTS, skips=range(7)),
        _troubles(_READS, FaultKind.EMPTY, FaultKind.ERROR, error=errors, skips=range(7)),
        _troubles(("edit-config", "commit"), FaultKind.OTHER_COMMITS),
        _troubles(("cli:show",), *_AT_THE_CLI),
        _troubles(("connect", "connect-ssh"), FaultKind.DROP_BEFORE, FaultKind.RESET),
        _troubles(("hello",), *_NO_HELLO),
    )


_NUMBERS = itertools.count(1)

METHODS: dict[agent.Method, dict[str, Any]] = {
    agent.Method.RPC: {"terminal_rpc": "installs"},
    agent.Method.FILE: {"release": "25.2.1"},
    agent.Method.DIALOG: {"terminal_rpc": "refused"},
    # The rpc brings nothing, so the dialog's turn comes.
    agent.Method.AUTO: {"terminal_rpc": "ok-without-certificate"},
}


@dataclass(frozen=True)
class Story:
    """What happens to one router before it is well again.

    ``neighbour``: somebody changes the candidate whenever a connection comes and nobody has locked it.
    """

    troubles: tuple[Trouble, ...]
    pushes: int
    method: agent.Method
    confirmed_commit: bool
    neighbour: bool


COUNTS = st.sampled_from((0, 1, 1, 2, 2, 3, 4))


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Any story; of the troubles half are where the router is changed."""
    method, confirmed = draw(st.sampled_from(list(METHODS))), draw(st.booleans())
    decisive, around = _decisive(method, confirmed_commit=confirmed), _around()
    return Story(
        troubles=tuple(draw(st.sampled_from((decisive, around)).flatmap(lambda one: one)) for _ in range(draw(COUNTS))),
        pushes=draw(st.integers(1, 3)),
        method=method,
        confirmed_commit=confirmed,
        neighbour=draw(st.sampled_from([False, False, False, True])),
    )


class Neighbour(Fault):
    """Somebody who is at the candidate as soon as a session was lost, before the next one comes."""

    def __init__(self, device: Device) -> None:
        super().__init__("connect", FaultKind.DELAY)
        self._device = device

    def strikes(self, operation: str) -> bool:
        """Never, as faults go; what it does is at each further connection."""
        device = self._device
        if operation == "connect" and device.last_session and not device.config.locks and not device.config.dirty:
            device.dirty("THEIRS")
        return False


class Recorded(State):
    """Remembers what reloads took, and whether a certificate came to where it was already."""

    taken = doubled = 0

    def install(self, name: str, pem: str, enrollment: str) -> None:
        self.doubled += self.certificates.get(name) == pem
        super().install(name, pem, enrollment)

    def reload(self) -> None:
        before = len(self.certificates)
        super().reload()
        self.taken += before - len(self.certificates)


class World:
    """One router, how it is pushed to, and what must hold after each push."""

    def __init__(self, simulator: Simulator, story: Story) -> None:
        self.story, self.clock, self.said = story, Clock(), ""
        self.device: Device = simulator.add(
            Persona(**METHODS[story.method], confirmed_commit=story.confirmed_commit), name=f"router-{next(_NUMBERS)}"
        )
        self.state = self.device.state = Recorded(self.device.persona)
        self.waits = DeviceClock.of(self.device, self.clock)
        self.device.faults = [trouble.fault() for trouble in story.troubles]
        if story.neighbour:
            self.device.faults.insert(0, Neighbour(self.device))
        self._simulator = simulator

    @property
    def there(self) -> bool:
        """Whether the root is in the trustpoint."""
        return self.state.certificates.get("Trustpool") == ROOT.pem

    @property
    def target(self) -> Target:
        """How it is reached."""
        return Target(
            "127.0.0.1",
            self.device.port,
            ssh_port=self.device.ssh_port,
            username=self._simulator.username,
            password=agent.Secret(self._simulator.password),
            host_keys=agent.HostKeys(pinned=" ".join(self.device.host_key.split()[1:3])),
            label=self.device.name,
            timeout=TIMEOUT,
            open_timeout=60.0,
            clock=self.waits,
        )

    def push(self) -> Outcome | None:
        """One push, judged; None where not even a first session came up."""
        before = self.device.enrollment(), self.there, self.state.authenticates
        target = self.target
        connect = partial(agent.connect, target)
        intent = agent.Intent(method=self.story.method, contact_wait=5, caution=agent.Caution(lock_wait=20))
        try:
            with connect() as session, agent.Ssh(target) as ssh:
                outcome = agent.remediate(session, intent, policy=self.clock.policy(), connect=connect, ssh=ssh)
                there, told = self.there, _told(outcome)
                self.said += f"\n{told}"
                # Not only once the session has ended: it may be somebody else's. An unlock that failed is named.
                assert "unlock" in told or eventually(lambda: not self.device.config.locks), self.said
        except agent.AgentError as error:
            self.said += f"\n{error!r}"
            assert (self.device.enrollment(), self.there, self.state.authenticates) == before, self.said
            return None
        assert eventually(lambda: not self.device.sessions), self.said
        self._left_clean()
        self.clock.now += AGES
        self._true(outcome, before[0], there=there, took=self.state.authenticates - before[2])
        return outcome

    def _left_clean(self) -> None:
        device = self.device
        assert not device.config.locks, self.said
        # The neighbour's candidate may have begun as a copy of a commit on trial.
        theirs = self.story.neighbour and "THEIRS" in trustpoints.read(device.config.candidate)
        assert theirs or not device.config.dirty, self.said
        assert not device.files or all(path.rpartition("/")[2] in self.said for path in device.files), self.said
        assert "THEIRS" not in device.trustpoints(), self.said
        for session in {number for number, operation in device.log if operation == "commit"}:
            assert device.log.count((session, "lock")) >= 2, f"a commit without both locks: {self.said}"

    def _true(self, outcome: Outcome, enrollment: str | None, *, there: bool, took: int) -> None:
        """What the outcome says is so; *enrollment* was there before, a commit on trial is over by now."""
        said, now = self.said, self.device.enrollment()
        assert now in (enrollment, "terminal", "local"), said
        if outcome.well:
            assert there, said
            assert outcome.evidence is not agent.Evidence.NONE, said
        if outcome.result is agent.Result.REMEDIED:
            assert took, said
        elif outcome.result is agent.Result.FAILED:
            assert not (took and there), said
        elif outcome.result is not agent.Result.UNKNOWN:
            assert (took, now) == (0, enrollment), said
        message = outcome.error.message if outcome.error else ""
        undone = [record.status for record in outcome.steps if record.step == "undo"][-1:]
        if undone == [Status.DONE] or message.endswith("is as before"):
            assert now == enrollment, said

    def heal(self) -> None:
        """Everything is well again, some time later."""
        self.device.faults.clear()
        self.device.config.discard()
        self.clock.now += AGES


def _told(outcome: Outcome) -> str:
    steps = "; ".join(f"{record.step} {record.status.value} {record.detail}" for record in outcome.steps)
    return f"{outcome.result.value}, {outcome.evidence.value}: {outcome.error}: {steps}"


def live(simulator: Simulator, story: Story) -> None:
    """The whole story of one router, judged."""
    world = World(simulator, story)
    for _ in range(story.pushes):
        world.push()
    world.heal()
    last = world.push()
    said = world.said
    assert last is not None, said
    assert last.well, said
    assert world.there, said
    assert world.state.authenticates - world.state.taken == 1, said
    assert world.state.doubled == 0, said
    assert set(world.device.trustpoints()) - {"OTHER"} == {"Trustpool"}, said
    assert not world.device.config.dirty, said


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """All routers of the module."""
    with Simulator() as running:
        yield running


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    """Where routers live side by side, since most of their time is waiting."""
    with ThreadPoolExecutor(ROUTERS) as threads:
        yield threads


# Deterministic, so that a run in CI shows what a run here does; more examples find more: raise max_examples by hand.
@settings(derandomize=True, deadline=None, max_examples=45, suppress_health_check=[HealthCheck.too_slow])
@given(lives=st.lists(stories(), min_size=1, max_size=ROUTERS))
def test_whatever_fails_and_is_tried_again_every_router_ends_with_the_root_once(
    simulator: Simulator, pool: ThreadPoolExecutor, lives: list[Story]
) -> None:
    for done in [pool.submit(live, simulator, story) for story in lives]:
        done.result()
