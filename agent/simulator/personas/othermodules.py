"""The modules of a real hello that the agent has no use for: they make it as long as it is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, count
from xml.sax.saxutils import escape

_AREAS = (
    *("aaa-lib", "aaa-locald", "aaa-tacacs", "ascii-ltrace", "asic-errors", "bundlemgr", "cdp", "clns-isis", "cofo"),
    *("config-cfgmgr", "config-mda", "controller-optics", "controller-otu", "drivers-media-eth", "dwdm-ui", "eigrp"),
    *("es-acl", "ethernet-cfm", "ethernet-link-oam", "ethernet-lldp", "evpn", "fib-common", "flowspec", "freqsync"),
    *("group", "ha-eem", "icpe-infra", "ifmgr", "infra-alarm-logger", "infra-correlator", "infra-fti", "infra-infra"),
    *("infra-objmgr", "infra-policymgr", "infra-rcmd", "infra-rsi", "infra-sla", "infra-statsd", "infra-systemmib"),
    *(
        "infra-xtc",
        "invmgr",
        "ip-bfd",
        "ip-daps",
        "ip-domain",
        "ip-iarm-v4",
        "ip-icmp",
        "ip-iep",
        "ip-ntp",
        "ip-pfilter",
    ),
    *("ip-raw", "ip-rib-ipv4", "ip-rib-ipv6", "ip-rip", "ip-rsvp", "ip-sbfd", "ip-static", "ip-tcp", "ip-udp"),
    *("ipv4-acl", "ipv4-arp", "ipv4-bgp", "ipv4-dhcpd", "ipv4-hsrp", "ipv4-igmp", "ipv4-io", "ipv4-ma", "ipv4-msdp"),
    *("ipv4-ospf", "ipv4-pim", "ipv4-vrrp", "ipv6-acl", "ipv6-ma", "ipv6-nd", "ipv6-ospfv3", "kim-tpa", "l2-eth-infra"),
    *(
        "l2rib",
        "l2vpn",
        "lib-keychain",
        "man-ems",
        "man-ipsla",
        "man-netconf",
        "man-xml-ttyagent",
        "manageability-object",
    ),
    *("mpls-io", "mpls-ldp", "mpls-lsd", "mpls-oam", "mpls-static", "mpls-te", "mpls-vpn", "nto-misc-shmem", "pbr"),
    *("pfi-im-cmd", "platform-inventory", "pmengine", "ppp-ma", "prm-hwmod-mpls", "procmem", "qos-ma", "rgmgr"),
    *("segment-routing-ms", "segment-routing-srv6", "sdr-invmgr", "shellutil", "snmp-agent", "ssh", "subscriber-srg"),
    *("sysadmin-envmon", "sysmgr", "telemetry-model-driven", "traffmon-netflow", "tty-management", "tty-server"),
    *("upgrade-fpd", "vservice", "watchd", "wanphy-ui", "wdsysmon-fd"),
)
_REVISIONS = ("2015-11-09", "2017-05-01", "2018-07-12", "2019-04-05", "2019-10-02", "2020-06-14")


def other_modules(size: int) -> list[str]:
    """URIs of as many of these modules as take *size* bytes in a hello."""
    listed: list[str] = []
    for uri in _uris():
        if size <= 0:
            break
        listed.append(uri)
        size -= in_hello([uri])
    return listed


def in_hello(uris: list[str]) -> int:
    """The bytes that capabilities take in a hello."""
    return sum(len(capability(uri)) for uri in uris)


def capability(uri: str) -> bytes:
    """One capability as a hello has it."""
    return f"<capability>{escape(uri)}</capability>".encode()


def _uris() -> Iterator[str]:
    """Without an end: XR splits the model of a large area into as many submodules as it takes."""
    parts = chain(("cfg", "oper", "datatypes", "act"), (f"oper-sub{number}" for number in count(1)))
    modules = (f"Cisco-IOS-XR-{area}-{part}" for part in parts for area in _AREAS)
    for number, name in enumerate(modules):
        yield f"http://cisco.com/ns/yang/{name}?module={name}&revision={_REVISIONS[number % len(_REVISIONS)]}"
