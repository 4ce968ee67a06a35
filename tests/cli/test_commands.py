"""show, assess, plan, push and poll against simulated devices: objects, exit codes, and what is left on the device."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from agent.cli import settings as settings_of
from agent.cli.main import program
from agent.fleet.journal.store import Journal
from agent.model.pki.anchor import TrustAnchor
from agent.netconf.session import connect
from agent.simulator import Device, Fault, FaultKind, rpc_error
from tests.cli.conftest import VARIABLE, Lab
from tests.cli.schemas import check

PEM = TrustAnchor.bundled().pem
WRITES = {
    "lock",
    "edit-config",
    "commit",
    "discard-changes",
    "ca-authenticate",
    "renew-auth",
    "renew-id",
    "kill-session",
}


def untouched(device: Device) -> bool:
    """Whether nothing was so much as tried that could change the device."""
    return not WRITES & {operation for _, operation in device.log}


def clean(device: Device) -> bool:
    """Whether no lock is held and the candidate is as running."""
    return not device.config.locks and not device.config.dirty


def one_error(stderr: str) -> str:
    """The one error line, and its hint where it has one."""
    said = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert len(said) == 1
    assert "Traceback" not in stderr
    return stderr[stderr.index(said[0]) :]


# --- show ------------------------------------------------------------------------------------------------------------


def test_show_gives_everything_with_its_source(lab: Lab) -> None:
    device = lab.add(release="24.2.1", certificate=PEM, fixes=("CSCaa00001",))
    made = lab.json("show", device)
    check("show", made)
    assert made["release"] == "24.2.1"
    assert made["address"] == device.address
    assert made["trustpoint"]["enrollment"] == "enrollment terminal"
    assert made["certificate"]["sha1"] == TrustAnchor.bundled().sha1
    assert "crypto-cepki-oper@" in made["certificate"]["source"]
    assert made["licensing"]["registration"] == "complete"
    assert made["licensing"]["last_comm_success"] is True
    assert untouched(device)


@pytest.mark.parametrize("form", ["{user}@127.0.0.1:{port}", "ssh://{user}@127.0.0.1:{port}/"])
@pytest.mark.parametrize("again", [False, True])
def test_host_may_say_user_and_port(lab: Lab, form: str, again: bool) -> None:
    device, user = lab.add(), lab.simulator.username
    host, words = form.format(user=user, port=device.port), lab.words(device)
    said = words[1:7] if again else words[3:5]  # --port, --ssh-port, --username
    given = ["show", host, *said, *words[7:], "--format", "json"]
    done = CliRunner().invoke(program, given, env={VARIABLE: lab.simulator.password}, catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["address"] == device.address


@pytest.mark.parametrize(
    "host, said",
    [
        ("[::1]:831", "the port in HOST is another than that of --port"),
        ("me@::1", "the username in HOST is another than that of --username"),
        ("192.0.2.1/32", "'192.0.2.1/32' is no host name or address"),
        ("https://192.0.2.1", "a URL of another scheme than ssh"),
        ("me:hunter2@192.0.2.1", "there is a password before the @"),
    ],
)
@pytest.mark.parametrize("command", ["show", "assess", "plan", "push", "poll"])
def test_a_host_that_cannot_be_meant_is_wrong_usage(lab: Lab, command: str, host: str, said: str) -> None:
    words = lab.words(lab.add())
    more = ["--yes"] if command == "push" else []
    given = [command, host, *words[1:], *more]
    done = CliRunner().invoke(program, given, env={VARIABLE: lab.simulator.password}, catch_exceptions=False)
    assert done.exit_code == 2
    assert said in one_error(done.stderr)
    assert "hunter2" not in done.output


def test_show_says_why_something_is_missing(lab: Lab) -> None:
    made = lab.json("show", lab.add(release="6.6.3", ssh=False))
    check("show", made)
    assert "crypto-cepki-oper" in made["certificate"]["missing"]
    assert made["access"]["config_model"] == "none"
    assert "cannot be used" in made["cli"]


def test_show_reads_over_the_cli_what_no_model_shows(lab: Lab) -> None:
    made = lab.json("show", lab.add(release="6.6.3", certificate=PEM))
    check("show", made)
    assert made["release"] == "6.6.3"
    assert made["certificate"]["sha1"] == TrustAnchor.bundled().sha1
    assert made["trustpoint"]["enrollment"] == "enrollment terminal"
    assert made["licensing"]["registration"] == "complete"
    assert {made[part]["source"] for part in ("certificate", "trustpoint", "licensing", "software")} == {"console"}
    assert made["cli"] is None


def test_show_never_opens_ssh_where_it_is_ruled_out(lab: Lab) -> None:
    device = lab.add(release="6.6.3")
    made = lab.json("show", device, "--no-ssh")
    assert made["certificate"]["missing"]
    assert not device.connections


def test_show_as_a_table(lab: Lab) -> None:
    done = lab.run("show", lab.add(certificate=PEM))
    assert done.exit_code == 0
    assert "IdenTrust Commercial Root CA 1" in done.stdout
    assert "enrollment terminal" in done.stdout
    assert "tools.cisco.com" in done.stdout


def test_show_raw_is_the_devices_own_data(lab: Lab) -> None:
    done = lab.run("show", lab.add(certificate=PEM), "--raw")
    assert done.exit_code == 0
    views = json.loads(done.stdout)
    assert set(views) == {"trustpoint-config", "trustpoint-state", "licensing", "install-version", "install-fixes"}
    assert "registration-complete" in json.dumps(views["licensing"])
    assert "IdenTrust" in json.dumps(views["trustpoint-state"])


def test_a_hostile_device_cannot_act_on_the_terminal(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    # XML carries C1 controls and bidi overrides, though not ESC.
    monkeypatch.setattr("agent.simulator.device.operstate._FAILED", "\u009b2J\u202eowned")
    device = lab.add()
    for command in ("show", "assess"):
        done = lab.run(command, device)
        assert "\\x9b2J\\u202eowned" in done.stdout
        assert "\u009b" not in done.stdout + done.stderr


def test_what_a_user_may_not_read_is_not_called_absent(lab: Lab) -> None:
    device = lab.add(release="7.8.1", enrollment="terminal", certificate=PEM)
    for operation in ("get", "get-config"):
        device.faults.append(Fault(operation, FaultKind.EMPTY, times=1000))
    shown = " ".join(lab.run("show", device, "--no-ssh").stdout.split())
    assert "not configured, or this user may not read it" in shown
    assert "none shown, or this user may not read it" in shown
    assert "answers with nothing at all" in shown
    made = lab.json("show", device, "--no-ssh")
    check("show", made)
    assert made["trustpoint"]["notes"] == ["an empty answer: nothing there, or this user may not read it"]
    judged = lab.json("assess", device, "--no-ssh")
    assert judged["verdict"] == "unknown"
    assert "may not be allowed to read" in " ".join(judged["warnings"])
    plan = lab.json("plan", device, "--no-ssh")
    assert "may not be allowed to read" in " ".join(plan["diff"])


# --- assess ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings, verdict, code",
    [
        ({}, "affected", 1),
        ({"certificate": PEM}, "remedied", 0),
        ({"url": "https://ssm.example/"}, "not-affected", 0),
        ({"fixes": ("CSCvx00476",), "ssh": False}, "not-affected", 0),
        ({"fixes": ("CSCvx00476",)}, "affected", 1),
        ({"release": "7.8.1", "contact": True}, "not-affected", 0),
        ({"release": "7.4.1", "contact": True, "verify_peer_off": True}, "unknown", 1),
        ({"release": "7.5.2", "contact": True, "verify_peer_off": True}, "affected", 1),
        ({"release": "7.5.2", "ssh": False}, "not-affected", 0),
        ({"release": "6.6.3"}, "affected", 1),
        ({"release": "6.6.3", "ssh": False}, "unknown", 1),
    ],
)
def test_assess(lab: Lab, settings: dict[str, Any], verdict: str, code: int) -> None:
    device = lab.add(**settings)
    done = lab.run("assess", device, "--format", "jsonl")
    made = json.loads(done.stdout)
    check("assess", made)
    assert (made["verdict"], done.exit_code) == (verdict, code)
    assert untouched(device)


def test_a_notice_that_is_none_is_refused_before_any_router_is_reached(lab: Lab, tmp_path: Path) -> None:
    device = lab.add()
    (tmp_path / "notice.json").write_text('{"name": "FN1", "affected": ["7.3"]}')
    done = lab.run("assess", device, "--notice", str(tmp_path))
    assert done.exit_code == 2
    assert f"{tmp_path / 'notice.json'}: no notice: " in "".join(done.stderr.splitlines())
    assert device.last_session == 0


def test_assess_as_a_table_names_the_anchor(lab: Lab) -> None:
    done = lab.run("assess", lab.add())
    assert "affected" in done.stdout
    assert "FN72290" in done.stdout
    assert "5D:56:49:9B" in done.stderr
    assert "5D:56:49:9B" not in done.stdout


# --- plan and dry run ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("plan",), ("push", "--dry-run")])
def test_a_plan_changes_nothing(lab: Lab, words: tuple[str, ...]) -> None:
    device = lab.add()
    done = lab.run(words[0], device, *words[1:], "--format", "json")
    made = json.loads(done.stdout)
    check("plan", made)
    assert done.exit_code == 0
    assert made["changes"] is True
    assert made["config_model"] == "um-crypto-cfg"
    assert "+ crypto ca trustpoint Trustpool" in made["diff"]
    assert untouched(device)


def test_a_plan_without_steps_is_well(lab: Lab) -> None:
    done = lab.run("plan", lab.add(certificate=PEM), "--format", "json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["changes"] is False


@pytest.mark.parametrize(
    "settings",
    [{"release": "6.6.3", "ssh": False}, {"candidate": False, "ssh": False}],
    ids=["no model", "no candidate"],
)
@pytest.mark.parametrize("words", [("plan",), ("push", "--yes")])
def test_a_device_without_a_way_is_skipped(lab: Lab, settings: dict[str, Any], words: tuple[str, ...]) -> None:
    device = lab.add(**settings)
    done = lab.run(words[0], device, *words[1:], "--format", "json")
    made = json.loads(done.stdout)
    check(words[0], made)
    assert done.exit_code == 1
    assert made["error"]["kind"] if words[0] == "push" else made["skip"]["reason"]
    assert "  next: " in one_error(done.stderr)
    assert untouched(device)


# --- push ------------------------------------------------------------------------------------------------------------


def test_push_installs_and_proves_and_a_second_one_finds_nothing_to_do(lab: Lab) -> None:
    device = lab.add(release="24.2.1", url="https://smartreceiver.cisco.com/licservice/license")
    done = lab.run("push", device, "--yes", "--format", "json")
    made = json.loads(done.stdout)
    check("push", made)
    assert done.exit_code == 0
    assert (made["outcome"], made["evidence"], made["persistent"]) == ("remedied", "fingerprint", False)
    assert [step["step"] for step in made["steps"]][:3] == ["lock", "edit-config", "commit"]
    assert device.config.commits == 1
    assert clean(device)
    again = lab.run("push", device, "--yes", "--format", "json")
    made = json.loads(again.stdout)
    check("push", made)
    assert (again.exit_code, made["outcome"]) == (0, "unchanged")
    assert device.config.commits == 1
    assert device.counters["ca-authenticate"] == 1


def test_push_as_a_table(lab: Lab) -> None:
    done = lab.run("push", lab.add(), "--yes")
    assert done.exit_code == 0
    assert "remedied" in done.stdout
    assert "lost at a reload" in done.stdout
    assert "read back" in done.stderr


def test_push_that_brings_no_certificate_fails_and_names_the_next_step(lab: Lab) -> None:
    device = lab.add(terminal_rpc="ok-without-certificate")
    done = lab.run("push", device, "--yes", "--method", "rpc", "--format", "json")
    made = json.loads(done.stdout)
    check("push", made)
    assert (done.exit_code, made["outcome"], made["error"]["kind"]) == (1, "failed", "certificate-missing")
    assert "crypto ca authenticate Trustpool" in one_error(done.stderr)
    assert clean(device)


def test_push_meets_a_lock_and_names_its_holder(lab: Lab) -> None:
    device = lab.add()
    device.config.lock("running", "4711")
    done = lab.run("push", device, "--yes", "--lock-wait", "3", "--format", "json")
    made = json.loads(done.stdout)
    check("push", made)
    assert (done.exit_code, made["error"]["kind"]) == (1, "lock-denied")
    assert made["retries"] > 0
    assert "4711" in one_error(done.stderr)
    assert device.config.locks == {"running": "4711"}


def test_push_leaves_a_foreign_candidate_alone_until_told_otherwise(lab: Lab) -> None:
    device = lab.add()
    device.configure("Other", "terminal")
    device.config.candidate.clear()
    done = lab.run("push", device, "--yes", "--format", "json")
    assert (done.exit_code, json.loads(done.stdout)["error"]["kind"]) == (1, "refused")
    assert "--discard-foreign" in one_error(done.stderr)
    assert device.config.dirty
    assert not device.config.locks
    done = lab.run("push", device, "--yes", "--discard-foreign", "--format", "json")
    assert (done.exit_code, json.loads(done.stdout)["outcome"]) == (0, "remedied")
    assert clean(device)


def test_push_keeps_another_enrollment_until_told_otherwise(lab: Lab) -> None:
    device = lab.add(enrollment="http://ca.example/")
    done = lab.run("push", device, "--yes", "--format", "json")
    assert json.loads(done.stdout)["outcome"] == "skipped"
    assert "--replace" in one_error(done.stderr)
    assert untouched(device)
    assert lab.json("push", device, "--yes", "--replace")["outcome"] == "remedied"


# --- the way there ---------------------------------------------------------------------------------------------------


@pytest.fixture
def stranger() -> Iterator[int]:
    """A port that speaks another protocol."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize("command", ["show", "assess", "plan", "push"])
