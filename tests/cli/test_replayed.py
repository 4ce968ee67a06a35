"""``--replay FILE``: a recording in a router's place, for whoever has the file and not the router."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

import agent
from agent.cli.main import program
from agent.fleet.journal.store import Journal
from agent.model.pki.anchor import TrustAnchor
from agent.model.telemetry.direction import Direction
from agent.recording.events import How, Message, Opened, Terminal
from agent.recording.reading import read
from agent.simulator import Replay, Simulator
from scripts.recordings import corpus
from tests.cli.lab import VARIABLE, Lab
from tests.cli.replays import AFFECTED, READS, run, said, written
from tests.scripted import VERSION_FILTER, Script, get, label
from tests.support import Clock


@pytest.fixture(scope="module")
def pushes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A push of each method, recorded."""
    made = {}
    folder = tmp_path_factory.mktemp("pushes")
    bundle = folder / "root.pem"
    bundle.write_text(TrustAnchor.bundled().pem)
    ways = {
        "rpc": ("7.4.1",),
        "dialog": ("7.4.1", "--method", "dialog"),
        "file": ("25.2.1", "--method", "file"),
        "trustpool": ("7.4.1", "--method", "trustpool", "--bundle", str(bundle)),
    }
    with Simulator(password="none-of-its-words") as simulator:
        lab = Lab(simulator, folder / "known_hosts")
        for name, (release, *words) in ways.items():
            path = folder / f"{name}.rec"
            device = lab.add(release=release)
            more = ("--yes", "--record", str(path), "--contact-wait", "0", *words)
            given = ["push", *lab.words(device), *more]
            environment = {VARIABLE: simulator.password}
            done = CliRunner().invoke(program, given, env=environment, catch_exceptions=False)
            assert done.exit_code == 0, done.output
            made[name] = path
    return made


def pushed(name: str, path: Path, *words: str) -> Any:
    """A push of the method *name* on the recording *path*."""
    method = {"trustpool": ("--bundle", str(path.parent / "root.pem"))}.get(name, ())
    chosen = () if name == "rpc" else ("--method", name)
    return run("push", "--replay", str(path), "--yes", "--contact-wait", "0", *chosen, *method, *words)


@pytest.mark.parametrize("name", ["rpc", "dialog", "file", "trustpool"])
def test_a_push_ends_as_it_ended_when_it_was_recorded(pushes: dict[str, Path], name: str) -> None:
    done = pushed(name, pushes[name], "--format", "json")
    made = json.loads(done.stdout)
    assert (done.exit_code, made["outcome"], made["method"]) == (0, "remedied", name), done.stderr
    assert "has no answer" not in done.stderr


@pytest.mark.parametrize("name", ["rpc", "dialog"])
def test_a_push_whose_recording_ends_half_way_is_never_done(pushes: dict[str, Path], tmp_path: Path, name: str) -> None:
    """At each request that changes something, nobody having seen its answer; time passes only where it is waited."""
    found = read(pushes[name])
    method = agent.Method(name)
    cuts = [number for number, event in enumerate(found.events) if _changes(event)]
    assert len(cuts) >= 4
    for number in cuts:
        path = written(
            tmp_path / f"{number}.rec", found, found.events[: number + 1], how=How.INTERRUPTED, why="it died"
        )
        with Replay(read(path)) as replay:
            (tmp_path / "known_hosts").write_text(replay.known_hosts())
            router = agent.Device(
                "127.0.0.1",
                replay.port,
                ssh_port=replay.ssh_port,
                username=replay.username,
                password=agent.Secret(replay.password),
                host_keys=agent.HostKeys(tmp_path / "known_hosts"),
            )
            intent = agent.Intent(method=method, contact_wait=0.0)
            outcome = agent.remediate(router, intent, policy=Clock().policy())
            assert outcome.result in (agent.Result.FAILED, agent.Result.UNKNOWN), (number, outcome)
            assert any(f"the recording {path.name} ends here (it died)" in words for words in replay.missing)


