"""``--notify``: a run's begin, stop and end are told, and nothing that fails there ends or changes the run."""

from __future__ import annotations

import json
import shlex
import signal

import pytest

from agent.fleet import notify
from agent.fleet.journal.store import Journal
from agent.fleet.results.notification import MOST_NAMED, notification
from agent.simulator import Fault, FaultKind
from tests.cli.lab import Fleet
from tests.cli.processes import until
from tests.cli.schemas import check
from tests.web import hook


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_begin_and_end_of_a_push_are_told_with_counts_and_names(fleet: Fleet) -> None:
    fleet.add(2)
    (away,) = fleet.add(reachable=False)
    with hook() as server:
        done = fleet.run("push", "--yes", "--notify", server.url, "--change-ref", "CHG1", "--format", "json")
        assert server.events == ["begin", "end"], done.stderr
        begin, end = server.bodies
    for body in (begin, end):
        check("notification", body)
        assert (body["kind"], body["routers"], body["change_ref"]) == ("push", 3, "CHG1")
    assert (begin["state"], begin["counts"], begin["needing_look"]) == ("running", {"waiting": 3}, 0)
    assert (end["state"], end["counts"]) == ("done", {"failed": 1, "remedied": 2})
    assert (end["needing_look"], end["names"], end["why"]) == (1, [away.name], None)
    with Journal.open(fleet.journal) as journal:
        run = journal.run("last")
    assert begin["run"] == end["run"] == run.run
    assert "notify" not in run.settings  # its URL may have a token in it
    assert "warning" not in done.stderr
    assert done.exit_code == 1


def test_a_run_that_a_bound_stops_tells_it_before_its_end(fleet: Fleet) -> None:
    fleet.add(reachable=False)
    fleet.add(2)
    with hook() as server:
        fleet.run("push", "--yes", "--notify", server.url, "--canary", "1")
        assert server.events == ["begin", "stop", "end"]
        _, stop, end = server.bodies
    for body in (stop, end):
        check("notification", body)
        assert (body["state"], body["counts"]) == ("stopped", {"failed": 1, "waiting": 2})
        assert body["why"] == "1 of 3 routers failed, in the canary"
        assert body["names"] == [fleet.devices[0].name]


def test_a_failure_of_the_last_router_stops_nothing(fleet: Fleet) -> None:
    fleet.add()
    fleet.add(reachable=False)
    with hook() as server:
        fleet.run("push", "--yes", "--notify", server.url, "--max-failures", "0", "--workers", "1")
        assert server.events == ["begin", "end"]
        assert server.bodies[-1]["state"] == "done"


def test_ctrl_c_tells_the_stop_and_the_end(fleet: Fleet) -> None:
    fleet.add(2)
    fleet.devices[0].faults.append(Fault("commit", FaultKind.SILENT))
    with hook() as server:
        words = ("--yes", "--notify", server.url, "--timeout", "2", "--workers", "1", "--in-flight", "1")
        with fleet.started("push", *words) as process:
            until(lambda: fleet.devices[0].counters["commit"] > 0)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=600)
        assert process.returncode == 130
        assert server.events == ["begin", "stop", "end"]
        assert [body["state"] for body in server.bodies] == ["running", "interrupted", "interrupted"]
        assert server.bodies[-1]["counts"]["waiting"] == 1


def test_a_run_whose_output_nobody_reads_says_so_in_words(fleet: Fleet) -> None:
    fleet.add(3)
    with hook() as server:
        with fleet.started("push", "--yes", "--workers", "1", "--format", "jsonl", "--notify", server.url) as process:
            assert process.stdout is not None
            process.stdout.close()
            process.stdout = None
            process.communicate(timeout=600)
        end = server.bodies[-1]
        assert (end["event"], end["state"], end["why"]) == ("end", "interrupted", "nobody reads its output any more")


def test_one_host_is_told_as_well(fleet: Fleet) -> None:
    (device,) = fleet.add()
    with hook() as server:
        done = fleet.lab.run("push", device, "--yes", "--notify", server.url)
        assert done.exit_code == 0, done.stderr
        assert server.events == ["begin", "end"]
        assert server.bodies[-1]["counts"] == {"remedied": 1}


def test_a_poll_tells_its_begin_and_its_end(fleet: Fleet) -> None:
    fleet.add(2)
    with hook() as server:
        words = ("--until", "authorized", "--interval", "0.1", "--timeout", "0.3", "--notify", server.url)
        fleet.run("poll", *words)
        assert server.events == ["begin", "end"]
        for body in server.bodies:
            check("notification", body)
        assert (server.bodies[-1]["kind"], server.bodies[-1]["state"]) == ("poll", "done")


@pytest.mark.parametrize("how", ["down", "hanging", "refusing", "program"])
def test_a_receiver_that_fails_changes_nothing_but_a_warning(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    for name, value in (("FIRST", 0.0), ("WITHIN", 0.2), ("PATIENCE", 5.0), ("TRIES", 2)):
        monkeypatch.setattr(notify, name, value)
    fleet.add()
    hangs = fleet.folder / "hangs"
    hangs.write_text("#!/bin/sh\nexec sleep 600\n")
    hangs.chmod(0o700)
    with hook() as server:
        server.silent = how == "hanging"
        server.answers = [403] * 9
        path = f"{server.url}?token=Zq7x" if how != "program" else f"exec:{shlex.quote(str(hangs))} Zq7x"
        if how == "down":
            path = "http://127.0.0.1:9/Zq7x"
        done = fleet.run("push", "--yes", "--notify", path, "--format", "json", "-v", "--log-json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)[0]["outcome"] == "remedied"
    said = [json.loads(line) for line in done.stderr.splitlines()]
    (warning,) = [one["message"] for one in said if one["level"] == "warning"]
    assert warning.startswith("2 of 2 notifications did not reach ")
    assert "Zq7x" not in done.stderr


def test_what_cannot_be_a_receiver_is_one_line_before_any_router(fleet: Fleet) -> None:
    fleet.add()
    for given in ("https://ops:Zq7x@hooks.example/", "hooks.example", "exec:no-such-notifier", "env:XR_NO_SUCH_HOOK"):
        done = fleet.run("push", "--yes", "--notify", given)
        assert (done.exit_code, done.stdout) == (2, "")
        first, hint = done.stderr.splitlines()
        assert first.startswith("error: ")
        assert hint.startswith("  next: ")
        assert "Zq7x" not in done.stderr
    assert not fleet.journal.exists()


def test_no_more_than_some_routers_are_named(fleet: Fleet) -> None:
    fleet.add()
    fleet.run("assess")
    with Journal.open(fleet.journal) as journal:
        run = journal.run("last")
        (one,) = journal.devices(run.run)
    made = notification("end", run, [one.evolve(device=f"r{number}") for number in range(500)], time=run.began)
    assert (made.needing_look, len(made.names)) == (500, MOST_NAMED)