def test_a_host_that_is_not_there_is_one_line_and_one_object(lab: Lab, command: str) -> None:
    device = lab.add()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    words = ["--port", str(port), "--format", "json", *(["--yes"] if command == "push" else [])]
    done = lab.run(command, device, *words)
    assert done.exit_code == 1
    made = json.loads(done.stdout)
    check(command, made)
    if command == "push":
        assert (made["outcome"], made["error"]["kind"], made["address"]) == ("failed", "connect", f"127.0.0.1:{port}")
    assert "  next: " in one_error(done.stderr)


def test_another_protocol_on_the_port_is_one_line(lab: Lab, stranger: int) -> None:
    done = lab.run("push", lab.add(), "--port", str(stranger), "--yes", "--format", "json", "--open-timeout", "5")
    assert done.exit_code == 1
    check("push", json.loads(done.stdout))
    assert "another protocol" in one_error(done.stderr)
    assert len(done.stderr.splitlines()) == 2


def test_a_name_that_does_not_resolve(lab: Lab) -> None:
    words = lab.words(lab.add())
    done = CliRunner().invoke(
        program, ["show", "no-such-host.invalid", *words[1:]], env={VARIABLE: "x"}, catch_exceptions=False
    )
    assert (done.exit_code, done.stdout) == (1, "")
    assert "no-such-host.invalid" in one_error(done.stderr)


