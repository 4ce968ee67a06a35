"""Nothing of what is private is left, in any spelling, and what is left reads as before. All values are SYNTHETIC."""

from __future__ import annotations

import base64
import html
import xml.etree.ElementTree as ET
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agent.model.device import Secret
from agent.model.masking.redact import Redactor
from agent.model.telemetry.direction import Direction
from agent.recording.events import Message
from agent.recording.masking import without_secrets
from agent.recording.privacy.places import Kind
from agent.recording.privacy.shapes import says_nothing
from agent.recording.privacy.standins import StandIns
from agent.recording.privacy.vocabulary import common, ordinary
from agent.recording.sanitiser import Sanitiser

KEY = b"a key of the tests, of 32 bytes.."


def names() -> st.SearchStrategy[str]:
    """Names as operators give them, which are no word of a model."""
    name = st.from_regex(r"[A-Za-z][A-Za-z0-9]{2,9}(?:[-_.][A-Za-z0-9]{2,8}){0,3}", fullmatch=True)
    return name.filter(lambda one: not common(one.lower()))


def v4s() -> st.SearchStrategy[IPv4Address]:
    return st.integers(0, 2**32 - 1).map(IPv4Address).filter(lambda one: not says_nothing(one))


def v6s() -> st.SearchStrategy[IPv6Address]:
    addresses = st.ip_addresses(v=6).map(lambda one: IPv6Address(int(one)))
    return addresses.filter(lambda one: not says_nothing(one) and one.ipv4_mapped is None)


def mixed(text: str) -> str:
    return "".join(char.upper() if at % 2 else char.lower() for at, char in enumerate(text))


def plain_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": str.upper,
    "mixed case": mixed,
    "hex": lambda text: text.encode().hex(),
    "hex with colons": lambda text: text.encode().hex(":").upper(),
    "hex with blanks": lambda text: text.encode().hex(" "),
    "base64": plain_base64,
    "base64, one byte ahead": lambda text: plain_base64(f"({text}!"),
    "base64, two bytes ahead": lambda text: plain_base64(f"> {text}"),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(f"??>{text}".encode()).decode(),
    "base64, wrapped": lambda text: base64.encodebytes(f"{'x y ' * 30}{text}{' z' * 30}".encode()).decode(),
    "percent signs": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "in a URL": lambda text: f"https://tools.cisco.com/its/{quote(text)}?name={quote(text, safe='')}",
    "entities": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "hex entities": lambda text: "".join(f"&#x{ord(char):X};" for char in text),
    "in an attribute": lambda text: f"<a xmlns='urn:x' b={quoteattr(text)}/>",
    "in an element": lambda text: f"<a>it is {escape(text)}.</a>",
    "base64 in percent signs": lambda text: quote(plain_base64(f"<{text}>"), safe=""),
}


def everywhere(text: str) -> str:
    """*text* with what is encoded in it decoded behind it, as far as whoever looks for something would."""
    return "\n".join((text, html.unescape(text)))


@pytest.mark.parametrize("spelling", list(SPELLINGS))
@given(name=names(), ahead=st.sampled_from(["", "to ", "=", "(", "\n"]))
@settings(max_examples=25, deadline=None)
def test_no_name_is_left(spelling: str, name: str, ahead: str) -> None:
    standins = StandIns(KEY)
    standins.know(Kind.HOST, name)
    assume(len(name) != 6 or spelling != "hex with colons")  # the form of a MAC address, which is replaced as such
    text = f"{ahead}{SPELLINGS[spelling](name)} the end"
    result = standins.replaced(text)
    assert SPELLINGS[spelling](name) not in result
    assert name.lower() not in everywhere(result).lower()
    # The stand-in is there in the same spelling.
    new = standins.replaced(name)
    assert new.lower() != name.lower()
    assert len(new) == len(name)
    assert SPELLINGS[spelling](new).lower() in result.lower() or "base64" in spelling
    assert standins.replaced(result) == result


def secrets() -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=5, max_size=20).filter(
        lambda one: set(one) - {"*"} != set()
    )


