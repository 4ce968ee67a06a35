"""poll over an inventory: what is printed, kept and served, how it ends."""

from __future__ import annotations

import json
import re
import signal
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli.main import program
from agent.fleet.journal.store import Journal
from agent.fleet.results.record import Kind, RunState
from agent.simulator import Device, Fault, FaultKind
from tests.cli.lab import PEM, Fleet
from tests.cli.processes import metrics, until
from tests.cli.schemas import check

DONE: dict[str, Any] = {"enrollment": "terminal", "certificate": PEM}
TOKEN = "token=s3cr3t"
QUICK = ("--interval", "0.2", "--timeout", "60")


def cure(device: Device) -> None:
    """Ahead of the next look, none of which reads one half before it and the other behind."""

    def cured() -> None:
        device.state.certificates["Trustpool"] = PEM
        device.state.contact()

    device.faults.append(Fault("get-config", FaultKind.MEANWHILE, act=cured))


def no_licensing(times: int, *, looks_before: int = 0) -> list[Fault]:
    """So many looks at which the router's model shows no licensing, after some that go well.

    Licensing is the second get of a look; a fault does not count the rpcs that one before it struck.
    """
    return [Fault("get", FaultKind.EMPTY, skip=2 * (looks_before + number) + 1 - number) for number in range(times)]


def lines(text: str, device: Device) -> list[str]:
    return [line for line in text.splitlines() if f" {device.name} " in line]


def test_the_table_has_the_first_look_of_each_router_and_then_what_is_new(fleet: Fleet) -> None:
    done, later = *fleet.add(**DONE), *fleet.add(enrollment="terminal")
    with fleet.started("poll", *QUICK, "--until", "contacted") as process:
        until(lambda: later.last_session >= 4)
        cure(later)
        stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 0, stderr
    (only,) = lines(stdout, done)
    assert "contact yes" in only
    assert only.endswith("root shown")
    first, change = lines(stdout, later)
    assert "contact no" in first
    assert first.endswith("root not shown")
    assert "changed: last_comm_success" in change
    assert change.endswith("root shown")


def test_the_table_says_an_error_once_and_its_end_once(fleet: Fleet) -> None:
    (device,) = fleet.add(enrollment="terminal")
    device.faults += no_licensing(3, looks_before=1)
    with fleet.started("poll", *QUICK, "--no-ssh", "--until", "contacted") as process:
        until(lambda: device.last_session >= 7)
        cure(device)
        stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 0, stderr
    first, error, back, change = lines(stdout, device)
    assert "contact no" in first
    assert "shows no licensing state, or this user may not read it" in error
    assert "contact no" in back
    assert "changed:" not in back
    assert "changed: last_comm_success" in change


def test_a_certificate_that_a_reload_took_is_news(fleet: Fleet) -> None:
    (device,) = fleet.add(**DONE, url="https://elsewhere.example")
    with fleet.started("poll", *QUICK) as process:
        until(lambda: device.last_session >= 2)
        device.state.certificates.clear()
        seen = device.last_session
        until(lambda: device.last_session >= seen + 3)
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=600)
    first, change = lines(stdout, device)
    assert first.endswith("root shown")
    assert change.endswith("root not shown")


def test_jsonl_has_every_look_and_stderr_what_is_new(fleet: Fleet) -> None:
    fleet.add(**DONE)
    (failing,) = fleet.add(**DONE)
    failing.faults += no_licensing(2)
    done = fleet.run("poll", *QUICK, "--no-ssh", "--until", "contacted", "--format", "jsonl")
    assert done.exit_code == 0, done.stderr
    looks = [json.loads(line) for line in done.stdout.splitlines()]
    for look in looks:
        check("poll", look)
    assert [look["error"] for look in looks if look["device"] == failing.name][-1] is None
    assert [look["anchor_present"] for look in looks] == [True] * 4
    assert len(lines(done.stderr, failing)) == 2