def test_a_wrong_password_is_one_line_and_never_shown(lab: Lab) -> None:
    done = lab.run("push", lab.add(), "--yes", "--format", "json", "-vv", password="s3cr3t-of-test")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"]["kind"] == "authentication"
    assert "s3cr3t-of-test" not in done.stdout + done.stderr


def test_an_unknown_host_key_is_refused_and_stored_on_request(lab: Lab) -> None:
    device = lab.add()
    lab.known_hosts.write_text("")
    done = lab.run("show", device)
    assert done.exit_code == 1
    assert "--accept-new-host-keys" in one_error(done.stderr)
    assert lab.run("show", device, "--accept-new-host-keys").exit_code == 0
    assert lab.run("show", device).exit_code == 0


def test_a_changed_host_key_is_refused_whatever_is_accepted(lab: Lab) -> None:
    device = lab.add()
    lines = lab.known_hosts.read_text().splitlines()
    lab.known_hosts.write_text("".join(f"{line[:-8]}AAAAAAAA\n" for line in lines))
    done = lab.run("push", device, "--yes", "--accept-new-host-keys", "--format", "json")
    assert (done.exit_code, json.loads(done.stdout)["error"]["kind"]) == (1, "host-key")
    assert "changed" in one_error(done.stderr)
    assert not device.log


