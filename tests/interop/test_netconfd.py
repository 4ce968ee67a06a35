"""What only the real server can show: that it is what the scenarios take it for, and OpenSSH's side of a session."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ncclient import manager
from ncclient.operations import RaiseMode

import agent
from agent.model.local.resources import directory
from agent.model.state import ConfigModel, Enrollment, EnrollmentKind
from agent.netconf import operations
from agent.netconf.payload import parse, template
from agent.xr import trustpoint
from tests.interop.conftest import netconfd_session, require_netconfd
from tests.interop.netconfd import FILES, HOST_KEYS, Netconfd, keygen, running
from tests.support import Clock, eventually

UM_CRYPTO = "http://cisco.com/ns/yang/Cisco-IOS-XR-um-crypto-cfg"


@contextmanager
def stock(server: Netconfd) -> Iterator[Any]:
    """An ncclient Manager as anybody would open it: not a line of the agent between it and the server."""
    with manager.connect(
        host="127.0.0.1",
        port=server.port,
        username=server.username,
        key_filename=str(server.key),
        hostkey_verify=False,
        look_for_keys=False,
        allow_agent=False,
        timeout=60,
    ) as opened:
        opened.raise_mode = RaiseMode.NONE
        time.sleep(0.2)  # see tests.interop.conftest
        yield opened


def edit(opened: Any, name: str) -> Any:
    """Stock ncclient's edit-config of one trustpoint with enrollment terminal."""
    config = (
        '<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">'
        f'<crypto xmlns="{UM_CRYPTO}"><ca><trustpoint><trustpoints><trustpoint>'
        f"<trustpoint-name>{name}</trustpoint-name><enrollment><terminal/></enrollment>"
        "</trustpoint></trustpoints></trustpoint></ca></crypto></config>"
    )
    return opened.edit_config(config, target="candidate")


def trustpoints(opened: Any, datastore: str) -> set[str]:
    reply = opened.get_config(datastore, ("subtree", f'<crypto xmlns="{UM_CRYPTO}"/>')).xml
    return set(re.findall(r"<trustpoint-name>([^<]+)</", reply))


def test_netconfd_announces_and_hands_out_every_module_it_was_given(netconfd: Netconfd) -> None:
    with stock(netconfd) as opened:
        for file in FILES:
            name, _, revision = file.removesuffix(".yang").partition("@")
            assert any(f"module={name}&revision={revision}" in uri for uri in opened.server_capabilities)
            assert opened.get_schema(name, revision).data.strip() == (directory("yang") / file).read_text().strip()


def test_netconfd_commits_nothing_where_validate_came_last(tmp_path: Path) -> None:
    """The fault of netconfd 2.13 that the scenarios lead around; its reads show the change until the commit."""
    require_netconfd()
    with running(tmp_path) as server, stock(server) as opened:
        assert edit(opened, "A").ok
        assert opened.validate("candidate").ok
        assert trustpoints(opened, "candidate") == {"A"}
        assert opened.commit().ok
        assert trustpoints(opened, "running") == set()
        assert trustpoints(opened, "candidate") == set()
        edit(opened, "B")
        assert opened.validate("candidate").ok
        edit(opened, "C")
        assert opened.commit().ok
        assert trustpoints(opened, "running") == {"B", "C"}


def test_a_session_over_somebody_elses_manager_leaves_it_as_it_was(netconfd: Netconfd) -> None:
    with stock(netconfd) as owner:
        before = owner.raise_mode, owner.timeout
        with agent.Session.over(owner, device="r1") as session:
            flying = [
                operations.send_get_config(session, template("filter-trustpoint.um-crypto-cfg", name="T"))
                for _ in range(3)
            ]
            assert all(pending.result().data is not None for pending in flying)
            assert operations.send_lock(session, "running").result().ok
            with stock(netconfd) as other:
                assert [error.tag for error in other.lock("running").errors] == ["lock-denied"]
            assert operations.send_unlock(session, "running").result().ok
        assert (owner.raise_mode, owner.timeout) == before
        assert owner.get_config("running").ok


