"""Files on the router: what its models and its CLI list, and how a URL is copied from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.netconf.payload import parse
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.schema import Schema
from agent.simulator import Persona
from agent.xr import shellutil
from agent.xr.shellutil import Listed
from tests.properties.conftest import steady

SCHEMA = Schema(Capabilities.from_uris(Persona(release="25.2.1").capabilities()))
NAME = "xr-agent-1.pem"
DIR = """\
Directory of harddisk:
     11 -rw-r--r--. 1     1939 Nov 29 08:00 xr-agent-1.pem
     12 drwxr-xr-x. 2     4096 Oct  1  2025 cisco_support

6004539392 bytes total (3002269696 bytes free)
"""  # SYNTHETIC, in the form of 64-bit XR
OLD = """\
Directory of disk0:

9           drwx  4096        Mon Nov 10 14:08:04 2025  LOST.DIR
31          -rw-  1939        Sun Nov 29 08:00:00 2026  xr-agent-1.pem

2369216512 bytes total (1184608256 bytes free)
"""  # SYNTHETIC, in the form of 32-bit XR


@pytest.mark.parametrize(
    "printed, found",
    [
        (DIR, (Listed(1939),)),
        (OLD, (Listed(1939),)),
        ("-rw-r--r-- 1 root root 1939 Nov 29 08:00 /tmp/xr-agent-1.pem", (Listed(1939),)),
        ("-rw------- 1 root root 1939 2026-11-29 08:00 /tmp/xr-agent-1.pem", (Listed(1939),)),
        (DIR.replace("xr-agent-1", "xr-agent-2"), ()),
        (DIR.replace("xr-agent-1.pem", "xr-agent-1.pem.old"), ()),
        ("Directory of harddisk:\n\n6004539392 bytes total (3002269696 bytes free)", ()),
        ("6004539392 kbytes total (3002269696 kbytes free)", ()),
        ("ls: cannot access '/tmp/xr-agent-1.pem': No such file or directory", ()),
        ("% Permission denied", None),
        ("", None),
    ],
)
def test_a_listing_has_the_file_or_says_that_there_is_none(printed: str, found: shellutil.Found | None) -> None:
    assert shellutil.of_text(printed, NAME) == found


@steady
@given(st.text(st.characters(codec="utf-8"), max_size=600) | st.lists(st.sampled_from(OLD.split(" "))).map(" ".join))
def test_any_text_is_a_listing_or_none(text: str) -> None:
    for one in shellutil.of_text(text, NAME) or ():
        assert one.size is not None


def listed(content: str) -> bytes:
    return (
        f'<data><dir xmlns="http://cisco.com/ns/yang/{shellutil.DIR}"><nodes>{content}</nodes></dir></data>'
    ).encode()


def node(name: str, content: str) -> str:
    folder = f"<dir-path><name>harddisk:</name><directory><path>/misc/disk1</path>{content}</directory></dir-path>"
    return f"<node><node-name>{name}</node-name><dir-paths>{folder}</dir-paths></node>"


def file(size: str, name: str = NAME) -> str:
    return f"<content><size>{size}</size><name>{name}</name></content>"


@pytest.mark.parametrize(
    "content, found",
    [
        (node("0/RP0/CPU0", file("1939")), (Listed(1939),)),
        (node("0/RP0/CPU0", file("7", "other")) + node("0/RP1/CPU0", file("1939")), (Listed(1939),)),
        (node("0/RP0/CPU0", file("2K")), (Listed(None),)),
        (node("0/RP0/CPU0", file("7", "other")), ()),
        (node("0/RP0/CPU0", ""), ()),
        ("<node><node-name>0/RP0/CPU0</node-name><dir-paths/></node>", None),
    ],
)
def test_the_models_listing_is_of_whichever_node_has_the_file(content: str, found: shellutil.Found | None) -> None:
    query = shellutil.file_query(SCHEMA, "harddisk:", NAME)
    assert query.decode is not None
    assert query.decode(parse(listed(content))) == found


def test_the_read_names_the_folder() -> None:
    query = shellutil.file_query(SCHEMA, "harddisk:", NAME)
    assert query.subtree is not None
    assert "<dir-path><name>harddisk:</name></dir-path>" in query.subtree()


@pytest.mark.parametrize(
    "url, source",
    [
        ("http://ca.example/pki/root.pem", ("http:", "//ca.example/pki/root.pem")),
        ("https://[2001:db8::1]:8443/root.pem?x=1", ("https:", "//[2001:db8::1]:8443/root.pem?x=1")),
        ("tftp://192.0.2.1/root.pem", ("tftp:", "//192.0.2.1/root.pem")),
    ],
)
def test_a_url_is_a_file_system_and_a_name_in_it(url: str, source: tuple[str, str]) -> None:
    assert shellutil.of_url(url) == source
    assert "<vrf>MGMT</vrf>" in shellutil.copy_request(SCHEMA, source, ("harddisk:", NAME), "MGMT")
    assert "vrf" not in shellutil.copy_request(SCHEMA, source, ("harddisk:", NAME))