def test_a_pinned_host_key(lab: Lab) -> None:
    device = lab.add()
    pinned = " ".join(device.host_key.split()[1:])
    lab.known_hosts.write_text("")
    assert lab.run("show", device, "--host-key", pinned).exit_code == 0
    done = lab.run("show", device, "--host-key", "SHA256:" + "A" * 43)
    assert done.exit_code == 1
    assert "pinned" in one_error(done.stderr)


REPLIES = [
    pytest.param(b"this is no XML", id="garbage"),
    pytest.param(b"<rpc-reply xmlns='urn:ietf:params:xml:ns:netconf:base:1.0' message-id='MID'><data>", id="truncated"),
    pytest.param(
        b"<!DOCTYPE r [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><rpc-reply message-id='MID' "
        b"xmlns='urn:ietf:params:xml:ns:netconf:base:1.0'><data>&b;</data></rpc-reply>",
        id="entities",
    ),
    pytest.param(
        b"<rpc-reply message-id='MID' xmlns='urn:ietf:params:xml:ns:netconf:base:1.0'><data>\xff\xfe</data>"
        b"</rpc-reply>",
        id="non-UTF-8",
    ),
    pytest.param(
        b"<rpc-reply message-id='MID' xmlns='urn:ietf:params:xml:ns:netconf:base:1.0'><data>" + b"<a>" * 100000,
        id="deep",
    ),
    pytest.param(
        b"<rpc-reply message-id='MID' xmlns='urn:ietf:params:xml:ns:netconf:base:1.0'><data>" + b" " * (65 * 2**20),
        id="huge",
    ),
]


