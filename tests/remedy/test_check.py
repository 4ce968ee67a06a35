"""A check sees what can be seen of a router without a change, whatever fails, and says what follows for each method."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import pytest

import agent
from agent.model.check import Check, FileSystem, Point, Readiness, Standing, Topic
from agent.model.device import Device as Target
from agent.model.method import Method
from agent.netconf.retry import Policy, at_once, completed
from agent.remedy.check.look import NO_SSH
from agent.remedy.check.points import checked as steps
from agent.simulator import Device, Fault, FaultKind
from tests.netconf.conftest import jump_host as jump_host
from tests.ssh.test_probe import sshd
from tests.support import DeviceClock, Lab

OK, NOT_OK, UNKNOWN = Standing.OK, Standing.NOT_OK, Standing.UNKNOWN
DENIED = (
    b"<rpc-error><error-type>application</error-type><error-tag>access-denied</error-tag>"
    b"<error-severity>error</error-severity></rpc-error>"
)


def checked(
    target: Target, intent: agent.Intent | None = None, *, ssh: bool = True, turn: Callable[[], float] = lambda: 0.0
) -> Check:
    with agent.Ssh(target) as way:
        first, policy = partial(at_once, partial(agent.connect, target)), Policy()
        return completed(
            steps(target, first, way if ssh else None, intent or agent.Intent(), policy, turn=turn), policy
        )


def point(found: Check, topic: Topic) -> Point:
    (one,) = (point for point in found.points if point.topic is topic)
    return one


def standings(found: Check) -> dict[Topic, Standing]:
    return {one.topic: one.standing for one in found.points}


def methods(found: Check) -> dict[Method, Standing]:
    return {one.method: one.standing for one in found.methods}


def why(found: Check, method: Method) -> str:
    return next(one.detail for one in found.methods if one.method is method)


def unchanged(device: Device) -> bool:
    """Whether nothing was locked or written, neither by rpc nor at the CLI."""
    reads = ("get", "get-config", "get-schema", "close-session", "hello")
    rpcs = {operation.partition(":")[0] for _, operation in device.log}
    return (
        not device.config.locks
        and rpcs <= set(reads)
        and all(line.startswith(("show", "term")) for line in device.typed)
    )


# --- a router that answers -----------------------------------------------------------------------------------------


def test_a_router_that_lacks_nothing_is_ready(lab: Lab) -> None:
    device = lab.add(release="25.2.1", platform="8000")
    found = checked(lab.target(device))
    assert set(standings(found).values()) == {OK}, found.points
    assert [one.topic for one in found.points] == list(Topic)
    assert found.readiness is Readiness.READY
    assert methods(found) == {Method.TRUSTPOOL: NOT_OK, Method.FILE: OK, Method.RPC: OK, Method.DIALOG: OK}
    assert why(found, Method.TRUSTPOOL) == "a trustpool import needs a bundle"
    assert found.release == "25.2.1"
    assert unchanged(device)


def test_what_was_seen_is_kept_as_data(lab: Lab) -> None:
    device = lab.add(release="7.4.1")
    found = checked(lab.target(device))
    assert found.server is not None
    assert found.identity is not None
    assert found.server.version.startswith("SSH-2.0-AsyncSSH")
    lists = (found.server.kex, found.server.host_algorithms, found.server.ciphers)
    assert all(name in theirs for name, theirs in zip(found.server.taken, lists, strict=True))
    assert (found.identity.algorithm, found.identity.fingerprint[:7]) == ("ssh-ed25519", "SHA256:")
    assert "password" in found.login_methods
    assert pickle.loads(pickle.dumps(found)) == found, "as a worker sends it"  # noqa: S301 - our own
    assert point(found, Topic.LOGIN).detail.startswith("logged in by password; it offers ")
    assert FileSystem(("harddisk:",), 6_004_539_392, 3_002_269_696) in found.file_systems


@pytest.mark.parametrize("release", ["6.7.1", "7.3.2", "26.3.1"])
def test_file_systems_are_read_by_either_revision_of_their_model_else_over_the_cli(lab: Lab, release: str) -> None:
    device = lab.add(release=release)
    found = checked(lab.target(device))
    assert {name for one in found.file_systems for name in one.prefixes} >= {"harddisk:", "disk0:"}
    by_cli = "show filesystem" in device.typed
    assert by_cli is (release == "26.3.1")  # whose module is not in what is known of it


def test_a_router_of_old_is_ready_by_the_cli_alone(lab: Lab) -> None:
    found = checked(lab.target(lab.add(release="6.5.3", platform="ncs5500")))
    assert point(found, Topic.MODELS).standing is NOT_OK
    assert methods(found)[Method.DIALOG] is OK
    assert methods(found)[Method.RPC] is NOT_OK
    assert found.readiness is Readiness.READY


def test_a_full_disk_rules_out_what_needs_a_file(lab: Lab) -> None:
    found = checked(lab.target(lab.add(release="25.2.1", file_faults=("full",))))
    assert point(found, Topic.SPACE).standing is NOT_OK
    assert point(found, Topic.SPACE).own == "0.0 MB free"
    assert methods(found)[Method.FILE] is NOT_OK
    assert "it needs space: harddisk: has no room" in why(found, Method.FILE)
    assert methods(found)[Method.RPC] is OK


def test_no_sftp_rules_out_what_needs_a_file(lab: Lab) -> None:
    found = checked(lab.target(lab.add(release="25.2.1", sftp=False)))
    assert point(found, Topic.SFTP).standing is NOT_OK
    assert "no SFTP" in point(found, Topic.SFTP).detail
    assert (methods(found)[Method.FILE], methods(found)[Method.DIALOG]) == (NOT_OK, OK)


def test_where_the_router_copies_the_file_itself_only_space_is_needed_for_it(lab: Lab) -> None:
    intent = agent.Intent(pem_url="http://ca.example/root.pem")
    device = lab.add(release="25.2.1", sftp=False, ssh=False)
    found = checked(lab.target(device), intent, ssh=False)
    assert methods(found)[Method.FILE] is OK
    assert why(found, Method.FILE).startswith("ca-authenticate, by NETCONF;")
    assert "files: space, copy, list, delete" in point(found, Topic.MODELS).detail
    full = lab.add(release="25.2.1", ssh=False, file_faults=("full",))
    assert "it needs space" in why(checked(lab.target(full), intent, ssh=False), Method.FILE)


def test_a_storage_that_is_not_there_is_said(lab: Lab) -> None:
    device = lab.add(release="25.2.1")
    vars(device.disk)["folders"] = ("/", "/misc", "/misc/scratch")
    found = checked(lab.target(device))
    assert (point(found, Topic.SFTP).detail, point(found, Topic.SFTP).hint) == (
        "there is no folder /misc/disk1",
        "name the other --storage",
    )


def test_a_clock_that_is_off_is_said(lab: Lab) -> None:
    device = lab.add(release="7.4.1", clock_offset=7200)
    found = checked(lab.target(device))
    assert point(found, Topic.CLOCK).standing is NOT_OK
    assert (point(found, Topic.CLOCK).own or "").startswith("+7")
    assert found.readiness is Readiness.READY, "the root can be brought; it is TLS that may fail"


def test_a_clock_that_only_the_cli_shows_is_compared_with_the_time_of_then(lab: Lab) -> None:
    device = lab.add(release="7.4.1")
    target, behind = lab.target(device), [timedelta(hours=1)]

    def first() -> agent.Session:
        behind.clear()  # an hour has passed until nobody answered there
        raise agent.ConnectError("no answer within 3600 s")

    policy = Policy(now=lambda: datetime.now(UTC) - sum(behind, timedelta(0)))
    with agent.Ssh(target, policy) as way:
        found = completed(steps(target, lambda: at_once(first), way, agent.Intent(), policy), policy)
    assert point(found, Topic.CLOCK).standing is OK, point(found, Topic.CLOCK)


def test_a_clock_that_the_cli_does_not_show_says_why(lab: Lab) -> None:
    device = lab.add(release="7.4.1", reachable=False, forbidden=("show clock",))
    found = checked(lab.target(device))
    assert standings(found)[Topic.CLI] is OK
    assert point(found, Topic.CLOCK).standing is UNKNOWN
    assert "show clock: " in point(found, Topic.CLOCK).detail
    assert "not authorized" in point(found, Topic.CLOCK).detail


def test_file_systems_that_neither_model_nor_cli_shows_are_unknown_for_both_reasons(lab: Lab) -> None:
    found = checked(lab.target(lab.add(release="26.3.1", forbidden=("show filesystem",))))
    assert point(found, Topic.SPACE).standing is UNKNOWN
    assert "no model of this device shows its file systems" in point(found, Topic.SPACE).detail
    assert "not authorized" in point(found, Topic.SPACE).detail


@pytest.mark.parametrize("fault", [(FaultKind.EMPTY, b""), (FaultKind.ERROR, DENIED)])
def test_file_systems_that_the_model_does_not_show_are_read_over_the_cli(
    lab: Lab, fault: tuple[FaultKind, bytes]
) -> None:
    device = lab.add(release="7.4.1")
    device.faults.append(Fault("get:file-system", *fault, times=9))
    found = checked(lab.target(device))
    assert point(found, Topic.SPACE).standing is OK
    assert "show filesystem" in device.typed


@pytest.mark.parametrize("ssh", [True, False])
def test_a_router_that_shows_no_file_system_is_not_said_to_have_none(lab: Lab, ssh: bool) -> None:
    device = lab.add(release="7.4.1", forbidden=("show filesystem",))
    device.faults.append(Fault("get:file-system", FaultKind.EMPTY, times=9))
    found = checked(lab.target(device), ssh=ssh)
    assert point(found, Topic.SPACE).standing is UNKNOWN
    assert "shows no file systems, or this user may not read it" in point(found, Topic.SPACE).detail
    assert ("not authorized" in point(found, Topic.SPACE).detail) is ssh


def test_a_session_that_is_lost_over_the_file_systems_costs_them_alone(lab: Lab) -> None:
    device = lab.add(release="7.4.1")
    device.faults.append(Fault("get:file-system", FaultKind.DROP_BEFORE))
    found = checked(lab.target(device), ssh=False)
    assert (point(found, Topic.SPACE).standing, point(found, Topic.NETCONF).standing) == (UNKNOWN, OK)
    assert "file systems: " in point(found, Topic.SPACE).detail
    assert methods(found)[Method.RPC] is OK


def test_a_method_whose_need_is_unknown_is_unknown(lab: Lab) -> None:
    device = lab.add(release="25.2.1", forbidden=("show filesystem",))
    device.faults.append(Fault("get:file-system", FaultKind.EMPTY, times=9))
    found = checked(lab.target(device))
    assert methods(found)[Method.FILE] is UNKNOWN
    assert why(found, Method.FILE).startswith("it needs space: ")


def test_without_a_candidate_nothing_can_be_configured(lab: Lab) -> None:
    found = checked(lab.target(lab.add(release="7.4.1", candidate=False)), ssh=False)
    assert point(found, Topic.NETCONF).standing is NOT_OK
    assert ":candidate" in point(found, Topic.NETCONF).detail
    assert found.readiness is Readiness.NOT_READY


def test_a_read_that_came_back_empty_is_said_to_prove_nothing(lab: Lab) -> None:
    reads = point(checked(lab.target(lab.add(release="7.4.1"))), Topic.READS)
    assert (reads.standing, reads.detail.partition("; ")[2]) == (
        OK,
        "empty, which may also be hidden: trustpoint, certificate",
    )


def test_a_user_who_is_shown_nothing_is_not_said_to_read_well(lab: Lab) -> None:
    device = lab.add(release="7.4.1")
    device.faults += [Fault(operation, FaultKind.EMPTY, times=99) for operation in ("get", "get-config")]
    found = checked(lab.target(device), ssh=False)
    assert point(found, Topic.READS).standing is UNKNOWN
    assert "may not be allowed to read" in point(found, Topic.READS).detail


def test_reads_that_are_refused_are_named(lab: Lab) -> None:
    device = lab.add(release="7.4.1")
    device.faults.append(Fault("get-config:crypto", FaultKind.ERROR, DENIED, times=9))
    found = checked(lab.target(device))
    assert point(found, Topic.READS).standing is NOT_OK
    assert "trustpoint: " in point(found, Topic.READS).detail
    assert found.readiness is Readiness.NOT_READY
    assert point(found, Topic.CLI).standing is OK, "a point that fails does not end the check"


# --- ways that do not lead there -----------------------------------------------------------------------------------


def test_nobody_at_the_netconf_port_leaves_the_cli_to_be_looked_at(lab: Lab) -> None:
    device = lab.add(release="7.4.1", reachable=False)
    turn = Mock(return_value=0.0)
    found = checked(lab.target(device), turn=turn)
    turn.assert_called_once_with()  # the probe is a further connection
    seen = standings(found)
    assert (seen[Topic.NAME], seen[Topic.PORT], seen[Topic.SSH], seen[Topic.NETCONF]) == (OK, NOT_OK, UNKNOWN, UNKNOWN)
    assert "Connection refused" in point(found, Topic.PORT).detail
    assert "netconf-yang agent ssh" in (point(found, Topic.PORT).hint or "")
    assert (seen[Topic.CLI], seen[Topic.SFTP], seen[Topic.SPACE], seen[Topic.CLOCK]) == (OK, OK, OK, OK)
    assert found.readiness is Readiness.NOT_READY
    assert all(one.detail.startswith("no NETCONF session: ") for one in found.methods)
    assert unchanged(device)


def test_a_name_without_an_address_is_the_first_point() -> None:
    found = checked(Target("no-such-host.invalid", username="admin", password=agent.Secret("x")))
    assert point(found, Topic.NAME).standing is NOT_OK
    assert "cannot be resolved" in point(found, Topic.NAME).detail
    assert standings(found)[Topic.PORT] is UNKNOWN


def test_an_unknown_host_key_leaves_known_what_ssh_offers(lab: Lab, tmp_path: Path) -> None:
    device = lab.add(release="7.4.1")
    found = checked(lab.target(device, host_keys=agent.HostKeys(tmp_path / "none")))
    seen = standings(found)
    assert (seen[Topic.PORT], seen[Topic.SSH], seen[Topic.HOST_KEY], seen[Topic.LOGIN]) == (OK, OK, NOT_OK, UNKNOWN)
    assert "ssh-ed25519 SHA256:" in point(found, Topic.HOST_KEY).detail
    assert not device.sessions
    assert found.readiness is Readiness.NOT_READY
    for topic in (Topic.HOST_KEY, Topic.CLI, Topic.SFTP):
        assert "--accept-new-host-keys" in (point(found, topic).hint or ""), "nothing is amiss with the router's SSH"


def test_a_cli_that_is_out_of_reach_says_what_to_look_at(lab: Lab) -> None:
    device = lab.add(release="7.3.2")
    found = checked(lab.target(device, ssh_port=1))
    assert standings(found)[Topic.NETCONF] is OK
    assert point(found, Topic.READS).standing is NOT_OK
    assert "licensing: no model of this device" in point(found, Topic.READS).detail
    assert "over the CLI, which is not at hand (point cli)" in (point(found, Topic.READS).hint or "")
    for topic in (Topic.CLI, Topic.SFTP):
        assert "'ssh server v2'" in (point(found, topic).hint or "")


def test_a_refused_login_is_not_repeated_at_the_cli(lab: Lab) -> None:
    device = lab.add(release="7.4.1")
    found = checked(lab.target(device, password=agent.Secret("wrong")))
    seen = standings(found)
    assert (seen[Topic.SSH], seen[Topic.LOGIN], seen[Topic.NETCONF]) == (OK, NOT_OK, UNKNOWN)
    assert (seen[Topic.CLI], seen[Topic.SFTP]) == (UNKNOWN, UNKNOWN)
    assert (seen[Topic.HOST_KEY], point(found, Topic.HOST_KEY).detail) == (OK, "it is on record")
    assert found.login_methods == ("publickey", "password", "keyboard-interactive")
    assert "; it offers publickey, password" in point(found, Topic.LOGIN).detail
    for topic in (Topic.CLI, Topic.SFTP):
        assert point(found, topic).detail == "not tried, since the login was refused"
        assert point(found, topic).hint == point(found, Topic.LOGIN).hint == "check user, key and password"
    assert device.counters["connect-ssh"] == 0


def test_a_login_that_is_withheld_leaves_unknown_what_the_router_allows(lab: Lab) -> None:
    device = lab.add(release="7.4.1")
    withheld = agent.LoginWithheld("not tried: the login as admin was refused 3 times", hint="see that it is right")

    def first() -> agent.Session:
        raise withheld

    with agent.Ssh(lab.target(device)) as way:
        found = completed(steps(lab.target(device), lambda: at_once(first), way, agent.Intent(), Policy()), Policy())
    seen = standings(found)
    assert (seen[Topic.PORT], seen[Topic.SSH], seen[Topic.HOST_KEY]) == (OK, OK, UNKNOWN)
    assert (point(found, Topic.LOGIN).detail, point(found, Topic.LOGIN).hint) == (withheld.message, withheld.hint)
    assert {seen[topic] for topic in (Topic.LOGIN, Topic.NETCONF, Topic.CLI, Topic.SFTP)} == {UNKNOWN}
    assert point(found, Topic.NETCONF).detail == "not reached"
    assert point(found, Topic.CLI).hint == withheld.hint
    assert set(methods(found).values()) == {UNKNOWN}
    assert found.readiness is Readiness.UNKNOWN
    assert found.reasons[0] == f"login unknown: {withheld.message}", "what tells most comes first"
    assert device.counters["connect-ssh"] == 0


def test_no_hello_is_a_point_of_netconf(lab: Lab) -> None:
    device = lab.add(release="7.4.1")
    device.faults.append(Fault("hello", FaultKind.SILENT))
    found = checked(lab.target(device, clock=DeviceClock.of(device)))
    assert point(found, Topic.NETCONF).standing is NOT_OK
    assert "no NETCONF hello" in point(found, Topic.NETCONF).detail
    assert standings(found)[Topic.SSH] is OK
    assert standings(found)[Topic.CLI] is OK


def test_a_port_of_another_protocol_is_said() -> None:
    with web() as port:
        found = checked(Target("127.0.0.1", port, ssh_port=port, username="x", password=agent.Secret("x")))
    assert [point(found, topic).standing for topic in (Topic.PORT, Topic.SSH)] == [OK, NOT_OK]
    assert "the port is not SSH's" in point(found, Topic.SSH).detail
    assert point(found, Topic.CLI).standing is NOT_OK


@contextmanager
def web() -> Iterator[int]:
    """The port of a server that takes whatever is sent for a bad request of HTTP."""

    def serve() -> None:
        with suppress(OSError):  # it is shut down
            while True:
                peer, _ = listener.accept()
                with peer, suppress(OSError):
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    peer.shutdown(socket.SHUT_WR)
                    while peer.recv(4096):  # else closing would reset the connection, and the answer be lost
                        pass

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        threads.submit(serve)
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def test_without_ssh_nobody_says_that_the_cli_is_well(lab: Lab) -> None:
    found = checked(lab.target(lab.add(release="7.4.1")), ssh=False)
    assert (point(found, Topic.CLI).standing, point(found, Topic.CLI).detail) == (UNKNOWN, NO_SSH)
    assert methods(found)[Method.RPC] is OK
    assert methods(found)[Method.DIALOG] is not OK


def test_a_cli_that_hangs_costs_itself_alone(lab: Lab) -> None:
    device = lab.add(release="7.4.1")
    device.faults.append(Fault("cli:terminal", FaultKind.SILENT, times=9))
    found = checked(lab.target(device, clock=DeviceClock.of(device)))
    assert point(found, Topic.CLI).standing is NOT_OK
    assert standings(found)[Topic.NETCONF] is OK
    assert methods(found)[Method.DIALOG] is NOT_OK


def test_algorithms_that_have_nothing_in_common_are_said_of_both_sides(tmp_path: Path) -> None:
    with sshd(tmp_path, "KexAlgorithms diffie-hellman-group14-sha1", "HostKeyAlgorithms ssh-rsa") as device:
        found = checked(replace(device, ssh_port=device.port, username="admin", password=agent.Secret("x")))
    ssh = point(found, Topic.SSH)
    assert (ssh.standing, point(found, Topic.PORT).standing) == (NOT_OK, OK)
    assert "diffie-hellman-group14-sha1" in ssh.detail
    assert "curve25519-sha256" in ssh.detail
    assert "--legacy-ssh" in (ssh.hint or "")
    assert found.server is not None
    assert found.server.host_algorithms == ("ssh-rsa",)
    assert found.server.taken == ("aes128-gcm@openssh.com",)
    assert point(found, Topic.LOGIN).standing is UNKNOWN


def jump(lab: Lab, port: int, password: str = "jump") -> Target:
    """The jump host at *port*."""
    keys = agent.HostKeys(lab.known_hosts, accept_new=True)
    return Target("127.0.0.1", port, username="jump", password=agent.Secret(password), host_keys=keys)


def test_behind_a_jump_host_name_and_port_are_its_to_see(lab: Lab, jump_host: Callable[[Device], int]) -> None:
    device = lab.add(release="7.4.1")
    outer = jump(lab, jump_host(device))
    found = checked(lab.target(device, jump=outer))
    seen = standings(found)
    assert (seen[Topic.NAME], seen[Topic.PORT]) == (UNKNOWN, UNKNOWN)
    assert point(found, Topic.PORT).detail == "seen only by the jump host 127.0.0.1"
    assert {seen[topic] for topic in Topic if topic not in (Topic.NAME, Topic.PORT)} == {OK}
    device.faults.append(Fault("get", FaultKind.DROP_BEFORE, times=9))
    for port in (device.port, 1):  # a session that is lost, and none
        failed = checked(lab.target(device, jump=outer, port=port))
        assert point(failed, Topic.NETCONF).standing is NOT_OK
        assert failed.points[:2] == found.points[:2]


def test_a_login_that_a_jump_host_refuses_says_nothing_of_the_router(
    lab: Lab, jump_host: Callable[[Device], int]
) -> None:
    device = lab.add(release="7.4.1")
    found = checked(lab.target(device, jump=jump(lab, jump_host(device), "wrong")))
    assert point(found, Topic.PORT).detail == "seen only by the jump host 127.0.0.1"
    assert point(found, Topic.LOGIN).standing is NOT_OK
    assert "jump host" in point(found, Topic.LOGIN).detail
    assert point(found, Topic.CLI).detail == "not tried, since the login was refused"
    assert found.login_methods == (), "those were the jump host's"
    assert point(found, Topic.HOST_KEY).standing is UNKNOWN


def test_a_router_that_limits_sessions_is_not_probed_besides(lab: Lab) -> None:
    device = lab.add(release="7.4.1")
    device.faults.append(Fault("connect", FaultKind.RESET, times=9))
    turn = Mock(return_value=0.0)
    found = checked(lab.target(device), turn=turn)
    turn.assert_not_called()
    assert point(found, Topic.PORT).standing is UNKNOWN
    assert "wait a minute" in (point(found, Topic.PORT).hint or "")
    assert found.readiness is Readiness.UNKNOWN


def test_an_interrupt_ends_it(lab: Lab) -> None:
    device = lab.add(release="7.4.1")
    target = lab.target(device)
    stopped = Policy(stop=lambda _: True)
    first = partial(at_once, partial(agent.connect, target))
    with agent.Ssh(target, stopped) as ssh, pytest.raises(agent.Interrupted):
        completed(steps(target, first, ssh, agent.Intent(), stopped), stopped)
