"""The way in beside NETCONF: one connection, checked like NETCONF's, asked for no more often than it makes sense."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import agent
from agent.model.errors import ConnectError, ConsoleError, HostKeyError, ReplyTimeout, SSHAuthenticationError
from tests.xr.routers import Cli, Routers


def both(ssh: agent.Ssh) -> list[Any]:
    return [ssh.console, ssh.files]


def test_nothing_is_opened_before_it_is_asked_for_and_both_share_one_login(routers: Routers) -> None:
    router = routers.add(commands={"show clock": "now\n"})
    with router.ssh() as ssh:
        assert not router.connections
        assert ssh.console() is ssh.console()
        assert ssh.files() is ssh.files()
        assert ssh.console().show("show clock") == "now"
    assert (router.logins, len(router.connections), router.shells) == (1, 1, 1)


def test_closing_leaves_no_thread_and_no_socket(routers: Routers) -> None:
    router = routers.add()
    before = set(threading.enumerate())
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with router.ssh() as ssh:
            ssh.console()
            ssh.files().put(b"x", "/misc/disk1/x")
        ssh.close()
        del ssh
        gc.collect()
    # The servers' own event loop may have started a worker thread by now.
    assert {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")} <= before


def test_a_closed_way_may_be_used_again(routers: Routers) -> None:
    router = routers.add()
    ssh = router.ssh()
    ssh.console()
    ssh.close()
    ssh.console()
    ssh.close()
    assert router.logins == 2


@pytest.mark.parametrize("changed", [False, True])
def test_a_host_key_that_is_not_on_record_for_this_port_is_refused_before_the_password(
    routers: Routers, changed: bool
) -> None:
    router, other = routers.add(), routers.add()
    known = [other.host_key] + ([router.host_key.partition(" ")[0] + " " + other.host_key.partition(" ")[2]] * changed)
    router.known_hosts.write_text("".join(f"{line}\n" for line in known))
    # NETCONF's port is on record: it is another router's here, which stands for the same router's port 830.
    with router.ssh(port=other.port) as ssh:
        for open_one in both(ssh):
            with pytest.raises(HostKeyError):
                open_one()
    assert router.logins == 0


def test_the_pinned_key_counts_for_this_port_as_well(routers: Routers) -> None:
    router, other = routers.add(), routers.add()
    router.known_hosts.write_text("")
    keys = agent.HostKeys(router.known_hosts, pinned=router.host_key.partition(" ")[2])
    with router.ssh(host_keys=keys) as ssh:
        ssh.console()
    with (
        router.ssh(host_keys=replace(keys, pinned=other.host_key.partition(" ")[2])) as ssh,
        pytest.raises(HostKeyError),
    ):
        ssh.console()


def test_a_wrong_password_is_tried_once(routers: Routers) -> None:
    router = routers.add()
    with router.ssh(password=agent.Secret("wrong")) as ssh:
        said = []
        for open_one in [*both(ssh), *both(ssh)]:
            with pytest.raises(SSHAuthenticationError) as caught:
                open_one()
            said.append(str(caught.value))
        assert len(set(said)) == 1
        assert "wrong" not in said[0]
    assert router.logins == 1


def test_a_port_where_nobody_listens_is_remembered_with_all_it_said(routers: Routers) -> None:
    ssh = agent.Ssh(routers.add().target(ssh_port=1))
    errors = []
    for open_one in both(ssh):
        with pytest.raises(ConnectError) as caught:
            open_one()
        errors.append(caught.value)
    assert len({(error.message, error.hint, error.device, error.rate_limited) for error in errors}) == 1
    assert errors[0] is not errors[1]


def test_a_router_without_a_cli_is_told_so_and_keeps_its_files(routers: Routers) -> None:
    router = routers.add(shell=False)
    with router.ssh() as ssh:
        for _ in range(2):
            with pytest.raises(ConsoleError, match="no CLI over SSH"):
                ssh.console()
        assert not ssh.files().exists("/misc/disk1/x")


def test_a_cli_without_a_prompt_is_waited_for_once(routers: Routers) -> None:
    router = routers.add(silent=True)
    with router.ssh() as ssh:
        for _ in range(2):
            with pytest.raises(ReplyTimeout):
                ssh.console()
    assert router.shells == 1


def test_a_login_that_asks_for_more_is_named(routers: Routers) -> None:
    router = routers.add(banner="Enter challenge response: ", silent=True)
    with router.ssh() as ssh, pytest.raises(ConsoleError, match="asks at login: Enter challenge"):
        ssh.console()


def test_a_connection_that_was_lost_is_opened_again(routers: Routers) -> None:
    router = routers.add(commands={"show x": Cli.drop, "show clock": "now\n"})
    with router.ssh() as ssh:
        for _ in range(2):
            with pytest.raises(agent.SessionLost):
                ssh.console().show("show x")
            assert ssh.console().show("show clock") == "now"
            assert not ssh.files().exists("/misc/disk1/x")
    assert router.logins == 3


def test_a_connection_that_proves_dead_only_when_it_is_used_is_opened_again(routers: Routers) -> None:
    router = routers.add(commands={"show clock": "now\n"})
    with router.ssh() as ssh:
        ssh.files()
        routers.call(lambda: setattr(router, "refuses", 1))
        assert ssh.console().show("show clock") == "now"
    assert router.logins == 2


def test_a_connection_that_does_not_come_back_is_remembered(routers: Routers) -> None:
    router = routers.add(commands={"show x": Cli.drop})
    with router.ssh() as ssh:
        with pytest.raises(agent.SessionLost):
            ssh.console().show("show x")
        router.known_hosts.write_text("")
        for open_one in [*both(ssh), *both(ssh)]:
            with pytest.raises(HostKeyError):
                open_one()
    assert len(router.connections) == 2


def test_netmiko_is_not_imported_before_the_cli_is_needed() -> None:
    code = (
        "import sys, agent; agent.Ssh(agent.Device('r1')); import agent.xr.cli.console, agent.xr.cli.dialog;"
        "sys.exit('netmiko' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0
