"""The collection does what the commands do, in real playbooks and ad-hoc commands against simulated routers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from agent.simulator import Device, Fault, FaultKind
from tests.cli.schemas import check
from tests.integrations.ansible.conftest import Site, task
from tests.support import eventually, left_clean

ANSIBLES = {"changed", "failed", "msg", "diff"}
READS = {"get", "get-config", "get-schema", "close-session"}
VAULT = "not-a-secret-of-anybody"


def operations(device: Device) -> list[str]:
    return [operation for _, operation in device.log]


def of_schema(kind: str, result: dict[str, Any]) -> None:
    """See that the result is the object of the command of that name, but for what is Ansible's."""
    ours = {name: value for name, value in result.items() if name not in ANSIBLES}
    if kind == "plan":
        ours["diff"] = result.get("diff", {}).get("prepared", "").splitlines()
    if kind == "assess":
        ours.pop("error")
        ours.setdefault("warnings", [])
    check(kind, ours)


def test_check_push_push_again_and_info(site: Site) -> None:
    """In check mode nothing is changed and the diff is shown; serial goes router by router; the password is vaulted."""
    devices = {name: site.lab.add(terminal_rpc="installs", name=name) for name in ("r1", "r2")}
    (site.folder / "vault").write_text(VAULT)
    password = site.run(
        "ansible-vault", "encrypt_string", "--vault-password-file", "vault", site.lab.simulator.password
    )
    (site.folder / "group_vars").mkdir()
    vaulted = f"vaulted: {password.text}\nansible_password: {password.text}"
    (site.folder / "group_vars" / "all.yaml").write_text(vaulted)
    site.inventory(
        r1=site.entry(devices["r1"], ansible_password="{{ vaulted }}"),
        r2=site.entry(devices["r2"], ansible_password=None),
    )
    vault: tuple[object, ...] = ("--vault-password-file", "vault")

    ran = site.play(task("xr_trust_root"), words=(*vault, "--check", "--diff"))
    assert ran.status == 0, ran.text
    assert [word for word, _, _ in ran.results()] == ["changed", "changed"]
    assert ran.text.count("+ crypto ca trustpoint Trustpool") == 2
    for name, one in devices.items():
        assert set(operations(one)) <= READS, name

    first: list[int] = []
    devices["r2"].faults.append(
        Fault("connect", FaultKind.MEANWHILE, act=lambda: first.append(operations(devices["r1"]).count("renew-auth")))
    )
    ran = site.play(task("xr_trust_root"), words=vault, serial=1)
    assert ran.status == 0, ran.text
    assert [(word, host) for word, host, _ in ran.results()] == [("changed", "r1"), ("changed", "r2")]
    assert first == [1]
    for _, host, result in ran.results():
        of_schema("push", result)
        assert (result["outcome"], result["evidence"], result["device"]) == ("remedied", "fingerprint", host)
        assert result["msg"] == f"{host}: remedied, by fingerprint, until a reload"
        assert left_clean(devices[host])

    ran = site.play(task("xr_trust_root", {"register": "done"}), task("xr_trust_info"), words=vault)
    assert ran.status == 0, ran.text
    assert [word for word, _, _ in ran.results()] == ["ok"] * 4
    assert [result.get("outcome", result.get("verdict")) for _, _, result in ran.results()] == [
        *["unchanged"] * 2,
        *["remedied"] * 2,
    ]
    of_schema("assess", ran.results()[-1][2])
    assert site.lab.simulator.password not in str(ran.results())