def test_the_command_says_where_the_recording_of_a_push_ends(pushes: dict[str, Path], tmp_path: Path) -> None:
    found = read(pushes["rpc"])
    asked = next(number for number, one in enumerate(found.events) if "<ca-authenticate" in getattr(one, "text", ""))
    path = written(tmp_path / "half.rec", found, found.events[: asked + 1], how=How.INTERRUPTED, why="it died")
    done = pushed("rpc", path, "--format", "json")
    assert (done.exit_code, json.loads(done.stdout)["outcome"]) == (1, "unknown")
    assert "the recording half.rec ends here (it died): it has no answer to" in done.stderr


def _changes(event: object) -> bool:
    """Whether something is asked that changes the router."""
    words = ("<edit-config", "<commit", "ca-authenticate")
    if isinstance(event, Message):
        return event.direction is Direction.SENT and any(word in event.text for word in words)
    if isinstance(event, Terminal) and event.direction is Direction.SENT:
        return (event.text or "").strip() in ("crypto ca authenticate Trustpool", "yes")
    return False


def test_a_push_on_what_was_only_read_is_refused_before_anything() -> None:
    done = run("push", "--replay", str(AFFECTED), "--yes", "--format", "json")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.count("error: ") == 1
    assert f"error: {AFFECTED}: this recording holds no push: nothing is written in it" in done.stderr
    assert "next: push --record FILE" in done.stderr
    assert run("push", "--replay", str(AFFECTED), "--dry-run").exit_code == 0


def test_a_push_that_had_nothing_to_do_is_replayed_as_one(tmp_path: Path) -> None:
    Script().netconf((get(VERSION_FILTER), label("7.3.2"))).write(tmp_path / "push.rec", release="7.3.2")
    assert "holds no push" not in run("push", "--replay", str(tmp_path / "push.rec"), "--yes").stderr


def test_a_push_that_changes_no_router_asks_nothing(pushes: dict[str, Path]) -> None:
    done = run("push", "--replay", str(pushes["rpc"]), "--contact-wait", "0")
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize("command", [*READS, "push"])
def test_the_first_line_says_that_it_is_a_replay(command: str, pushes: dict[str, Path]) -> None:
    path = pushes["rpc"] if command == "push" else AFFECTED
    made = read(path).begin.made
    said = run(command, "--replay", str(path)).stderr
    assert said.startswith(f"replaying {path}, recorded {made}: no router is reached\n")


def test_no_address_of_this_machine_stands_for_the_router(pushes: dict[str, Path]) -> None:
    shown = {command: said(command, "--replay", str(AFFECTED)) for command in ("show", "check", "plan")}
    shown["push"] = json.loads(pushed("rpc", pushes["rpc"], "--format", "json").stdout)
    assert {command: made["address"] for command, made in shown.items()} == dict.fromkeys(shown)
    assert not [command for command, made in shown.items() if "127.0.0.1" in json.dumps(made)]


def test_no_credentials_journal_or_lease_of_real_routers_is_touched(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "none"))
    for command in READS:
        assert said(command, "--replay", str(AFFECTED))["device"] == "r1"
    run("push", "--replay", str(AFFECTED), "--yes")
    assert not list(tmp_path.iterdir())
    assert os.environ["XDG_STATE_HOME"] == str(tmp_path)


def test_a_journal_and_a_report_say_that_it_was_a_replay(tmp_path: Path) -> None:
    journal, report = tmp_path / "journal.db", tmp_path / "report.html"
    run("assess", "--replay", str(AFFECTED), "--journal", str(journal), "--report", str(report))
    with Journal.open(journal, create=False) as kept:
        assert kept.run("last").settings["replay"] == str(AFFECTED)
    assert str(AFFECTED) in report.read_text()


