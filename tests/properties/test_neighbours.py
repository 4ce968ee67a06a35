"""Others work at the router at any moment of a push, which itself may be killed and repeated.

Each example is a few simulated routers side by side, which behave as one of several servers. At each a neighbour does
what the server's rules allow, as rpcs of the push arrive: configuration by NETCONF and at the console, on trial and
for good, edits that stay uncommitted, certificates, locks taken and broken. Any push but the last may be killed, with
the write-ahead log left as it was at that moment.

After every push the neighbour finds everything as it was left, but for what no client could have prevented:

- what was committed while a commit was on trial goes with it where a server lets it in and then takes the trial back;
- a server that grants the lock of a changed candidate has called it clean: those that do so for everything (none of
  those seen), and what clixon leaves in a candidate behind a trial of the neighbour's own, are not asked for;
- what is just as a push made it, or was about to, cannot be told from that push's own once its locks were broken;
- no lock covers certificates, so one that comes or goes as the action that installs ours arrives is overwritten.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import agent
from agent.model.outcome import Outcome, Status
from agent.simulator import CLIXON, NETOPEER2, Behaviour, Device, Fault, FaultKind, Persona, Simulator
from agent.simulator.datastores import trustpoints
from agent.simulator.device.operstate import State
from tests.inprocess import Process
from tests.model.test_anchor import make_pem
from tests.properties.neighbour import OURS, PERSIST, THEIRS, URL, Deed, Neighbour

ROOT, ANOTHER = agent.TrustAnchor.bundled().pem, make_pem("Somebody Else")
EXAMPLES, ROUTERS = 250, 8
"""Their product is how many interleavings are tried."""
AGES = 1000.0
"""Seconds after which a router has taken back every commit on trial that nobody confirmed."""
_NUMBERS = itertools.count(1)

# Neither of both is what a neighbour's work shows more of: the YANG library has tests of its own.
_CLIXON = replace(CLIXON, library=None)
_BEHAVIOURS = (
    Behaviour(),
    NETOPEER2,
    _CLIXON,
    replace(NETOPEER2, unlock_discards=False, refused_trial_pends=(), dirty_lock="resource-denied"),
    replace(_CLIXON, confirm_commits=True, wrong_persist="invalid-value", dirty_lock="operation-failed"),
    Behaviour(
        trial_lock="granted", dirty_lock="operation-failed", confirm_commits=True, rollback_resets_candidate=False
    ),
    Behaviour(trial_lock="operation-failed", unlock_discards=False, commits_nothing=True, late=0.0),
)
METHODS: dict[agent.Method, dict[str, Any]] = {
    agent.Method.RPC: {"terminal_rpc": "installs"},
    agent.Method.FILE: {"release": "25.2.1"},
    agent.Method.DIALOG: {"terminal_rpc": "refused"},
    # The rpc brings nothing, so the dialog's turn comes.
    agent.Method.AUTO: {"terminal_rpc": "ok-without-certificate"},
}
_RPCS = (
    "connect",
    "get",
    "get-config",
    "lock",
    "edit-config",
    "validate",
    "commit",
    "confirm",
    "cancel-commit",
    "discard-changes",
    "ca-authenticate",
    "renew-auth",
    "unlock",
    "close-session",
)
_CERTIFICATE = "get:crypto-certificate-authority"
_AT_THE_CLI = ("cli:", "cli:crypto ca authenticate", "cli:commit")


@dataclass(frozen=True)
class Moment:
    """When it happens: as the rpc arrives, once *skip* others of the same *operation* have."""

    operation: str
    skip: int


@dataclass(frozen=True)
class Push:
    """A push and what happens in it; *killed*: when its process dies, *answered*: only after that rpc's effect.

    *later*: the seconds until the next one.
    """

    deeds: tuple[tuple[Moment, tuple[Deed, ...]], ...]
    killed: Moment | None
    answered: bool
    later: float


@dataclass(frozen=True)
class Story:
    """What happens at one router before the neighbour leaves and a last push is left alone."""

    behaviour: Behaviour
    method: agent.Method
    commit: agent.CommitMode
    pushes: tuple[Push, ...]


_NAMES = st.sampled_from((OURS, OURS, THEIRS))
_ENROLLMENTS = st.sampled_from(("terminal", "terminal", URL))
_AUTHENTICATE: st.SearchStrategy[Deed] = st.tuples(st.just("authenticate"), st.sampled_from((ROOT, ANOTHER)))
_DEEDS: st.SearchStrategy[Deed] = st.one_of(
    st.tuples(st.just("edit"), _NAMES, _ENROLLMENTS),
    st.tuples(st.just("remove"), _NAMES),
    st.tuples(st.just("console"), _NAMES, st.one_of(_ENROLLMENTS, st.just(""))),
    _AUTHENTICATE,
    st.tuples(st.sampled_from(("lock", "unlock")), st.sampled_from(("running", "candidate"))),
    st.sampled_from(("commit", "discard", "commit_on_trial", "confirm", "cancel", "clear", "kill", "end")).map(
        lambda name: (name,)
    ),
    st.tuples(st.just("pass"), st.sampled_from(("30", "130", "1000"))),
)
_CONSOLE: st.SearchStrategy[Deed] = st.tuples(st.just("console"), st.just(OURS), _ENROLLMENTS)
_TOGETHER: st.SearchStrategy[tuple[Deed, ...]] = st.one_of(
    st.tuples(_CONSOLE),
    st.tuples(_CONSOLE, _AUTHENTICATE),
    st.tuples(st.just(("kill",)), _CONSOLE),
    st.tuples(st.just(("kill",)), _CONSOLE, _AUTHENTICATE),
    st.lists(_DEEDS, min_size=1, max_size=3).map(tuple),
    st.tuples(st.just(("kill",)), _DEEDS, st.just(("commit",))),
    st.tuples(st.tuples(st.just("edit"), _NAMES, _ENROLLMENTS), st.sampled_from((("commit",), ("commit_on_trial",)))),
)


def _moments(method: agent.Method) -> st.SearchStrategy[Moment]:
    cli = _AT_THE_CLI if method is not agent.Method.RPC else ()
    return st.one_of(
        st.builds(Moment, st.just("*"), st.integers(0, 40)),
        st.builds(Moment, st.sampled_from((*_RPCS, *cli)), st.sampled_from((0, 0, 0, 1, 2))),
    )


def _pushes(method: agent.Method) -> st.SearchStrategy[Push]:
    moments = _moments(method)
    return st.builds(
        Push,
        deeds=st.lists(st.tuples(moments, _TOGETHER), min_size=1, max_size=4).map(tuple),
        killed=st.one_of(st.none(), moments),
        answered=st.booleans(),
        later=st.sampled_from((0.0, 0.0, 60.0, AGES)),
    )


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Any story; most of them by rpc alone, since the CLI costs an SSH connection."""
    method = draw(st.sampled_from([agent.Method.RPC] * 7 + list(METHODS)))
    return Story(
        behaviour=draw(st.sampled_from(_BEHAVIOURS)),
        method=method,
        commit=draw(st.sampled_from((agent.CommitMode.AUTO, agent.CommitMode.AUTO, agent.CommitMode.PLAIN))),
        pushes=tuple(draw(st.lists(_pushes(method), min_size=1, max_size=2))),
    )


