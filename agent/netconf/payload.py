"""XML in and out: a parser that trusts nothing, and templates whose values are set, never glued.

What a template became is sent as text, which is made once for many routers; only ``<rpc>`` is put around it as text.

lxml and xmltodict are at home here.
"""

from __future__ import annotations

import copy
import re
import threading
from functools import cache, lru_cache
from typing import Any, TypeAlias
from xml.parsers import expat

from lxml import etree

from agent.model.errors import ProtocolError, SchemaError
from agent.model.local.resources import directory

NETCONF_NS = "urn:ietf:params:xml:ns:netconf:base:1.0"
TEMPLATE_NS = "urn:xr-agent:template"
LARGEST = 64 * 2**20
MOST_NODES = 2_000_000
"""Tags and attributes of one document; in memory the shortest of them take some twenty times what they take as text."""
DEEPEST = 200
_NAMESPACE = f' xmlns="{NETCONF_NS}"'
_ROOT_WITHIN = 64 * 1024
_SHOWN = 40
_BLANKS = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"

Element: TypeAlias = etree._Element

# A DOCTYPE can stand only before the root element; further down the same letters are text, as in a CDATA section.
# Nothing here gives back what it took, so a hostile prolog costs one pass.
DOCTYPE = re.compile(rb"(?:\xef\xbb\xbf)?(?>\s+|<\?.*?\?>|<!--.*?-->)*+<!\s*DOCTYPE", re.IGNORECASE | re.DOTALL)
_IF = f"{{{TEMPLATE_NS}}}if"
_PLACEHOLDER = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# By XPath, since libxml2 looks through a million elements twenty times faster than a loop over proxies.
_TOO_DEEP = etree.XPath(f"boolean({'/*' * (DEEPEST + 1)})")
_local = threading.local()


def qname(namespace: str, name: str) -> str:
    """The name in Clark notation, as lxml wants it."""
    return f"{{{namespace}}}{name}"


def local_name(element: Element) -> str:
    """The element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def leaf(element: Element, namespace: str, name: str) -> str | None:
    """The text of the child *name* without blanks around it; None where there is no such child, or nothing in it."""
    text: str | None = element.findtext(qname(namespace, name))
    return text.strip() or None if text else None


def parse(data: bytes | str, *, limit: int = LARGEST, device: str | None = None) -> Element:
    """The root element of an XML document that a device sent; nothing outside it is read, nothing in it expanded.

    Blanks before it are passed over, also before an XML declaration.

    Raises:
        ProtocolError: larger than *limit* bytes, not UTF-8, a DOCTYPE, not well-formed, over two million tags and
            attributes, or nested over 200 deep.
    """
    try:
        return _parsed(data, limit)
    except ProtocolError as error:
        error.device = device
        raise


def _parsed(data: bytes | str, limit: int) -> Element:
    raw = _utf8(data, limit).lstrip(_BLANKS)
    if DOCTYPE.match(raw):
        raise _doctype()
    if raw and not raw.startswith((b"<", _BOM)):
        raise _no_xml(raw[:_SHOWN].decode("utf-8", "ignore"))
    # Whatever is a tag or an attribute has one of these signs; what has them as text is counted as well.
    if raw.count(b"<") + raw.count(b"=") > MOST_NODES:
        raise ProtocolError(f"XML with more than {MOST_NODES} tags and attributes", hint="narrow what is asked for")
    try:
        root: Element = etree.fromstring(raw, _parser())
    except etree.XMLSyntaxError as error:
        raise (_nested() if "excessive depth" in str(error).lower() else _broken(str(error.msg))) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise _doctype()
    # Each level but the innermost ends in a tag of its own, so most replies need not be walked.
    if raw.count(b"</") >= DEEPEST:
        _bound_depth(root)
    return root


def root_of(message: bytes, *, device: str | None = None) -> tuple[str, dict[str, str]]:
    """Tag and attributes of a document's root element, read no further than that.

    Raises:
        ProtocolError: a DOCTYPE, or no root element within 64 KiB.
    """
    try:
        return _root(message[:_ROOT_WITHIN])
    except ProtocolError as error:
        error.device = device
        raise


def _root(raw: bytes) -> tuple[str, dict[str, str]]:
    if DOCTYPE.match(raw):
        raise _doctype()
    parser = expat.ParserCreate("utf-8", "}")
    parser.StartElementHandler = _stop
    try:
        parser.Parse(raw, False)
    except _Found as found:
        return found.tag, found.attributes
    except expat.ExpatError as error:
        raise _broken(str(error)) from error
    raise _no_xml(raw[:_SHOWN].decode("utf-8", "ignore"))


class _Found(Exception):
    """Stops the parser at the root element; no error."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag, self.attributes = tag, attributes


