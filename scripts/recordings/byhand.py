"""Recordings of the corpus in which what a router says is by hand: SYNTHETIC, in the shape that documents show.

Each is a recording of the simulator in which some answers are replaced. A real recording of the same makes one of these
needless.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from agent.model.telemetry.direction import Direction
from agent.recording.events import Message, Passed, Terminal, terminal
from agent.simulator.replay.meaning import NoRequest, of_rpc

if TYPE_CHECKING:
    from agent.recording.reading import Recording

_CALL_HOME = "http://cisco.com/ns/yang/Cisco-IOS-XR-call-home-cfg"
_TAC = "https://tools.cisco.com/its/service/oddce/services/DDCEService"
_STAMP = re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} +\d+ [\d:.]+ \S+\r\n")
_ID = re.compile(r'message-id="([^"]*)"')
_HEAD = "Smart Licensing Status\n======================\n\nSmart Licensing is ENABLED\n\n"
_TRANSPORT = "\nTransport:\n  Type: Callhome\n"


@dataclass(frozen=True)
class ByHand:
    """What is replaced in a recording of the simulator.

    Attributes:
        source: what the words are taken after.
        cli: what a line of the CLI prints; rpcs: the data by the beginning of the request's label, its module.
        added: further lines of the CLI, with what they print.
        renamed: words that are others wherever they stand.
    """

    source: str
    cli: Mapping[str, str] = field(default_factory=dict)
    rpcs: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    release: str = "7.3.2"
    platform: str = "asr9k-x64"
    state: str = "affected"


def _licence(text: str, source: str = "the layouts of 'show license' in Cisco's command references") -> ByHand:
    return ByHand(source, {"show license all": _HEAD + text, "show license status": _HEAD + text})


def _profile(name: str, url: str | None, *, active: bool = True, enabled: str = "true", reports: str = "true") -> str:
    address = (
        f"<address><method>http</method><destination-addr>{url}</destination-addr><enable>{enabled}</enable></address>"
    )
    return (
        f"<profile><profile-name>{name}</profile-name>{'<active/>' if active else ''}"
        f"<report-type><reporting-licensing-data><enable>{reports}</enable></reporting-licensing-data></report-type>"
        "<methods><method><method>http</method><enable>true</enable></method></methods>"
        f"<addresses>{address if url else ''}</addresses></profile>"
    )


def _home(source: str, *profiles: str, cli: str) -> ByHand:
    whole = "<active/><contact-smart-licensing>true</contact-smart-licensing>"
    data = f'<call-home xmlns="{_CALL_HOME}">{whole}<profiles>{"".join(profiles)}</profiles></call-home>'
    return ByHand(source, {"show running-config call-home": cli}, {_LABEL_OF_HOME: data})


_LABEL_OF_HOME = "get-config running Cisco-IOS-XR-call-home-cfg"
_ON_PREM = "https://ssm.example.net/Transportgateway/services/DeviceRequestHandler"
_HOME_CLI = """\
call-home
 service active
 contact smart-licensing
 profile CiscoTAC-1
{}  destination transport-method http
 !
!
"""
_FAILED = """\
  Last Communication Attempt: FAILED on Nov 20 2026 09:10:08 UTC
    Failure reason:
      Fail to send out Call Home HTTP message
  Next Communication Attempt: Nov 20 2026 21:10:08 UTC
  Communication Deadline: Jan 30 2027 09:04:51 UTC