@pytest.mark.parametrize("spelling", [name for name in SPELLINGS if "case" not in name])
@given(secret=secrets())
@settings(max_examples=25, deadline=None)
def test_no_secret_is_left(spelling: str, secret: str) -> None:
    assume(len(secret) != 6 or spelling != "hex with colons")
    assume(not ordinary(Secret(secret)))  # masked where passwords stand only
    sanitiser = Sanitiser(StandIns(KEY), [Secret(secret)])
    spelled = SPELLINGS[spelling](secret)
    said = Message(at=0, session=1, direction=Direction.RECEIVED, text=f"it is {spelled} there")
    event = sanitiser(without_secrets(said, Redactor([Secret(secret)])))
    assert isinstance(event, Message)
    assert spelled not in event.text
    assert secret not in everywhere(event.text)
    # Other alignments of base64 read as a prompt by chance.
    assert sanitiser.standins.counts == {} or spelling in ("in a URL", "as it is") or "base64" in spelling


@pytest.mark.parametrize(
    "spelled",
    [
        str,
        lambda one: f"https://{one}:8443/x",
        lambda one: f"x='{one}'",
        lambda one: one.reverse_pointer,
        lambda one: f"::ffff:{one}",
        lambda one: f"::ffff:{one.packed[:2].hex()}:{one.packed[2:].hex()}",
        lambda one: one.packed.hex(),
        lambda one: f"0x{one.packed.hex().upper()}",
        lambda one: one.packed.hex(":"),
        lambda one: ".".join(f"{number:03}" for number in one.packed),
        lambda one: f"at {str(one).replace('.', '-')} in",
        lambda one: str(one).encode().hex(),
        lambda one: plain_base64(str(one)),
        lambda one: plain_base64(f"a{one}b"),
        lambda one: plain_base64(f"ab{one}c"),
        lambda one: quote(str(one)).replace(".", "%2E"),
        lambda one: f'<a b="{one}">{one}</a>',
    ],
)
@given(address=v4s())
@settings(max_examples=25, deadline=None)
def test_no_address_is_left(spelled: Callable[[IPv4Address], str], address: IPv4Address) -> None:
    standins = StandIns(KEY)
    standins.learn(f"neighbor {address} up")
    result = standins.replaced(f"see {spelled(address)} there")
    new = IPv4Address(standins.replaced(str(address)))
    assert new != address
    assert result.lower() == f"see {spelled(new)} there".lower()
    assert standins.replaced(result) == result


