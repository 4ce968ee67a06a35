"""--replay of a recording that is cut off, edited, of another release or without a session, which is said at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.model.telemetry.direction import Direction
from agent.recording.events import How, Opened, Way
from agent.recording.reading import read
from tests.cli.replays import AFFECTED, READS, run, said, written
from tests.scripted import BASE, HELLO, VERSION_FILTER, Script, get, label


def refused(path: Path, *words: str) -> str:
    """The one error that every command has of *path*."""
    said = {str(run(command, "--replay", str(path), *words).stderr) for command in READS}
    (only,) = said
    assert only.count("error:") == 1
    return only


def test_one_that_is_cut_off_is_served_as_far_as_it_goes_and_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "cut.rec"
    path.write_bytes(AFFECTED.read_bytes()[:-700])
    assert read(path).cut_off
    done = run("assess", "--replay", str(path), "--format", "json")
    assert json.loads(done.stdout)["device"] in ("r1", "cut")
    assert done.exit_code == 1
    assert "what is there of it is served" in done.stderr


def test_one_of_a_newer_version_says_so(tmp_path: Path) -> None:
    path = tmp_path / "new.rec"
    path.write_text(
        '{"event":"begin","format":"xr-agent recording","version":9,"made":"","by":"","command":"record"}\n'
    )
    assert "a recording of version 9" in refused(path)


def test_one_that_was_edited_by_hand_is_refused_with_its_line(tmp_path: Path) -> None:
    found = read(AFFECTED)
    lines = [msgspec.json.encode(one).decode() for one in (found.begin, *found.events, found.end)]
    path = tmp_path / "edited.rec"
    asked = next(number for number, line in enumerate(lines) if "<rpc" in line and '"sent"' in line)
    for number, line, why in (
        (2, '{"event":"opened"}', "line 3"),
        (4, '{"event":"terminal","at":1,"session":9,"direction":"sent","base64":"a"}', "line 5: "),
        (0, lines[0].replace(found.begin.made, "yesterday"), "line 1: 'made' is no time: 'yesterday'"),
        (asked, lines[asked].replace("<rpc ", "<rcp "), f"line {asked + 1}: what was sent is no request"),
    ):
        path.write_text("\n".join([*lines[:number], line, *lines[number + 1 :]]) + "\n")
        assert why in " ".join(refused(path).split())


def test_one_of_another_release_than_it_says_names_both(tmp_path: Path) -> None:
    found = read(AFFECTED)
    path = written(tmp_path / "other.rec", found, found.events, release="7.4.1")
    words = " ".join(refused(path).split())
    assert "it says that it is of release 7.4.1, and its answers are of 7.3.2" in words


def test_a_hundred_megabytes_are_served(tmp_path: Path) -> None:
    text = "x" * 2**20
    answer = f'<data><syslog xmlns="urn:log"><text>{text}</text></syslog></data>'
    script = Script().netconf(
        (get(VERSION_FILTER), label("7.3.2")), *((get('<syslog xmlns="urn:log"/>'), answer),) * 100
    )
    path = tmp_path / "large.rec"
    script.write(path, command="record")
    done = run("show", "--replay", str(path), "--format", "json")
    assert json.loads(done.stdout)["release"] == "7.3.2"
    assert path.stat().st_size < 2**20 < 100 * 2**20 < sum(len(getattr(one, "text", "")) for one in read(path).events)


REFUSED: dict[str, Any] = {
    "failed": "the login was refused",
    "server": "SSH-2.0-Cisco-2.0",
    "methods": ("password", "gssapi-with-mic"),
}
UNREACHED: dict[str, Any] = {"failed": "the connection timed out", "methods": (), "server": None}


@pytest.mark.parametrize("opened", [REFUSED, UNREACHED], ids=["refused", "unreached"])
def test_one_without_a_session_says_why(tmp_path: Path, opened: dict[str, Any]) -> None:
    script = Script()
    script.open(Way.NETCONF, **opened)
    path = tmp_path / "none.rec"
    script.write(path, how=How.FAILED, why=opened["failed"])
    error = f"error: none: the recording none.rec holds no session because {opened['failed']}\n"
    for command in ("show", "assess", "plan", "push"):
        done = run(command, "--replay", str(path))
        assert (done.exit_code, done.stdout) == (1, ""), command
        assert error in done.stderr
        assert done.stderr.count("error: ") == 1
        assert "netconf-yang" not in done.stderr
        assert BASE not in done.stderr
    assert said("assess", "--replay", str(path))["verdict"] == "unknown"


CUT: dict[str, dict[str, Any]] = {
    "not-ended": {"ended": False},
    "died": {"how": How.INTERRUPTED, "why": "it died"},
    "interrupted": {"how": How.INTERRUPTED},
}


@pytest.mark.parametrize("end", CUT)
@pytest.mark.parametrize("begun", [True, False], ids=["in-hello", "before-session"])
def test_one_that_ends_before_the_hello_says_so_at_once(tmp_path: Path, end: str, begun: bool) -> None:
    script = Script()
    if begun:
        session = script.open(Way.NETCONF)
        script.said(session, Direction.SENT, HELLO)
    path = script.write(tmp_path / "cut.rec", **CUT[end]).path
    for command in ("show", "assess", "plan", "push"):
        done = run(command, "--replay", str(path))
        assert (done.exit_code, done.stdout) == (1, ""), command
        assert f"the recording {path.name} ends before the router's hello (" in done.stderr
        assert done.stderr.count("error: ") == 1
        assert "limit" not in done.stderr
    assert said("check", "--replay", str(path))["readiness"] == "unknown"


def test_a_session_that_the_router_limited_is_not_waited_for_again(tmp_path: Path) -> None:
    script = Script()
    for _ in range(2):
        script.lost(script.open(Way.NETCONF))
    path = tmp_path / "limited.rec"
    script.netconf((get(VERSION_FILTER), label("7.3.2"))).write(path)
    assert said("show", "--replay", str(path))["release"] == "7.3.2"
    script = Script()
    script.lost(script.open(Way.NETCONF))
    script.write(path.with_name("lost.rec"), how=How.FAILED, why="the router ended the session")
    shown = run("show", "--replay", str(path.with_name("lost.rec")))
    assert "holds no session because the router ended the session" in shown.stderr


def test_check_takes_nothing_of_this_machine_for_the_router(tmp_path: Path) -> None:
    made = said("check", "--replay", str(AFFECTED))
    points = {point["point"]: point for point in made["points"]}
    for name in ("name", "port", "host-key", "login"):
        assert points[name]["state"] == "unknown"
        assert "in this replay" in points[name]["detail"]
        assert points[name]["own"] is None
    (greeting, *_) = (one for one in read(AFFECTED).events if isinstance(one, Opened))
    assert points["login"]["detail"].endswith(f"it offers {', '.join(greeting.methods)}")
    assert points["host-key"]["detail"].endswith(f"it shows {greeting.host_key}")
    assert (points["ssh"]["state"], points["netconf"]["state"]) == ("ok", "ok")
    assert (made["readiness"], made["login_methods"]) == ("ready", list(greeting.methods))


def test_check_of_a_router_that_gave_no_session_keeps_what_its_server_said(tmp_path: Path) -> None:
    for name, opened in (("refused", REFUSED), ("unreached", UNREACHED)):
        script = Script()
        script.open(Way.NETCONF, **opened)
        script.open(Way.CLI, **opened)
        path = tmp_path / f"{name}.rec"
        script.write(path, how=How.FAILED, why=opened["failed"])
        made = said("check", "--replay", str(path))
        states = {point["point"]: point["state"] for point in made["points"]}
        assert states.pop("ssh") == ("ok" if opened["server"] else "unknown")
        assert set(states.values()) == {"unknown"}
        assert (made["readiness"], made["login_methods"]) == ("unknown", list(opened["methods"]))
        assert (made["server"] is not None) == (opened["server"] is not None)
        assert "router" not in json.dumps(
            [point["hint"] for point in made["points"] if point["point"] in ("cli", "sftp")]
        )
