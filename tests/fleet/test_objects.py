"""The objects that scripts read, against their schemas."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from jsonschema import ValidationError

from agent.fleet.results import objects
from agent.fleet.results.structs import Error
from agent.model.errors import ConnectError
from agent.model.method import Method
from agent.model.outcome import Failure, Outcome, Result, Status, StepRecord
from agent.model.pki.certificate import Evidence
from agent.model.plan import Intent
from agent.model.state import (
    ConfigModel,
    Enrollment,
    EnrollmentKind,
    Entitlement,
    Licensing,
    Reading,
    TrustpointConfig,
)
from agent.remedy.apply import failed
from agent.remedy.assess import assess
from agent.remedy.plan import plan
from agent.remedy.poll import Sample
from tests.cli.schemas import check
from tests.remedy.states import ANCHOR, CERTIFICATE, LICENSING, NOW, OLD_ROOT, state

DONE = Outcome(
    device="r1",
    result=Result.REMEDIED,
    address="r1:830",
    release="7.4.1",
    method=Method.RPC,
    config_model=ConfigModel.UM_CRYPTO,
    evidence=Evidence.FINGERPRINT,
    persistent=False,
    steps=(StepRecord("commit", Status.DONE, "committed"),),
    retries=2,
    elapsed_s=1.25,
)
ERROR = ConnectError("no answer", device="r9", hint="check routes")
TERMINAL = Enrollment(EnrollmentKind.TERMINAL)


@pytest.mark.parametrize("result", list(Result))
def test_push_object_of_every_end(result: Result) -> None:
    error = None if result in (Result.REMEDIED, Result.UNCHANGED) else Failure("connect", "no answer", None)
    check("push", objects.push_object(replace(DONE, result=result, error=error)))


def test_push_object_has_the_promised_members() -> None:
    made = objects.plain(objects.push_object(DONE))
    assert list(made) == [
        "device",
        "address",
        "release",
        "outcome",
        "method",
        "config_model",
        "evidence",
        "persistent",
        "steps",
        "retries",
        "elapsed_s",
        "error",
    ]
    assert made["outcome"] == "remedied"
    assert made["steps"] == [{"step": "commit", "status": "done", "detail": "committed"}]


def test_push_object_of_a_device_out_of_reach() -> None:
    made = objects.push_object(failed("r9", ERROR, "r9:830"))
    check("push", made)
    assert made.error == Error("connect", "no answer", "check routes")


def test_the_push_schema_wants_an_error_with_a_failure() -> None:
    with pytest.raises(ValidationError):
        check("push", objects.push_object(replace(DONE, result=Result.FAILED)))


def test_assess_object() -> None:
    made = objects.plain(objects.assess_object(assess(state(), ANCHOR, NOW)))
    check("assess", made)
    assert list(made) == ["device", "verdict", "reasons", "warnings", "deadlines", "persistent"]
    assert made["deadlines"]["unregistered"] == "2027-09-22T10:00:00Z"


@pytest.mark.parametrize(
    "observed",
    [
        state(),
        state(certificate=CERTIFICATE),
        state(certificate=OLD_ROOT),
        state(release=None, licence=None),
        state(enrollment=TERMINAL),
    ],
)
def test_plan_object_with_steps_without_and_skipped(observed: object) -> None:
    assert isinstance(observed, type(state()))
    made = plan(Intent(), observed)
    given = objects.plan_object(made, ANCHOR, address="r1:830")
    check("plan", given)
    assert given.changes is bool(made)
    assert list(given.diff) == made.diff()


def test_objects_of_a_device_that_could_not_be_read() -> None:
    check("plan", objects.unplanned_object("r9", "r9:830", ANCHOR, ERROR))
    check("show", objects.unread_object("r9", "r9:830", ERROR))


def test_poll_object() -> None:
    at = datetime(2026, 11, 1, 13, 0, 0, 7, tzinfo=timezone(timedelta(hours=1)))
    made = objects.plain(objects.poll_object(Sample(at, "r1", LICENSING, ("authorization",))))
    check("poll", made)
    assert made["time"] == "2026-11-01T12:00:00Z"
    assert made["last_comm_time"] == "Oct 22 2026 10:00:00 UTC"
    assert "anchor_present" not in made
    check("poll", objects.poll_object(Sample(at, "r1", error="the session is lost")))


@pytest.mark.parametrize("present", [True, False, None])
def test_poll_object_of_an_inventorys_router_says_of_the_root_what_was_seen(present: bool | None) -> None:
    made = objects.plain(objects.poll_object(Sample(datetime.now(UTC), "r1", LICENSING), present))
    check("poll", made)
    assert made["anchor_present"] is present


@pytest.mark.parametrize(
    "observed",
    [
        state(),
        state(certificate=CERTIFICATE, fixes=frozenset({"CSCvx00476"})),
        state(release=None, licence=None),
        state(licence=Licensing(entitlements=(Entitlement("ADV", 2, "in-compliance"), Entitlement("ESS")))),
    ],
)
def test_show_object(observed: object) -> None:
    assert isinstance(observed, type(state()))
    check("show", objects.show_object(observed, address="r1:830"))


def test_show_object_masks_secrets() -> None:
    held = state(enrollment=TERMINAL)
    assert held.config.value is not None
    config = TrustpointConfig(
        "Trustpool",
        Enrollment(EnrollmentKind.URL, "http://u:pw123@ca/"),
        {"sftp-password": {"password": "0822455D0A16"}, "crl": {"optional": {}}},
    )
    made = objects.show_object(replace(held, config=replace(held.config, value=config)), address=None)
    check("show", made)
    text = objects.dump(made, "jsonl")
    assert "0822455D0A16" not in text
    assert "pw123" not in text
    assert made.trustpoint is not None
    assert made.trustpoint.settings == {"sftp-password": {"password": "***"}, "crl": {"optional": {}}}


def test_licensing_is_shown_in_full() -> None:
    shown = objects.licensing_object(Reading(Licensing()))
    assert shown.members().keys() == {*(field.name for field in fields(Licensing)), "source", "missing", "notes"}


def test_json_escapes_what_a_terminal_would_obey() -> None:
    text = objects.dump({"fail_message": "\x1b]0;owned\x07\x9b2J\u202e"}, "jsonl")
    assert text.isascii()
    assert text.isprintable()


def test_jsonl_is_one_line() -> None:
    assert "\n" not in objects.dump(objects.push_object(DONE), "jsonl")
    assert json.loads(objects.dump(objects.push_object(DONE), "json")) == objects.plain(objects.push_object(DONE))


def test_moment_is_rfc_3339() -> None:
    assert objects.moment(datetime(2026, 1, 31, 12, tzinfo=UTC)) == "2026-01-31T12:00:00Z"
    assert objects.moment(None) is None