"""
_CONFD = "root connected from 127.0.0.1 using console on r1\n-----^\nsyntax error: unknown argument\n"
_NO = "            ^\n% Invalid input detected at '^' marker.\n"

BY_HAND: Mapping[str, ByHand] = {
    "license-reason-on-its-own-line": _licence(
        f"Registration:\n  Status: REGISTERED\n\nLicense Authorization: \n"
        f"  Status: AUTHORIZED on Oct 20 2026 09:10:08 UTC\n{_FAILED}{_TRANSPORT}"
    ),
    "license-registration-failed": _licence(
        "Registration:\n  Status: UNREGISTERED - REGISTRATION FAILED\n  Initial Registration: FAILED on Nov 20 2026"
        " 10:00:07 UTC\n    Failure reason: Fail to send out Call Home HTTP message\n\nLicense Authorization: \n"
        f"  Status: EVAL MODE\n  Evaluation Period Remaining: 60 days, 1 hours, 34 minutes, 46 seconds\n{_TRANSPORT}"
    ),
    "license-evaluation-expired": _licence(
        "Registration:\n  Status: UNREGISTERED - REGISTRATION EXPIRED\n\nLicense Authorization: \n"
        f"  Status: EVAL EXPIRED on Oct 12 2026 21:21:27 UTC\n{_TRANSPORT}"
    ),
    "license-out-of-compliance": _licence(
        "Registration:\n  Status: REGISTERED\n\nLicense Authorization: \n  Status: OUT OF COMPLIANCE on Nov 11 2026"
        f" 10:23:30 UTC\n  Last Communication Attempt: SUCCEEDED on Nov 11 2026 10:23:30 UTC\n{_TRANSPORT}"
    ),
    "license-reserved": _licence(
        "License Reservation is ENABLED\n\nRegistration:\n  Status: REGISTERED - SPECIFIC LICENSE RESERVATION\n"
        "  Initial Registration: SUCCEEDED on Jul 24 2025 09:52:18 UTC\n\nLicense Authorization: \n"
        "  Status: AUTHORIZED - RESERVED on Jul 24 2025 09:52:18 UTC\n",
        "the words that Cisco's scripts for reservation wait for",
    ),
    "license-policy-heading": _licence(
        "Utility:\n  Status: DISABLED\n\nSmart Licensing Using Policy:\n  Status: ENABLED\n\nAccount Information:\n"
        "  Smart Account: <none>\n  Virtual Account: <none>\n\nTransport:\n  Type: cslu\n  Cslu address: <empty>\n"
        "  Proxy:\n    Not Configured\n\nUsage Reporting:\n  Last ACK received: <none>\n",
        "how the same agent prints it on IOS XE",
    ),
    "license-in-a-confd-admin-plane": ByHand(
        "the admin plane of 64-bit XR, which knows nothing of licences",
        {"show license all": _NO, "show license status": _NO},
        added={"admin show license all": _CONFD, "admin show license status": _CONFD},
    ),
    "call-home-default-address": _home(
        "the configuration that XR makes by itself, whose address is not printed",
        _profile("CiscoTAC-1", None),
        cli=_HOME_CLI.format("  active\n"),
    ),
    "call-home-on-prem-not-active": _home(
        "a profile that was configured and never made active",
        _profile("onprem", _ON_PREM, active=False),
        cli=f"call-home\n service active\n profile onprem\n  destination address http {_ON_PREM}\n !\n!\n",
    ),
    "call-home-cisco-not-active": _home(
        "the profile of Cisco is not active, an own one is",
        _profile("CiscoTAC-1", _TAC, active=False),
        _profile("onprem", _ON_PREM),
        cli=_HOME_CLI.format(f"  no active\n  no destination address http {_TAC}\n"),
    ),
    "http-client-verifies-nothing": ByHand(
        "the hidden lines of the HTTP client below 7.5.2, contact works by them",
        {
            "show running-config http client": "http client secure-verify-host disable\n"
            "http client secure-verify-peer disable\n"
        },
        state="unverified",
    ),
    "release-on-no-list": ByHand(
        "7.3.15, a release that no list of the notice names", renamed={"7.3.2": "7.3.15"}, release="7.3.2"
    ),
    "trustpoint-as-in-a-guide": ByHand(
        "the command reference: a retry count behind the enrollment, CRL points among a certificate's fields",
        {
            "show running-config crypto ca trustpoint Trustpool": "crypto ca trustpoint Trustpool\n crl optional\n"
            " enrollment url http://ca.example.net/root.pem\n enrollment retry count 10\n!\n",
            "show crypto ca certificates Trustpool": "Trustpoint       : Trustpool\n"
            "==================================================\nCA certificate\n"
            "  Serial Number  : 0A:01:42:80:00:00:01:45:23:C8:44:B5:00:00:00:02\n  Subject:\n"
            "        CN=IdenTrust Commercial Root CA 1,O=IdenTrust,C=US\n  Issued By      :\n"
            "        CN=IdenTrust Commercial Root CA 1,O=IdenTrust,C=US\n"
            "  Validity Start : 18:12:23 UTC Thu Jan 16 2014\n  Validity End   : 18:12:23 UTC Mon Jan 16 2034\n"
            "  CRL Distribution Point\n        http://crl.example.net/root.crl\n"
            "  SHA1 Fingerprint:\n         DF717EAA4AD94EC9558499602D48DE5FBCF03A25\n",
        },
        release="6.6.3",
        platform="ncs5500",
    ),
}


def changed(found: Recording, by_hand: ByHand) -> Recording:
    """The recording *found* with the answers of *by_hand* in it."""
    end = found.end and msgspec.structs.replace(found.end, release=_renamed(found.end.release or "", by_hand))
    return type(found)(found.path, found.begin, tuple(_changed(found.events, by_hand)), end, found.cut_off)


def _changed(events: tuple[Passed, ...], by_hand: ByHand) -> Iterator[Passed]:
    typed = ""
    last = next(one for one in reversed(events) if isinstance(one, Terminal))
    labels: dict[str, str] = {}
    for one in events:
        event = one
        if isinstance(event, Terminal) and event.direction is Direction.SENT:
            typed = (event.text or "").strip()
        elif isinstance(event, Terminal) and event.text is not None:
            text = _printed(event.text, by_hand.cli[typed]) if typed in by_hand.cli else event.text
            data = _renamed(text, by_hand).encode()
            event = terminal(event.at, event.session, event.direction, data)
        elif isinstance(event, Message) and event.direction is Direction.SENT:
            labels.update(_labelled(event.text))
        elif isinstance(event, Message):
            event = msgspec.structs.replace(event, text=_replied(event.text, labels, by_hand))
        yield event
        if one is last:
            yield from _added(last, by_hand)


def _added(last: Terminal, by_hand: ByHand) -> Iterator[Passed]:
    """What the simulator was not asked, behind the *last* that was printed."""
    _, _, prompt = (last.text or "").rpartition("\n")
    for line, printed in by_hand.added.items():
        yield terminal(last.at, last.session, Direction.SENT, f"{line}\n".encode())
        text = printed.replace("\n", "\r\n")
        yield terminal(last.at, last.session, Direction.RECEIVED, f"{line}\r\n{text}{prompt}".encode())


def _printed(text: str, instead: str) -> str:
    """The echo and the time stamp, then *instead*, then the prompt."""
    echo, _, rest = text.partition("\r\n")
    stamp = _STAMP.match(rest)
    body = instead.replace("\n", "\r\n")
    return f"{echo}\r\n{stamp.group() if stamp else ''}{body}{rest.rpartition(chr(10))[2]}"


def _labelled(text: str) -> Iterator[tuple[str, str]]:
    try:
        message_id, asked = of_rpc(text)
    except NoRequest:
        return
    yield message_id or "", asked.label


def _replied(text: str, labels: Mapping[str, str], by_hand: ByHand) -> str:
    found = _ID.search(text)
    label = labels.get(found[1], "") if found else ""
    for beginning, data in by_hand.rpcs.items():
        if label.startswith(beginning):
            before, _, rest = text.partition("<data")
            text = f"{before}<data>{data}</data>{rest.rpartition('</data>')[2]}"
    return _renamed(text, by_hand) if found else text


def _renamed(text: str, by_hand: ByHand) -> str:
    for old, new in by_hand.renamed.items():
        text = text.replace(old, new)
    return text
