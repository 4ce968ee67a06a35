"""A router that is reached with legacy SSH algorithms is one of which every report says so, and no other is."""

from __future__ import annotations

from dataclasses import replace

import asyncssh
import pytest

from agent.fleet.inventory.target import Reach
from agent.fleet.results.record import Kind
from agent.fleet.run.job import Job, perform
from agent.simulator import Device
from agent.ssh.negotiation import CIPHER, HOST_KEY, KEX, MAC, Offer, taken
from tests.fleet.routers import target
from tests.support import Lab

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


def only_sha1(lab: Lab) -> Device:
    """A device whose SSH server has no key exchange but by SHA-1, as releases before 7.0 often have it."""
    before = lab.simulator._options
    lab.simulator._options = asyncssh.SSHServerConnectionOptions(
        options=before, kex_algs=["diffie-hellman-group14-sha1"]
    )
    try:
        return lab.add()
    finally:
        lab.simulator._options = before


@pytest.mark.parametrize("kind", [Kind.ASSESS, Kind.PLAN, Kind.PUSH])
def test_a_result_says_by_what_algorithms_the_router_was_reached(lab: Lab, reach: Reach, kind: Kind) -> None:
    old, new = only_sha1(lab), lab.add()
    job = Job(kind, replace(reach, legacy_ssh=True))
    assert [perform(job, target(one)).legacy_ssh for one in (old, new)] == [True, False]


def test_without_leave_it_is_not_reached_and_the_failure_names_the_option(lab: Lab, reach: Reach) -> None:
    result = perform(Job(Kind.PLAN, reach), target(only_sha1(lab)))
    assert result.error is not None
    assert (result.error.kind, result.legacy_ssh) == ("negotiation", False)
    assert result.error.hint is not None
    assert "--legacy-ssh" in result.error.hint


def test_a_router_may_be_reached_so_by_its_own_entry(lab: Lab, reach: Reach) -> None:
    device = only_sha1(lab)
    assert perform(Job(Kind.PLAN, reach), replace(target(device), legacy_ssh=True)).legacy_ssh
    forbidden = replace(target(device), legacy_ssh=False)
    result = perform(Job(Kind.PLAN, replace(reach, legacy_ssh=True)), forbidden)
    assert result.error is not None
    assert result.error.kind == "negotiation"
