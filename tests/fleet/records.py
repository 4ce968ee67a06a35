"""SYNTHETIC: invented runs and routers for the report, from five of them to thousands; no network is described."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import agent
from agent.fleet.results import objects
from agent.fleet.results.record import DeviceRecord, Kind, Result, RunRecord, RunState
from agent.fleet.results.structs import Step
from agent.model.method import Method
from agent.model.outcome import Failure, Outcome, Status, StepRecord
from agent.model.outcome import Result as PushResult
from agent.model.pki.certificate import Evidence
from agent.model.plan import Plan, Skip, Verdict, VerdictKind
from agent.model.state import ConfigModel
from agent.model.steps import Authenticate

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
ANCHOR = agent.TrustAnchor.bundled()
_CITIES = ("ams", "ber", "fra", "lis", "mad", "osl", "par", "waw", "zrh")
_ROLES = ("cr", "pe", "ar", "bng")
_RELEASES = ("6.6.3", "6.7.2", "7.1.2", "7.3.2", "7.4.1", "7.5.3", "25.2.1")
_AWAY = Failure("connect", "no answer on port 830 within 30 s", "check the route and netconf-yang agent ssh")
_BUSY = Failure("lock-denied", "the candidate is locked by session 4711", "end that session, then push again")
_LOST = Failure("outcome-unknown", "the session ended before commit was answered", "push again: it reads first")
_STEPS = (
    StepRecord("lock", Status.DONE, "held; candidate compared with running at trustpoint Trustpool only"),
    StepRecord("edit-config", Status.DONE, "um-crypto-cfg; validated"),
    StepRecord("commit", Status.DONE, "committed"),
    StepRecord("read back", Status.DONE, "running has 'enrollment terminal'"),
    StepRecord("ca-authenticate", Status.RETRY, "answered ok, which proves nothing yet"),
    StepRecord("read back", Status.DONE, "IdenTrust Commercial Root CA 1 is there, by subject+validity"),
    StepRecord(
        "reload", Status.SKIPPED, "a reload forgets what this enrollment brings: a trustpool import is permanent"
    ),
    StepRecord("contact", Status.DONE, "last contact succeeded at Nov 25 2026 11:38:05 UTC"),
)

# Everything that a form, or who reads it, might obey.
HOSTILE = (
    "</script><script>alert(1)</script><!-- ]]> &lt; \x1b[2J \x00 \u202egpj.exe \ud800 \ufffe http://u:hunter2@ca/"
)
MEGABYTE = "<&" * 500_000


def run(kind: Kind = Kind.PUSH, **changes: object) -> RunRecord:
    """A run that ended."""
    made = RunRecord(
        run="20261125-113000-7f3a",
        kind=kind,
        state=RunState.DONE,
        began=NOW - timedelta(minutes=30),
        ended=NOW - timedelta(minutes=17, seconds=56),
        user="ops",
        host="noc1.example",
        version="0.1.0",
        change_ref="CHG0042317",
        settings={"inventory": "routers.yaml", "workers": 20, "method": "auto", "password": "env:XR_PASSWORD"},
    )
    return made.evolve(**changes)


def counted(devices: Iterator[DeviceRecord]) -> Counter[str]:
    """What the journal counts of *devices*."""
    return Counter(device.word for device in devices)


def devices(count: int, kind: Kind = Kind.PUSH) -> Iterator[DeviceRecord]:
    """*count* routers, each made when it is asked for; most did well, and every way to end comes up."""
    make = {Kind.PUSH: _pushed, Kind.ASSESS: _assessed, Kind.PLAN: _planned}[kind]
    for number in range(count):
        result = make(number, _name(number))
        began = NOW - timedelta(minutes=29) + timedelta(milliseconds=number * 60)
        took = timedelta(seconds=0.3 + number % 17 / 4)
        result = replace(result, address=f"{result.device}.example:830", began=began, ended=began + took)
        yield result.record(ANCHOR).evolve(batch="canary" if number < 5 else f"batch {1 + number // 500}")


def hostile() -> DeviceRecord:
    """One that fills every field with what might be obeyed, or is a megabyte long."""
    step = Step(HOSTILE, Status.FAILED, MEGABYTE)
    plan = objects.unplanned_object(HOSTILE, MEGABYTE, ANCHOR, Failure("connect", HOSTILE, MEGABYTE))
    return DeviceRecord(
        HOSTILE,
        "failed",
        address=MEGABYTE,
        release=HOSTILE,
        batch=HOSTILE,
        reasons=(HOSTILE, MEGABYTE, *(["again"] * 1000)),
        steps=(step,),
        error=plan.error,
        plain=plan.evolve(diff=(HOSTILE, MEGABYTE)),
    )


def unended(word: str, name: str = "ams-cr1") -> DeviceRecord:
    """One of which nothing has come yet: ``doubtful`` or ``waiting``."""
    return DeviceRecord(name, word)


def _name(number: int) -> str:
    return f"{_CITIES[number % 9]}-{_ROLES[number // 9 % 4]}{1 + number // 36}"


def _pushed(number: int, name: str) -> Result:
    release = _RELEASES[number % 7]
    well = Outcome(name, PushResult.REMEDIED, release=release, method=Method.RPC, elapsed_s=1.25)
    well = replace(well, persistent=bool((number + 1) % 3))
    well = replace(well, config_model=ConfigModel.UM_CRYPTO, evidence=Evidence.FINGERPRINT, steps=_STEPS)
    lost = (*_STEPS[:2], StepRecord("commit", Status.UNKNOWN, "no answer"))
    ends = {
        1: replace(well, result=PushResult.UNCHANGED, steps=(), evidence=Evidence.SUBJECT_VALIDITY),
        2: replace(well, result=PushResult.FAILED, steps=_STEPS[:1], evidence=Evidence.NONE, error=_BUSY, method=None),
        3: replace(well, result=PushResult.SKIPPED, steps=(), evidence=Evidence.NONE, error=_no_way(), method=None),
        4: replace(well, result=PushResult.UNKNOWN, steps=lost, evidence=Evidence.NONE, error=_LOST),
    }
    if number % 61 == 7:
        return Result(name, Kind.PUSH, error=_AWAY)
    outcome = ends.get(number if number < 5 else number % 53, well)
    return Result(name, Kind.PUSH, release=release, outcome=outcome)


def _no_way() -> Failure:
    return Failure("skipped", "no model carries the trustpoint and the CLI is ruled out", "leave --no-ssh out")


def _assessed(number: int, name: str) -> Result:
    if number % 61 == 7:
        return Result(name, Kind.ASSESS, error=_AWAY)
    last = NOW - timedelta(days=number * 37 % 400 if number % 3 else number % 28, hours=number % 24)
    kinds = (VerdictKind.AFFECTED, VerdictKind.NOT_AFFECTED, VerdictKind.REMEDIED, VerdictKind.UNKNOWN)
    kind = kinds[number % 4] if number < 5 else kinds[0 if number % 3 else 1 + number % 2]
    affected = (
        "trustpoint Trustpool shows no CA certificate",
        "the trustpool does not list IdenTrust Commercial Root CA 1",
        f"release {_RELEASES[number % 7]} is on the list of FN72290",
        "the device logged SMART_LIC-3-COMM_FAILED 2 times, last at Nov 22 23:38:02.112",
    )
    reasons = {
        VerdictKind.AFFECTED: affected,
        VerdictKind.UNKNOWN: ("no licensing model and no CLI: the last contact is not known",),
    }.get(kind, ("IdenTrust Commercial Root CA 1 is there, by fingerprint",))
    days = {"comm_failed": 30, "authorization_expired": 90, "unregistered": 365}
    known = kind is not VerdictKind.UNKNOWN
    deadlines = tuple((deadline, last + timedelta(days=after)) for deadline, after in days.items() if known)
    return Result(name, Kind.ASSESS, release=_RELEASES[number % 7], verdict=Verdict(name, kind, reasons, deadlines, ()))


def _planned(number: int, name: str) -> Result:
    if number % 5 == 3:
        return Result(name, Kind.PLAN, plan=Skip(name, _no_way().message, _no_way().hint))
    step = Authenticate("Trustpool", ANCHOR)
    steps = () if number % 5 == 1 else (step,)
    made = Plan(name, agent.Intent(), Method.RPC, ConfigModel.UM_CRYPTO, steps, _RELEASES[number % 7])
    return Result(name, Kind.PLAN, release=made.release, plan=made)
