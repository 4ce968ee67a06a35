"""What the models make of a sanitised reply: typed values as before, save the replaced. The replies are SYNTHETIC."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.netconf.payload import parse
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.schema import Schema
from agent.recording.privacy.standins import StandIns
from agent.simulator import Persona

KEY = b"a key of the tests, of 32 bytes.."
LICENSING, CALL_HOME = "Cisco-IOS-XR-infra-smartlicense-oper", "Cisco-IOS-XR-call-home-cfg"
SCHEMA = Schema(Capabilities.from_uris(Persona(release="7.4.1").capabilities()))
NAMES = st.from_regex(r"[A-Z][a-z]{3,9}(?: [A-Z][a-z&<']{3,9}){0,2}", fullmatch=True)
REPLACED = {"smart-account", "virtual-account", "host-name", "url-registration", "destination-addr", "server-address"}

STATE = """\
<data><smart-agent xmlns="http://cisco.com/ns/yang/Cisco-IOS-XR-infra-smartlicense-oper"><licensing><state><state-info>
<registration><registration-state>complete</registration-state><registration-complete>
<smart-account>{account}</smart-account><virtual-account>{virtual}</virtual-account></registration-complete></registration>
<authorization><authorization-state>authorized</authorization-state><authorization-authorized><authorization-info>
<last-comm-status-success>yes</last-comm-status-success><last-comm-time>Feb 22 2022 10:00:07 UTC</last-comm-time>
</authorization-info></authorization-authorized></authorization>
<transport><transport-type>smart</transport-type><url-settings><url-registration>https://{host}/x</url-registration>
</url-settings></transport><usage><license-name>ESS-CA-100G-RTU-2</license-name><count>4</count></usage>
</state-info></state></licensing></smart-agent></data>"""
HOME = """\
<data><call-home xmlns="http://cisco.com/ns/yang/Cisco-IOS-XR-call-home-cfg"><active/>
<http-proxy><server-address>{host}</server-address><port>8080</port></http-proxy><profiles><profile>
<profile-name>CiscoTAC-1</profile-name><active/><addresses><address><method>http</method>
<destination-addr>https://{host}/{account}</destination-addr><enable>true</enable></address></addresses></profile>
</profiles></call-home></data>"""


def leaves(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, key.rpartition(":")[2])
    elif isinstance(tree, list):
        for value in tree:
            yield from leaves(value, name)
    else:
        yield name, tree


@given(account=NAMES, virtual=NAMES, host=st.from_regex(r"[a-z]{4,8}\.[a-z]{4,8}\.de", fullmatch=True))
@settings(max_examples=25, deadline=None)
def test_models_read_the_same_values_save_the_replaced(account: str, virtual: str, host: str) -> None:
    for reply, module in ((STATE, LICENSING), (HOME, CALL_HOME)):
        text = reply.format(account=escape(account), virtual=escape(virtual), host=host)
        standins = StandIns(KEY)
        standins.learn(text)
        result = standins.replaced(text)
        # Our own texts.
        tags = [[element.tag for element in ET.fromstring(one).iter()] for one in (text, result)]  # noqa: S314
        assert tags[0] == tags[1]
        was, now = (list(leaves(SCHEMA.decode(parse(one), module=module))) for one in (text, result))
        assert [name for name, _ in was] == [name for name, _ in now]
        assert {name for (name, before), (_, after) in zip(was, now, strict=True) if before != after} <= REPLACED
        assert host not in result
        assert host.partition(".")[0] not in result
