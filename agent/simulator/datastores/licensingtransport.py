"""The licensing transport and the HTTP client in the running configuration: as XML of the models, and as CLI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape

from agent.simulator.datastores.trustpoints import PREFIX
from agent.simulator.datastores.yangmodels import Model
from agent.simulator.personas.persona import Persona

_CALL_HOME = """\
call-home
 service active
 contact smart-licensing
 profile CiscoTAC-1
  active
  destination address http {}
  destination transport-method http
 !
!"""


def subtrees(persona: Persona, models: Mapping[str, Model]) -> Iterator[str]:
    """The XML subtrees that *persona* has configured, in the models that carry them."""

    def wrapped(module: str, root: str, inner: str, *needs: str) -> Iterator[str]:
        one = models.get(PREFIX + module)
        if one is not None and one.node([root, *needs]) is not None:
            yield f'<{root} xmlns="{one.namespace}">{inner}</{root}>'

    url = escape(persona.url)
    if persona.transport_configured and persona.transport == "callhome":
        yield from wrapped(
            "call-home-cfg",
            "call-home",
            "<active/><contact-smart-licensing>true</contact-smart-licensing><profiles><profile>"
            "<profile-name>CiscoTAC-1</profile-name><active/><methods><method><method>http</method>"
            "<enable>true</enable></method></methods><addresses><address><method>http</method>"
            f"<destination-addr>{url}</destination-addr><enable>true</enable></address></addresses>"
            "</profile></profiles>",
        )
    elif persona.transport_configured and persona.transport == "smart":
        yield from wrapped(
            "um-license-smart-cfg", "license", f"<smart><transport><smart/></transport><url>{url}</url></smart>"
        )
        yield from wrapped(
            "smart-license-cfg",
            "licensing",
            f"<transport><transport-smart><urls><url-registration>{url}</url-registration></urls></transport-smart>"
            "<transport-type>transport-type-smart</transport-type></transport>",
        )
    if persona.verify_peer_off:
        yield from wrapped(
            "um-http-client-cfg",
            "http",
            "<client><secure-verify-peer><disable/></secure-verify-peer></client>",
            "client",
            "secure-verify-peer",
        )


def call_home(persona: Persona) -> str:
    """``show running-config call-home``."""
    if not persona.transport_configured or persona.transport != "callhome":
        return ""
    return _CALL_HOME.format(persona.url)


def license_smart(persona: Persona) -> str:
    """``show running-config license``."""
    if not persona.transport_configured or persona.transport != "smart":
        return ""
    return f"license smart transport smart\nlicense smart url {persona.url}"


def http_client(persona: Persona, models: Mapping[str, Model]) -> str:
    """``show running-config http client``; releases without a model of the line hide it."""
    model = models.get(PREFIX + "um-http-client-cfg")
    shown = model is not None and model.node(["http", "client", "secure-verify-peer"]) is not None
    return "http client secure-verify-peer disable" if shown and persona.verify_peer_off else ""
