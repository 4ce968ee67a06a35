"""assess, plan and push of one router: objects, exit codes, and what is left on the router."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.lab import PEM, Lab, one_error, untouched
from tests.cli.schemas import check
from tests.support import left_clean


@pytest.mark.parametrize(
    "settings, verdict, code",
    [
        ({}, "affected", 1),
        ({"certificate": PEM}, "remedied", 0),
        ({"url": "https://ssm.example/"}, "not-affected", 0),
        ({"fixes": ("CSCvx00476",), "ssh": False}, "not-affected", 0),
        ({"fixes": ("CSCvx00476",)}, "affected", 1),
        ({"release": "7.8.1", "contact": True}, "not-affected", 0),
        ({"release": "7.4.1", "contact": True, "verify_peer_off": True}, "unknown", 1),
        ({"release": "7.5.2", "contact": True, "verify_peer_off": True}, "affected", 1),
        ({"release": "7.5.2", "ssh": False}, "not-affected", 0),
        ({"release": "6.6.3"}, "affected", 1),
        ({"release": "6.6.3", "ssh": False}, "unknown", 1),
    ],
)
def test_assess(lab: Lab, settings: dict[str, Any], verdict: str, code: int) -> None:
    device = lab.add(**settings)
    done = lab.run("assess", device, "--format", "jsonl")
    made = json.loads(done.stdout)
    check("assess", made)
    assert (made["verdict"], done.exit_code) == (verdict, code)
    assert untouched(device)


def test_a_notice_that_is_none_is_refused_before_any_router_is_reached(lab: Lab, tmp_path: Path) -> None:
    device = lab.add()
    (tmp_path / "notice.json").write_text('{"name": "FN1", "affected": ["7.3"]}')
    done = lab.run("assess", device, "--notice", str(tmp_path))
    assert done.exit_code == 2
    assert f"{tmp_path / 'notice.json'}: no notice: " in "".join(done.stderr.splitlines())
    assert device.last_session == 0


def test_assess_as_a_table_names_the_anchor(lab: Lab) -> None:
    done = lab.run("assess", lab.add())
    assert "affected" in done.stdout
    assert "FN72290" in done.stdout
    assert "5D:56:49:9B" in done.stderr
    assert "5D:56:49:9B" not in done.stdout


@pytest.mark.parametrize("words", [("plan",), ("push", "--dry-run")])
def test_a_plan_changes_nothing(lab: Lab, words: tuple[str, ...]) -> None:
    device = lab.add()
    done = lab.run(words[0], device, *words[1:], "--format", "json")
    made = json.loads(done.stdout)
    check("plan", made)
    assert done.exit_code == 0
    assert made["changes"] is True
    assert made["config_model"] == "um-crypto-cfg"
    assert "+ crypto ca trustpoint Trustpool" in made["diff"]
    assert untouched(device)


def test_a_plan_without_steps_is_well(lab: Lab) -> None:
    done = lab.run("plan", lab.add(certificate=PEM), "--format", "json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["changes"] is False


@pytest.mark.parametrize(
    "settings",
    [{"release": "6.6.3", "ssh": False}, {"candidate": False, "ssh": False}],
    ids=["no model", "no candidate"],
)
@pytest.mark.parametrize("words", [("plan",), ("push", "--yes")])
def test_a_device_without_a_way_is_skipped(lab: Lab, settings: dict[str, Any], words: tuple[str, ...]) -> None:
    device = lab.add(**settings)
    done = lab.run(words[0], device, *words[1:], "--format", "json")
    made = json.loads(done.stdout)
    check(words[0], made)
    assert done.exit_code == 1
    assert made["error"]["kind"] if words[0] == "push" else made["skip"]["reason"]
    assert "  next: " in one_error(done.stderr)
    assert untouched(device)


def test_push_installs_and_proves_and_a_second_one_finds_nothing_to_do(lab: Lab) -> None:
    device = lab.add(release="24.2.1", url="https://smartreceiver.cisco.com/licservice/license")
    done = lab.run("push", device, "--yes", "--format", "json")
    made = json.loads(done.stdout)
    check("push", made)
    assert done.exit_code == 0
    assert (made["outcome"], made["evidence"], made["persistent"]) == ("remedied", "fingerprint", False)
    assert [step["step"] for step in made["steps"]][:3] == ["lock", "edit-config", "commit"]
    assert device.config.commits == 1
    assert left_clean(device)
    again = lab.run("push", device, "--yes", "--format", "json")
    made = json.loads(again.stdout)
    check("push", made)
    assert (again.exit_code, made["outcome"]) == (0, "unchanged")
    assert device.config.commits == 1
    assert device.counters["ca-authenticate"] == 1


def test_push_as_a_table(lab: Lab) -> None:
    done = lab.run("push", lab.add(), "--yes")
    assert done.exit_code == 0
    assert "remedied" in done.stdout
    assert "lost at a reload" in done.stdout
    assert "read back" in done.stderr


def test_push_that_brings_no_certificate_fails_and_names_the_next_step(lab: Lab) -> None:
    device = lab.add(terminal_rpc="ok-without-certificate")
    done = lab.run("push", device, "--yes", "--method", "rpc", "--format", "json")
    made = json.loads(done.stdout)
    check("push", made)
    assert (done.exit_code, made["outcome"], made["error"]["kind"]) == (1, "failed", "certificate-missing")
    assert "crypto ca authenticate Trustpool" in one_error(done.stderr)
    assert left_clean(device)


def test_push_meets_a_lock_and_names_its_holder(lab: Lab) -> None:
    device = lab.add()
    device.config.lock("running", "4711")
    done = lab.run("push", device, "--yes", "--lock-wait", "3", "--format", "json")
    made = json.loads(done.stdout)
    check("push", made)
    assert (done.exit_code, made["error"]["kind"]) == (1, "lock-denied")
    assert made["retries"] > 0
    assert "4711" in one_error(done.stderr)
    assert device.config.locks == {"running": "4711"}


def test_push_leaves_a_foreign_candidate_alone_until_told_otherwise(lab: Lab) -> None:
    device = lab.add()
    device.configure("Other", "terminal")
    device.config.candidate.clear()
    done = lab.run("push", device, "--yes", "--format", "json")
    assert (done.exit_code, json.loads(done.stdout)["error"]["kind"]) == (1, "refused")
    assert "--discard-foreign" in one_error(done.stderr)
    assert device.config.dirty
    assert not device.config.locks
    done = lab.run("push", device, "--yes", "--discard-foreign", "--format", "json")
    assert (done.exit_code, json.loads(done.stdout)["outcome"]) == (0, "remedied")
    assert left_clean(device)


def test_push_keeps_another_enrollment_until_told_otherwise(lab: Lab) -> None:
    device = lab.add(enrollment="http://ca.example/")
    done = lab.run("push", device, "--yes", "--format", "json")
    assert json.loads(done.stdout)["outcome"] == "skipped"
    assert "--replace" in one_error(done.stderr)
    assert untouched(device)
    assert lab.json("push", device, "--yes", "--replace")["outcome"] == "remedied"
