"""What Prometheus gets to read, by the text that it reads."""

from __future__ import annotations

import http.client
import re
import socket

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as parsed

import agent
from agent.fleet.metrics import Metrics
from agent.model.errors import AgentError, LoginWithheld
from agent.model.state import AuthorizationState, DeviceTime
from tests.fleet.looks import NOW, contacted, failed, look
from tests.fleet.prometheus import promtool

DAY = 86400.0


def text(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()


def series(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """The values of one name by the labels' values, the device's first."""
    samples = [one for family in parsed(text(metrics)) for one in family.samples if one.name == f"xr_agent_{name}"]
    return {tuple(one.labels[label] for label in sorted(one.labels, key=_first)): one.value for one in samples}


def _first(label: str) -> tuple[bool, str]:
    return label != "device", label


def saw(*looks: agent.fleet.poll.Look) -> Metrics:
    metrics = Metrics()
    for one in looks:
        metrics.saw(one)
    return metrics


def full() -> Metrics:
    """One of everything."""
    withheld = failed("r4", "login-withheld", cause=LoginWithheld("not tried", retry_in=60.0))
    return saw(
        look("r1", contacted(10), anchor_present=True, seconds=0.3), failed("r2"), look("r3", last=True), withheld
    )


def test_the_table_of_the_docstring_is_what_is_told() -> None:
    rows = re.findall(r"\| ``(\w+)`` \| ([\w, ]*)\|", Metrics.__doc__ or "")
    said = {name: {label.strip() for label in labels.split(",") if label.strip()} for name, labels in rows}
    told: dict[str, set[str]] = {}
    for family in parsed(text(full())):
        for one in family.samples:
            if not one.name.endswith("_created"):
                name = re.sub(r"_(bucket|count|sum)$", "", one.name)
                told.setdefault(name, set()).update(one.labels.keys() - {"le"})
    assert told == said


def test_promtool_finds_nothing_wrong_with_names_units_and_texts() -> None:
    promtool("check", "metrics", given=text(full()))


def test_a_look_is_told_in_full() -> None:
    metrics = saw(look("r1", contacted(10), anchor_present=True, seconds=0.3))
    last = NOW.timestamp() - 10 * DAY
    assert series(metrics, "up") == {("r1",): 1}
    assert series(metrics, "last_look_timestamp_seconds") == {("r1",): NOW.timestamp()}
    assert series(metrics, "licensing_registration") == {("r1", "complete"): 1}
    assert series(metrics, "licensing_authorization") == {("r1", "authorized"): 1}
    assert series(metrics, "licensing_last_contact_success") == {("r1",): 1}
    assert series(metrics, "licensing_last_contact_timestamp_seconds") == {("r1",): last}
    assert series(metrics, "licensing_deadline_timestamp_seconds") == {
        ("r1", "comm_failed"): last + 30 * DAY,
        ("r1", "authorization_expired"): last + 90 * DAY,
        ("r1", "unregistered"): last + 365 * DAY,
    }
    assert series(metrics, "anchor_present") == {("r1",): 1}
    assert series(metrics, "look_duration_seconds_sum") == {(): 0.3}
    assert series(metrics, "build_info") == {(agent.__version__,): 1}


def test_a_contact_that_failed_keeps_the_deadlines_that_the_device_counts() -> None:
    deadline = DeviceTime("then", NOW)
    metrics = saw(look("r1", contacted(0, last_comm_success=False, deadline=deadline), anchor_present=False))
    assert series(metrics, "licensing_last_contact_success") == {("r1",): 0}
    last = NOW.timestamp() - 90 * DAY
    assert series(metrics, "licensing_last_contact_timestamp_seconds") == {("r1",): last}
    assert series(metrics, "licensing_deadline_timestamp_seconds")["r1", "authorization_expired"] == NOW.timestamp()
    assert series(metrics, "anchor_present") == {("r1",): 0}


def test_what_is_not_known_has_no_value() -> None:
    metrics = saw(look("r1", contacted(0, last_comm_success=None, last_comm_time=None)))
    for name in ("licensing_last_contact_success", "licensing_last_contact_timestamp_seconds", "anchor_present"):
        assert series(metrics, name) == {}, name
    assert series(metrics, "licensing_deadline_timestamp_seconds") == {}


def test_a_state_that_changed_leaves_nothing_behind() -> None:
    expired = contacted(100, authorization=AuthorizationState.AUTHORIZATION_EXPIRED)
    metrics = saw(look("r1", contacted(0)), look("r1", expired))
    assert series(metrics, "licensing_authorization") == {("r1", "authorization-expired"): 1}


def test_a_router_that_is_away_is_down_and_tells_nothing_else() -> None:
    metrics = saw(look("r1", contacted(0), anchor_present=True), failed("r1"))
    assert series(metrics, "up") == {("r1",): 0}
    told = {one.name for family in parsed(text(metrics)) for one in family.samples if "device" in one.labels}
    assert told == {"xr_agent_up", "xr_agent_last_look_timestamp_seconds"}


def test_when_a_refused_login_is_tried_again_is_told_until_it_is() -> None:
    withheld = failed("r1", "login-withheld", cause=LoginWithheld("not tried", retry_in=3000.0))
    name = "login_withheld_until_timestamp_seconds"
    assert series(saw(withheld), name) == {("r1",): NOW.timestamp() + 3000}
    assert series(saw(withheld), "up") == {("r1",): 0}
    assert series(saw(withheld, failed("r1", "authentication")), name) == {}
    assert series(saw(withheld, look("r1", contacted(0))), name) == {}


def test_a_router_that_left_the_watch_tells_only_that() -> None:
    metrics = saw(
        look("r1", contacted(0), reached=True, last=True), failed("r2", "capability", "no licensing model", last=True)
    )
    assert series(metrics, "watch_ended") == {("r1", "reached"): 1, ("r2", "unpollable"): 1}
    told = {one.name for family in parsed(text(metrics)) for one in family.samples if "device" in one.labels}
    assert told == {"xr_agent_watch_ended"}


def test_failed_looks_are_counted_by_kind_from_zero() -> None:
    metrics = saw(failed("r1"), failed("r1", "timeout"), failed("r2"), look("r3", contacted(0)))
    errors = series(metrics, "look_errors_total")
    assert {kind: count for kind, count in errors.items() if count} == {("connect",): 2, ("timeout",): 1}
    assert series(metrics, "look_duration_seconds_count") == {(): 4}


def test_every_kind_of_error_that_ends_a_look_is_there_from_the_beginning() -> None:
    # A look writes, plans, locks and judges nothing and keeps no journal; its end by an interrupt is no failure.
    never = {"anchor-mismatch", "certificate-missing", "drifted", "error", "file", "interrupted", "journal"}
    never |= {"lock-denied", "outcome-unknown", "refused", "skipped", "stopped", "transport", "trust", "window"}
    there = {kind for (kind,) in series(Metrics(), "look_errors_total")}
    assert there == {error.kind for error in _below(AgentError)} - never | {"no-data"}


def _below(error: type[AgentError]) -> list[type[AgentError]]:
    return [error, *(below for one in error.__subclasses__() for below in _below(one))]


def test_names_of_any_kind_make_no_other_lines() -> None:
    name = 'r"1\\\n# TYPE evil counter'
    assert series(saw(look(name, contacted(0))), "up") == {(name,): 1}


def test_the_number_of_series_is_bounded_by_that_of_the_routers() -> None:
    one, many = (text(saw(*(look(f"r{number}", contacted(0)) for number in range(size)))) for size in (1, 101))
    per_router = (many.count("\n") - one.count("\n")) / 100
    assert per_router <= 10


@pytest.mark.parametrize("host", ["127.0.0.1", "", "localhost"])
def test_metrics_are_served_for_as_long_as_they_are_wanted(host: str) -> None:
    metrics = full()
    with metrics.served(f"{host}:0") as port:
        status, said = _get(port)
        assert status == 200
        assert said == text(metrics)
    with pytest.raises(ConnectionRefusedError):
        _get(port)


def _get(port: int) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics", headers={"Accept": "text/plain"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "address", ["9464", ":", ":http", ":65536", "127.0.0.1:-1", ":²", "nowhere.invalid:0", "a..b:0"]
)
def test_an_address_that_cannot_be_used_is_said(address: str) -> None:
    with pytest.raises(agent.InputError, match="metrics"), Metrics().served(address):
        pytest.fail("it was served")


def test_an_address_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(agent.InputError, match=f"{address}: Address already in use"), Metrics().served(address):
            pytest.fail("it was served")
