"""Call Home as the router uses it, by its model and by CLI text: which of the configured addresses count."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agent
from agent.model.state import LicensingTransport, TransportType
from agent.netconf.payload import Element, parse
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.schema import Schema
from agent.xr import callhome
from agent.xr import destination as transport
from agent.xr.callhome import DEFAULT_ADDRESS
from agent.xr.cli import show
from tests.support import Clock, Lab

NS = "http://cisco.com/ns/yang/Cisco-IOS-XR-call-home-cfg"
OWN = "https://ssm.example.net/Transportgateway/services/DeviceRequestHandler"
OTHER = "http://192.0.2.7:80/Transportgateway/services/DeviceRequestHandler"
CISCO = "CiscoTAC-1"


@dataclass(frozen=True)
class Configured:
    """One profile as somebody configured it; None and absent: nothing was said of it."""

    name: str
    active: bool = True
    reports: bool | None = None
    http: bool | None = True
    addresses: dict[str, bool] = field(default_factory=dict)

    def xml(self) -> str:
        said = {None: "", True: "<enable>true</enable>", False: "<enable>false</enable>"}
        reports = f"<reporting-licensing-data>{said[self.reports]}</reporting-licensing-data>"
        addresses = "".join(
            f"<address><method>http</method><destination-addr>{escape(url)}</destination-addr>{said[on]}</address>"
            for url, on in self.addresses.items()
        )
        mail = "<address><method>email</method><destination-addr>a@b.example</destination-addr></address>"
        method = "" if self.http is None else f"<method><method>http</method>{said[self.http]}</method>"
        return (
            f"<profile><profile-name>{self.name}</profile-name>{'<active/>' if self.active else ''}"
            f"<report-type>{'' if self.reports is None else reports}</report-type><methods>{method}</methods>"
            f"<addresses>{addresses}{mail}</addresses></profile>"
        )

    def lines(self) -> list[str]:
        """As the CLI prints them, in any order."""
        said = [
            "active" if self.active else "",
            {None: "", True: "reporting smart-licensing-data", False: "no reporting smart-licensing-data"}[
                self.reports
            ],
            {None: "", True: "destination transport-method http", False: "destination transport-method http disable"}[
                self.http
            ],
            "destination transport-method email disable",
            "destination address email a@b.example",
            *(f"{'' if on else 'no '}destination address http {url}" for url, on in self.addresses.items()),
        ]
        return [line for line in said if line]


def modelled(*profiles: Configured) -> tuple[str, ...] | None:
    body = f"<call-home xmlns='{NS}'><active/><profiles>{''.join(one.xml() for one in profiles)}</profiles></call-home>"
    data: Element = parse(f"<data>{body}</data>".encode())
    module = "Cisco-IOS-XR-call-home-cfg"
    schema = Schema(Capabilities.from_uris([f"{NS}?module={module}&revision=2019-04-05"]))
    query = transport.queries(schema)[2]
    assert query.decode is not None
    value = query.decode(data)
    return value.call_home if value else None


def printed(*profiles: Configured, turned: int = 0) -> str:
    """SYNTHETIC, in the shape of the public configurations of XR that have Call Home; each profile's lines *turned*."""
    lines = ["Sat Nov 28 10:00:00.000 UTC", "call-home", " service active", " contact smart-licensing"]
    for one in profiles:
        said = one.lines()
        first = turned % len(said)
        lines += [f" profile {one.name}", *(f"  {line}" for line in (*said[first:], *said[:first])), " !"]
    return "\n".join([*lines, " vrf management", "!", ""])


CASES: list[tuple[str, list[Configured], tuple[str, ...]]] = [
    ("as it comes", [Configured(CISCO)], (DEFAULT_ADDRESS,)),
    ("nothing but the service", [], (DEFAULT_ADDRESS,)),
    ("spelled out", [Configured(CISCO, addresses={DEFAULT_ADDRESS: True})], (DEFAULT_ADDRESS,)),
    ("only on-prem", [Configured("own", reports=True, addresses={OWN: True})], (OWN,)),
    (
        "Cisco's inactive",
        [Configured(CISCO, active=False), Configured("own", reports=True, addresses={OWN: True})],
        (OWN,),
    ),
    (
        "Cisco's without licensing data",
        [Configured(CISCO, reports=False), Configured("own", reports=True, addresses={OWN: True})],
        (OWN,),
    ),
    (
        "both active",
        [Configured(CISCO), Configured("own", reports=True, addresses={OWN: True})],
        (DEFAULT_ADDRESS, OWN),
    ),
    ("on-prem inactive", [Configured("own", active=False, reports=True, addresses={OWN: True})], (DEFAULT_ADDRESS,)),
    ("on-prem reports something else", [Configured("own", addresses={OWN: True})], (DEFAULT_ADDRESS,)),
    ("on-prem told not to report", [Configured("own", reports=False, addresses={OWN: True})], (DEFAULT_ADDRESS,)),
    ("on-prem address off", [Configured("own", reports=True, addresses={OWN: False})], (DEFAULT_ADDRESS,)),
    ("on-prem by mail", [Configured("own", reports=True, http=False, addresses={OWN: True})], (DEFAULT_ADDRESS,)),
    ("address replaced", [Configured(CISCO, addresses={DEFAULT_ADDRESS: False, OWN: True})], (OWN,)),
    ("another address removed", [Configured(CISCO, addresses={OWN: False})], (DEFAULT_ADDRESS,)),
    ("address removed", [Configured(CISCO, addresses={DEFAULT_ADDRESS: False})], ()),
    ("nothing left", [Configured(CISCO, active=False), Configured("own", active=False, reports=True)], ()),
    (
        "one of two addresses",
        [Configured("own", reports=True, addresses={OWN: False, OTHER: True}), Configured("idle", active=False)],
        (OTHER,),
    ),
    (
        "one of two on-prem profiles",
        [Configured("a", reports=True, addresses={OWN: True}), Configured("b", addresses={OTHER: True})],
        (OWN,),
    ),
    ("in other letters", [Configured("ciscotac-1")], (DEFAULT_ADDRESS,)),
]


