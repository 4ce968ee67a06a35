"""The CLI on the SSH port, judged by paramiko's shell and netmiko's XR driver."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import Any

import paramiko
import pytest
from ncclient.transport.errors import TransportError
from netmiko import ConnectHandler

from agent.model.pki.anchor import TrustAnchor
from agent.simulator import Device, Fault, FaultKind
from tests.simulator.peer import Screen, netconf, screen, ssh
from tests.support import Lab, eventually

ANCHOR = TrustAnchor.bundled()
QUESTION = r"\]: ?"


def netmiko(lab: Lab, device: Device) -> Any:
    return ConnectHandler(
        device_type="cisco_xr",
        host="127.0.0.1",
        port=device.ssh_port,
        username=lab.simulator.username,
        password=lab.simulator.password,
        ssh_strict=True,
        alt_host_keys=True,
        alt_key_file=str(lab.known_hosts),
    )


# --- the two ports ---------------------------------------------------------------------------------------------------


def test_both_ports_have_the_same_host_key_and_the_netconf_subsystem_is_on_one(lab: Lab) -> None:
    device = lab.add()
    lines = lab.simulator.known_hosts().splitlines()
    assert [line.split()[0] for line in lines] == [f"[127.0.0.1]:{device.port}", f"[127.0.0.1]:{device.ssh_port}"]
    assert len({line.split()[2] for line in lines}) == 1
    with ssh(lab, device) as client:
        transport = client.get_transport()
        assert transport is not None
        with pytest.raises(paramiko.SSHException):
            transport.open_session().invoke_subsystem("netconf")


def test_without_ssh_nothing_listens(lab: Lab) -> None:
    device = lab.add(ssh=False)
    assert device.ssh_port == 0
    assert len(lab.simulator.known_hosts().splitlines()) == 1


def test_the_ports_asked_for_are_taken_or_none_is(lab: Lab) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        free = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            lab.simulator.add(name="refused", ssh_port=free)
    assert "refused" not in lab.simulator.devices
    assert lab.simulator.add(ssh_port=free).ssh_port == free


def test_a_wrong_password_is_refused_on_the_ssh_port(lab: Lab) -> None:
    device = lab.add()
    with paramiko.SSHClient() as client:
        client.load_host_keys(str(lab.known_hosts))
        with pytest.raises(paramiko.AuthenticationException):
            client.connect("127.0.0.1", device.ssh_port, "admin", "wrong", allow_agent=False, look_for_keys=False)


def test_a_reload_ends_every_session(lab: Lab) -> None:
    device = lab.add()
    with ExitStack() as left:
        # Leaving says close-session, which the reload made impossible.
        left.enter_context(pytest.raises(TransportError))
        connected = left.enter_context(netconf(lab, device))
        cli = left.enter_context(screen(lab, device))
        device.reload()
        with pytest.raises((EOFError, OSError)):
            cli.send("show clock")
        assert eventually(lambda: not connected.connected)
    assert eventually(lambda: not device.sessions and not device.connections)


# --- exec mode -------------------------------------------------------------------------------------------------------


def test_netmiko_types_the_trustpoint_commits_and_reads_it_back(lab: Lab) -> None:
    device = lab.add(release="6.6.3")
    with netmiko(lab, device) as cli:
        assert cli.find_prompt() == f"RP/0/RP0/CPU0:{device.name}#"
        assert "Version 6.6.3" in cli.send_command("show version")
        cli.send_config_set(["crypto ca trustpoint Trustpool", "enrollment terminal"])
        cli.commit()
        cli.exit_config_mode()
        assert "enrollment terminal" in cli.send_command("show running-config crypto ca trustpoint Trustpool")
    assert device.enrollment() == "terminal"
    assert device.config.commits == 1
    assert "commit" in device.typed


def test_netmiko_leaves_configuration_mode_with_nothing_committed(lab: Lab) -> None:
    device = lab.add(release="6.6.3")
    with netmiko(lab, device) as cli:
        cli.send_config_set(["crypto ca trustpoint Trustpool", "enrollment terminal"])
        cli.exit_config_mode()
    assert device.answers == ["no"]
    assert not device.trustpoints()


def test_an_unknown_word_is_marked_where_it_stands(lab: Lab) -> None:
    with screen(lab, lab.add()) as cli:
        said = cli.send("show nonsense now").splitlines()
        marked = cli.send("show").splitlines()
    typed = f"RP/0/RP0/CPU0:device-1#{said[0]}"
    assert said[1].index("^") == typed.index("nonsense")
    assert said[2] == "% Invalid input detected at '^' marker."
    assert marked[1] == "% Incomplete command."


def test_words_may_be_abbreviated(lab: Lab) -> None:
    device = lab.add()
    with screen(lab, device) as cli:
        assert "IOS XR" in cli.send("sh ver")
    assert device.typed[-1] == "show version"


@pytest.mark.parametrize("timestamps", [True, False])
def test_the_time_is_printed_first_where_the_device_does_that(lab: Lab, timestamps: bool) -> None:
    with screen(lab, lab.add(timestamps=timestamps)) as cli:
        lines = cli.send("show clock").splitlines()
    assert len(lines) == (4 if timestamps else 3)
    assert lines[1].endswith("UTC") is timestamps


def test_long_output_is_paged_until_the_pager_is_off(lab: Lab) -> None:
    with ssh(lab, device := lab.add()) as client:
        cli = Screen(client.invoke_shell())
        cli.until()
        assert "License Usage" not in cli.send("show license all", r"--More-- ")
        cli.type(" ")
        assert "License Usage" in cli.until()
        cli.send("terminal length 10")
        assert "Transport:" not in cli.send("show license status", r"--More-- ")
        cli.type("q")
        cli.until()
        cli.send("terminal length 0")
        assert "Transport:" in cli.send("show license status")
    assert device.typed.count("show license status") == 2


def test_a_single_command_is_answered_without_a_shell(lab: Lab) -> None:
    with ssh(lab, lab.add()) as client:
        _, stdout, _ = client.exec_command("show version")
        assert b"Cisco IOS XR Software" in stdout.read()


@pytest.mark.parametrize(
    "beginning, command", [("run", "run rm -f /tmp/x"), ("crypto ca authenticate", "crypto ca auth Trustpool")]
)
def test_a_forbidden_command_is_not_authorized(lab: Lab, beginning: str, command: str) -> None:
    with screen(lab, lab.add(forbidden=(beginning,))) as cli:
        assert "% This command is not authorized" in cli.send(command)
        assert "not authorized" not in cli.send("show clock")


def test_a_line_of_configuration_may_be_forbidden(lab: Lab) -> None:
    device = lab.add(forbidden=("crypto ca trustpoint",))
    with screen(lab, device) as cli:
        cli.send("configure")
        assert "% This command is not authorized" in cli.send("crypto ca trustpoint T")
        assert "No configuration changes" in cli.send("commit")
    assert not device.trustpoints()


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER])
def test_a_fault_drops_the_session_before_or_after_a_command(lab: Lab, kind: FaultKind) -> None:
    device = lab.add()
    device.faults.append(Fault("cli:commit", kind))
    with screen(lab, device) as cli:
        for line in ("configure", "crypto ca trustpoint T"):
            cli.send(line)
        with pytest.raises((EOFError, OSError)):
            cli.send("commit")
    assert device.config.commits == (kind is FaultKind.DROP_AFTER)


def test_a_fault_strikes_one_command_and_no_rpc(lab: Lab) -> None:
    device = lab.add()
    device.faults.append(Fault("cli:show clock", FaultKind.RAW, b"% nonsense\n"))
    with netconf(lab, device) as connected:
        connected.get_config("running")
    with screen(lab, device) as cli:
        assert "Version" in cli.send("show version")
        assert "% nonsense" in cli.send("show clock")
        assert "% nonsense" not in cli.send("show clock")


def test_a_command_that_hangs_prints_no_prompt(lab: Lab) -> None:
    device = lab.add()
    device.faults.append(Fault("cli:show clock", FaultKind.SILENT))
    with screen(lab, device) as cli:
        cli._channel.settimeout(0.3)
        with pytest.raises(TimeoutError):
            cli.send("show clock")


# --- configuration mode ----------------------------------------------------------------------------------------------


def test_the_prompt_follows_the_mode(lab: Lab) -> None:
    with screen(lab, lab.add()) as cli:
        assert cli.send("configure").endswith("device-1(config)#")
        assert cli.send("crypto ca trustpoint T").endswith("(config-trustp)#")
        assert cli.send("root").endswith("(config)#")
        assert cli.send("crypto ca trustpoint T").endswith("(config-trustp)#")
        assert cli.send("exit").endswith("(config)#")
        assert cli.send("abort").endswith("device-1#")


@pytest.mark.parametrize("release", ["6.6.3", "7.0.1", "7.3.2", "7.8.1", "7.11.1"])
def test_what_is_typed_is_committed_into_whatever_model_there_is(lab: Lab, release: str) -> None:
    device = lab.add(release=release)
    with screen(lab, device) as cli:
        for line in (
            "configure",
            "crypto ca trustpoint Trustpool",
            "enrollment url http://ca.example/",
            "vrf Mgmt",
            "crl optional",
            "enrollment terminal",
            "commit",
            "no enrollment",
            "no vrf",
            "commit",
            "enrollment url terminal",
            "commit",
        ):
            assert "%" not in cli.send(line), line
        cli.send("end")
        shown = cli.send("show running-config crypto ca trustpoint")
    assert device.enrollment() == "terminal"
    assert device.config.commits == 3
    assert " crl optional true\n enrollment terminal\n!" in shown
    assert not device.config.dirty
    with netconf(lab, device) as connected:
        assert ("terminal" in connected.get_config("running").data_xml) is (release not in ("6.6.3", "7.0.1"))


def test_the_running_configuration_spells_terminal_enrollment_as_the_device_does(lab: Lab) -> None:
    device = lab.add(enrollment="terminal", enrollment_spelling="url terminal")
    with screen(lab, device) as cli:
        assert "\n enrollment url terminal\n" in cli.send("show running-config crypto ca trustpoint Trustpool")
        assert "% No such configuration" in cli.send("show running-config crypto ca trustpoint Other")


@pytest.mark.parametrize("release, known", [("7.8.1", False), ("6.6.3", False), ("25.2.1", True)])
def test_local_enrollment_is_there_where_the_model_has_it(lab: Lab, release: str, known: bool) -> None:
    with screen(lab, lab.add(release=release)) as cli:
        cli.send("configure")
        cli.send("crypto ca trustpoint T")
        assert ("% Invalid input" not in cli.send("enrollment local")) is known


def test_a_trustpoint_may_be_removed(lab: Lab) -> None:
    device = lab.add(enrollment="terminal")
    with screen(lab, device) as cli:
        for line in ("configure", "no crypto ca trustpoint Trustpool", "commit"):
            cli.send(line)
    assert not device.trustpoints()


@pytest.mark.parametrize("answer, commits, left", [("yes", 1, True), ("no", 0, True), ("cancel", 0, False)])
def test_end_asks_about_what_is_not_committed(lab: Lab, answer: str, commits: int, left: bool) -> None:
    device = lab.add()
    with screen(lab, device) as cli:
        cli.send("configure")
        cli.send("crypto ca trustpoint T")
        assert "Uncommitted changes found" in cli.send("end", QUESTION)
        assert ("(config" not in cli.send(answer).splitlines()[-1]) is left
    assert device.config.commits == commits
    assert device.answers == [answer]


@pytest.mark.parametrize("answer, commits", [("yes", 1), ("", 0)])
def test_commit_asks_when_somebody_else_committed_meanwhile(lab: Lab, answer: str, commits: int) -> None:
    device = lab.add()
    with screen(lab, device) as cli, screen(lab, device) as other:
        cli.send("configure")
        cli.send("crypto ca trustpoint T")
        for line in ("configure", "crypto ca trustpoint Other", "commit"):
            other.send(line)
        asked = cli.send("commit", QUESTION)
        assert "One or more commits have occurred from other configuration sessions" in asked
        cli.send(answer)
    assert device.config.commits == 1 + commits
    assert ("T" in device.trustpoints()) is bool(commits)


def test_commit_is_refused_while_a_netconf_session_holds_running(lab: Lab) -> None:
    device = lab.add()
    with netconf(lab, device) as connected, screen(lab, device) as cli:
        connected.lock("running")
        cli.send("configure")
        cli.send("crypto ca trustpoint T")
        said = cli.send("commit")
        assert "% Failed to commit" in said
        assert "locked" in said
        connected.unlock("running")
        assert "Failed" not in cli.send("commit")
    assert device.config.commits == 1


def test_a_commit_that_fails_says_why_when_asked(lab: Lab) -> None:
    device = lab.add(commit_error="'crypto' detected the 'warning' condition 'not today'")
    with screen(lab, device) as cli:
        cli.send("configure")
        cli.send("crypto ca trustpoint T")
        assert "% Failed to commit one or more configuration items" in cli.send("commit")
        assert "!!% 'crypto' detected" in cli.send("show configuration failed")
        cli.send("abort")
    assert not device.trustpoints()


def test_the_cli_has_a_candidate_of_its_own(lab: Lab) -> None:
    device = lab.add()
    device.dirty("Foreign")
    with screen(lab, device) as cli:
        for line in ("configure", "crypto ca trustpoint T", "commit"):
            cli.send(line)
    assert device.trustpoints() == ["T"]
    assert device.config.dirty


# --- configuration as text over NETCONF ------------------------------------------------------------------------------


CLI = '<cli xmlns="http://cisco.com/ns/yang/Cisco-IOS-XR-cli-cfg">{}</cli>'
CONFIG = '<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">{}</config>'
LINES = "crypto ca trustpoint X\n enrollment terminal\n!"


@pytest.mark.parametrize("release", ["7.0.1", "7.3.2", "7.8.1"])
def test_cli_text_is_edited_committed_and_read_over_netconf(lab: Lab, release: str) -> None:
    device = lab.add(release=release)
    with netconf(lab, device) as connected:
        connected.edit_config(target="candidate", config=CONFIG.format(CLI.format(LINES)))
        assert device.enrollment("X") is None
        connected.commit()
        assert LINES in connected.get_config("running", ("subtree", CLI.format(""))).data_xml
        assert "enrollment terminal" not in connected.get_config("running").data_xml
    assert device.enrollment("X") == "terminal"


def test_cli_text_may_be_unreadable(lab: Lab) -> None:
    device = lab.add(release="7.0.1", cli_cfg_readable=False, enrollment="terminal")
    with netconf(lab, device) as connected:
        assert len(connected.get_config("running", ("subtree", CLI.format(""))).data) == 0


def test_cli_text_with_an_unknown_line_changes_nothing(lab: Lab) -> None:
    device = lab.add(release="7.0.1")
    with netconf(lab, device) as connected, pytest.raises(Exception, match="Invalid input"):
        connected.edit_config(target="candidate", config=CONFIG.format(CLI.format(f"{LINES}\nnonsense")))
    assert not device.config.dirty


# --- noise -----------------------------------------------------------------------------------------------------------

LOG = "RP/0/RP0/CPU0:Aug 20 18:41:28.381 UTC: config[65808]: %MGBL-CONFIG-6-DB_COMMIT : SYNTHETIC"


def test_log_lines_come_over_prompts_and_a_newline_brings_a_clean_one(lab: Lab) -> None:
    device = lab.add(logs=(LOG,), logs_at=("prompt",))
    with ssh(lab, device) as client:
        cli = Screen(client.invoke_shell())
        assert cli.until("SYNTHETIC").endswith(f"{device.name}#{LOG}\n")
        assert cli.send("").endswith(f"{device.name}#")
        assert LOG not in cli.send("show clock", "UTC .*\n.*#.*SYNTHETIC").splitlines()[1]


def test_log_lines_and_noise_come_among_output(lab: Lab) -> None:
    with screen(lab, lab.add(logs=(LOG,), logs_at=("output",), noise=("drbg_instantiate failed",))) as cli:
        said = cli.send("show version").splitlines()
    assert said[2] == "drbg_instantiate failed"
    assert said[3].endswith(LOG)
    assert said[3].removesuffix(LOG) + said[4] == "Cisco IOS XR Software, Version 7.8.1"


@pytest.mark.parametrize("answer, commits", [("", 1), ("y", 1), ("yes", 1), ("n", 0), ("no", 0)])
def test_commit_asks_as_the_persona_says_and_nothing_asks_twice(lab: Lab, answer: str, commits: int) -> None:
    device = lab.add(release="6.6.3", commit_asks="Confirm? [y/n][confirm]", logs=(LOG,), logs_at=("question",))
    with screen(lab, device) as cli:
        for line in ("configure", "crypto ca trustpoint T", "enrollment terminal"):
            cli.send(line)
        assert cli.send("commit", "SYNTHETIC").endswith(f"Confirm? [y/n][confirm]{LOG}\n")
        cli.send(answer)
    assert device.answers == [answer]
    assert device.config.commits == commits


def test_the_prompt_of_configuration_mode_has_room_for_39_characters(lab: Lab) -> None:
    name = "a-very-long-host-name-of-a-router.site.example"
    device = lab.add(name=name)
    with screen(lab, device) as cli:
        assert cli.send("configure").endswith(f"CPU0:{name[:31]}(config)#")
        assert cli.send("crypto ca trustpoint T").endswith(f"CPU0:{name[:24]}(config-trustp)#")
        assert cli.send("abort").endswith(f"CPU0:{name}#")


def test_the_admin_plane_of_64_bit_refuses_in_words_of_its_own(lab: Lab) -> None:
    with screen(lab, lab.add(release="7.4.1")) as cli:
        said = cli.send("admin show license all")
    assert "syntax error: unknown argument" in said
    assert "connected from 127.0.0.1" in said