def test_json_is_one_array(fleet: Fleet) -> None:
    fleet.add(2, **DONE)
    done = fleet.run("poll", *QUICK, "--until", "contacted", "--format", "json")
    looks = json.loads(done.stdout)
    assert len(looks) == 2
    for look in looks:
        check("poll", look)


@pytest.mark.parametrize("form", ["json", "jsonl", "table"])
def test_a_watch_that_saw_nothing_says_so(fleet: Fleet, form: str) -> None:
    (device,) = fleet.add()
    device.faults.append(Fault("hello", FaultKind.RAW, data=b"<no/>"))
    done = fleet.run("poll", "--interval", "100", "--timeout", "0.3", "--format", form)
    assert done.exit_code == 1
    assert f"1 of 1 routers are not read at last: {device.name}" in done.stderr
    if form == "json":
        assert [look["error"] is None for look in json.loads(done.stdout)] == [False]


def test_routers_that_did_not_come_to_the_end_in_time_are_exit_code_1(fleet: Fleet) -> None:
    fleet.add(**DONE)
    left = fleet.add(6)
    done = fleet.run("poll", "--interval", "0.2", "--timeout", "0.7", "--until", "contacted")
    assert done.exit_code == 1
    named = ", ".join(device.name for device in left[:5])
    assert f"6 of 7 routers are not contacted within 0.7 s: {named}, …" in done.stderr


def test_a_watch_without_an_aim_ends_well_where_every_router_can_be_read(fleet: Fleet) -> None:
    fleet.add(2)
    assert fleet.run("poll", "--interval", "0.2", "--timeout", "2").exit_code == 0


def test_a_router_that_cannot_be_polled_leaves_and_the_rest_goes_on(fleet: Fleet) -> None:
    (older,) = fleet.add(release="7.0.1")
    (newer,) = fleet.add(enrollment="terminal")
    with fleet.started("poll", *QUICK, "--no-ssh", "--until", "contacted", "--format", "jsonl") as process:
        until(lambda: newer.last_session >= 3)
        cure(newer)
        stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 1
    looks = [json.loads(line) for line in stdout.splitlines()]
    assert len([look for look in looks if look["device"] == older.name]) == 1
    assert f"warning: {older.name}: no model of this device shows licensing (infra-smartlicense-oper); " in stderr
    assert "  next: on this release only the CLI over SSH shows it: leave --no-ssh out\n" in stderr
    said = f"1 of 2 routers are not contacted: {older.name}; nothing shows the licensing of {older.name}\n"
    assert said in stderr


def test_a_router_of_which_nothing_shows_licensing_is_said_and_not_waited_for_alone(fleet: Fleet) -> None:
    (blind,) = fleet.add(release="6.6.3", forbidden=("show license", "admin show license"))
    fleet.add(**DONE)
    done = fleet.run("poll", "--interval", "0.2", "--until", "contacted")
    assert done.exit_code == 1
    why = "no model of this device shows licensing (infra-smartlicense-oper); show license: "
    assert done.stderr.count(f"warning: {blind.name}: {why}") == 1
    assert "; it is looked at only while others are waited for\n" in done.stderr
    assert "  next: try 'show license all' at its CLI as this user; leave the router out by --limit" in done.stderr
    (line,) = lines(done.stdout, blind)
    assert why in line
    assert (
        f"1 of 2 routers are not contacted: {blind.name}; nothing shows the licensing of {blind.name}\n" in done.stderr
    )


