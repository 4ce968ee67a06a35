"""assess, plan, check and push over an inventory: what is shown of many routers, and what one does to the others."""

from __future__ import annotations

import json
import re
import threading

import pytest
from click.testing import CliRunner

from agent.cli.main import program
from agent.fleet.journal.runlog import RunLog
from agent.fleet.journal.store import Journal
from agent.model.errors import JournalError
from agent.model.outcome import Event
from agent.simulator import Fault, FaultKind
from tests.cli.lab import PEM, Fleet, journal_full, one_error
from tests.cli.schemas import check


def test_assess_judges_every_router_and_says_which_need_a_look(fleet: Fleet) -> None:
    fleet.add(2)
    fleet.add(enrollment="terminal", certificate=PEM)
    done = fleet.run("assess", "--format", "json")
    verdicts = json.loads(done.stdout)
    for verdict in verdicts:
        check("assess", verdict)
    assert [verdict["verdict"] for verdict in verdicts] == ["affected", "affected", "remedied"]
    assert done.exit_code == 1
    assert not any(device.counters["edit-config"] for device in fleet.devices)


def test_plan_groups_equal_plans(fleet: Fleet) -> None:
    fleet.add(3)
    fleet.add(release="6.6.3", ssh=False)
    fleet.add(enrollment="terminal", certificate=PEM)
    done = fleet.run("plan")
    assert "3 routers: um-crypto-cfg, rpc" in done.stdout
    assert "1 router: nothing possible because" in done.stdout
    assert "  next: make the router's SSH port reachable" in done.stdout
    assert "1 router: nothing to do" in done.stdout
    assert done.exit_code == 1


def test_check_groups_routers_that_need_the_same(fleet: Fleet) -> None:
    fleet.add(3)
    fleet.add(2, sftp=False)
    (away,) = fleet.add(reachable=False)
    done = fleet.run("check", "--method", "rpc")
    assert "3 routers: ready by trustpool" not in done.stdout
    assert "3 routers: ready by rpc, dialog" in done.stdout
    assert "2 routers: ready by rpc, dialog" in done.stdout
    assert "sftp not ok: the router has no SFTP" in done.stdout
    assert f"1 router: not-ready  ({away.name})" in done.stdout
    assert "port not ok: Connection refused; next: check the address, and " in done.stdout.replace("\n", " ")
    assert "  host-key, login, netconf, models, reads unknown: not reached\n" in done.stdout.replace("ssh, ", "")
    assert done.stdout.count("no NETCONF session: ") == 1
    assert "  method trustpool, file, rpc, dialog not ok: no NETCONF session: " in done.stdout
    assert done.exit_code == 1
    assert not any(device.counters["lock"] for device in fleet.devices)
    assert f"{away.name} not-ready port not ok: Connection refused" in done.stderr
    told = ["history", "last", "--device", away.name, "--journal", str(fleet.journal)]
    assert "port not ok: Connection refused" in CliRunner().invoke(program, told, catch_exceptions=False).stdout