def test_it_is_judged_by_the_time_of_the_recording() -> None:
    began = read(AFFECTED).begin.made
    offset = said("show", "--replay", str(AFFECTED))["clock"]["offset_s"]
    assert abs(offset) < 60
    checked = {point["point"]: point for point in said("check", "--replay", str(AFFECTED))["points"]}
    assert checked["clock"]["state"] == "ok", began


def test_what_was_not_recorded_is_unknown_and_never_well(tmp_path: Path) -> None:
    script = Script().netconf((get(VERSION_FILTER), label("7.3.2")))
    path = tmp_path / "thin.rec"
    script.write(path, command="record", release="7.3.2")
    done = run("assess", "--replay", str(path), "--format", "json")
    made = json.loads(done.stdout)
    assert done.exit_code == 1
    assert made["verdict"] in ("unknown", "affected")
    assert "error: thin: the recording thin.rec has no answer to" in done.stderr
    shown = run("show", "--replay", str(path), "--format", "json")
    assert shown.exit_code == 1
    assert "the recording thin.rec has no answer" in shown.stderr


def test_check_sees_the_recorded_server_and_says_what_this_one_cannot(tmp_path: Path) -> None:
    found = read(AFFECTED)
    offer = {
        "server": "SSH-2.0-Cisco-2.0",
        "kex": ("ecdh-sha2-nistp256", "diffie-hellman-group1-sha1"),
        "host_algorithms": ("rsa-sha2-256", "ssh-dss"),
        "ciphers": ("aes128-ctr",),
        "macs": ("hmac-sha2-256",),
        "host_key": "ssh-rsa",
    }
    events = [msgspec.structs.replace(one, **offer) if isinstance(one, Opened) else one for one in found.events]
    made = said("check", "--replay", str(written(tmp_path / "r.rec", found, events)))
    assert made["server"]["version"] == "SSH-2.0-Cisco-2.0"
    assert made["server"]["kex"][:2] == ["ecdh-sha2-nistp256", "diffie-hellman-group1-sha1"]
    (ssh,) = (point for point in made["points"] if point["point"] == "ssh")
    assert ssh["detail"].endswith("in this replay without host key ssh-dss")


def test_a_router_that_took_only_legacy_algorithms_is_replayed_with_them(tmp_path: Path) -> None:
    found = read(AFFECTED)
    old = {"kex": ("diffie-hellman-group14-sha1",), "ciphers": ("aes128-cbc",), "macs": ("hmac-sha1",)}
    events = [msgspec.structs.replace(one, **old) if isinstance(one, Opened) else one for one in found.events]
    done = run("show", "--replay", str(written(tmp_path / "old.rec", found, events)), "--format", "json")
    assert json.loads(done.stdout)["release"] == "7.3.2", done.stderr


def test_other_ways_to_say_whom_to_reach_are_refused() -> None:
    for words in (
        ("r7",),
        ("--port", "830"),
        ("--username", "noc"),
        ("--known-hosts", "x"),
        ("-i", "x"),
        ("--connect-wait", "60"),
    ):
        done = run("assess", "--replay", str(AFFECTED), *words)
        assert done.exit_code == 2, words
        assert "replay" in done.stderr or "give either" in done.stderr
    assert "goes with --replay" in run("assess", "r7", "--recorded-timing").stderr
    assert "a recording (--replay FILE)" in run("show").stderr


def test_one_that_was_recorded_without_ssh_is_replayed_without_it() -> None:
    shown = said("show", "--replay", str(corpus.recording("netconfd")))
    assert shown["cli"] == "there is no SSH access to the CLI"


def test_a_run_of_a_real_router_is_not_resumed_on_a_recording(lab: Lab, tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    device = lab.add(release="7.4.1", terminal_rpc="refused", ssh=False)
    assert lab.run("push", device, "--yes", "--no-ssh", "--journal", str(journal)).exit_code == 1
    done = run("push", "--resume", "last", "--replay", str(AFFECTED), "--yes", "--journal", str(journal))
    assert done.exit_code == 2
    assert "give either HOST" in " ".join(done.stderr.split())
