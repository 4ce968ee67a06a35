"""Tables: readable when narrow, plain without a terminal, and never obeying what a device says."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from agent.cli.view import render
from agent.cli.view.fleetview import plan_groups
from agent.fleet.results.objects import show_object
from agent.fleet.results.record import Kind
from agent.model.method import Method
from agent.model.outcome import Failure, Outcome, Result, Status, StepRecord
from agent.model.pki.certificate import Certificate, Evidence
from agent.model.pki.names import DistinguishedName
from agent.model.plan import Intent
from agent.model.state import PoolEntry, Reading
from agent.remedy.assess import assess
from agent.remedy.plan import plan
from agent.remedy.poll import Sample
from tests.fleet.records import devices, unended
from tests.remedy.states import ANCHOR, CERTIFICATE, LICENSING, NOW, state

EVIL = "\x1b]0;owned\x07[red]root[/red]\x1b[2J"
HOSTILE = state(
    certificate=Certificate(subject=DistinguishedName.parse(f"CN={EVIL}"), source=EVIL),
    licence=replace(LICENSING, fail_message=EVIL, url=f"https://tools.cisco.com/{EVIL}", smart_account=EVIL),
)
OUTCOME = Outcome(
    "r1",
    Result.FAILED,
    release="7.4.1",
    method=Method.RPC,
    evidence=Evidence.NONE,
    steps=(StepRecord("ca-authenticate", Status.FAILED, EVIL),),
    error=Failure("rpc-error", EVIL),
)


def drawn(view: RenderableType, width: int = 100) -> str:
    screen = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    screen.print(view)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


@pytest.mark.parametrize(
    "view",
    [
        render.show_view(HOSTILE, "r1:830"),
        render.verdict_view(assess(HOSTILE, ANCHOR, NOW), NOW),
        render.plan_view(plan(Intent(), HOSTILE)),
        render.outcome_view(OUTCOME),
        render.sample_line(Sample(NOW, "r1", error=EVIL)),
    ],
    ids=["show", "assess", "plan", "push", "poll"],
)
def test_a_device_cannot_write_escape_sequences(view: RenderableType) -> None:
    text = drawn(view)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\\x1b" in text
    assert "[red]" in text.replace("\n", "")


def test_show_names_sources_and_what_is_missing() -> None:
    text = drawn(render.show_view(state(certificate=CERTIFICATE, licence=None), "r1:830"))
    for word in ("um-crypto-cfg", "crypto-cepki-oper", "no licensing model", "DF:71:7E:AA", "2034-01-16", "7.4.1"):
        assert word in text


def test_show_says_what_could_not_be_read() -> None:
    note = "m: /c/count cannot be read: 'many' is no uint32"
    seen = state()
    seen = replace(seen, licensing=replace(seen.licensing, notes=(note,)), syslog=Reading(value=(), notes=(note,) * 2))
    shown = " ".join(drawn(render.show_view(seen, None)).split())
    assert shown.count("/c/count cannot be read") == 2
    made = show_object(seen, address=None)
    assert made.licensing is not None
    assert made.licensing.notes == (note,)
    assert made.certificate is not None
    assert made.certificate.notes == ()


def test_show_has_licensing_in_full() -> None:
    text = drawn(render.show_view(state(), None))
    for word in ("complete", "authorized", "Fail to send out", "Dec 21 2026", "callhome", "DDCEService"):
        assert word in text


def test_tables_hold_a_narrow_terminal() -> None:
    for view in (
        render.show_view(state(), "r1:830"),
        render.verdict_view(assess(state(), ANCHOR, NOW), NOW),
        render.outcome_view(OUTCOME),
        render.plan_view(plan(Intent(), state())),
    ):
        assert all(len(line) <= 60 for line in drawn(view, 60).splitlines())


def test_the_verdict_has_its_deadlines_and_days() -> None:
    text = drawn(render.verdict_view(assess(state(), ANCHOR, NOW), NOW), 120)
    assert "affected" in text
    assert "2027-09-22 (+325 d)" in text


def test_the_plan_shows_each_change() -> None:
    text = drawn(render.plan_view(plan(Intent(), state())))
    assert "+ crypto ca trustpoint Trustpool" in text
    assert "+  enrollment terminal" in text
    assert "> rpc ca-authenticate" in text


def test_a_push_that_does_not_last_says_so() -> None:
    done = replace(OUTCOME, result=Result.REMEDIED, persistent=False, evidence=Evidence.PEM, error=None)
    text = drawn(render.outcome_view(done))
    assert "lost at a reload" in text
    assert "pem" in text
    assert "no source says whether it outlives" in drawn(render.outcome_view(replace(done, persistent=None)))
    nothing = replace(done, persistent=None, evidence=Evidence.NONE)
    assert "outlives" not in drawn(render.outcome_view(nothing))


def test_the_anchor_comes_with_both_fingerprints() -> None:
    text = drawn(render.anchor_lines(ANCHOR, bundled=True), 120)
    assert "DF:71:7E:AA:4A:D9:4E:C9:55:84:99:60:2D:48:DE:5F:BC:F0:3A:25" in text
    assert "5D:56:49:9B" in text
    assert "bundled" in text


def test_a_router_without_a_plan_is_not_among_those_with_nothing_to_do() -> None:
    made = [*devices(2, Kind.PLAN), unended("waiting", "w1"), unended("doubtful", "d1")]
    told = [line.plain.partition("  (")[0] for line in plan_groups(made)]
    assert "1 router: nothing to do" in told
    assert {"1 router: no plan: waiting", "1 router: no plan: doubtful"} <= set(told)


def test_equal_plans_name_their_routers_in_the_order_that_is_given() -> None:
    made = list(devices(40, Kind.PLAN))
    order = {one.device: -number for number, one in enumerate(made)}
    assert [line.plain for line in plan_groups(made, order)] == [line.plain for line in plan_groups(made[::-1])]


def test_a_push_without_steps_has_no_empty_line() -> None:
    nothing = replace(OUTCOME, result=Result.SKIPPED, method=None, steps=())
    first, *others = drawn(render.outcome_view(nothing)).splitlines()
    assert first.startswith("r1 skipped")
    assert all(line.strip() for line in others)


def test_one_certificate_in_the_trustpool_is_one() -> None:
    pool = (PoolEntry(CERTIFICATE),)
    text = drawn(render.show_view(replace(state(), trustpool=Reading(pool, "console")), None))
    assert "1 certificate\n" in text
