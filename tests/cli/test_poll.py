"""poll of one router: each sample, what is new in it, and how the watch ends."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from agent.simulator import Device, Fault, FaultKind
from tests.cli.lab import PEM, Lab, one_error
from tests.cli.schemas import check


def test_poll_until_contacted(lab: Lab) -> None:
    device = lab.add(certificate=PEM)
    done = lab.run("poll", device, "--interval", "0.05", "--until", "contacted", "--timeout", "10", "--format", "jsonl")
    assert done.exit_code == 0
    samples = [json.loads(line) for line in done.stdout.splitlines()]
    for sample in samples:
        check("poll", sample)
    assert samples[-1]["last_comm_success"] is True


def test_poll_says_each_change_once(lab: Lab) -> None:
    device = lab.add()
    # Licensing is the second get of a look: it is cured between two looks.
    device.faults.append(Fault("get", FaultKind.MEANWHILE, skip=4, act=_cure(device)))
    done = lab.run("poll", device, "--interval", "0.01", "--until", "contacted", "--format", "jsonl")
    samples = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 0
    assert [sample["last_comm_success"] for sample in samples] == [False, False, True]
    assert [sample["changed"] for sample in samples if sample["changed"]] == [samples[-1]["changed"]]
    assert "last_comm_success" in samples[-1]["changed"]
    assert device.last_session == 1


def _cure(device: Device) -> Callable[[], None]:
    def cure() -> None:
        device.state.certificates["Trustpool"] = PEM
        device.state.contact()

    return cure


def test_poll_that_times_out_is_exit_code_1_and_json_is_one_array(lab: Lab) -> None:
    device = lab.add()
    done = lab.run("poll", device, "--interval", "0.05", "--until", "contacted", "--timeout", "2", "--format", "json")
    assert done.exit_code == 1
    samples = json.loads(done.stdout)
    assert len(samples) > 1
    assert "not contacted within" in one_error(done.stderr)


def test_poll_forever_ends_well_at_its_timeout(lab: Lab) -> None:
    done = lab.run("poll", lab.add(), "--interval", "0.05", "--timeout", "0.2")
    assert done.exit_code == 0
    assert "registration complete" in done.stdout


@pytest.mark.parametrize("certificate, said", [(PEM, "root shown"), (None, "root not shown")])
def test_poll_of_one_host_says_whether_the_root_is_there_as_that_of_many_does(
    lab: Lab, certificate: bytes | None, said: str
) -> None:
    device = lab.add(enrollment="terminal", certificate=certificate)
    done = lab.run("poll", device, "--interval", "0.05", "--timeout", "0.2")
    assert done.stdout.splitlines()[0].endswith(f" · {said}")


def test_poll_of_one_host_of_which_nothing_shows_licensing_ends_with_what_to_do(lab: Lab) -> None:
    device = lab.add(release="6.6.3", forbidden=("show license", "admin show license"))
    done = lab.run("poll", device, "--interval", "0.05", "--until", "contacted")
    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == 2  # it is looked at once more
    said = one_error(done.stderr)
    assert "no model of this device shows licensing (infra-smartlicense-oper); show license: " in said
    assert "  next: try 'show license all' at its CLI as this user; leave the router out by --limit" in said


def test_poll_of_one_host_waits_for_a_cli_that_refuses_the_connection(lab: Lab) -> None:
    device = lab.add(release="6.6.3", ssh=False)
    done = lab.run("poll", device, "--interval", "0.05", "--until", "contacted", "--timeout", "1")
    assert "the CLI over SSH cannot be used: " in done.stdout
    assert "not contacted within 1 s" in one_error(done.stderr)


def test_poll_reconnects(lab: Lab) -> None:
    device = lab.add(certificate=PEM)
    device.faults.append(Fault("get", FaultKind.DROP_BEFORE, times=1))
    done = lab.run("poll", device, "--interval", "0.05", "--until", "contacted", "--timeout", "30", "--format", "jsonl")
    samples = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 0
    assert samples[-1]["last_comm_success"] is True
    assert device.last_session == 2
