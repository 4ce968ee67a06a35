"""One command over many routers: in this process for what it says, as a process for signals and sudden death."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import agent
from agent.cli.main import program
from agent.fleet.journal.store import Journal
from agent.fleet.results.record import RunState
from agent.simulator import Device, Fault, FaultKind, Simulator
from tests.cli.conftest import VARIABLE, Lab, loggers_restored
from tests.cli.schemas import check
from tests.cli.test_processes import COMMAND, answered, until

PEM = agent.TrustAnchor.bundled().pem


class Fleet:
    """Simulated routers with their inventory and journal."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder = lab, folder
        self.devices: list[Device] = []

    def add(self, number: int = 1, **settings: Any) -> list[Device]:
        added = [self.lab.add(**settings) for _ in range(number)]
        self.devices += added
        rows = [f"{one.name},127.0.0.1,{one.port},{one.ssh_port or 22}" for one in self.devices]
        self.inventory.write_text("\n".join(["name,host,port,ssh_port", *rows, ""]))
        return added

    @property
    def inventory(self) -> Path:
        return self.folder / "routers.csv"

    @property
    def journal(self) -> Path:
        return self.folder / "journal.db"

    @property
    def environment(self) -> dict[str, str]:
        return {VARIABLE: self.lab.simulator.password}

    def words(self, command: str, *words: str, inventory: bool = True) -> list[str]:
        simulator, known_hosts = self.lab.simulator, self.lab.known_hosts
        return [
            command,
            *(["-i", str(self.inventory)] if inventory else []),
            *("--username", simulator.username, "--password-env", VARIABLE),
            *("--known-hosts", str(known_hosts), "--ssh-config", "/dev/null", "--journal", str(self.journal)),
            *words,
        ]

    def run(self, command: str, *words: str, **more: Any) -> Any:
        given = self.words(command, *words)
        return CliRunner().invoke(program, given, env=self.environment, catch_exceptions=False, **more)

    def records(self, run: str = "last") -> dict[str, str]:
        """What the journal says of each router."""
        with Journal.open(self.journal) as journal:
            return {one.device: one.word for one in journal.devices(journal.run(run).run)}

    @contextmanager
    def started(
        self, command: str, *words: str, inventory: bool = True, **more: Any
    ) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            [*COMMAND, *self.words(command, *words, inventory=inventory)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment},
            **more,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()


@pytest.fixture
def fleet(lab: Lab, tmp_path: Path) -> Fleet:
    return Fleet(lab, tmp_path)


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


@pytest.mark.parametrize("command", ["check", "plan"])
def test_a_secret_that_one_router_lacks_is_said_with_what_to_do(fleet: Fleet, command: str) -> None:
    (device,) = fleet.add()
    fleet.inventory.write_text(f"name,host,port,password\n{device.name},127.0.0.1,{device.port},file:none\nb,b,1,\n")
    done = fleet.run(command, "--limit", f"{device.name},b", "--open-timeout", "5")
    said = " ".join(done.stdout.split())
    assert f"No such file or directory ({device.name}) next: name a readable file" in said
    assert device.last_session == 0


def test_a_push_and_its_resumption_ask_on_a_terminal_of_how_many_routers(fleet: Fleet) -> None:
    fleet.add(2)
    first, question = fleet.words("push"), b"Push to 2 routers?"
    code, seen, _ = answered(first, fleet.environment, question, "n\n")
    assert (code, "not confirmed; nothing was changed" in seen) == (1, True)
    wrong = CliRunner().invoke(program, [*first, "--yes"], env={VARIABLE: "wrong"}, catch_exceptions=False)
    assert wrong.exit_code == 1
    again = fleet.words("push", "--resume", "last", inventory=False)
    code, seen, _ = answered(again, fleet.environment, question, "n\n")
    assert (code, "not confirmed; nothing was changed" in seen) == (1, True)
    assert "xr-agent history " in seen
    assert set(fleet.records().values()) == {"failed"}, "the run is as it was"
    assert not any(device.config.commits for device in fleet.devices)
    assert answered(again, fleet.environment, question, "y\n")[0] == 0
    assert set(fleet.records().values()) == {"remedied"}


