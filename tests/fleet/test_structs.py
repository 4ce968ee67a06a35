"""What holds of every typed result: nothing secret in its texts, and a reader of what others wrote that is strict."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from agent.fleet.results import objects
from agent.fleet.results.structs import Assess, Error, Poll, Printed, Push, Step
from agent.model.outcome import Result, Status
from agent.model.plan import VerdictKind

URL = "from http://ops:hunter2@ca.example/root.pem"
PUSH = {"device": "r1", "outcome": "remedied", "steps": [{"step": "commit", "status": "done", "detail": "committed"}]}


@pytest.mark.parametrize(
    "made",
    [
        Step("commit", Status.DONE, URL),
        Error("connect", URL, URL),
        Assess(device="r1", kind=VerdictKind.UNKNOWN, reasons=("why", URL), warnings=(URL,)),
        Push(device="r1", result=Result.FAILED, error=Error("connect", URL)),
        Error("connect", "away").evolve(message=URL),
        objects.read(json.dumps({**PUSH, "address": URL, "error": {"kind": "k", "message": URL}}), Push),
        pickle.loads(pickle.dumps(Error("connect", URL))),  # noqa: S301 - our own
    ],
)
def test_no_text_shows_the_password_of_a_url_however_it_came(made: Printed) -> None:
    for text in (repr(made), objects.dump(made, "json")):
        assert "hunter2" not in text
        assert "http://ops:***@ca.example" in text


def test_a_router_is_found_by_its_name_as_it_was_given() -> None:
    assert objects.plain(Push(device=URL, result=Result.FAILED))["device"] == URL


def test_what_a_newer_version_knows_besides_is_passed_over() -> None:
    read = objects.read(json.dumps({**PUSH, "colour": "red", "steps": [{**PUSH["steps"][0], "took": 1}]}), Push)  # type: ignore[dict-item]
    assert read == Push(device="r1", result=Result.REMEDIED, steps=(Step("commit", Status.DONE, "committed"),))


def test_what_is_printed_is_read_as_the_same() -> None:
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    for made in (
        Poll(time=at, device="r1", changed=("authorization",), anchor_present=None),
        Assess(device="r1", kind=VerdictKind.AFFECTED, reasons=("why",), deadlines={"comm_failed": at}),
    ):
        assert objects.read(objects.dump(made, "jsonl"), type(made)) == made


@pytest.mark.parametrize(
    "change",
    [
        {"device": 7},
        {"device": None},
        {"outcome": "remedied?"},
        {"steps": [{"step": "commit", "status": "gone"}]},
        {"steps": {}},
        {"error": "text"},
        {"persistent": 1},
    ],
)
def test_another_type_or_word_is_told_with_its_place(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"`?\$\.{next(iter(change))}"):
        objects.read(json.dumps({**PUSH, **change}), Push)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"device": "r1"}', "[" * 100_000])
def test_what_is_no_such_object_is_told(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        objects.read(text, Push)


def test_a_time_without_a_zone_is_none() -> None:
    with pytest.raises(ValueError, match="time"):
        objects.read('{"time": "2026-11-01T12:00:00", "device": "r1"}', Poll)


def test_half_a_surrogate_pair_is_kept_and_printed_as_ascii() -> None:
    read = objects.read(json.dumps({**PUSH, "address": "\udcff"}), Push)
    assert read.address == "\udcff"
    assert objects.dump(read, "jsonl").isascii()


def test_a_time_is_printed_in_utc_with_whole_seconds_and_kept_as_it_is() -> None:
    at = datetime(2026, 11, 1, 13, 0, 0, 7, tzinfo=timezone(timedelta(hours=1)))
    made = Poll(time=at, device="r1")
    assert made.time == at
    assert objects.plain({"of": [made]})["of"][0]["time"] == "2026-11-01T12:00:00Z"
    assert "anchor_present" not in objects.plain(made)