@pytest.mark.parametrize("reply", REPLIES)
def test_a_broken_reply_is_one_line_and_nothing_changes(lab: Lab, reply: bytes) -> None:
    device = lab.add()
    device.faults.append(Fault("get", FaultKind.RAW, reply.replace(b"MID", b"2"), times=99))
    done = lab.run("push", device, "--yes", "--format", "json", "--timeout", "20")
    made = json.loads(done.stdout)
    check("push", made)
    assert (done.exit_code, made["outcome"]) == (1, "failed")
    one_error(done.stderr)
    assert untouched(device)


@pytest.fixture
def locked_key(lab: Lab, tmp_path: Path) -> Path:
    """A private key that the lab's routers accept, which a passphrase opens."""
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    lab.simulator.authorize(public.decode())
    file = tmp_path / "id"
    encryption = serialization.BestAvailableEncryption(b"s3cr3t-of-test")
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, encryption))
    return file


def by_key(lab: Lab, command: str, key: Path, phrase: str, *words: str) -> Any:
    """*command* on a new router, with *key* in place of the password."""
    reach = [word for word in lab.words(lab.add()) if word not in ("--password-env", VARIABLE)]
    given = [command, *reach, "--key", str(key), "--key-passphrase-env", "XR_TEST_PHRASE", *words]
    return CliRunner().invoke(program, given, env={"XR_TEST_PHRASE": phrase}, catch_exceptions=False)