@given(number=st.integers(2**24, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_no_address_is_left_as_a_number(number: int) -> None:
    address = IPv4Address(number)
    assume(not says_nothing(address))
    standins = StandIns(KEY)
    standins.learn(f"neighbor {address} up")
    assert standins.replaced(f"see {number}") == f"see {int(IPv4Address(standins.replaced(str(address))))}"


@pytest.mark.parametrize(
    "spelled",
    [
        str,
        lambda one: one.exploded,
        lambda one: one.exploded.upper(),
        lambda one: f"http://[{one}]:80/",
        lambda one: f"{one}/64",
        lambda one: f"{one}%eth0" if one.is_link_local else str(one),
        lambda one: one.reverse_pointer,
        lambda one: one.packed.hex(),
        lambda one: plain_base64(f"<{one}>"),
        lambda one: str(one).encode().hex(),
    ],
)
@given(address=v6s())
@settings(max_examples=25, deadline=None)
def test_no_address_of_version_6_is_left(spelled: Callable[[IPv6Address], str], address: IPv6Address) -> None:
    standins = StandIns(KEY)
    standins.learn(f"neighbor {address} up")
    result = standins.replaced(f"see {spelled(address)} there")
    new = IPv6Address(standins.replaced(str(address)))
    assert new != address
    assert spelled(new).lower() in result.lower()
    assert spelled(address).lower() not in result.lower()
    assert standins.replaced(result) == result


@given(mac=st.binary(min_size=6, max_size=6).filter(lambda one: not one[0] & 1 and any(one)))
def test_a_mac_address_is_the_same_in_all_spellings(mac: bytes) -> None:
    standins = StandIns(KEY)
    dotted = f"{mac[:2].hex()}.{mac[2:4].hex()}.{mac[4:].hex()}"
    standins.learn(dotted)
    new = standins.replaced(dotted).replace(".", "")
    assert bytes.fromhex(new) != mac
    for separator in ":-":
        assert standins.replaced(f"is {mac.hex(separator)}") == f"is {bytes.fromhex(new).hex(separator)}"
    assert standins.replaced(f"is {mac.hex()}") == f"is {new}"


@given(values=st.lists(v4s(), min_size=2, max_size=40, unique=True))
@settings(max_examples=30, deadline=None)
def test_two_values_never_have_the_same_stand_in_and_none_is_another_value(values: list[IPv4Address]) -> None:
    standins = StandIns(KEY)
    standins.learn(" ".join(map(str, values)))
    made = [standins.replaced(str(value)) for value in values]
    assert len(set(made)) == len(values)
    assert not {str(value) for value in values} & set(made)


def test_more_networks_than_there_are_stand_ins_of_their_form_have_some_all_the_same() -> None:
    networks = [one for one in (IPv4Address(first << 24) for first in range(1, 256)) if not says_nothing(one)]
    standins = StandIns(KEY)
    standins.learn(" ".join(map(str, networks)))
    made = {standins.replaced(str(network)) for network in networks}
    assert len(made) == len(networks)
    assert not set(map(str, networks)) & made


@pytest.mark.parametrize("value", [".", "...", "1..2.3", "1.2.3", "9" * 5000, "10.1.2.3."])
def test_numbers_and_dots_that_are_no_address_are_replaced_or_stay(value: str) -> None:
    text = f"<host-name>{value}</host-name> http://{value}/ user@{value}"
    standins = StandIns(KEY)
    standins.learn(text)
    assert len(standins.replaced(text)) == len(text)


@given(values=st.dictionaries(st.sampled_from(["host-name", "user", "description", "note"]), st.text(max_size=40)))
@settings(max_examples=50, deadline=None)
def test_xml_stays_well_formed_with_the_same_elements(values: dict[str, str]) -> None:
    valid = {name: "".join(char for char in value if char.isprintable()) for name, value in values.items()}
    inner = "".join(f"<{name} id={quoteattr(value)}>{escape(value)}</{name}>" for name, value in valid.items())
    text = f"<data xmlns='urn:example:a'>{inner}</data>"
    standins = StandIns(KEY)
    standins.know(Kind.HOST, *valid.values())
    standins.learn(text)
    result = standins.replaced(text)
    assert [element.tag for element in ET.fromstring(result).iter()] == [  # noqa: S314 - our own text
        element.tag
        for element in ET.fromstring(text).iter()  # noqa: S314
    ]
    assert standins.replaced(result) == result


@given(data=st.binary(max_size=300))
@settings(max_examples=50, deadline=None)
def test_any_bytes_at_all_are_taken(data: bytes) -> None:
    standins = StandIns(KEY)
    standins.learn(data)
    result = standins.replaced(data)
    assert standins.replaced(result) == result


def test_bytes_that_are_no_utf_8_stay_around_what_is_replaced() -> None:
    standins = StandIns(KEY)
    standins.know(Kind.HOST, "pe1-fra")
    assert standins.replaced(b"\xff\xfepe1-fra\x80") == b"\xff\xfe" + standins.replaced(b"pe1-fra") + b"\x80"


def test_another_recording_has_other_stand_ins() -> None:
    assert StandIns().replaced("10.1.2.3 10.1.2.4 10.1.2.5") != StandIns().replaced("10.1.2.3 10.1.2.4 10.1.2.5")


def test_nothing_of_it_shows() -> None:
    standins = StandIns(KEY)
    standins.know(Kind.HOST, "pe1-fra.acme.net")
    shown = f"{standins!r} {standins._names!r} {standins._names.table!r} {standins.counts} {standins.standins}"
    assert "pe1" not in shown
    assert "acme" not in shown