def _stop(tag: str, attributes: dict[str, str]) -> None:
    raise _Found(_clark(tag), {_clark(name): value for name, value in attributes.items()})


def _clark(name: str) -> str:
    """Expat's name of a node with a namespace lacks the first brace."""
    return f"{{{name}" if "}" in name else name


def _utf8(data: bytes | str, limit: int) -> bytes:
    """The document's bytes: UTF-8 whatever its declaration says, since the parser is told so (RFC 6241 section 3)."""
    try:
        raw = data.encode() if isinstance(data, str) else data
        if len(raw) > limit:
            said = f"an XML document of {len(raw)} bytes, more than {limit}"
            raise ProtocolError(said, hint="narrow what is asked for, or check the device")
        if raw is data:
            raw.decode()
    except UnicodeError as error:
        where = f": {error.reason} at {error.start}" if isinstance(error, UnicodeDecodeError) else ""
        hint = "the peer is no NETCONF server, or its data is damaged"
        raise ProtocolError(f"XML that is not UTF-8{where}", hint=hint) from error
    return raw


def _no_xml(begins: str) -> ProtocolError:
    hint = "a banner or another program speaks in the session, or the peer is no NETCONF server"
    return ProtocolError(f"a message is not XML: it begins with {begins[:_SHOWN]!r}", hint=hint)


def _broken(said: str) -> ProtocolError:
    hint = "it was cut off or damaged, or the peer is no NETCONF server"
    return ProtocolError(f"broken XML: {' '.join(said.split())}", hint=hint)


def _doctype() -> ProtocolError:
    said = "an XML document with a DOCTYPE, which NETCONF forbids (RFC 6241 section 3)"
    return ProtocolError(said, hint="the peer is no NETCONF server, or hostile")


def _nested() -> ProtocolError:
    hint = "no model of IOS XR is that deep: the peer is broken or hostile"
    return ProtocolError(f"XML nested more than {DEEPEST} deep", hint=hint)


def _parser() -> etree.XMLParser:
    """This thread's parser: making one costs more than parsing a small reply."""
    parser: etree.XMLParser | None = getattr(_local, "parser", None)
    if parser is None:
        parser = _local.parser = etree.XMLParser(
            encoding="utf-8",
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            huge_tree=True,
            remove_comments=True,
            remove_pis=True,
        )
    return parser


def _bound_depth(root: Element) -> None:
    try:
        if _TOO_DEEP(root):
            raise _nested()
    except etree.XPathError as error:
        said = f"XML with more elements than can be looked through: {error}"
        raise ProtocolError(said, hint="narrow what is asked for") from error


def serialize(element: Element) -> bytes:
    """The element as UTF-8 without an XML declaration."""
    return bytes(etree.tostring(element, encoding="utf-8", xml_declaration=False, with_tail=False))


class Payload(str):
    """One element as text, to be sent: as lxml wrote it, without a declaration, every namespace declared in it.

    :func:`payload_of` makes it, and nothing else.
    """

    __slots__ = ()


def payload_of(content: Element | Payload) -> Payload:
    """An element as it is now, to be sent; a payload is that already."""
    return content if isinstance(content, Payload) else Payload(serialize(content).decode())