@pytest.mark.parametrize("profiles, expected", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_only_destinations_in_force_count_by_model_and_by_text_in_any_order(
    profiles: list[Configured], expected: tuple[str, ...]
) -> None:
    for order in itertools.permutations(profiles):
        assert set(modelled(*order) or ()) == set(expected)
        for turned in range(6):
            assert set(show.call_home_urls(printed(*order, turned=turned))) == set(expected)


PROFILES = st.builds(
    Configured,
    name=st.sampled_from([CISCO, "own"]),
    active=st.booleans(),
    reports=st.sampled_from([None, True, False]),
    http=st.sampled_from([None, True, False]),
    addresses=st.dictionaries(st.sampled_from([DEFAULT_ADDRESS, OWN, OTHER]), st.booleans(), max_size=3),
)


@given(st.lists(PROFILES, max_size=2, unique_by=lambda one: one.name), st.integers(0, 9))
def test_model_and_text_say_the_same(profiles: list[Configured], turned: int) -> None:
    assert set(modelled(*profiles) or ()) == set(callhome.of_text(printed(*profiles, turned=turned)) or ())


LOG = "RP/0/RP0/CPU0:Nov 28 10:00:00.000 UTC: config[65000]: %MGBL-SYS-5-CONFIG_I : Configured from console by admin"


def test_lines_of_the_log_and_lost_indentation_change_nothing() -> None:
    text = printed(Configured(CISCO, active=False), Configured("own", reports=True, addresses={OWN: True}))
    noisy = "\n".join(line for shown in text.splitlines() for line in (shown, LOG))
    for shown in (
        noisy,
        "\n".join(map(str.strip, text.splitlines())),
        text.replace("  ", "\t"),
        text.replace("\n", "\r\n"),
    ):
        assert show.call_home_urls(shown) == (OWN,)


def test_what_formal_prints_is_read_as_well() -> None:
    formal = "\n".join(
        f"call-home {line}"
        for line in (
            "service active",
            f"profile {CISCO}",
            "profile own active",
            f'profile own destination address http "{OWN}"',
            "profile own reporting smart-licensing-data",
        )
    )
    assert show.call_home_urls(formal) == (OWN,)


def test_disable_behind_a_line_switches_it_off() -> None:
    text = printed(Configured("own", reports=True, addresses={OWN: True}))
    for line in (
        "reporting smart-licensing-data",
        f"destination address http {OWN}",
        "destination transport-method http",
    ):
        assert show.call_home_urls(text.replace(line, f"{line} disable")) == (DEFAULT_ADDRESS,)


@pytest.mark.parametrize("text", ["", "% No such configuration item(s)\n", "license smart enable\n"])
def test_where_no_call_home_is_shown_nothing_is_made_up(text: str) -> None:
    assert callhome.of_text(text) is None
    assert show.call_home_urls(text) == ()


@pytest.mark.parametrize(
    "text, expected",
    [
        (f"license smart transport smart\nlicense smart url {OWN}\n", LicensingTransport(TransportType.SMART, (OWN,))),
        (f"license smart\n transport smart\n url {OWN}\n!\n", LicensingTransport(TransportType.SMART, (OWN,))),
        (f"license smart url smart {OWN}\n", LicensingTransport(None, (OWN,))),
        (
            f"license smart transport cslu\nlicense smart url {OWN}\nlicense smart url cslu {OTHER}\n",
            LicensingTransport(TransportType.CSLU, (OTHER,)),
        ),
        ("license smart transport callhome\n", LicensingTransport(TransportType.CALLHOME)),
        ("license smart transport off\n", LicensingTransport(TransportType.OFF)),
        (f"no license smart url {OWN}\n", None),
        ("license smart flexible-consumption enable\n", None),
    ],
)
def test_the_transport_of_licensing_is_read_from_its_lines(text: str, expected: LicensingTransport | None) -> None:
    assert transport.of_text("% No such configuration item(s)", text) == expected


def test_text_of_both_commands_is_one_transport() -> None:
    found = transport.of_text(printed(Configured(CISCO)), f"license smart url {OWN}\n")
    assert found == LicensingTransport(None, (OWN,), call_home=(DEFAULT_ADDRESS,))


@pytest.mark.parametrize("release", ["6.3.1", "7.2.1"])
def test_a_router_with_the_default_profile_is_known_to_send_to_cisco(lab: Lab, clock: Clock, release: str) -> None:
    home = f'<call-home xmlns="{NS}"><active/><profiles>{Configured(CISCO).xml()}</profiles></call-home>'
    device = lab.add(release=release, config=(home,))
    settings: dict[str, Any] = {"policy": clock.policy(), "full": True}
    with lab.connect(device) as session:
        found = agent.observe(session, **settings).transport.value
    assert found is not None
    assert found.destinations() == (DEFAULT_ADDRESS,)
