"""Options of a run over an inventory: what is wrong or has no meaning is said before a journal, a run or a router."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agent.fleet.journal.store import Journal
from agent.fleet.results.record import RunState
from agent.simulator import Simulator
from tests.cli.lab import VARIABLE, Fleet, Lab


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
