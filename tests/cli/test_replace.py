"""``push --replace`` on the command line: what goes is in the journal before it does, and comes back from there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import agent
from agent.cli.main import program
from agent.cli.view.one import _may_be_left
from agent.fleet.journal.store import Journal
from agent.model.outcome import Event, Status
from agent.simulator import QUOVADIS, Fault, FaultKind
from tests.cli.lab import Lab
from tests.cli.schemas import check
from tests.fleet.journals import begin, started

OLD = agent.TrustAnchor.from_pem(QUOVADIS)
ROOT = agent.TrustAnchor.bundled()
HELD = {"enrollment": "terminal", "certificate": QUOVADIS}
PUSH = ("--replace", "--yes", "--no-renew", "--method", "rpc", "--no-ssh")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def history(journal: Path, *words: str) -> Any:
    return CliRunner().invoke(program, ["history", "--journal", str(journal), *words], catch_exceptions=False)


def test_what_goes_is_on_disk_before_the_rpc_is_sent_and_comes_back(lab: Lab, journal: Path, tmp_path: Path) -> None:
    device, seen = lab.add(release="26.1.2", **HELD), list[Any]()

    def look() -> None:
        with Journal.open(journal, create=False) as there:
            seen.append(there.trail("last", "127.0.0.1")[1])

    device.faults.append(Fault("ca-clear-certificates", FaultKind.MEANWHILE, act=look))
    done = lab.run("push", device, *PUSH, "--journal", str(journal))
    assert done.exit_code == 0, done.output
    (trail,) = seen
    (held,) = trail.before["held"]
    assert (held["sha1"], held["serial"]) == (OLD.sha1, OLD.serial)
    assert agent.TrustAnchor.from_pem(held["pem"]) == OLD
    assert [(one.step, one.status.value) for one in trail.moments][-1] == ("clear", "started")

    found = history(journal, "last", "--device", "127.0.0.1")
    assert "held" in found.stdout
    assert "its PEM: --pem" in found.stdout
    (shown,) = json.loads(history(journal, "last", "--device", "127.0.0.1", "--format", "json").stdout)
    check("history", shown)
    assert shown["before"]["held"] == [held]
    back = tmp_path / "back.pem"
    back.write_text(history(journal, "--device", "127.0.0.1", "--pem").stdout)
    object.__setattr__(device.persona, "installs", QUOVADIS)
    done = lab.run("push", device, *PUSH, "--anchor", str(back), "--journal", str(journal))
    assert done.exit_code == 0, done.output
    assert device.state.certificates["Trustpool"] == QUOVADIS
    newest = history(journal, "--device", "127.0.0.1", "--pem").stdout
    assert agent.TrustAnchor.from_pem(newest) == ROOT


def test_a_name_that_several_routers_have_gives_no_certificate_until_the_run_says_which(
    lab: Lab, journal: Path
) -> None:
    runs = []
    for _ in range(2):
        done = lab.run("push", lab.add(release="26.1.2", **HELD), *PUSH, "--journal", str(journal))
        assert done.exit_code == 0, done.output
        with Journal.open(journal) as there:
            runs.append(there.run("last").run)
    found = history(journal, "--device", "127.0.0.1", "--pem")
    assert (found.exit_code, found.stdout) == (2, "")
    said = " ".join(found.stderr.split())
    assert "routers at several addresses are called so: " in said
    assert all(run in said for run in runs)
    for run in runs:
        shown = history(journal, run, "--device", "127.0.0.1", "--pem").stdout
        assert agent.TrustAnchor.from_pem(shown) == OLD


def test_nothing_is_kept_of_a_push_that_removes_nothing(lab: Lab, journal: Path) -> None:
    device = lab.add(release="26.1.2")
    assert lab.run("push", device, *PUSH, "--journal", str(journal)).exit_code == 0
    (shown,) = json.loads(history(journal, "--device", "127.0.0.1", "--format", "json").stdout)
    assert "held" not in shown["before"]
    found = history(journal, "--device", "127.0.0.1", "--pem")
    assert found.exit_code == 2
    assert "no push removed a certificate from it" in " ".join(found.stderr.split())


def test_where_only_its_fingerprint_was_shown_that_is_said(lab: Lab, journal: Path) -> None:
    device = lab.add(release="25.3.1", **HELD)
    assert lab.run("push", device, *PUSH, "--journal", str(journal)).exit_code == 0
    found = history(journal, "--device", "127.0.0.1", "--pem")
    assert found.exit_code == 2
    assert found.stdout == ""
    assert "showed no PEM: subject CN=QuoVadis Root CA 2" in " ".join(found.stderr.split())
    assert OLD.sha1 in found.stderr
    assert "the router showed no PEM" in " ".join(history(journal, "last", "--device", "127.0.0.1").stdout.split())


def test_without_the_option_the_plan_names_it_and_the_way(lab: Lab) -> None:
    device = lab.add(release="26.1.2", **HELD)
    plan = lab.run("plan", device, "--no-ssh")
    said = " ".join(plan.output.split())
    assert plan.exit_code == 1
    assert f"trustpoint Trustpool holds another certificate: QuoVadis Root CA 2 (sha1 {OLD.sha1}" in said
    assert "--replace removes it" in said
    assert not device.counters["ca-clear-certificates"]


def test_each_attempt_keeps_what_it_removes_behind_what_was_kept_before(journal: Path) -> None:
    with Journal.open(journal) as there:
        with begin(there, ["r1"]) as log:
            log.begun("r1")
            log.state("r1", "before", {"enrollment": None})
            log.state("r1", "held", {"sha1": "AA", "pem": "a\n"})
            log.state("r1", "before", {"enrollment": "enrollment terminal"})
            log.state("r1", "held", {"sha1": "BB", "pem": None})
            log.event(started("r1", "clear"))
        _, trail = there.trail("last", "r1")
    assert trail.before == {"enrollment": None, "held": [{"sha1": "AA", "pem": "a\n"}, {"sha1": "BB", "pem": None}]}


@pytest.mark.parametrize("words", [["--pem"], ["--pem", "--device", "r1", "--format", "json"]])
def test_pem_is_of_one_router_and_no_other_form(journal: Path, words: list[str]) -> None:
    assert "--pem goes with --device" in history(journal, *words).stderr


def test_what_an_end_at_once_may_have_left_names_the_certificate_that_may_be_gone() -> None:
    event = Event("r1", "clear", Status.STARTED, f"{OLD.name} from trustpoint Trustpool")
    assert f"{OLD.name} from trustpoint Trustpool may be gone; the journal has it" in _may_be_left([event])
