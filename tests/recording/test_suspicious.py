"""What still looks private in a text. All values are SYNTHETIC."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.model.pki.anchor import TrustAnchor
from agent.model.telemetry.direction import Direction
from agent.recording.events import Begin, End, How, Message
from agent.recording.privacy.standins import StandIns
from agent.recording.reading import Recording
from agent.recording.suspicious import found_in, suspicious


@pytest.mark.parametrize(
    "text, what",
    [
        ("neighbor 10.1.2.3 up", "address"),
        ("neighbor 2a02:1:2::3 up", "address"),
        ("it is 0011.2233.4455", "MAC address"),
        ("write to jdoe@initech.de", "e-mail address"),
        ("RP/0/RP0/CPU0:pe1-fra#", "host name"),
        ("username jdoe\n", "user"),
        ("SN: FOC2211R0AB", "serial number"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n", "private key"),
        (" password 7 0822455D0A16\n", "password"),
        (" secret 5 $1$abcd$0123456789abcdefghijk1\n", "password"),
        (" secret 10 $6$abcdefgh$ijklmnopqrstuvwxyz0123456789\n", "password"),
        (" secret 8 $8$abcdefgh$ijklmnopqrstuvwxyz0123456789\n", "password"),
        ("snmp-server community s3cr3t RO", "community"),
        ("idtoken ZmFrZS10b2tlbi1mb3ItdGVzdHM", "token"),
        ("<password>hunter2</password>", "secret"),
        ("key is q8Zt1LxW9vKc3RmY7uPf5HsJ2dNb6GaE4oVi0TyB", "looks like chance"),
        ("it says aG9zdCBwZTEgYXQgMTAuMS4yLjM=", "encoded value"),
    ],
)
def test_what_looks_private_is_found(text: str, what: str) -> None:
    found = suspicious(f"first line\n{text}")
    assert what in {one.what for one in found}
    assert {one.line for one in found} == {2}
    assert all(one.text not in repr(one) for one in found)


@pytest.mark.parametrize(
    "text",
    [
        "neighbor 192.0.2.1 and 2001:db8::7, 255.255.255.0, 127.0.0.1",
        "RP/0/RP0/CPU0:router#show version\r\nCisco IOS XR Software, Version 7.3.2\r\n",
        " password ***\n<password>***</password> snmp-server community ***",
        "https://tools.cisco.com/its/service/oddce/services/DDCEService noc@example.com",
        "<crypto xmlns='http://cisco.com/ns/yang/Cisco-IOS-XR-um-crypto-cfg'/>",
        "Cisco-IOS-XR-infra-smartlicense-oper:smart-agent/licensing/state/state-info",
        TrustAnchor.bundled().pem,
        f"SHA-1 {TrustAnchor.bundled().sha1}",
        f"fingerprint/{TrustAnchor.bundled().sha1.lower()} 0x{TrustAnchor.bundled().serial}",
        f"SHA256 Fingerprint: {TrustAnchor.bundled().sha256[:32]}\n  {TrustAnchor.bundled().sha256[32:]}",
        "SHA1 Fingerprint: CA3AFBCF1240364B44B216208880483919937CF7",
        *TrustAnchor.bundled().pem.splitlines(),
        "/misc/disk1/xr-agent-0f9c4de3a1b28576f9c4de3a1b285761.pem",
        "copy disk0:/xr-agent-0f9c4de3a1b28576f9c4de3a1b285761.p7b",
        "<persist-id>xr-agent-0f9c4de3a1b28576f9c4de3a1b285761</persist-id> message-id='xr-agent-0f9c4de3a1b2-41'",
    ],
)
def test_what_is_everybodys_is_not(text: str) -> None:
    assert suspicious(text, public=[TrustAnchor.bundled()]) == ()


@pytest.mark.parametrize(
    "text",
    [
        "DF717EAA4AD94EC9558499602D48DE5FBCF03A26",
        "/misc/disk1/xr-agent-0f9c4de3a1b28576f9c4de3a1b285761f.pem",
        "xr-agent-0f9c4de3a1b28576f9c4de3a1b285761/q8Zt1LxW9vKc3RmY7uPf5HsJ2dNb6GaE4oVi0TyB",
        TrustAnchor.bundled().pem.splitlines()[3].swapcase(),
    ],
)
def test_what_is_nearly_everybodys_is_found(text: str) -> None:
    assert [one.what for one in suspicious(text, public=[TrustAnchor.bundled()])] == ["looks like chance"]


TEXT = """\
RP/0/RP0/CPU0:pe1-fra#show running-config
hostname pe1-fra
username jdoe
interface Loopback0
 description Initech core
 ipv4 address 10.1.2.3 255.255.255.255
 ipv6 address 2a02:1:2::3/128
Smart Account: Initech GmbH
SN: FOC2211R0AB mac 0011.2233.4455 jdoe@initech.de
SHA1 Fingerprint: 0123456789ABCDEF0123456789ABCDEF01234567
"""


def test_the_stand_ins_of_a_recording_are_not_found_in_it_but_what_came_later_is() -> None:
    standins = StandIns()
    pem = (Path(__file__).parents[2] / "agent/simulator/personas/quovadis.pem").read_text()
    other = pem.replace("16yFK9", "16yFK8")  # of another signature, so that it is nobody's that is known
    standins.learn(TEXT + other)
    result = standins.replaced(TEXT + other)
    shown = [value for values in standins.standins.values() for value in values]
    assert suspicious(result, shown) == ()
    assert suspicious(TEXT)
    begin = Begin(version=1, made="2026-11-29T08:00:00Z", by="xr-agent 0", command="record", sanitised=True)
    messages = tuple(
        Message(at=0, session=1, direction=Direction.RECEIVED, text=text) for text in (result, "by hand: 10.9.8.7")
    )
    end = End(at=1, how=How.FINISHED, standins=standins.standins)
    found = list(found_in(Recording(Path("r.rec"), begin, messages, end)))
    assert [(one.what, one.event, one.text) for one in found] == [("address", 3, "10.9.8.7")]
