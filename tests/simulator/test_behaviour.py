"""What servers differ in, each way by stock ncclient and by a session made up within the simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from lxml import etree
from ncclient import NCClientError
from ncclient.operations import RPCError

import agent
from agent.netconf import operations
from agent.simulator import CLIXON, NETOPEER2, Behaviour, Device, Fault, FaultKind, OtherSession, Refusal
from agent.simulator.personas.behaviour import DirtyLock, ErrorOption, Library, TrialLock
from tests.simulator.peer import Neighbour, neighbour, netconf
from tests.support import Lab, eventually

Client = Neighbour | OtherSession
LIBRARY = "urn:ietf:params:xml:ns:yang:ietf-yang-library"


def refusal(work: Callable[[], object]) -> tuple[str, str]:
    """The error-tag and the error-message by which an operation is refused."""
    with pytest.raises((RPCError, Refusal)) as caught:
        work()
    if isinstance(caught.value, RPCError):
        return str(caught.value.tag), str(caught.value.message or "")
    error = etree.fromstring(caught.value.xml)
    return str(error.findtext("error-tag")), error.findtext("error-message") or ""


@dataclass
class Meeting:
    """Opens clients of one kind at a device."""

    lab: Lab
    kind: str
    stack: ExitStack

    def at(self, device: Device) -> Client:
        if self.kind == "other session":
            return device.other_session()
        return self.stack.enter_context(neighbour(self.lab, device))


@pytest.fixture(params=["ncclient", "other session"])
def clients(request: pytest.FixtureRequest, lab: Lab) -> Iterator[Meeting]:
    with ExitStack() as stack:
        yield Meeting(lab, request.param, stack)


def gone(device: Device, *clients: Client) -> None:
    """Wait until the sessions have ended on the device."""
    assert eventually(lambda: not any(one.session_id in device.sessions for one in clients))


# --- a confirmed commit ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "way, tag, message",
    [
        ("in-use", "in-use", "A trial commit is underway"),
        ("lock-denied", "lock-denied", "There is an ongoing confirmed commit."),
        ("operation-failed", "operation-failed", "There is an ongoing confirmed commit."),
    ],
)
def test_a_lock_of_running_is_refused_while_a_commit_is_on_trial(
    lab: Lab, clients: Meeting, way: TrialLock, tag: str, message: str
) -> None:
    device = lab.add(behaviour=Behaviour(trial_lock=way))
    ours, theirs = clients.at(device), clients.at(device)
    ours.edit("T", "terminal")
    ours.commit_on_trial(persist="p")
    assert refusal(lambda: theirs.lock("running")) == (tag, message)
    theirs.lock("candidate")
    ours.confirm("p")
    theirs.lock("running")


@pytest.mark.parametrize("asker", [True, False])
def test_a_refused_lock_names_the_trials_session_or_the_one_that_asks(lab: Lab, clients: Meeting, asker: bool) -> None:
    device = lab.add(behaviour=Behaviour(trial_lock="lock-denied", trial_lock_names_asker=asker))
    with lab.connect(device) as ours, lab.connect(device) as theirs:
        clients.at(device).edit("T", "terminal")
        operations.send_commit_confirmed(ours, persist="p", timeout=60).result()
        with pytest.raises(agent.LockDenied) as refused:
            operations.send_lock(theirs, "running").result()
        assert refused.value.session_id == (theirs if asker else ours).session_id


@pytest.mark.parametrize("voids", [False, True])
def test_a_cancel_by_the_session_that_holds_running_may_take_nothing_back(
    lab: Lab, clients: Meeting, voids: bool
) -> None:
    device = lab.add(behaviour=Behaviour(running_lock_voids_cancel=voids))
    ours = clients.at(device)
    ours.lock("running")
    ours.edit("T", "terminal")
    ours.commit_on_trial(persist="p")
    ours.cancel("p")
    assert device.config.trial is None
    assert device.trustpoints() == (["T"] if voids else [])


def test_a_server_may_grant_locks_while_a_commit_is_on_trial(lab: Lab, clients: Meeting) -> None:
    device = lab.add(behaviour=Behaviour(trial_lock="granted"))
    ours, theirs = clients.at(device), clients.at(device)
    ours.edit("T", "terminal")
    ours.commit_on_trial(persist="p")
    theirs.lock("running")
    theirs.lock("candidate")
    theirs.edit("U", "terminal")
    assert refusal(theirs.commit) == ("in-use", "A trial commit is underway")
    assert device.trustpoints() == ["T"]


@pytest.mark.parametrize("tag", ["in-use", "invalid-value"])
def test_a_commit_without_the_right_persist_id_is_refused(lab: Lab, clients: Meeting, tag: Any) -> None:
    device = lab.add(behaviour=Behaviour(trial_commit=tag, wrong_persist=tag))
    ours, theirs = clients.at(device), clients.at(device)
    ours.edit("T", "terminal")
    ours.commit_on_trial(persist="p")
    for work in (theirs.commit, lambda: theirs.commit_on_trial(persist="q"), lambda: theirs.confirm("q")):
        assert refusal(work)[0] == tag
    assert device.config.trial is not None


@pytest.mark.parametrize("commits", [False, True])
def test_a_confirming_commit_takes_the_candidate_with_it_or_leaves_it(
    lab: Lab, clients: Meeting, commits: bool
) -> None:
    device = lab.add(behaviour=Behaviour(confirm_commits=commits))
    ours, theirs = clients.at(device), clients.at(device)
    ours.edit("T", "terminal")
    ours.commit_on_trial(persist="p")
    theirs.edit("U", "terminal")
    ours.confirm("p")
    assert device.trustpoints() == (["T", "U"] if commits else ["T"])
    assert device.config.dirty is not commits
    assert device.config.trial is None


def test_a_trial_is_cancelled_by_whoever_knows_its_persist_id(lab: Lab, clients: Meeting) -> None:
    device = lab.add()
    ours, theirs = clients.at(device), clients.at(device)
    device.configure("BEFORE", "terminal")
    ours.edit("T", "terminal")
    ours.commit_on_trial(persist="p")
    assert refusal(lambda: theirs.cancel("q"))[0] == "invalid-value"
    assert refusal(theirs.cancel)[0] == "invalid-value"
    theirs.cancel("p")
    assert device.trustpoints() == ["BEFORE"]
    assert not device.config.dirty
    assert device.config.rollbacks == 1


@pytest.mark.parametrize("how", ["clock", "told"])
def test_a_trial_ends_by_itself_with_what_was_running_before(lab: Lab, clients: Meeting, how: str) -> None:
    device = lab.add()
    now = [0.0]
    device.config.clock = lambda: now[0]
    device.configure("BEFORE", "terminal")
    ours = clients.at(device)
    ours.remove("BEFORE")
    ours.edit("T", "terminal")
    ours.commit_on_trial(timeout=60, persist="p")
    ours.end()
    gone(device, ours)
    now[0] = 61.0
    assert device.trustpoints() == ["T"]  # routers are late
    if how == "clock":
        now[0] = 63.0
    else:
        device.expire_trial()
    assert device.trustpoints() == ["BEFORE"]
    assert refusal(lambda: clients.at(device).confirm("p"))[0] == "invalid-value"


def test_a_followed_up_trial_goes_back_to_what_was_before_the_first(lab: Lab) -> None:
    device = lab.add()
    now = [0.0]
    device.config.clock = lambda: now[0]
    with neighbour(lab, device) as first, neighbour(lab, device) as second:
        first.edit("T", "terminal")
        first.commit_on_trial(timeout=60, persist="p")
        now[0] = 50.0
        second.edit("U", "terminal")
        second.commit_on_trial(timeout=60, persist="p", persist_id="p")
        now[0] = 100.0
        assert device.trustpoints() == ["T", "U"]
        now[0] = 113.0
        assert device.trustpoints() == []


@pytest.mark.parametrize("persist", [None, "p"])
def test_a_trial_ends_with_its_session_unless_it_has_a_persist_id(
    lab: Lab, clients: Meeting, persist: str | None
) -> None:
    device = lab.add()
    ours, theirs = clients.at(device), clients.at(device)
    ours.edit("T", "terminal")
    ours.commit_on_trial(persist=persist)
    theirs.kill(ours.session_id)
    gone(device, ours)
    assert eventually(lambda: (device.config.trial is None) is (persist is None))
    assert device.trustpoints() == ([] if persist is None else ["T"])


def test_telling_a_trial_to_end_where_there_is_none_changes_nothing(lab: Lab) -> None:
    device = lab.add(enrollment="terminal")
    device.expire_trial()
    assert device.enrollment() == "terminal"
    assert device.config.rollbacks == 0


def test_commits_of_others_may_go_on_during_a_trial_and_are_taken_back_with_it(lab: Lab, clients: Meeting) -> None:
    device = lab.add(behaviour=Behaviour(trial_commit="granted", wrong_persist="granted"))
    ours, theirs = clients.at(device), clients.at(device)
    ours.edit("T", "terminal")
    ours.commit_on_trial(persist="p")
    theirs.edit("U", "terminal")
    theirs.commit()
    theirs.edit("V", "terminal")
    theirs.confirm("wrong")
    assert device.trustpoints() == ["T", "U", "V"]
    device.expire_trial()
    assert device.trustpoints() == []


def test_a_late_confirmation_may_be_a_commit_like_any_other(lab: Lab, clients: Meeting) -> None:
    device = lab.add(behaviour=Behaviour(wrong_persist="granted", rollback_resets_candidate=False))
    ours, theirs = clients.at(device), clients.at(device)
    ours.edit("T", "terminal")
    ours.commit_on_trial(persist="p")
    theirs.edit("U", "terminal")
    device.expire_trial()
    assert device.trustpoints() == []
    ours.confirm("p")
    assert device.trustpoints() == ["T", "U"]


@pytest.mark.parametrize("pends", [(), ("invalid-value",), ("invalid-value", "in-use")])
def test_a_refused_trial_commit_may_leave_a_trial_pending(lab: Lab, clients: Meeting, pends: tuple[str, ...]) -> None:
    device = lab.add(behaviour=Behaviour(refused_trial_pends=pends))
    ours, theirs = clients.at(device), clients.at(device)
    theirs.lock("running")
    ours.edit("T", "terminal")
    assert refusal(lambda: ours.commit_on_trial(persist="p"))[0] == "in-use"
    theirs.unlock("running")
    assert device.trustpoints() == []
    if "in-use" in pends:
        assert refusal(lambda: theirs.lock("running"))[0] == "in-use"
        theirs.cancel("p")
    theirs.lock("running")


def test_a_trial_may_outlive_its_time_where_running_is_locked(lab: Lab, clients: Meeting) -> None:
    device = lab.add(behaviour=Behaviour(running_lock_binds_trial=True))
    ours, theirs = clients.at(device), clients.at(device)
    ours.lock("running")
    ours.edit("T", "terminal")
    ours.commit_on_trial(persist="p")
    assert refusal(lambda: theirs.cancel("p"))[0] == "in-use"
    device.expire_trial()
    ours.unlock("running")
    assert device.trustpoints() == ["T"]
    assert refusal(lambda: theirs.confirm("p"))[0] == "invalid-value"


def test_a_refused_confirmation_may_have_confirmed(lab: Lab, clients: Meeting) -> None:
    device = lab.add(behaviour=Behaviour(confirm_commits=True))
    ours, theirs = clients.at(device), clients.at(device)
    ours.lock("running")
    ours.edit("T", "terminal")
    ours.commit_on_trial(persist="p")
    assert refusal(lambda: theirs.confirm("p"))[0] == "in-use"
    assert device.config.trial is None
    assert device.trustpoints() == ["T"]


@pytest.mark.parametrize("follows", [True, False])
def test_a_candidate_follows_a_trial_that_is_taken_back_or_keeps_it(lab: Lab, clients: Meeting, follows: bool) -> None:
    device = lab.add(behaviour=Behaviour(rollback_resets_candidate=follows))
    ours = clients.at(device)
    ours.edit("T", "terminal")
    ours.commit_on_trial(persist="p")
    ours.cancel("p")
    assert device.config.dirty is not follows
    ours.lock()
    ours.edit("U", "terminal")
    ours.commit()
    assert device.trustpoints() == (["U"] if follows else ["T", "U"])


@pytest.mark.parametrize("accepts", [False, True])
def test_a_commit_without_changes_is_refused_or_done(lab: Lab, clients: Meeting, accepts: bool) -> None:
    device = lab.add(behaviour=Behaviour(commits_nothing=accepts))
    ours = clients.at(device)
    if accepts:
        ours.commit()
    else:
        assert refusal(ours.commit) == ("operation-failed", "No configuration changes to commit")
    assert device.config.commits == 0


@pytest.mark.parametrize("behaviour", [NETOPEER2, CLIXON], ids=["netopeer2", "clixon"])
def test_a_server_of_another_make_takes_a_commit_on_trial_and_its_confirmation(
    lab: Lab, clients: Meeting, behaviour: Behaviour
) -> None:
    device = lab.add(behaviour=behaviour)
    ours = clients.at(device)
    ours.lock("running")
    ours.lock("candidate")
    ours.edit("T", "terminal")
    ours.commit_on_trial(persist="p")
    assert refusal(lambda: clients.at(device).lock("running"))[0] == "lock-denied"
    ours.confirm("p")
    ours.unlock("candidate")
    ours.unlock("running")
    assert device.trustpoints() == ["T"]
    assert not device.config.dirty


# --- the candidate --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["lock-denied", "resource-denied", "operation-failed", "granted"])
def test_the_lock_of_a_changed_candidate_is_refused_by_every_spelling(
    lab: Lab, clients: Meeting, way: DirtyLock
) -> None:
    device = lab.add(behaviour=Behaviour(dirty_lock=way))
    device.dirty()
    ours = clients.at(device)
    if way == "granted":
        ours.lock()
    else:
        assert refusal(ours.lock) == (way, "")
        ours.discard()
        ours.lock()


def test_a_changed_candidate_is_nobodys_lock(lab: Lab) -> None:
    device = lab.add()
    device.dirty()
    with neighbour(lab, device) as ours, pytest.raises(RPCError) as error:
        ours.lock()
    assert ">0<" in str(error.value.info)


@pytest.mark.parametrize("discards", [True, False])
def test_unlocking_discards_changes_or_leaves_them(lab: Lab, clients: Meeting, discards: bool) -> None:
    device = lab.add(behaviour=Behaviour(unlock_discards=discards))
    ours, theirs = clients.at(device), clients.at(device)
    for killed in (False, True):
        ours.lock()
        ours.edit("T", "terminal")
        if killed:
            theirs.kill(ours.session_id)
        else:
            ours.unlock()
        assert eventually(lambda: not device.config.locks)
        assert device.config.dirty is not discards
        theirs.discard()


@pytest.mark.parametrize("guards", [False, True])
def test_discarding_what_another_session_has_locked_is_refused_or_done(
    lab: Lab, clients: Meeting, guards: bool
) -> None:
    device = lab.add(behaviour=Behaviour(guards_discard=guards, locked="lock-denied"))
    ours, theirs = clients.at(device), clients.at(device)
    theirs.lock()
    theirs.edit("THEIRS", "terminal")
    if guards:
        assert refusal(ours.discard)[0] == "lock-denied"
    else:
        ours.discard()
    assert device.config.dirty is guards


@pytest.mark.parametrize("tag", ["operation-not-supported", "invalid-value"])
def test_error_option_is_refused_where_it_is_not_announced(lab: Lab, tag: ErrorOption) -> None:
    device = lab.add(behaviour=Behaviour(rollback_on_error=False, error_option=tag))
    with neighbour(lab, device) as ours:
        assert not [uri for uri in ours.capabilities if "rollback-on-error" in uri]
        assert refusal(lambda: ours.edit("T", "terminal", "rollback-on-error"))[0] == tag
        assert not device.config.dirty
        ours.edit("T", "terminal", "stop-on-error")
        assert device.config.dirty


# --- faults ---------------------------------------------------------------------------------------------------------


def test_a_server_that_crashes_in_a_commit_leaves_the_candidate_as_it_is(lab: Lab) -> None:
    device = lab.add()
    device.faults.append(Fault("commit", FaultKind.CRASH))
    with neighbour(lab, device) as ours:
        ours.lock("running")
        ours.lock("candidate")
        ours.edit("T", "terminal")
        with pytest.raises(NCClientError):
            ours.commit()
        gone(device, ours)
    assert device.trustpoints() == []
    assert device.config.dirty
    assert not device.config.locks
    device.other_session().commit()
    assert device.trustpoints() == ["T"]


@pytest.mark.parametrize("persist", [None, "p"])
def test_a_crash_ends_sessions_locks_and_trials(lab: Lab, clients: Meeting, persist: str | None) -> None:
    device = lab.add()
    ours = clients.at(device)
    ours.edit("T", "terminal")
    ours.commit_on_trial(persist=persist)
    ours.lock("candidate")
    device.crash()
    gone(device, ours)
    assert not device.other_sessions
    assert not device.config.locks
    assert device.config.trial is None
    assert device.trustpoints() == []


@pytest.mark.parametrize("stays", [True, False])
def test_a_held_commit_takes_effect_when_it_is_released_whether_or_not_the_client_waits(lab: Lab, stays: bool) -> None:
    device = lab.add()
    device.faults.append(Fault("commit", FaultKind.HELD))
    with neighbour(lab, device) as ours, netconf(lab, device) as other:
        ours.lock("candidate")
        ours.edit("T", "terminal")
        ours.begin_commit()
        assert eventually(lambda: bool(device.held))
        if not stays:
            ours.break_off()
        other.get_config("running")
        assert device.trustpoints() == []
        # A server that is busy for a session does not see that it has ended.
        assert device.config.locks == {"candidate": ours.session_id}
        device.release()
        assert eventually(lambda: device.trustpoints() == ["T"])
        assert eventually(lambda: stays or not device.config.locks)
        assert not device.held


def test_a_held_commit_is_gone_with_its_killed_session(lab: Lab) -> None:
    device = lab.add()
    device.faults.append(Fault("commit", FaultKind.HELD))
    with neighbour(lab, device) as ours, neighbour(lab, device) as other:
        ours.edit("T", "terminal")
        ours.begin_commit()
        assert eventually(lambda: bool(device.held))
        other.kill(ours.session_id)
        gone(device, ours)
        device.release()
        other.get("netconf-state", "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring")
    assert device.trustpoints() == []


def test_a_read_of_one_tree_fails_once_and_then_answers(lab: Lab) -> None:
    device = lab.add()
    device.faults.append(Fault("get:smart-agent", FaultKind.ERROR))
    namespace = "http://cisco.com/ns/yang/Cisco-IOS-XR-infra-smartlicense-oper"
    with neighbour(lab, device) as ours:
        ours.get("crypto", "http://cisco.com/ns/yang/Cisco-IOS-XR-crypto-cepki-oper")
        assert refusal(lambda: ours.get("smart-agent", namespace))[0] == "operation-failed"
        assert len(ours.get("smart-agent", namespace)) == 1


def test_something_happens_meanwhile_in_the_order_it_was_told_to(lab: Lab) -> None:
    device = lab.add()
    seen: list[tuple[str, list[str]]] = []
    device.faults += [
        Fault("get-config", FaultKind.MEANWHILE, skip=1, act=lambda: device.configure("THEIRS", "terminal")),
        Fault("commit", FaultKind.MEANWHILE, act=lambda: seen.append(("before", device.trustpoints()))),
        Fault("commit", FaultKind.ERROR_AFTER),
    ]
    with neighbour(lab, device) as ours, netconf(lab, device) as reader:
        assert "THEIRS" not in reader.get_config("running").data_xml
        assert "THEIRS" in reader.get_config("running").data_xml
        ours.edit("T", "terminal")
        assert refusal(ours.commit)[0] == "operation-failed"
    assert seen == [("before", ["THEIRS"])]
    assert device.trustpoints() == ["THEIRS", "T"]


# --- neighbours -----------------------------------------------------------------------------------------------------


def test_another_session_is_listed_keeps_to_locks_and_can_be_killed(lab: Lab) -> None:
    device = lab.add(enrollment="terminal", terminal_rpc="installs")
    other = device.other_session("alice")
    other.lock()
    other.edit("Trustpool", "http://other.example/")
    with neighbour(lab, device) as ours:
        namespace = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
        listed = etree.tostring(ours.get("netconf-state", namespace))
        assert b"alice" in listed
        assert other.session_id.encode() in listed
        assert refusal(ours.lock)[0] == "lock-denied"
        assert refusal(lambda: ours.edit("T", "terminal"))[0] == "in-use"
        ours.authenticate("Trustpool")
        before = device.state.certificates["Trustpool"]
        other.authenticate("Trustpool", "another")
        assert device.state.certificates["Trustpool"] == "another" != before
        other.clear("Trustpool")
        assert not device.state.certificates
        ours.kill(other.session_id)
        ours.lock()
    assert not other.alive
    assert not device.config.dirty
    with pytest.raises(ConnectionResetError):
        other.commit()


def test_another_session_breaks_anothers_lock(lab: Lab) -> None:
    device = lab.add()
    with neighbour(lab, device) as ours:
        ours.lock()
        device.other_session().kill(ours.session_id)
        with pytest.raises(NCClientError):
            ours.edit("T", "terminal")
        gone(device, ours)
    device.other_session().lock()


def test_the_console_leaves_an_uncommitted_candidate_uncommitted(lab: Lab) -> None:
    device = lab.add()
    other = device.other_session()
    other.edit("THEIRS", "terminal")
    device.configure("CONSOLE", "terminal")
    assert device.trustpoints() == ["CONSOLE"]
    assert device.config.dirty


# --- the YANG library -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "version, tops, id_name",
    [("1.1", ("yang-library", "modules-state"), "content-id"), ("1.0", ("modules-state",), "module-set-id")],
)
def test_modules_are_in_the_library_alone(lab: Lab, version: Library, tops: tuple[str, ...], id_name: str) -> None:
    usual = lab.add(release="7.8.1", platform="ncs5500")
    device = lab.add(release="7.8.1", platform="ncs5500", behaviour=Behaviour(library=version))
    with neighbour(lab, usual) as ours:
        announced = {
            (part.partition("module=")[2].partition("&")[0], part.partition("revision=")[2].partition("&")[0])
            for part in ours.capabilities
            if "module=" in part
        }
    with neighbour(lab, device) as ours:
        uris = ours.capabilities
        (library,) = (uri for uri in uris if ":yang-library:" in uri)
        assert library.startswith(f"urn:ietf:params:netconf:capability:yang-library:{version}?revision=")
        assert not [uri for uri in uris if "?module=" in uri]
        trees = [ours.get(top, LIBRARY)[0] for top in tops]
    for tree in trees:
        modules = [one for one in tree.iter("{*}module") if one.findtext("{*}conformance-type") != "import"]
        told = {(one.findtext("{*}name"), one.findtext("{*}revision") or "") for one in modules}
        assert told == announced
    assert trees[0].findtext(f"{{*}}{id_name}") == library.partition(f"{id_name}=")[2]


def test_a_device_without_a_library_has_none(lab: Lab) -> None:
    with neighbour(lab, lab.add()) as ours:
        assert len(ours.get("yang-library", LIBRARY)) == 0
        assert len(ours.get("modules-state", LIBRARY)) == 0