def test_changes_are_kept_in_the_journal_as_steps_of_the_router(fleet: Fleet) -> None:
    done, later = *fleet.add(**DONE), *fleet.add(enrollment="terminal")
    later.faults += no_licensing(1, looks_before=1)
    with fleet.started("poll", *QUICK, "--no-ssh", "--until", "contacted", "--change-ref", "CHG1") as process:
        until(lambda: later.last_session >= 4)
        assert fleet.records() == {done.name: "contacted", later.name: "not-contacted"}
        cure(later)
        process.communicate(timeout=600)
    with Journal.open(fleet.journal) as journal:
        run = journal.run("last")
        record, trail = journal.trail(run.run, later.name)
    assert (run.kind, run.state, run.change_ref) == (Kind.POLL, RunState.DONE, "CHG1")
    assert run.settings["interval"] == 0.2
    assert run.counts == {"contacted": 2}
    assert (record.word, record.well) == ("contacted", True)
    assert [(one.step, one.status.value) for one in trail.moments] == [
        ("look", "done"),
        ("look", "failed"),
        ("look", "done"),
        ("look", "done"),
    ]
    assert "changed: last_comm_success" in trail.moments[-1].detail
    check("poll", record.plain)


def test_history_shows_a_poll(fleet: Fleet) -> None:
    (device,) = fleet.add(**DONE)
    fleet.run("poll", *QUICK, "--until", "contacted")
    words = ["history", "last", "--device", device.name, "--journal", str(fleet.journal)]
    shown = CliRunner().invoke(program, words, catch_exceptions=False)
    assert "contact yes" in shown.stdout
    for more in ([], words[1:2], words[1:4]):
        told = CliRunner().invoke(program, ["history", *more, *words[4:], "--format", "json"], catch_exceptions=False)
        (one,) = json.loads(told.stdout)
        check("history", one)
    assert "contacted" in shown.stdout


def test_a_report_is_written_at_the_end(fleet: Fleet) -> None:
    (device,) = fleet.add(**DONE)
    path = fleet.folder / "report.json"
    done = fleet.run("poll", *QUICK, "--until", "contacted", "--report", str(path))
    assert done.exit_code == 0
    assert device.name in path.read_text()


def test_prometheus_can_read_it_while_it_runs(fleet: Fleet) -> None:
    (device,) = fleet.add()
    with fleet.started("poll", "--interval", "0.2", "--metrics", "127.0.0.1:0") as process:
        port = int(re.findall(r"metrics on port (\d+)", process.stderr.readline() if process.stderr else "")[0])
        until(lambda: f'xr_agent_up{{device="{device.name}"}} 1.0' in metrics(port))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=600)
    assert process.returncode == 130
    with pytest.raises(ConnectionRefusedError):
        metrics(port)


def test_prometheus_reads_keys_of_the_inventory_as_labels(fleet: Fleet) -> None:
    first, second = fleet.add(2)
    heads, one, other = fleet.inventory.read_text().splitlines()
    fleet.inventory.write_text(f"{heads},site-code\n{one},LON1\n{other},\n")
    words = ("--interval", "0.2", "--metrics", "127.0.0.1:0", "--metrics-label", "site-code")
    with fleet.started("poll", *words) as process:
        port = int(re.findall(r"metrics on port (\d+)", process.stderr.readline() if process.stderr else "")[0])
        until(lambda: f'xr_agent_up{{device="{first.name}",site_code="LON1"}} 1.0' in metrics(port))
        until(lambda: f'xr_agent_up{{device="{second.name}",site_code=""}} 1.0' in metrics(port))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=600)
    assert process.returncode == 130


@pytest.mark.parametrize("words, sessions", [(["--keep-sessions"], 1), ([], 3)])
def test_a_session_is_kept_or_opened_for_each_look(fleet: Fleet, words: list[str], sessions: int) -> None:
    (device,) = fleet.add(enrollment="terminal")
    with fleet.started("poll", *QUICK, "--until", "contacted", *words) as process:
        until(lambda: device.counters["get"] >= 4)
        cure(device)
        process.communicate(timeout=600)
    assert device.last_session == sessions if sessions == 1 else device.last_session >= sessions
    until(lambda: not device.sessions)