def request(body: Payload, message_id: str) -> str:
    """The ``<rpc>`` around an operation (RFC 6241 section 4.1); *message_id* needs no escaping.

    The operation's start tag ends at its first ``>``, since lxml escapes those of values. Where it declares the default
    namespace that ``<rpc>`` has, it is left to inherit it.
    """
    start, end, rest = body.partition(">")
    inherits = start.replace(_NAMESPACE, "", 1)
    return f'<rpc{_NAMESPACE} message-id="{message_id}">{inherits}{end}{rest}</rpc>'


def to_dict(element: Element) -> dict[str, Any]:
    """The element as xmltodict sees it: names as sent, every value text; for raw views and data without a schema."""
    import xmltodict

    return dict(xmltodict.parse(serialize(element)))


def template(template_name: str, /, **values: str | bool | None) -> Element:
    """A copy of ``templates/<name>.xml`` with its placeholders set.

    ``{{ word }}`` as the whole text of an element takes the value, a bool as ``true`` or ``false``; None removes the
    element. An element with ``xr:if="word"`` stays only where the value is true. Values are set on the tree, so none
    can change its shape.

    Raises:
        KeyError: a placeholder without a value, or a value without a placeholder.
        SchemaError: a character that XML cannot carry.
    """
    source, slots, words = _load(template_name)
    if words != values.keys():
        raise KeyError(f"template {template_name}: {sorted(words ^ values.keys())} does not fit its placeholders")
    root: Element = copy.copy(source)  # lxml's copy of an element has copies of all below it
    if not slots:
        return root
    elements, removed = list(root.iter()), False
    for place, word, switch in slots:
        element = elements[place]
        if not values[word] if switch else values[word] is None:
            if (parent := element.getparent()) is not None:
                parent.remove(element)
                removed = True
        elif not switch:
            element.text = _text(word, values[word])
    if removed:
        etree.cleanup_namespaces(root)
    return root


def rendered(template_name: str, /, **values: str | bool | None) -> Payload:
    """As :func:`template`, to be sent."""
    return payload_of(template(template_name, **values))


@lru_cache(maxsize=1024)
def rendered_once(template_name: str, /, **values: str | bool | None) -> Payload:
    """As :func:`rendered`, made once of the same values, since a fleet is sent the same over and over.

    It is kept, so it is not for a secret, nor for a URL, which may have a password in it.
    """
    return rendered(template_name, **values)


_Slots: TypeAlias = tuple[tuple[int, str, bool], ...]


@cache
def _load(name: str) -> tuple[Element, _Slots, frozenset[str]]:
    """A template without its switches, and what is to be set in it: the element's place in document order, the word,
    whether it is a switch; and all the words."""
    path = directory("templates") / f"{name}.xml"
    parser = etree.XMLParser(remove_blank_text=True, remove_comments=True, resolve_entities=False, no_network=True)
    root = etree.fromstring(path.read_bytes(), parser)
    slots = tuple((place, *slot) for place, element in enumerate(root.iter()) for slot in _slots(element))
    for element in root.iter():
        if _IF in element.attrib:
            del element.attrib[_IF]
    etree.cleanup_namespaces(root)
    return root, slots, frozenset(word for _, word, _ in slots)


def _slots(element: Element) -> list[tuple[str, bool]]:
    """The switch and the placeholder of one element, each as (word, whether it is the switch)."""
    switch = element.get(_IF)
    found = _PLACEHOLDER.fullmatch((element.text or "").strip())
    return [*([(switch, True)] if switch else []), *([(found.group(1), False)] if found else [])]


def _text(word: str, value: str | bool | None) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if found := _ILLEGAL.search(text):
        # The value itself is not shown: it may be a secret.
        raise SchemaError(
            f"{word} has U+{ord(found.group()):04X} at its character {found.start() + 1}, which XML cannot carry",
            hint="correct the value",
        )
    return text
