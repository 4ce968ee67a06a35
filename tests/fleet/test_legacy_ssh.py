"""A router that is reached with legacy SSH algorithms is one of which every report says so, and no other is."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from agent.fleet.inventory.target import Reach
from agent.fleet.journal.store import Journal
from agent.fleet.report.document import write
from agent.fleet.results.record import Kind, Result, RunState
from agent.fleet.run.job import Job, perform
from agent.model.outcome import Failure
from agent.model.pki.anchor import TrustAnchor
from agent.ssh.peer.negotiation import CIPHER, HOST_KEY, KEX, MAC, Offer, taken
from tests.fleet.records import NOW
from tests.fleet.routers import target
from tests.support import Lab, only_cbc

OURS = {
    KEX.argument: ("curve25519-sha256", "diffie-hellman-group14-sha1"),
    HOST_KEY.argument: ("ssh-ed25519", "ssh-rsa"),
    CIPHER.argument: ("aes128-gcm@openssh.com", "aes128-ctr"),
    MAC.argument: ("hmac-sha2-256", "hmac-md5"),
}


def offer(*kex: str, host_key: str = "ssh-ed25519", cipher: str = "aes128-ctr", mac: str = "hmac-md5") -> Offer:
    names = {KEX.name: kex, HOST_KEY.name: (host_key,), CIPHER.name: (cipher,), MAC.name: (mac,)}
    return Offer("SSH-2.0-Cisco-2.0", names)


def test_the_first_of_ours_that_the_server_has_is_taken() -> None:
    both = ("diffie-hellman-group14-sha1", "curve25519-sha256")
    assert taken(offer(*both), OURS)[KEX] == "curve25519-sha256"
    assert taken(offer(both[0], host_key="ssh-rsa"), OURS) == {
        KEX: "diffie-hellman-group14-sha1",
        HOST_KEY: "ssh-rsa",
        CIPHER: "aes128-ctr",
        MAC: "hmac-md5",
    }


def test_a_cipher_that_needs_no_mac_takes_none() -> None:
    assert MAC not in taken(offer("curve25519-sha256", cipher="aes128-gcm@openssh.com"), OURS)


@pytest.mark.parametrize("kind", [Kind.CHECK, Kind.ASSESS, Kind.PLAN, Kind.PUSH])
def test_a_result_says_by_what_algorithms_the_router_was_reached(lab: Lab, reach: Reach, kind: Kind) -> None:
    router, job = target(lab.add()), Job(kind, replace(reach, legacy_ssh=True))
    with only_cbc(lab.simulator):
        assert perform(job, router).legacy_ssh
    assert not perform(job, router).legacy_ssh  # it has better ones, and those were taken


def test_without_leave_it_is_not_reached_and_the_failure_names_the_option(lab: Lab, reach: Reach) -> None:
    with only_cbc(lab.simulator):
        result = perform(Job(Kind.PLAN, reach), target(lab.add()))
    assert result.error is not None
    assert (result.error.kind, result.legacy_ssh) == ("negotiation", False)
    assert result.error.hint is not None
    assert "--legacy-ssh" in result.error.hint


def test_what_a_routers_own_entry_says_counts_before_the_option(lab: Lab, reach: Reach) -> None:
    router = target(lab.add())
    with only_cbc(lab.simulator):
        assert perform(Job(Kind.PLAN, reach), replace(router, legacy_ssh=True)).legacy_ssh
        job = Job(Kind.PLAN, replace(reach, legacy_ssh=True))
        result = perform(job, replace(router, legacy_ssh=False))
    assert result.error is not None
    assert result.error.kind == "negotiation"


SAID = "reached with legacy SSH algorithms"


@pytest.mark.parametrize(
    "form, said", [(".json", '"legacy_ssh": true'), (".csv", "'legacy_ssh': 'yes'"), (".html", SAID), (".xml", SAID)]
)
def test_the_journal_keeps_it_and_every_report_says_it_of_that_router_alone(
    tmp_path: Path, form: str, said: str
) -> None:
    def told(*, legacy: bool) -> str:
        failure, name = Failure("timeout", "no answer"), f"{legacy}.db"
        with Journal.open(tmp_path / name) as journal:
            with journal.begin(Kind.PLAN, ["r1"], settings={}, change_ref=None, version="1") as log:
                log.begun("r1")
                log.ended(Result("r1", Kind.PLAN, error=failure, legacy_ssh=legacy), TrustAnchor.bundled())
                log.close(RunState.DONE)
            write(tmp_path / f"report{form}", journal.run(log.run), journal.devices(log.run), now=NOW)
        text = (tmp_path / f"report{form}").read_text()
        return str(list(csv.DictReader(text.splitlines()))) if form == ".csv" else text

    assert said in told(legacy=True).replace('":true', '": true')
    assert said not in told(legacy=False)