def test_a_resumption_is_not_sent_to_options_that_it_has_not(fleet: Fleet) -> None:
    fleet.add()
    assert fleet.run("plan").exit_code == 0
    planned = fleet.run("push", "--resume", run_of(fleet), "--yes")
    assert (planned.exit_code, "resume it with" in planned.stderr) == (2, False)
    assert "next: xr-agent history lists the runs; a push is resumed\n" in planned.stderr
    assert fleet.run("push", "--yes").exit_code == 0
    nobody = fleet.run("push", "--resume", "last")
    assert (nobody.exit_code, "--dry-run" in nobody.stderr) == (2, False)
    assert "next: see what is left with xr-agent history RUN, then push with --yes\n" in nobody.stderr
    dry = fleet.run("push", "--resume", "last", "--dry-run")
    assert dry.exit_code == 2
    assert "error: --dry-run and --resume exclude each other\n" in dry.stderr


def run_of(fleet: Fleet) -> str:
    with Journal.open(fleet.journal) as journal:
        return journal.run("last").run


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


@pytest.mark.parametrize("crew", [[], ["--processes", "2"]])
def test_push_remedies_the_fleet_and_a_second_push_changes_nothing(fleet: Fleet, crew: list[str]) -> None:
    fleet.add(4)
    done = fleet.run("push", "--yes", "--canary", "1", "--batch", "50%", "--format", "jsonl", *crew)
    assert done.exit_code == 0, done.stderr
    made = [json.loads(line) for line in done.stdout.splitlines()]
    for one in made:
        check("push", one)
    assert {one["outcome"] for one in made} == {"remedied"}
    assert "canary: 1 of 4 routers" in done.stderr
    again = fleet.run("push", "--yes", "--format", "json", *crew)
    assert {one["outcome"] for one in json.loads(again.stdout)} == {"unchanged"}
    assert again.exit_code == 0
    assert [device.state.authenticates for device in fleet.devices] == [1, 1, 1, 1]


def test_what_a_resumed_run_is_given_anew_takes_the_place_of_what_it_excludes(fleet: Fleet) -> None:
    (device,) = fleet.add(1, ssh=False)
    device.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    assert fleet.run("push", "--yes", "--no-renew", "--processes", "1").exit_code == 1
    device.faults.clear()
    secret = fleet.folder / "password"
    secret.write_text(fleet.lab.simulator.password)
    given = ["push", "--resume", "last", "--yes", "--journal", str(fleet.journal), "--password-file", str(secret)]
    nowhere = CliRunner().invoke(program, [*given, "--scheduler", "tcp://127.0.0.1:1"], catch_exceptions=False)
    assert "exclude each other" not in nowhere.stderr
    done = CliRunner().invoke(program, given, catch_exceptions=False)
    assert done.exit_code == 0, done.stderr


def test_a_failed_canary_stops_the_run_and_the_rest_is_resumed(fleet: Fleet) -> None:
    canary, *others = fleet.add(4, ssh=False)
    canary.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    done = fleet.run("push", "--yes", "--canary", "1", "--format", "json")
    assert done.exit_code == 1
    (only,) = json.loads(done.stdout)
    check("push", only)
    assert "stopped: 1 of 4 routers failed, in the canary; 3 routers not begun, 1 router not ended well" in done.stderr
    assert "which goes to those not begun first; see why: xr-agent history" in " ".join(done.stderr.split())
    assert not any(device.log for device in others)
    canary.faults.clear()
    resumed = CliRunner().invoke(
        program, ["push", "--resume", "last", "--yes", "--journal", str(fleet.journal)], env=fleet.environment
    )
    assert resumed.exit_code == 0, resumed.stderr
    assert set(fleet.records().values()) == {"remedied"}


def test_a_run_whose_routers_all_had_their_turn_is_done_however_many_failed(fleet: Fleet) -> None:
    bad, *_ = fleet.add(3, ssh=False)
    bad.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    done = fleet.run("push", "--yes", "--max-failures", "10%", "--workers", "3")
    assert done.exit_code == 1
    assert "stopped" not in done.stderr
    assert "--resume" not in done.stderr
    assert sorted(fleet.records().values()) == ["failed", "remedied", "remedied"]


def test_a_router_that_fails_again_does_not_keep_the_others_from_their_turn(fleet: Fleet) -> None:
    bad, *_ = fleet.add(3, ssh=False)
    bad.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    first = fleet.run("push", "--yes", "--max-failures", "0", "--in-flight", "1")
    assert "2 routers not begun, 1 router not ended well" in first.stderr
    again = CliRunner().invoke(
        program, ["push", "--resume", "last", "--yes", "--journal", str(fleet.journal)], env=fleet.environment
    )
    assert again.exit_code == 1
    assert sorted(fleet.records().values()) == ["failed", "remedied", "remedied"]


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