def test_every_rpc_error_of_a_reply_is_kept(netconfd: Netconfd) -> None:
    with netconfd_session(netconfd) as session:
        edit = trustpoint.config_edit(session.schema, ConfigModel.UM_CRYPTO, "T", Enrollment(EnrollmentKind.TERMINAL))
        content = parse(edit)
        parent = next(content.iter(f"{{{UM_CRYPTO}}}enrollment"))
        for name in ("nonsense", "rubbish"):
            parent.append(parent.makeelement(f"{{{UM_CRYPTO}}}{name}"))
        with pytest.raises(agent.RPCError) as refused:
            operations.send_edit_config(session, content).result()
    assert [error.tag for error in refused.value.errors] == ["unknown-element", "unknown-element"]
    assert ["nonsense" in (error.info or "") for error in refused.value.errors] == [True, False]
    assert ["rubbish" in (error.info or "") for error in refused.value.errors] == [False, True]


def test_somebody_elses_uncommitted_change_is_neither_committed_nor_lost(netconfd: Netconfd) -> None:
    with stock(netconfd) as somebody:
        edit(somebody, "THEIRS")
        with netconfd_session(netconfd) as session:
            outcome = agent.remediate(session, agent.Intent(renew=False), policy=Clock().policy())
        assert outcome.error is not None
        assert outcome.error.kind == "refused"
        assert "--discard-foreign" in (outcome.error.hint or "")
        assert trustpoints(somebody, "running") == set()
        assert trustpoints(somebody, "candidate") == {"THEIRS"}
        assert somebody.discard_changes().ok
        assert somebody.lock("running").ok  # the agent left no lock
        assert somebody.unlock("running").ok


def test_a_confirming_commit_commits_what_somebody_else_left_in_the_candidate_and_no_lock_prevents_it(
    tmp_path: Path,
) -> None:
    """netconfd locks neither datastore while a commit is on trial, and to confirm is to commit."""
    require_netconfd()
    with running(tmp_path) as server, stock(server) as somebody, netconfd_session(server) as session:
        content = trustpoint.config_edit(
            session.schema, ConfigModel.UM_CRYPTO, "OURS", Enrollment(EnrollmentKind.TERMINAL)
        )
        operations.send_edit_config(session, content).result()
        operations.send_commit_confirmed(session, persist="ours", timeout=60).result()
        for target in ("running", "candidate"):
            with pytest.raises(agent.RPCError, match="in-use"):
                operations.send_lock(session, "running" if target == "running" else "candidate").result()
        edit(somebody, "THEIRS")
        operations.send_confirm(session, persist="ours").result()
        assert trustpoints(somebody, "running") == {"OURS", "THEIRS"}


@pytest.mark.parametrize("kind", HOST_KEYS)
def test_a_host_key_of_either_kind_on_record_is_enough(netconfd: Netconfd, kind: str) -> None:
    """OpenSSH 8.8 and later signs with RSA-SHA2 only, and prefers ed25519 where the client lets it choose."""
    with netconfd_session(netconfd, netconfd.target(known_hosts=netconfd.known_hosts(kind))) as session:
        assert session.session_id


@pytest.mark.parametrize("kind", HOST_KEYS)
def test_a_changed_host_key_is_refused(netconfd: Netconfd, tmp_path: Path, kind: str) -> None:
    keygen(tmp_path / "other", kind)
    public = (tmp_path / "other.pub").read_text()
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{netconfd.port} {public}")
    with pytest.raises(agent.HostKeyError, match="host key changed"):
        agent.connect(netconfd.target(known_hosts=tmp_path / "known_hosts"))


def test_a_key_that_the_server_does_not_know_is_named_as_the_cause(netconfd: Netconfd, tmp_path: Path) -> None:
    keygen(tmp_path / "stranger")
    with pytest.raises(agent.SSHAuthenticationError):
        agent.connect(netconfd.target(key=tmp_path / "stranger"))


def test_a_server_that_dies_loses_the_session_and_takes_no_new_one(tmp_path: Path) -> None:
    require_netconfd()
    with running(tmp_path) as server, netconfd_session(server) as session:
        server.stop()
        assert eventually(lambda: not session.connected)
        with pytest.raises(agent.SessionLost):
            operations.send_get_config(session, template("filter-trustpoint.um-crypto-cfg", name="T")).result()
        with pytest.raises(agent.ConnectError):
            agent.connect(server.target())
