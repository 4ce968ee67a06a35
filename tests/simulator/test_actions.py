"""What brings certificates, what a reload leaves of them, and what the device tells of itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from ncclient.operations import RPCError

from agent.model.pki.anchor import TrustAnchor
from agent.simulator import Device
from tests.model.test_anchor import make_pem
from tests.simulator.peer import NS, netconf, rpc, screen
from tests.support import Lab
from tests.web import served

PEM = TrustAnchor.bundled().pem
PATH = "/misc/disk1/xr-agent.pem"
BUNDLE = "/tmp/ios.p7b"


def authenticate(lab: Lab, device: Device, **leaves: str) -> None:
    with netconf(lab, device) as connected:
        connected.dispatch(rpc("crypto-act", "ca-authenticate", server_name="Trustpool", **leaves))


def load(lab: Lab, device: Device, url: str = BUNDLE, operation: str = "ca-trustpool-import-url") -> None:
    with netconf(lab, device) as connected:
        connected.dispatch(rpc("crypto-act", operation, url=url))


def shown(lab: Lab, device: Device, root: str, module: str) -> str:
    with netconf(lab, device) as connected:
        return str(connected.get(("subtree", f'<{root} xmlns="{NS}{module}"/>')).data_xml)


# --- ca-authenticate with a file -------------------------------------------------------------------------------------


def test_local_enrollment_takes_the_file(lab: Lab) -> None:
    device = lab.add(release="25.2.1", enrollment="local")
    device.files[PATH] = PEM.encode()
    authenticate(lab, device, file_path="/harddisk:/xr-agent.pem")
    assert device.state.certificates == {"Trustpool": PEM}


@pytest.mark.parametrize(
    "enrollment, content, path, said",
    [
        ("local", None, PATH, "No such file"),
        ("local", b"nonsense", PATH, "not a CA certificate"),
        ("local", PEM.encode(), "", "needs a file path"),
        ("terminal", PEM.encode(), PATH, "needs enrollment local"),
    ],
)
def test_a_file_is_refused_for_its_reason(
    lab: Lab, enrollment: str, content: bytes | None, path: str, said: str
) -> None:
    device = lab.add(release="25.2.1", enrollment=enrollment, terminal_rpc="installs")
    if content is not None:
        device.files[PATH] = content
    with pytest.raises(RPCError, match=said):
        authenticate(lab, device, **({"file_path": path} if path else {}))
    assert not device.state.certificates


def test_a_release_without_the_leaf_refuses_it(lab: Lab) -> None:
    with pytest.raises(RPCError):
        authenticate(lab, lab.add(release="7.8.1", enrollment="terminal"), file_path=PATH)


def test_certificates_may_be_cleared_where_the_rpc_is_there(lab: Lab) -> None:
    device = lab.add(release="25.3.1", certificate=PEM)
    with netconf(lab, device) as connected:
        connected.dispatch(rpc("crypto-act", "ca-clear-certificates", server_name="Trustpool"))
    assert not device.state.certificates
    with netconf(lab, lab.add(release="25.2.1", certificate=PEM)) as connected, pytest.raises(RPCError):
        connected.dispatch(rpc("crypto-act", "ca-clear-certificates", server_name="Trustpool"))


# --- trustpool -------------------------------------------------------------------------------------------------------


def bundles() -> dict[str, bytes]:
    one = x509.load_pem_x509_certificate(PEM.encode())
    return {
        "pem": PEM.encode(),
        "p7b-der": pkcs7.serialize_certificates([one], Encoding.DER),
        "p7b-pem": pkcs7.serialize_certificates([one], Encoding.PEM),
    }


@pytest.mark.parametrize("form", ["pem", "p7b-der", "p7b-pem"])
def test_a_bundle_below_tmp_is_imported_and_trusted(lab: Lab, form: str) -> None:
    device = lab.add(release="7.2.1")
    device.files[BUNDLE] = bundles()[form]
    assert not device.state.trusts
    load(lab, device)
    assert device.state.trustpool == [(PEM,)]
    assert device.state.trusts


def test_imports_pile_up_until_a_clean_one(lab: Lab) -> None:
    device = lab.add(release="7.8.1")
    device.files[BUNDLE] = PEM.encode()
    for _ in range(3):
        load(lab, device)
    assert len(device.state.trustpool) == 3
    load(lab, device, operation="ca-trustpool-import-url-clean")
    assert len(device.state.trustpool) == 1


def test_a_bundle_is_fetched_from_the_web(lab: Lab) -> None:
    device = lab.add(release="7.2.1")
    with served(PEM.encode()) as url:
        load(lab, device, url)
    assert device.state.trusts


@pytest.mark.parametrize(
    "url", ["/misc/disk1/ios.p7b", "/tmp/other", "/tmp/../misc/disk1/ios.p7b", "https://x.example/", ""]
)
def test_an_import_from_elsewhere_is_refused(lab: Lab, url: str) -> None:
    device = lab.add(release="7.2.1")
    device.files["/misc/disk1/ios.p7b"] = PEM.encode()
    with pytest.raises(RPCError):
        load(lab, device, url)
    assert not device.state.trustpool


@pytest.mark.parametrize("imports, works", [("refused", False), ("ok-without-certificates", True)])
def test_an_import_may_be_refused_or_bring_nothing(lab: Lab, imports: str, works: bool) -> None:
    device = lab.add(release="7.2.1", imports=imports)
    device.files[BUNDLE] = PEM.encode()
    if works:
        load(lab, device)
    else:
        with pytest.raises(RPCError):
            load(lab, device)
    assert not device.state.trustpool


def test_the_cli_imports_and_shows_the_trustpool(lab: Lab) -> None:
    device = lab.add(release="6.1.3")
    device.files[BUNDLE] = PEM.encode()
    with screen(lab, device) as cli:
        before = cli.send("show crypto ca trustpool")
        assert "Trustpool: Built-In" in before
        assert "IdenTrust" not in before
        assert "% " in cli.send("crypto ca trustpool import url /misc/disk1/ios.p7b")
        assert "% " not in cli.send(f"crypto ca trustpool import url {BUNDLE}")
        assert "% " not in cli.send(f"crypto ca trustpool import url clean {BUNDLE}")
        after = cli.send("show crypto ca trustpool")
    assert "Trustpool: Downloaded" in after
    assert TrustAnchor.bundled().sha1 in after
    assert len(device.state.trustpool) == 1


def test_the_trustpools_list_may_hold_the_trustpoints_certificate(lab: Lab) -> None:
    for lists in (True, False):
        with screen(lab, lab.add(certificate=PEM, lists_terminal=lists)) as cli:
            assert ("IdenTrust" in cli.send("show crypto ca trustpool")) is lists
            assert "Trustpoint       : Trustpool" in cli.send("show crypto ca certificates Trustpool")
            assert "IdenTrust" not in cli.send("show crypto ca certificates Other")


# --- a reload --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keeps, left", [(("local", "url"), {"Local"}), ((), set())])
def test_a_reload_forgets_terminal_enrollment_and_keeps_the_trustpool(
    lab: Lab, keeps: tuple[str, ...], left: set[str]
) -> None:
    device = lab.add(release="25.2.1", enrollment="terminal", terminal_rpc="installs", keeps=keeps)
    device.configure("Local", "local")
    device.files.update({PATH: PEM.encode(), BUNDLE: PEM.encode()})
    authenticate(lab, device)
    with netconf(lab, device) as connected:
        connected.dispatch(rpc("crypto-act", "ca-authenticate", server_name="Local", file_path=PATH))
    load(lab, device)
    device.dirty()
    device.reload()
    assert set(device.state.certificates) == left
    assert device.state.trustpool == [(PEM,)]
    assert device.enrollment() == "terminal"
    assert not device.config.dirty


# --- licensing -------------------------------------------------------------------------------------------------------


def register(lab: Lab, device: Device, **leaves: str) -> str:
    with netconf(lab, device) as connected:
        return str(connected.dispatch(rpc("smart-license-act", "register-id-token", id_token="TOKEN", **leaves)).xml)


def test_a_token_registers_a_device_that_trusts_and_no_other(lab: Lab) -> None:
    device = lab.add(registration="not-registered", authorization="eval-expired")
    assert "commsend" in register(lab, device)
    assert "<registration-state>retry<" in shown(lab, device, "smart-agent", "infra-smartlicense-oper")
    device.state.trustpool.append((PEM,))
    assert "success" in register(lab, device)
    assert device.state.tokens == ["TOKEN", "TOKEN"]
    after = shown(lab, device, "smart-agent", "infra-smartlicense-oper")
    assert "<registration-state>complete<" in after
    assert "<authorization-state>authorized<" in after
    assert "alreadyregistered" in register(lab, device)
    assert "success" in register(lab, device, force="true")


def test_a_device_without_trust_has_it_in_its_syslog_buffer(lab: Lab) -> None:
    buffer = shown(lab, lab.add(release="7.4.1"), "syslog", "infra-syslog-oper")
    assert "%LICENSE-SMART_LIC-3-COMM_FAILED : Communications failure" in buffer
    short = shown(lab, lab.add(release="7.3.1"), "syslog", "infra-syslog-oper")
    assert ">%SMART_LIC-3-COMM_FAILED" in short
    assert "COMM_FAILED" not in shown(lab, lab.add(certificate=PEM), "syslog", "infra-syslog-oper")
    with screen(lab, lab.add(release="7.4.1")) as cli:
        assert "%LICENSE-SMART_LIC-3-COMM_FAILED" in cli.send("show logging")


def test_licensing_by_policy_reports_in_place_of_registering(lab: Lab) -> None:
    device = lab.add(release="24.1.1", policy=True)
    assert "<reporting>" in shown(lab, device, "plat-smart-license", "smart-license-platform-oper")
    assert "<registration-state>not-supported<" in shown(lab, device, "smart-agent", "infra-smartlicense-oper")
    with screen(lab, device) as cli:
        assert "Smart Licensing Using Policy" in cli.send("show license all")
    assert "notsupported" in register(lab, device)


@pytest.mark.parametrize(
    "settings, lines",
    [
        ({}, ("REGISTERED", "AUTHORIZED on", "FAILED on", "Communication Deadline", "Type: Callhome")),
        ({"contact": True}, ("SUCCEEDED on",)),
        (
            {"registration": "not-registered", "authorization": "eval-expired"},
            ("Registration:\n  Status: UNREGISTERED", "License Authorization: \n  Status: EVAL EXPIRED on "),
        ),
        ({"transport": "smart"}, ("Type: Smart", "Registration URL: https://tools.cisco.com")),
    ],
)
def test_the_cli_shows_the_licence(lab: Lab, settings: dict[str, Any], lines: tuple[str, ...]) -> None:
    with screen(lab, lab.add(**settings)) as cli:
        for command in ("show license status", "show license all"):
            said = cli.send(command)
            assert all(line in said for line in lines), said
        assert "License Usage:" in cli.send("show license summary")


def test_32_bit_xr_has_licensing_in_the_admin_plane(lab: Lab) -> None:
    with screen(lab, lab.add(release="6.1.3", platform="asr9k-px")) as cli:
        assert "% Invalid input" in cli.send("show license all")
        assert "AUTHORIZED" in cli.send("admin show license all")
        assert cli.send("admin").endswith("RP/0/RSP0/CPU0:device-1(admin)#")
        assert "AUTHORIZED" in cli.send("show license status")
        assert "(admin)" not in cli.send("exit")
    with screen(lab, lab.add(release="6.1.3", platform="ncs-5500")) as cli:
        assert "syntax error: unknown argument" in cli.send("admin show license all")


# --- what else it tells ----------------------------------------------------------------------------------------------


def test_the_clock_may_be_wrong(lab: Lab) -> None:
    device = lab.add(clock_offset=timedelta(days=-5000).total_seconds())
    with screen(lab, device) as cli:
        assert str(device.state.now().year) in cli.send("show clock")
    assert device.state.now().year < 2020


def test_the_release_and_its_fixes_are_shown(lab: Lab) -> None:
    device = lab.add(release="7.3.2", fixes=("CSCvx00476",))
    with screen(lab, device) as cli:
        assert "Version 7.3.2" in cli.send("show version")
        assert ".CSCvx00476" in cli.send("show install active summary")
    older = lab.add(release="7.0.1")
    assert "<label>7.0.1<" in shown(lab, older, "install", "spirit-install-instmgr-oper")


@pytest.mark.parametrize(
    "settings, module, part, command, line",
    [
        ({"release": "7.2.1"}, "call-home-cfg", "tools.cisco.com", "call-home", "destination address http https://t"),
        ({"transport": "smart"}, "um-license-smart-cfg", "<url>https://t", "license", "license smart url https://t"),
        ({"transport": "smart"}, "smart-license-cfg", "transport-type-smart", "license", "transport smart"),
        ({"verify_peer_off": True}, "um-http-client-cfg", "<disable", "http client", "secure-verify-peer disable"),
    ],
)
def test_the_transport_stands_in_the_configuration(
    lab: Lab, settings: dict[str, Any], module: str, part: str, command: str, line: str
) -> None:
    device = lab.add(**{"transport_configured": True, **settings})
    with netconf(lab, device) as connected:
        found = connected.get_config("running").data_xml
    assert f"{NS}{module}" in found
    assert part in found
    with screen(lab, device) as cli:
        assert line in cli.send(f"show running-config {command}")
        assert line in cli.send("show running-config")


def test_further_configuration_may_be_given_and_set(lab: Lab) -> None:
    subtree = f'<license xmlns="{NS}um-license-smart-cfg"><smart><url>{{}}</url></smart></license>'
    device = lab.add(config=(subtree.format("https://ssm.example/"),))
    device.set_config(subtree.format("https://other.example/"))
    with netconf(lab, device) as connected:
        found = connected.get_config("running").data_xml
    assert "other.example" in found
    assert "ssm.example" not in found


def test_another_root_is_not_trusted_by_licensing(lab: Lab) -> None:
    device = lab.add()
    device.state.trustpool.append((make_pem("Somebody Else"),))
    assert not device.state.trusts