@pytest.mark.parametrize("form", ["json", "table"])
@pytest.mark.parametrize("words", [[], ["--keep-sessions"]])
def test_an_interrupt_ends_the_watch_in_order(fleet: Fleet, form: str, words: list[str]) -> None:
    fleet.add(3)
    with fleet.started("poll", "--interval", "0.2", "--format", form, *words) as process:
        until(lambda: all(device.counters["get"] >= 4 for device in fleet.devices))
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    assert stderr.splitlines()[-1].startswith("interrupted; every session is closed")
    assert "Traceback" not in stderr
    if form == "json":
        assert len(json.loads(stdout)) >= 3
    until(lambda: not any(device.sessions for device in fleet.devices))
    assert _state(fleet) is RunState.INTERRUPTED


def _state(fleet: Fleet) -> RunState:
    with Journal.open(fleet.journal) as journal:
        return journal.run("last").state


def test_a_second_interrupt_does_not_wait_for_a_router_that_hangs(fleet: Fleet) -> None:
    good, hanging = fleet.add(2)
    hanging.faults.append(Fault("get", FaultKind.SILENT, times=100))
    with fleet.started("poll", "--interval", "0.2", "--format", "json") as process:
        until(lambda: good.counters["get"] >= 4 and hanging.counters["get"] >= 1)
        process.send_signal(signal.SIGINT)
        said = process.stderr.readline() if process.stderr else ""
        while "once more ends at once" not in said:
            said = process.stderr.readline() if process.stderr else ""
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "interrupted at once; looks change nothing" in stderr
    assert json.loads(stdout)


@pytest.mark.parametrize("words", [(), ("--log-json",)], ids=" ".join)
def test_a_watch_that_runs_into_one_bug_after_the_other_is_stopped_and_each_is_logged_with_its_traceback(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    def buggy(*_: object) -> None:
        raise ZeroDivisionError(TOKEN)

    monkeypatch.setattr("agent.fleet.poll.glance", buggy)
    fleet.add(4)
    done = fleet.run("poll", *QUICK, "--format", "json", *words)
    assert done.exit_code == 1
    assert f"{'' if words else 'error: '}3 looks in turn ran into a bug in xr-agent" in done.stderr
    looks = json.loads(done.stdout)
    assert len(looks) == 3
    assert all(look["error"].startswith("a bug in xr-agent: ZeroDivisionError at") for look in looks)
    assert _state(fleet) is RunState.STOPPED
    objects = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    logged = [one["exception"] for one in objects if "exception" in one]
    lines = "\n".join(logged or [done.stderr]).splitlines()
    traced = [line for line in lines if re.fullmatch(r'  File ".+", line \d+, in buggy', line)]
    assert len(traced) >= 3, "looks that were under way when the third ended are logged as well"
    assert len(logged) == (len(traced) if words else 0)
    assert len([line for line in lines if line.endswith("Textless: ZeroDivisionError")]) == len(traced)
    assert TOKEN not in done.stderr + done.stdout


def test_a_reader_who_goes_away_ends_the_watch(fleet: Fleet) -> None:
    fleet.add(2)
    with fleet.started("poll", "--interval", "0.2", "--format", "jsonl") as process:
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(600) == 1
        assert "Traceback" not in (process.stderr.read() if process.stderr else "")
    assert _state(fleet) is RunState.INTERRUPTED


@pytest.mark.parametrize(
    "words, said",
    [
        (["--processes", "2"], "a poll runs in one process"),
        (["--metrics", "nonsense"], "no address to serve metrics on"),
        (["--metrics-label", "site"], "--metrics-label without --metrics"),
        (["--metrics", ":0", "--metrics-label", "site"], "no router has 'site'"),
        (["--metrics", ":0", "--metrics-label", "device"], "a label that the metrics have themselves"),
        (["--report", "/nowhere/report.html"], "/nowhere"),
        (["--trustpoint", "a b"], "trustpoint"),
    ],
)
def test_options_that_cannot_be_met_are_said_before_any_look(fleet: Fleet, words: list[str], said: str) -> None:
    (device,) = fleet.add()
    done = fleet.run("poll", *words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert not device.log
    assert not fleet.journal.exists()