def test_an_ad_hoc_failure_says_the_host_what_and_what_next(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    good, wrong, old = site.lab.add(release="7.4.1"), site.lab.add(), site.lab.add(release="6.6.3", ssh=False)
    password = "n0t-the-passw0rd"
    site.inventory(
        good=site.entry(good, ansible_port=closed),
        wrong=site.entry(wrong, ansible_password=password),
        old=site.entry(old),
    )

    ran = site.run(
        "ansible",
        "-i",
        "inventory.yaml",
        "all",
        "-vvv",
        "-m",
        "xr_agent.trust.xr_trust_root",
        "-a",
        "ssh=no ssh_port=22",
    )

    assert ran.status == 2
    assert "good | FAILED! => " in ran.text
    assert "wrong: failed: " in ran.text
    assert "next: check user, key and password" in ran.text
    assert "good: failed: " in ran.text
    assert "'netconf-yang agent ssh' on the router" in ran.text
    assert "old: skipped: " in ran.text
    assert password not in ran.text
    assert operations(wrong) == []


def test_a_plan_that_is_none_and_a_push_that_fails_are_failures(site: Site) -> None:
    old, refusing = site.lab.add(release="6.6.3", ssh=False), site.lab.add(terminal_rpc="installs", ssh=False)
    refusing.faults.append(
        Fault(
            "commit",
            FaultKind.ERROR,
            b"<rpc-error><error-type>application</error-type>"
            b"<error-tag>access-denied</error-tag><error-severity>error</error-severity></rpc-error>",
        )
    )
    site.inventory(old=site.entry(old), refusing=site.entry(refusing))

    ran = site.play(task("xr_trust_root", {"check_mode": True}, ssh=False), words=("--limit", "old"))
    assert (ran.status, ran.results()[0][0]) == (2, "fatal")
    of_schema("plan", ran.only())
    assert (ran.only()["changed"], ran.only()["changes"], ran.only()["skip"] is None) == (False, False, False)

    ran = site.play(task("xr_trust_root", ssh=False), words=("--limit", "refusing"))
    result = ran.only()
    of_schema("push", result)
    assert (ran.results()[0][0], result["changed"], result["outcome"]) == ("fatal", False, "failed")
    assert "task group" in result["msg"]
    assert left_clean(refusing)


def test_a_variable_or_an_option_that_cannot_be_used_is_one_line_and_nothing_is_reached(site: Site) -> None:
    device = site.lab.add()
    site.inventory(
        undefined=site.entry(device, ansible_password="{{ vault_of_nobody }}"),
        argument=site.entry(device, ansible_ssh_common_args="-o ProxyJump={{ jump_of_nobody }}"),
        userless=site.entry(device, ansible_user=None),
        empty=site.entry(device, ansible_password=""),
        listed=site.entry(device, ansible_ssh_pass=["s3cr3t"]),
        other=site.entry(device, ansible_network_os="cisco.nxos.nxos"),
        braces=site.entry(device, ansible_ssh_private_key_passphrase="hunt{%Zq7x"),
    )
    ran = site.play(task("xr_trust_info"))
    said = {host: result["msg"] for _, host, result in ran.results()}
    assert "vault_of_nobody" in said["undefined"]
    assert said["argument"].startswith("argument: the variable ansible_ssh_common_args: ")
    assert said["userless"].startswith("userless: no user is given; next: set the variable ansible_user")
    assert "the variable ansible_password is empty" in said["empty"]
    assert "the variable ansible_ssh_pass is no text" in said["listed"]
    assert "s3cr3t" not in ran.text
    assert "no IOS XR router by ansible_network_os" in said["other"]
    braces = "braces: the variable ansible_ssh_private_key_passphrase: it is no template of Jinja; next: "
    assert said["braces"].startswith(braces)
    assert "Zq7x" not in ran.text
    assert [word for word, _, _ in ran.results()] == ["fatal"] * 7
    assert not any("\n" in message for message in said.values())

    site.inventory(r1=site.entry(device))
    keyword: dict[str, Any] = {"ignore_errors": True}
    ran = site.play(
        task("xr_trust_root", keyword, anchor="no-such.pem"),
        task("xr_trust_root", keyword, then_trustpool=True),
        task("xr_trust_root", keyword, methd="rpc"),
        task("xr_trust_root", keyword, contact_wait=-1),
        task("xr_trust_info", keyword | {"delegate_to": "localhost"}),
        task("xr_trust_info", keyword, notices=["/no/such/notice"]),
    )
    said_in_order = [result["msg"] for _, _, result in ran.results()]
    for message, expected in zip(
        said_in_order,
        ("no-such.pem is not there", "needs a bundle", "methd", "contact_wait", "leave delegate_to out", "a notice is"),
        strict=True,
    ):
        assert expected in message, message
        assert "\n" not in message
    assert operations(device) == []


def test_without_the_library_it_is_said_what_to_install(site: Site) -> None:
    device = site.lab.add()
    site.inventory(r1=site.entry(device))
    site.env["PYTHONPATH"] = ""
    ran = site.run("ansible", "-i", "inventory.yaml", "all", "-m", "xr_agent.trust.xr_trust_info")
    assert ran.status == 2
    assert "r1: the library of xr-agent cannot be used: No module named 'agent'; next: pip install . in a" in ran.text
    assert device.log == []


def test_no_credential_is_hammered_by_the_forks_of_a_run(site: Site) -> None:
    devices = [site.lab.add() for _ in range(8)]
    site.inventory(**{f"r{n}": site.entry(one, ansible_password="wrong") for n, one in enumerate(devices)})

    ran = site.play(task("xr_trust_root", ssh=False), words=("--forks", "8"))

    kinds = [result["error"]["kind"] for _, _, result in ran.results()]
    assert sorted(kinds) == ["authentication"] * 3 + ["login-withheld"] * 5, ran.text


def test_a_router_behind_a_proxy_is_reached_with_a_key(site: Site) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(site.folder / "id")], check=True)
    site.lab.simulator.authorize((site.folder / "id.pub").read_text())
    device = site.lab.add(release="7.4.1")
    relay = Path(__file__).with_name("relay.py")
    seen = site.folder / "seen"
    args = f'-o StrictHostKeyChecking=no -o ProxyCommand="{sys.executable} {relay} 127.0.0.1 %p {seen}"'
    key = str(site.folder / "id")
    site.inventory(
        r1=site.entry(device, ansible_password=None, ansible_ssh_private_key_file=key, ansible_ssh_common_args=args)
    )

    ran = site.play(task("xr_trust_info", ssh=False))

    assert ran.only()["verdict"] == "affected", ran.text
    assert seen.read_text() == str(device.port)


def test_the_end_of_the_run_finishes_or_undoes_the_step_at_hand(site: Site) -> None:
    device = site.lab.add(terminal_rpc="installs")
    site.inventory(r1=site.entry(device))
    started: list[subprocess.Popen[str]] = []
    device.faults.append(Fault("commit", FaultKind.MEANWHILE, act=lambda: os.kill(started[0].pid, signal.SIGINT)))
    words = ["-i", "inventory.yaml", "all", "-m", "xr_agent.trust.xr_trust_root", "-a", f"ssh_port={device.ssh_port}"]
    with subprocess.Popen(
        [str(Path(sys.executable).parent / "ansible"), *words],
        env=site.env,
        cwd=site.folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as run:
        started.append(run)
        text, _ = run.communicate(timeout=300)

    assert run.returncode != 0, text
    assert eventually(lambda: operations(device)[-1] == "close-session" and not device.sessions), text
    assert operations(device).count("unlock") == 2
    assert left_clean(device)
    assert device.trustpoints() == [] or operations(device).count("ca-authenticate")