def test_a_key_and_its_passphrase(lab: Lab, locked_key: Path) -> None:
    for phrase, code in (("s3cr3t-of-test", 0), ("another-s3cr3t", 2)):
        done = by_key(lab, "show", locked_key, phrase, "-vv")
        assert done.exit_code == code
        assert phrase not in done.stdout + done.stderr


@pytest.mark.parametrize("words", [("push", "--yes"), ("plan",), ("assess",)])
def test_an_input_error_found_while_connecting_is_exit_code_2_with_an_object(
    lab: Lab, locked_key: Path, words: tuple[str, ...]
) -> None:
    done = by_key(lab, words[0], locked_key, "another-s3cr3t", *words[1:], "--format", "json")
    made = json.loads(done.stdout)
    check(words[0], made)
    assert done.exit_code == 2
    if words[0] != "assess":
        assert made["error"]["kind"] == "input"
    assert str(locked_key) in one_error(done.stderr)


def test_payloads_are_not_logged_at_info(lab: Lab) -> None:
    done = lab.run("push", lab.add(), "--yes", "-v")
    assert done.exit_code == 0
    assert "<" not in done.stderr


def test_json_logs_are_one_object_per_line(lab: Lab) -> None:
    device = lab.add()
    lab.known_hosts.write_text("")
    done = lab.run("show", device, "--accept-new-host-keys", "--log-json", "--format", "json")
    entries = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert any("stored new host key" in entry["message"] for entry in entries)
    assert all({"time", "level", "logger", "message"} <= set(entry) for entry in entries)


def test_json_logs_say_which_device_and_step_they_are_about(lab: Lab) -> None:
    device = lab.add(terminal_rpc="installs")
    device.faults.append(Fault("lock", FaultKind.ERROR, rpc_error("lock-denied")))
    done = lab.run("push", device, "--yes", "-v", "--log-json", "--format", "json")
    entries = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    (repeated,) = [entry for entry in entries if "is repeated" in entry["message"]]
    assert (repeated["device"], repeated["step"]) == ("127.0.0.1", "lock")
    with Journal.open() as journal:
        assert repeated["run"] == journal.run("last").run


# --- poll ------------------------------------------------------------------------------------------------------------


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


def test_poll_reconnects(lab: Lab) -> None:
    device = lab.add(certificate=PEM)
    device.faults.append(Fault("get", FaultKind.DROP_BEFORE, times=1))
    done = lab.run("poll", device, "--interval", "0.05", "--until", "contacted", "--timeout", "30", "--format", "jsonl")
    samples = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 0
    assert samples[-1]["last_comm_success"] is True
    assert device.last_session == 2


def test_the_library_reaches_the_same_device(lab: Lab, tmp_path: Path) -> None:
    """What the options make is a Device like any other."""
    device = lab.add()
    secret = tmp_path / "password"
    secret.write_text(f"{lab.simulator.password}\n")
    given = {
        "host": "127.0.0.1",
        "port": device.port,
        "ssh_port": device.ssh_port,
        "username": "admin",
        "password_env": None,
        "password_file": secret,
        "ask_password": False,
        "key": None,
        "key_passphrase_env": None,
        "known_hosts": lab.known_hosts,
        "host_key": None,
        "accept_new_host_keys": False,
        "jump": None,
        "ssh_config": Path("/dev/null"),
        "timeout": 5.0,
        "open_timeout": 5.0,
        "login_timeout": 5.0,
        "legacy_ssh": False,
        "connect_wait": 0.0,
        "no_ssh": False,
        "strict_models": False,
    }
    with connect(settings_of.host(given).device(settings_of.reach(given))) as session:
        assert session.connected