@pytest.mark.parametrize("form", ["table", "json", "jsonl"])
def test_where_the_journal_is_full_what_was_done_to_which_router_is_shown_and_reported(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    kept, unkept, waiting = (device.name for device in fleet.add(3))
    path = fleet.folder / "report.json"
    given = ("--yes", "--no-renew", "--in-flight", "1", "--report", str(path), "--format", form)
    with monkeypatch.context() as disk:
        journal_full(disk, "ended", 2)
        done = fleet.run("push", *given)
    assert done.exit_code == 1
    assert one_error(done.stderr).startswith("error: the journal cannot be written: database or disk is full")
    assert fleet.records() == {kept: "remedied", unkept: "doubtful", waiting: "waiting"}
    if form == "table":
        assert re.search(r"^run \S+ · 2 remedied · 1 waiting$", done.stdout, re.MULTILINE)
        assert re.search(rf"^{unkept} +remedied +7.4.1 +rpc ", done.stdout, re.MULTILINE)
    else:
        found = json.loads(done.stdout) if form == "json" else [json.loads(line) for line in done.stdout.splitlines()]
        assert [(one["device"], one["outcome"]) for one in found] == [(kept, "remedied"), (unkept, "remedied")]
    reported = json.loads(path.read_text())
    assert [one["word"] for one in reported["devices"]] == ["remedied", "remedied", "waiting"]
    assert reported["run"]["state"] == "lost"
    assert fleet.run("push", "--resume", "last", "--yes").exit_code == 0


def test_a_router_that_is_in_doubt_since_the_journal_is_full_is_shown_with_its_last_step(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    (device,) = fleet.add(1)
    with monkeypatch.context() as disk:
        journal_full(disk, "unfinished", 2)
        done = fleet.run("push", "--yes")
    assert done.exit_code == 1
    assert re.search(rf"^{device.name} +doubtful .* commit started", done.stdout, re.MULTILINE), done.stdout


def test_routers_whose_host_keys_are_not_known_stand_together_whatever_their_ports(fleet: Fleet) -> None:
    one, other = fleet.add(2)
    fleet.lab.known_hosts.write_text("")
    done = fleet.run("plan")
    assert "2 routers: could not be read: its host key ssh-ed25519 SHA256:… is not in " in done.stdout
    for device in (one, other):
        assert re.search(
            rf"{device.name} failed its host key ssh-ed25519 SHA256:\S+ at port {device.port} is not", done.stderr
        )


@pytest.mark.parametrize("named", ["127.0.0.1:{port}", "r{port}"])
def test_routers_that_refuse_the_connection_stand_together_whatever_their_ports(fleet: Fleet, named: str) -> None:
    devices = fleet.add(2, reachable=False)
    rows = [f"{named.format(port=one.port)},127.0.0.1,{one.port}" for one in devices]
    fleet.inventory.write_text("\n".join(["name,host,port", *rows, ""]))
    done = fleet.run("plan")
    assert "2 routers: could not be read: Connection refused  (" in done.stdout
    said = "" if named.startswith("127") else f"127.0.0.1:{devices[0].port}: "
    assert f"{named.format(port=devices[0].port)} failed {said}Connection refused" in done.stderr


@pytest.mark.parametrize("command", ["check", "plan"])
def test_a_secret_that_one_router_lacks_is_said_with_what_to_do(fleet: Fleet, command: str) -> None:
    (device,) = fleet.add()
    fleet.inventory.write_text(f"name,host,port,password\n{device.name},127.0.0.1,{device.port},file:none\nb,b,1,\n")
    done = fleet.run(command, "--limit", f"{device.name},b", "--open-timeout", "5")
    said = " ".join(done.stdout.split())
    assert f"No such file or directory ({device.name}) next: name a readable file" in said
    assert device.last_session == 0


@pytest.mark.parametrize("command", ["check", "assess", "plan", "push"])
def test_all_that_is_printed_and_written_of_many_is_as_its_schema_says(fleet: Fleet, command: str) -> None:
    fleet.add()
    (away,) = fleet.add(release="6.6.3", ssh=False)
    away.faults.append(Fault("hello", FaultKind.RAW, data=b"<no/>", times=100))
    report, run = fleet.folder / "report.json", fleet.run
    done = run(command, *(["--yes"] if command == "push" else []), "--report", str(report), "--format", "jsonl")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["device"] for line in lines} == {device.name for device in fleet.devices}
    written = json.loads(report.read_text())
    check("report", written)
    assert len(written["devices"]) == 2
    for one in (*lines, *(device["result"] for device in written["devices"])):
        check(command, one)
    for words in ([], ["last"], ["last", "--device", away.name]):
        told = ["history", *words, "--journal", str(fleet.journal), "--format", "json"]
        for one in json.loads(CliRunner().invoke(program, told, catch_exceptions=False).stdout):
            check("history", one)


@pytest.mark.parametrize("backend", [[], ["--processes", "2"]])
def test_push_remedies_the_fleet_and_a_second_push_changes_nothing(fleet: Fleet, backend: list[str]) -> None:
    fleet.add(4)
    done = fleet.run("push", "--yes", "--canary", "1", "--batch", "50%", "--format", "jsonl", *backend)
    assert done.exit_code == 0, done.stderr
    made = [json.loads(line) for line in done.stdout.splitlines()]
    for one in made:
        check("push", one)
    assert {one["outcome"] for one in made} == {"remedied"}
    assert "canary: 1 of 4 routers" in done.stderr
    again = fleet.run("push", "--yes", "--format", "json", *backend)
    assert {one["outcome"] for one in json.loads(again.stdout)} == {"unchanged"}
    assert again.exit_code == 0
    assert [device.state.authenticates for device in fleet.devices] == [1, 1, 1, 1]


def test_filters_leave_the_other_routers_alone(fleet: Fleet) -> None:
    one, other = fleet.add(2)
    done = fleet.run("push", "--yes", "--limit", one.name)
    assert done.exit_code == 0, done.stderr
    assert other.log == []


def test_a_trace_of_all_routers_is_for_its_owner_and_has_no_password(fleet: Fleet) -> None:
    one, other = fleet.add(2)
    trace = fleet.folder / "trace"
    assert fleet.run("push", "--yes", "--trace", str(trace)).exit_code == 0
    text = trace.read_text()
    assert f" {one.name} netconf " in text
    assert f" {other.name} netconf " in text
    assert fleet.lab.simulator.password not in text.replace("xr-admin", "")
    assert trace.stat().st_mode & 0o077 == 0
    assert fleet.run("push", "--yes", "--trace", str(trace), "--processes", "2").exit_code == 2


def test_one_router_that_cannot_be_reached_stops_no_other(fleet: Fleet) -> None:
    good, away = fleet.add(2)
    away.faults.append(Fault("connect", FaultKind.RESET, times=1000))
    done = fleet.run("push", "--yes", "--format", "json", "--connect-wait", "0")
    ends = {one["device"]: one for one in json.loads(done.stdout)}
    assert ends[good.name]["outcome"] == "remedied"
    assert (ends[away.name]["outcome"], ends[away.name]["error"]["kind"]) == ("failed", "connect")
    assert done.exit_code == 1


def test_the_end_is_a_table_of_those_that_need_a_look(fleet: Fleet) -> None:
    fleet.add(1)
    fleet.add(1, ssh=False, terminal_rpc="refused")
    done = fleet.run("push", "--yes", "--report", str(fleet.folder / "report.csv"))
    assert "1 remedied" in done.stdout
    assert "1 failed" in done.stdout
    assert "was refused" in done.stdout
    assert (fleet.folder / "report.csv").read_text().count("\n") == 3


def test_below_the_table_stands_what_to_do_next_and_what_does_not_last(fleet: Fleet) -> None:
    fleet.add(2, terminal_rpc="installs")
    fleet.add(3, release="6.6.3", ssh=False)
    done = fleet.run("push", "--yes", "--contact-wait", "1")
    assert done.exit_code == 1
    lines = " ".join(done.stdout.split())
    assert "2 routers: a reload forgets the root" in lines
    (advice,) = [line for line in done.stdout.splitlines() if line.startswith("next: ")]
    assert done.stdout.count("next: ") == 1, advice
    names = ", ".join(device.name for device in fleet.devices[2:])
    assert f"({names})" in lines
    assert "--device NAME" in lines


def test_a_run_that_stops_lists_no_router_that_was_not_begun(fleet: Fleet) -> None:
    fleet.add(1, release="6.6.3", reachable=False, ssh=False)
    fleet.add(3)
    done = fleet.run("push", "--yes", "--canary", "1", "--stop-at", "tomorrow 23:59", "--connect-wait", "0")
    assert "3 waiting" in done.stdout
    assert not any(device.name in done.stdout for device in fleet.devices[1:])
    assert re.search(r"none begun after 20\d\d-\d\d-\d\d 23:59", done.stderr)


def test_a_journal_that_cannot_be_written_any_more_ends_a_push_in_lines_that_say_how_to_go_on(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.add(4)
    kept, under_way, met = RunLog.event, set[str](), threading.Barrier(4)

    def full(log: RunLog, event: Event) -> None:
        if event.step == "ca-authenticate":
            if event.device not in under_way:
                under_way.add(event.device)
                met.wait(600)  # so that the others are under way where the first finds that it is full
            raise JournalError("the journal cannot be written: database or disk is full; nothing further is begun")
        kept(log, event)

    with monkeypatch.context() as disk:
        disk.setattr(RunLog, "event", full)
        done = fleet.run("push", "--yes")
    assert done.exit_code == 1
    with Journal.open(fleet.journal) as journal:
        number = journal.run("last").run
    again = f"xr-agent push --resume {number} --journal {fleet.journal}"
    assert done.stderr.splitlines()[-2:] == [
        "error: the journal cannot be written: database or disk is full; nothing further is begun",
        f"  next: see to its disk; then {again}, which reads first what is in doubt",
    ]
    doubtful = [record for record in caplog.records if "it is in doubt" in record.getMessage()]
    assert [record.exc_info for record in doubtful] == [None] * 3
    assert "Traceback" not in done.stderr
    assert not any(device.config.locks for device in fleet.devices)
    assert fleet.run("push", "--resume", number, "--yes").exit_code == 0
    assert set(fleet.records().values()) == {"remedied"}