class Watched(Fault):
    """No fault: notes when an operation of the name came."""

    def __init__(self, operation: str, stamps: Iterator[int]) -> None:
        super().__init__(operation, FaultKind.DELAY)
        self._stamps, self.last = stamps, 0

    def strikes(self, operation: str) -> bool:
        if operation == self.operation:
            self.last = next(self._stamps)
        return False


class Recorded(State):
    """Counts what pushes installed, and tells where that replaced a certificate."""

    world: World
    ours = 0

    def install(self, name: str, pem: str, enrollment: str) -> None:
        if not self.world.neighbour.acting:
            self.ours += 1
            self.world.installs_over(self.certificates.get(name))
        super().install(name, pem, enrollment)


class World:
    """One router, how it is pushed to, and what must hold after each push."""

    def __init__(self, simulator: Simulator, story: Story) -> None:
        self.story, self.said = story, f"{story}"
        persona = Persona(**METHODS[story.method], behaviour=story.behaviour)
        if story.method is agent.Method.RPC:
            self.device = Device(f"router-{next(_NUMBERS)}", persona, post=simulator.post)
        else:
            self.device = simulator.add(persona, name=f"router-{next(_NUMBERS)}")
        self.neighbour = Neighbour(self.device)
        self.state = self.device.state = Recorded(persona)
        self.state.world = self
        self.process = Process(simulator, self.device)
        self.clock = self.process.clock
        self.replaced: list[str] = []
        self._bare = False
        self._began = 0
        self._arrived: list[Watched] = []
        self._ended = Watched("close-session", self.neighbour.stamps)
        self._read: dict[str, list[Watched]] = {}

    # --- one push ------------------------------------------------------------------------------------------------

    def push(self, happens: Push | None) -> Outcome | None:
        """One push; None where its process died or no session came up."""
        self._prepare(happens)
        self._began = len(self.device.log)
        caution = agent.Caution(lock_wait=20, commit=self.story.commit)
        end = self.process.push(agent.Intent(method=self.story.method, contact_wait=5, caution=caution))
        self.said += f"\n{_told(end) if isinstance(end, Outcome) else repr(end)}"
        return end if isinstance(end, Outcome) else None

    def _prepare(self, happens: Push | None) -> None:
        stamps = self.neighbour.stamps
        self._arrived = [Watched(name, stamps) for name in ("ca-authenticate", "cli:crypto ca authenticate")]
        self._ended = Watched("close-session", stamps)
        self._read = {
            "certificate": [Watched(name, stamps) for name in (_CERTIFICATE, "cli:show crypto ca")],
            OURS: [Watched(name, stamps) for name in ("get-config", "cli:show running-config")],
        }
        deeds = happens.deeds if happens else ()
        dies = []
        if happens and (killed := happens.killed):
            dies.append(self.process.death(killed.operation, skip=killed.skip, answered=happens.answered))
        self.device.faults = [
            *self._arrived,
            self._ended,
            *(
                Fault(moment.operation, FaultKind.MEANWHILE, skip=moment.skip, act=partial(self._do, what))
                for moment, what in deeds
            ),
            *self._read["certificate"],
            *self._read[OURS],
            *dies,
        ]

    def _do(self, deeds: tuple[Deed, ...]) -> None:
        for deed in deeds:
            if deed[0] == "pass":
                self.clock.now += float(deed[1])
            else:
                self.neighbour.do(deed)
                self._alike()

    def _alike(self) -> None:
        """What is just as a push made it, or was about to, is taken for that push's: nothing tells them apart."""
        left, edited = self.process.log.unfinished(), self.neighbour.ledger.candidate
        made = self.neighbour.ledger.running.get(OURS)
        committed = "commit" in {operation for _, operation in self.device.log[self._began :]}
        if committed and made is not None and made.enrollment in ("terminal", "local"):
            del self.neighbour.ledger.running[OURS]
        if left is not None and OURS in edited:
            line = edited[OURS] and f"enrollment {edited[OURS]}"
            if line == left.wanted:
                edited.clear()
                self.neighbour.ledger.mixed = True

    def installs_over(self, pem: str | None) -> None:
        """A push installs the root where *pem* is; it could know unless that came as the action arrived.

        Or behind the last look: nobody waits for the end of the session that saw a commit on trial, so it may end then.
        """
        came, looked = (
            self.neighbour.touched.get("certificate", 0),
            max(read.last for read in self._read["certificate"]),
        )
        if came > max(watch.last for watch in self._arrived) or came > self._ended.last > looked:
            self.neighbour.ledger.certificates.pop(OURS, None)
        elif pem is not None:
            self.replaced.append("the root" if pem == ROOT else "another certificate")

    # --- what must hold ------------------------------------------------------------------------------------------

    def live(self) -> None:
        """The whole story, judged."""
        for push in self.story.pushes:
            self._bare = self._settled() is None and self.state.certificates.get(OURS) == ROOT
            before = self._settled(), self.state.ours
            outcome = self.push(push)
            self._undisturbed()
            if outcome is not None:
                self._left_clean(outcome)
                there = self.there
                self.clock.now += AGES
                self._true(outcome, *before, there=there)
            self.clock.now += push.later
        self.device.post(self.neighbour.leave)
        self.clock.now += AGES
        self._converges()

    @property
    def there(self) -> bool:
        """Whether the trustpoint holds the root and is configured, which it need not be where it was not before."""
        made = self.neighbour.ledger.running.get(OURS)
        taken = made is not None and made.enrollment is None
        configured = OURS in self.device.trustpoints()
        return self.state.certificates.get(OURS) == ROOT and (configured or self._bare or taken)

    def _settled(self) -> str | None:
        """The trustpoint's enrollment once a commit on trial is taken back."""
        trial = self.device.config.trial
        if trial is None:
            return self.device.enrollment()
        found = trustpoints.read(trial.before).get(OURS)
        return found.enrollment if found else None

    def _undisturbed(self) -> None:
        wrong = self.neighbour.wronged() + [f"{what} was replaced" for what in self.replaced]
        assert not wrong, f"{wrong}: {self.said}"

    def _left_clean(self, outcome: Outcome) -> None:
        """Nothing of ours is locked, on trial or uncommitted, or the outcome says so."""
        config, ledger, told = self.device.config, self.neighbour.ledger, _told(outcome)
        assert set(config.locks.values()) <= {self.neighbour.session.session_id}, self.said
        trial = config.trial
        assert trial is None or trial.persist == PERSIST or "trial" in told, self.said
        ours = trustpoints.read(config.candidate).get(OURS) != trustpoints.read(config.running).get(OURS)
        theirs = ledger.mixed or ledger.tried or OURS in ledger.candidate
        assert not ours or theirs or trial is not None or "candidate" in told, self.said

    def _true(self, outcome: Outcome, enrollment: str | None, installed: int, *, there: bool) -> None:
        """What the outcome says is so a minute later, but for what the neighbour did behind the last look."""
        said, took = self.said, self.state.ours - installed
        if outcome.well and not (self._behind("certificate") or self._behind(OURS)):
            assert self.there, said
            assert outcome.evidence is not agent.Evidence.NONE, said
        if outcome.result is agent.Result.FAILED and not self._behind("certificate"):
            assert not (took and there), said
        if outcome.result in (agent.Result.UNCHANGED, agent.Result.SKIPPED):
            assert not took, said
        message = outcome.error.message if outcome.error else ""
        undone = [record.status for record in outcome.steps if record.step == "undo"][-1:]
        if (undone == [Status.DONE] or message.endswith("is as before")) and not self._behind(OURS):
            assert self.device.enrollment() in (enrollment, self._noted()), said

    def _noted(self) -> str | None:
        made = self.neighbour.ledger.running.get(OURS)
        return made.enrollment if made else None

    def _behind(self, what: str) -> bool:
        """Whether the neighbour changed *what* after the push looked last."""
        return self.neighbour.touched.get(what, 0) > max(watch.last for watch in self._read[what])

    def _converges(self) -> None:
        """A push that is left alone installs the root once, unless somebody else's settings forbid it."""
        pem, enrollment = self.state.certificates.get(OURS), self.device.enrollment()
        last = self.push(None)
        said, ledger = self.said, self.neighbour.ledger
        assert last is not None, said
        self._undisturbed()
        self._left_clean(last)
        assert last.well or last.result is agent.Result.SKIPPED, said
        own = "local" if self.story.method is agent.Method.FILE else "terminal"
        if pem == ROOT or (pem is None and enrollment in (None, own)):
            assert last.well, said
            assert self.state.certificates.get(OURS) == ROOT, said
        assert self.state.ours <= 1 + ledger.cleared + ledger.brought, said
        assert not self.device.config.dirty, said
        assert self.device.config.trial is None, said


def _told(outcome: Outcome) -> str:
    steps = "; ".join(f"{record.step} {record.status.value} {record.detail}" for record in outcome.steps)
    return f"{outcome.result.value}, {outcome.evidence.value}: {outcome.error}: {steps}"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """All routers of the module."""
    with Simulator() as running:
        yield running


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    """Where routers live side by side."""
    with ThreadPoolExecutor(ROUTERS) as threads:
        yield threads


# Deterministic, so that a run in CI shows what a run here does; more examples find more: raise EXAMPLES by hand.
@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=EXAMPLES,
    phases=[Phase.generate],  # a failure shows its story at once; to shrink hundreds of pushes takes long
    suppress_health_check=list(HealthCheck),
)
@given(lives=st.lists(stories(), min_size=ROUTERS, max_size=ROUTERS))
def test_what_a_neighbour_made_is_as_it_was_left_and_every_outcome_is_true(
    simulator: Simulator, pool: ThreadPoolExecutor, lives: list[Story]
) -> None:
    for done in [pool.submit(World(simulator, story).live) for story in lives]:
        done.result()