@pytest.mark.parametrize("others, code", [("env:XR_NOT_SET", 2), (f"env:{VARIABLE}", 1)])
def test_a_secret_that_all_share_is_looked_for_first_and_one_of_a_few_fails_with_those_few(
    fleet: Fleet, others: str, code: int
) -> None:
    fleet.add(2)
    secrets = ["env:XR_NOT_SET", others]
    rows = [f"{one.name},127.0.0.1,{one.port},{secret}" for one, secret in zip(fleet.devices, secrets, strict=True)]
    fleet.inventory.write_text("\n".join(["name,host,port,password", *rows, ""]))
    done = fleet.run("push", "--yes", "--no-ssh", "--contact-wait", "0")
    assert done.exit_code == code, done.stderr
    assert "XR_NOT_SET is not set" in done.stderr + done.stdout
    assert [device.state.authenticates for device in fleet.devices] == [0, code % 2]
    with Journal.open(fleet.journal) as journal:
        assert len(list(journal.runs())) == code % 2


def test_a_report_that_cannot_be_written_is_said_before_any_connection(fleet: Fleet) -> None:
    (device,) = fleet.add(1)
    done = fleet.run("push", "--yes", "--report", str(fleet.folder / "missing" / "report.html"))
    assert done.exit_code == 2
    assert device.log == []


@pytest.mark.parametrize(
    "words",
    [
        ["r1.example"],
        ["--nornir-config", "x.yaml"],
        ["--resume", "no-such-run"],
        ["--processes", "2", "--scheduler", "tcp://127.0.0.1:1"],
    ],
)
def test_options_that_exclude_each_other_are_usage(fleet: Fleet, words: list[str]) -> None:
    (device,) = fleet.add(1)
    assert fleet.run("push", "--yes", *words).exit_code == 2
    assert device.log == []


@pytest.mark.parametrize(
    "words",
    [
        *(["--limit", "r1"], ["--group", "core"], ["--where", "site=a"], ["--workers", "2"], ["--processes", "2"]),
        *(["--scheduler", "tcp://s:1"], ["--rate", "2"], ["--rate-per-jump", "2"], ["--canary", "1"], ["--batch", "2"]),
        *(["--no-canary"], ["--max-failures", "none"], ["--pause", "1"], ["--stop-at", "23:59"]),
        *(["--window", "22:00-04:00"], ["--tz", "UTC"], ["--no-window"], ["--until-done"], ["--start-at", "23:59"]),
        ["--router-time", "60"],
    ],
    ids=" ".join,
)
def test_what_is_for_an_inventory_is_not_silently_ignored_with_one_host(fleet: Fleet, words: list[str]) -> None:
    (device,) = fleet.add(1)
    done = fleet.lab.run("push", device, "--yes", *words)
    assert done.exit_code == 2
    assert f"{words[0]} goes with an inventory" in done.stderr
    assert device.log == []


@pytest.mark.parametrize("words", [["--batch", "0"], ["--canary", "0%"], ["--trace", "t", "--processes", "2"]])
def test_what_makes_no_sense_is_refused_before_a_run_is_begun(fleet: Fleet, words: list[str]) -> None:
    fleet.add(1)
    assert fleet.run("push", "--yes", *words).exit_code == 2
    with Journal.open(fleet.journal) as journal:
        assert list(journal.runs()) == []


