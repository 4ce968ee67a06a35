"""What a report counts: of the whole run, of each site, and of each group; who is remedied is in no need."""

from __future__ import annotations

from datetime import timedelta

from agent.fleet.report.shown import why
from agent.fleet.report.summary import Counting, Need, Summary, Tally
from agent.fleet.results.record import DeviceRecord
from agent.fleet.results.structs import Push, Step
from agent.model.outcome import Result, Status
from tests.fleet.records import NOW


def due(**days: int) -> dict[str, object]:
    return {"deadlines": {name: NOW + timedelta(days=number) for name, number in days.items()}}


def summary(*devices: DeviceRecord) -> Summary:
    counting = Counting(NOW)
    assert list(counting.each(devices)) == list(devices)
    return counting.summary


def failed(name: str, **more: object) -> DeviceRecord:
    return DeviceRecord(name, "failed").evolve(**more)


def test_who_is_in_need_by_when_goes_by_the_next_deadline() -> None:
    made = summary(
        failed("over", **due(comm_failed=-400, unregistered=-35)),
        failed("week", **due(comm_failed=-30, authorization_expired=3)),
        failed("month", **due(comm_failed=20)),
        failed("later", **due(comm_failed=29)),
        failed("unknown"),
        DeviceRecord("planned", "planned", well=True).evolve(**due(comm_failed=1)),
        DeviceRecord("cured", "remedied", well=True).evolve(**due(comm_failed=1)),
        DeviceRecord("other", "not-affected", well=True).evolve(**due(comm_failed=1)),
    )
    assert made.total.in_need == Need(passed=1, week=2, month=1, later=1, unknown=1)
    assert (made.total.routers, made.total.look, made.total.in_need.total) == (8, 5, 6)
    assert [(one.device, one.deadline) for one in made.soonest] == [
        ("over", "unregistered"),
        ("planned", "comm_failed"),
        ("week", "authorization_expired"),
        ("month", "comm_failed"),
        ("later", "comm_failed"),
    ]


def test_only_the_soonest_are_named() -> None:
    made = summary(*(failed(f"r{days}", **due(comm_failed=days)) for days in range(100, 0, -1)))
    assert [one.device for one in made.soonest] == [f"r{days}" for days in range(1, 21)]


def test_what_a_reload_loses_and_what_had_no_contact_is_counted() -> None:
    passing = Push(device="r1", result=Result.REMEDIED, persistent=False)
    open_ = (Step("renew-auth", Status.DONE), Step("contact", Status.FAILED))
    made = summary(
        DeviceRecord("r1", "remedied", well=True, plain=passing, steps=open_),
        DeviceRecord("r2", "unchanged", well=True, plain=passing.evolve(persistent=None)),
        DeviceRecord("r3", "remedied", well=True, steps=(Step("contact", Status.SKIPPED, "interrupted before"),)),
        DeviceRecord("r4", "not-contacted"),
    )
    assert (made.total.lost_by_reload, made.total.without_contact) == (1, 3)


def test_a_licence_that_is_not_renewed_is_said_of_a_router_that_has_the_root() -> None:
    asked, lost = Step("renew-auth", Status.DONE, "success"), Step("renew-auth", Status.UNKNOWN)
    cut = Step("read back", Status.SKIPPED, "interrupted after the certificate was proven")
    waited = Step("contact", Status.SKIPPED, "interrupted before a newer contact was seen: watch it with poll")
    for steps, said in (
        ((cut,), "licence is not renewed"),
        ((Step("renew-auth", Status.FAILED, "notrust"),), "licence is not renewed"),
        ((lost, waited), "licence may not be renewed"),
        ((asked, waited), "licence is renewed, contact not seen yet"),
        ((asked, Step("contact", Status.UNKNOWN)), "licence is renewed, contact not seen yet"),
        ((lost, Step("contact", Status.DONE)), None),
        ((Step("renew-auth", Status.SKIPPED, "the licence is not renewed: --no-renew"),), None),
    ):
        told = why(DeviceRecord("r1", "remedied", well=True, steps=steps))
        assert (told.message if told else None) == (said and f"remedied; {said}")
    passing = Push(device="r1", result=Result.REMEDIED, persistent=False)
    told = why(DeviceRecord("r1", "remedied", well=True, plain=passing, steps=(cut,)))
    assert told is not None
    assert told.message == "remedied, and a reload forgets the root; licence is not renewed"
    assert why(DeviceRecord("r1", "failed", steps=(cut,))) is None


def test_a_router_counts_at_its_site_and_in_each_of_its_groups() -> None:
    made = summary(
        failed("r1", site="London", groups=("core", "uk")),
        DeviceRecord("r2", "remedied", well=True, site="London", groups=("uk",)),
        failed("r3"),
    )
    need = Need(unknown=1)
    assert made.sites == {"London": Tally(routers=2, look=1, in_need=need)}
    assert made.groups == {
        "core": Tally(routers=1, look=1, in_need=need),
        "uk": Tally(routers=2, look=1, in_need=need),
    }
