"""Each row of the table of docs/ssh.md, tried: what a server has alone, and what comes of it with a whole push."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import agent
from agent.model.device import Device
from agent.ssh.peer.negotiation import HOST_KEY, KINDS, Kind
from tests.interop.conftest import netconfd_session
from tests.interop.netconfd import Netconfd
from tests.interop.relayed import by_asyncssh
from tests.interop.rows import ROWS, Row
from tests.interop.sshd import Keys, sshd
from tests.interop.test_faults import cleaned
from tests.interop.test_scenarios import TERMINAL, enrollment
from tests.support import Clock

COMMANDS = {
    "key exchange": "'ssh server algorithms key-exchange ecdh-sha2-nistp256'",
    "host key": "'crypto key generate ecdsa nistp256' in exec mode, "
    "and 'ssh server algorithms host-key ecdsa-nistp256'",
    "encryption": "'ssh server algorithms cipher aes128-gcm aes256-ctr'",
    "MAC": "'ssh server algorithms mac hmac-sha2-256'",
}
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace("`", ""))
OLD = [row for row in ROWS if row.ssh_config]
each_old_row = pytest.mark.parametrize("row", OLD, ids=lambda row: row.name.replace("`", ""))


@contextmanager
def server(row: Row, netconfd: Netconfd, keys: Keys, folder: Path) -> Iterator[Device]:
    """The row's server, and how it is reached with the row's user key."""
    made = (
        sshd(netconfd, keys, folder, *row.options)
        if row.server == "OpenSSH"
        else by_asyncssh(netconfd, keys, folder, *row.offers[HOST_KEY])
    )
    with made as device:
        yield replace(device, key_file=keys.user(row.key))


def written(folder: Path, row: Row) -> Path:
    """The SSH configuration that reaches the row's server."""
    (folder / "config").write_text("\n".join(("Host *", *row.ssh_config, "")))
    return folder / "config"


def reached(netconfd: Netconfd, device: Device) -> None:
    """The whole job is done as far as netconfd does it: planned, committed, asked for, and found without effect."""
    with cleaned(lambda: netconfd_session(netconfd, device)) as connect, connect() as session:
        assert enrollment(session) is None
        outcome = agent.remediate(session, agent.Intent(renew=False), policy=Clock().policy())
        assert outcome.error is not None
        assert (outcome.error.kind, outcome.evidence) == ("outcome-unknown", agent.Evidence.NONE)
        assert "ca-authenticate was answered with ok" in outcome.error.message
        assert enrollment(session) == TERMINAL


def not_reached(row: Row, device: Device, missing: Kind) -> None:
    """What is said of both sides, and what to do on both."""
    with pytest.raises(agent.SSHNegotiationError) as raised:
        agent.connect(device)
    error, theirs = raised.value, row.offers[missing]
    ours = (*missing.modern, *missing.legacy) if device.legacy_ssh else missing.modern
    assert error.what == missing.name
    assert error.theirs == theirs
    assert set(error.ours) == set(ours)
    assert error.device == "netconfd"
    assert error.message == (
        f"no {missing.name} algorithm in common: the device offers {', '.join(theirs)}; here {', '.join(error.ours)}"
    )
    assert error.hint is not None
    assert error.hint.startswith(f"on the router: {COMMANDS[missing.name]}; here")
    assert error.hint.endswith("--legacy-ssh" if row.legacy else "none of them is known")


@each_row
def test_a_server_is_reached_and_cured_or_both_sides_are_named(
    netconfd: Netconfd, keys: Keys, tmp_path: Path, row: Row
) -> None:
    with server(row, netconfd, keys, tmp_path) as device:
        old = replace(device, legacy_ssh=True)
        if row.missing is not None:
            not_reached(row, device, row.missing)
        elif row.refused:
            with pytest.raises(agent.SSHAuthenticationError, match="accepted no key of") as raised:
                agent.connect(device)
            assert "--legacy-ssh" in (raised.value.hint or "")
        else:
            reached(netconfd, device)
            agent.connect(old).close()
            return
        if row.legacy:
            reached(netconfd, old)
        elif row.missing is not None:
            not_reached(row, old, row.missing)


@each_old_row
def test_ssh_config_reaches_it_as_well_and_so_does_a_jump_host(
    netconfd: Netconfd, keys: Keys, tmp_path: Path, row: Row
) -> None:
    with server(row, netconfd, keys, tmp_path) as device:
        agent.connect(replace(device, ssh_config=written(tmp_path, row))).close()
        through = replace(device, jump=replace(netconfd.target(), label="bastion"))
        if row.missing is not None:
            not_reached(row, through, row.missing)
        agent.connect(replace(through, legacy_ssh=True)).close()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_jump_host_is_named_and_has_its_own_words(netconfd: Netconfd, keys: Keys, tmp_path: Path, kind: Kind) -> None:
    row = next(row for row in ROWS if row.missing is kind and row.ssh_config)
    with server(row, netconfd, keys, tmp_path) as jump:
        device = replace(netconfd.target(), jump=replace(jump, label="bastion"), legacy_ssh=True)
        with pytest.raises(agent.SSHNegotiationError) as raised:
            agent.connect(device)
        assert raised.value.device == "netconfd"
        assert raised.value.message.startswith(f"the jump host bastion: no {kind.name} algorithm in common: it offers")
        advice = f"on the jump host: enable another {kind.name} algorithm; here: '{row.ssh_config[0]}' in the SSH "
        assert raised.value.hint == f"{advice}configuration"
        agent.connect(replace(device, jump=replace(jump, ssh_config=written(tmp_path, row)))).close()