WRONG = [
    ["--canary", "nonsense"],
    ["--canary", "0"],
    ["--batch", "-1"],
    ["--max-failures", "101%"],
    ["--pause", "x"],
    ["--stop-at", "25:00"],
    ["--stop-at", "2020-01-01T00:00"],
    ["--start-at", "soon"],
    ["--start-at", "tomorrow 02:00", "--stop-at", "tomorrow 02:00"],
    ["--window", "22:00-22:00"],
    ["--window", "22:00-04:00", "--window", "03:00-05:00"],
    ["--window", "22:00-04:00", "--no-window"],
    ["--window", "22:00-22:04"],
    ["--tz", "Europe/Nowhere"],
    ["--router-time", "nan"],
    ["--report", "report.docx"],
    ["--report", "missing/report.html"],
    ["--report", "."],
    ["--limit", "no-such-router"],
    ["--limit", ""],
    ["--group", "no-such-group"],
    ["--where", "site"],
    ["--where", "site=London"],
    ["--inventory", "missing.csv"],
    ["--anchor", "missing.pem"],
    ["--bundle", "missing.p7b"],
    ["--clean"],
    ["--then", "trustpool"],
    ["--trustpoint", "a b"],
    ["--enrollment-url", "http://ops:hunter2@ca.example/"],
    ["--key", "missing"],
    ["--key-passphrase-env", "XR_TEST_UNSET"],
    ["--host-key", "nonsense"],
    ["--ssh-config", "missing"],
    ["--jump", "bastion/24"],
    ["--password-file", "missing"],
    ["--register-token-env", "XR_TEST_UNSET"],
    ["--register-token-file", "missing"],
    ["--trace", "missing/trace"],
    ["--processes", "2", "--trace", "trace"],
    ["--processes", "2", "--scheduler", "tcp://127.0.0.1:1"],
    ["--scheduler", "nonsense"],
    ["--nornir-config", "missing.yaml"],
    ["--no-such-option"],
]


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_wrong_option_touches_neither_a_journal_nor_a_router(
    fleet: Fleet, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (device,) = fleet.add(1)
    monkeypatch.chdir(fleet.folder)
    done = fleet.run("push", "--yes", *words)
    assert done.exit_code == 2, done.stderr
    assert "hunter2" not in done.output
    assert device.log == []
    assert {path.name for path in fleet.folder.iterdir()} <= {"routers.csv", "known_hosts"}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A fleet whose run is done: one router remedied, one failed."""
    folder = tmp_path_factory.mktemp("ended")
    with Simulator() as simulator:
        made = Fleet(Lab(simulator, folder / "known_hosts"), folder)
        made.add(1)
        made.add(1, terminal_rpc="refused", ssh=False)
        with loggers_restored():  # the fixture that does so is not there yet
            assert made.run("push", "--yes", "--contact-wait", "1").exit_code == 1
        yield made


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_wrong_option_beside_resume_leaves_the_run_as_it_was(
    ended: Fleet, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ended.folder)
    logged = [len(device.log) for device in ended.devices]
    before = journalled(ended)
    done = ended.run("push", "--resume", "last", "--yes", *words)
    assert done.exit_code == 2, done.stderr
    assert journalled(ended) == before
    assert before[0].state is RunState.DONE
    assert [len(device.log) for device in ended.devices] == logged


@pytest.mark.parametrize("words", [(), ("--resume", "last")], ids=["begun", "resumed"])
def test_a_wrong_option_is_said_before_the_lack_of_a_terminal(ended: Fleet, words: tuple[str, ...]) -> None:
    done = ended.run("push", *words, "--window", "22:00-22:00")
    assert done.exit_code == 2
    assert "--window" in done.stderr
    assert "terminal" not in done.stderr


def test_a_run_is_not_resumed_for_routers_that_are_done(ended: Fleet) -> None:
    before = journalled(ended)
    done = ended.run("push", "--resume", "last", "--yes", "--limit", ended.devices[0].name)
    assert done.exit_code == 2
    assert "none of the routers chosen is left in run" in done.stderr
    assert journalled(ended) == before


def test_a_run_of_a_journal_that_is_not_there_is_not_resumed_and_no_journal_is_made(fleet: Fleet) -> None:
    fleet.add(1)
    assert fleet.run("push", "--resume", "last", "--yes").exit_code == 2
    assert not fleet.journal.exists()


def journalled(fleet: Fleet) -> tuple[Any, ...]:
    """All that the journal has of its one run."""
    with Journal.open(fleet.journal) as journal:
        (run,) = journal.runs()
        return run, journal.attempts(run.run), list(journal.devices(run.run))


@pytest.mark.parametrize(
    "number, crew",
    [(signal.SIGINT, ["--workers", "2"]), (signal.SIGHUP, ["--workers", "2"]), (signal.SIGHUP, ["--processes", "2"])],
)
def test_an_interrupt_finishes_those_in_flight_and_says_how_to_go_on(
    fleet: Fleet, number: int, crew: list[str]
) -> None:
    fleet.add(6)
    slow = fleet.devices[1]
    slow.faults.append(Fault("lock", FaultKind.DELAY, seconds=1.0))
    with fleet.started("push", "--yes", *crew, start_new_session=True) as process:
        until(lambda: slow.counters["lock"] > 0)
        os.killpg(process.pid, number)  # as a terminal does: its workers get it too
        _, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "push --resume" in stderr.splitlines()[-1]
    assert "Traceback" not in stderr
    until(lambda: not any(device.sessions for device in fleet.devices))
    assert not any(device.config.locks or device.config.dirty for device in fleet.devices)
    assert "doubtful" not in fleet.records().values()
    with fleet.started("push", "--resume", "last", "--yes", inventory=False) as process:
        process.communicate(timeout=600)
    assert process.returncode == 0
    # One that was interrupted behind the proof has the root by the first try.
    assert set(fleet.records().values()) <= {"remedied", "unchanged"}


def test_a_second_interrupt_names_the_routers_in_doubt(fleet: Fleet) -> None:
    fleet.add(2)
    for device in fleet.devices:
        device.faults.append(Fault("ca-authenticate", FaultKind.SILENT))
    with fleet.started("push", "--yes") as process:
        until(lambda: all(device.counters["ca-authenticate"] for device in fleet.devices))
        assert process.stderr is not None
        process.send_signal(signal.SIGINT)
        while "once more ends at once" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        stderr = process.stderr.read()
        assert process.wait(600) == 130
    assert all(device.name in stderr.splitlines()[-1] for device in fleet.devices)
    assert "in doubt" in stderr.splitlines()[-1]


def test_after_kill_9_in_the_middle_a_resumed_push_remedies_all_and_writes_nothing_twice(fleet: Fleet) -> None:
    fleet.add(200)
    given = ("--no-canary", "--workers", "20", "--commit", "plain", "--no-renew")
    with fleet.started("push", "--yes", *given) as process:
        until(lambda: sum(device.state.authenticates for device in fleet.devices) >= 60)
        process.kill()
        process.communicate(timeout=600)
    until(lambda: not any(device.sessions for device in fleet.devices))
    words = list(fleet.records().values())
    assert words.count("doubtful") >= 1
    assert words.count("waiting") >= 1
    with fleet.started("push", "--resume", "last", "--yes", inventory=False) as process:
        _, stderr = process.communicate(timeout=600)
    assert process.returncode == 0, stderr
    assert set(fleet.records().values()) <= {"remedied", "unchanged"}
    assert {device.state.authenticates for device in fleet.devices} == {1}
    assert {device.config.commits for device in fleet.devices} == {1}
    assert {device.trustpoints()[0] for device in fleet.devices} == {"Trustpool"}


def resumed(fleet: Fleet) -> str:
    """What a resumed push that ends well says on stderr."""
    with fleet.started("push", "--resume", "last", "--yes", inventory=False) as process:
        _, stderr = process.communicate(timeout=600)
    assert process.returncode == 0, stderr
    return str(stderr)


@pytest.mark.parametrize("operation", ["renew-auth", "contact"])
@pytest.mark.parametrize("crew", [["--workers", "2"], ["--processes", "1"]])
def test_what_was_interrupted_behind_the_proof_is_renewed_by_a_resumed_push(
    fleet: Fleet, operation: str, crew: list[str]
) -> None:
    (other,) = fleet.add()
    (proven,) = fleet.add(contact=operation == "renew-auth")
    if operation == "renew-auth":
        proven.faults.append(Fault("renew-auth", FaultKind.SILENT))
    words = ["push", "--yes", "--timeout", "3", *crew]
    with fleet.started(*words) as process:
        until(lambda: proven.counters["renew-auth"] > 0 < other.counters["renew-auth"] and not other.sessions)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=600)
    assert process.returncode == 130
    assert fleet.records() == {proven.name: "remedied", other.name: "remedied"}
    before = proven.counters["renew-auth"]
    proven.state.persona = replace(proven.state.persona, contact=None)
    assert "1 to renew the licence if the root is there" in resumed(fleet)
    assert proven.counters["renew-auth"] == before + 1
    assert proven.state.authenticates == 1


def test_what_was_killed_behind_the_proof_is_renewed_by_a_resumed_push(fleet: Fleet) -> None:
    (device,) = fleet.add(contact=True)  # it is the journal that tells, not a contact that fails
    device.faults.append(Fault("renew-auth", FaultKind.SILENT))
    with fleet.started("push", "--yes") as process:
        until(lambda: device.counters["renew-auth"] > 0)
        process.kill()
        process.communicate(timeout=600)
    until(lambda: not device.sessions)
    assert fleet.records() == {device.name: "doubtful"}
    resumed(fleet)
    assert (device.counters["renew-auth"], device.state.authenticates) == (2, 1)
    with Journal.open(fleet.journal) as journal, pytest.raises(agent.InputError, match="ended well"):
        journal.resume("last")
