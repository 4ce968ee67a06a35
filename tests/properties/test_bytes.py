"""Any bytes at all, from a device or a file, end in a value or an error of the tree; a bug would raise another."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from agent.model.errors import AgentError, SchemaError
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.fetched import fetch_modules
from tests.fuzz import readers
from tests.properties.conftest import few, steady

READERS = {reader.__name__: reader for target in readers.TARGETS.values() for reader in target}
SEEDS = {name: [path.read_bytes() for path in readers.corpus(name)] for name in readers.TARGETS}
WORDS = [
    word.encode().decode("unicode_escape").encode("latin-1")
    for word in re.findall(r'^"(.*)"$', (readers.HERE / "words.dict").read_text(), re.MULTILINE)
]
ODD = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12) | st.sampled_from(
    ["\u009b2J", "\u202e", "-1", "0", "18446744073709551616", "4294967295", "true", "yes", " ", "a" * 300, "Trustpool"]
)


def target_of(reader: str) -> str:
    return next(name for name, all_of_it in readers.TARGETS.items() if READERS[reader] in all_of_it)


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A good input with some parts cut out, doubled or replaced."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 30)))
        part = draw(st.sampled_from([b"", data[start:end] * 2, *WORDS]) | st.binary(max_size=8))
        data = data[:start] + part + data[end:]
    return data


@st.composite
def replies(draw: st.DrawFn) -> bytes:
    """A good reply whose elements have other texts, names, namespaces and places; well-formed as it was."""
    seed = draw(
        st.sampled_from(
            [seed for seed in SEEDS["reply"] if seed[1:2] == b"<" and seed.endswith(b"</data></rpc-reply>")]
        )
    )
    root = etree.fromstring(seed[1:])
    elements = [element for element in root.iter() if element is not root]
    for _ in range(draw(st.integers(1, 5)) if elements else 0):
        element, other = draw(st.sampled_from(elements)), draw(st.sampled_from(elements))
        how = draw(st.integers(0, 5))
        parent = element.getparent()
        if how < 2 and not len(element):
            # What XML cannot carry is the parser's to refuse, and others' to try.
            element.text = re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd]", "", draw(ODD))
        elif how == 2:
            element.tag = other.tag
        elif how == 3:
            element.tag = f"{{urn:other}}{etree.QName(element).localname}"
        elif how == 4 and parent is not None and other is not element and other not in element.iterancestors():
            element.append(other)
        elif parent is not None:
            parent.remove(element)
    return seed[:1] + etree.tostring(root)


@pytest.mark.parametrize("reader", READERS)
def test_any_bytes_end_in_a_value_or_an_error_of_the_tree(reader: str) -> None:
    @steady
    @given(st.binary(max_size=300) | damaged(SEEDS[target_of(reader)]))
    def any_bytes(data: bytes) -> None:
        READERS[reader](data)

    any_bytes()


@steady
@given(replies())
def test_a_reply_of_a_models_elements_in_any_order_is_decoded_or_refused(data: bytes) -> None:
    readers.reply(data)


@steady
@given(st.lists(st.text(max_size=40) | st.sampled_from(["module=a", "revision=2020-01-01", "&", "%00"]), max_size=9))
@example(["urn:x?module=a" + "&x=1" * 30])
def test_any_capabilities_are_taken(uris: list[str]) -> None:
    assert Capabilities.from_uris(uris).uris == {uri.strip() for uri in uris if uri.strip()}


MODULE = """module m { namespace "urn:m"; prefix m; revision 2025-01-01;
  typedef t { type string { length "1..9"; pattern "[a-z]+"; } }
  grouping g { leaf a { type t; default "x"; } choice c { case d { leaf e { type empty; } } } }
  container top { uses g { refine a { mandatory true; } } list l { key k; leaf k { type uint8 { range "1..5"; } } } }
  rpc r { input { leaf i { type enumeration { enum yes; enum no; } } } } augment "/m:top" { leaf z { type int64; } } }
"""


@few
@given(damaged([MODULE.encode()]) | st.text(max_size=60).map(str.encode))
def test_any_text_that_a_device_sends_for_a_module_is_taken_or_refused(
    tmp_path_factory: pytest.TempPathFactory, text: bytes
) -> None:
    told = text.decode("utf-8", "replace")
    folder = tmp_path_factory.mktemp("modules")
    try:
        path = fetch_modules("m", "2025-01-01", lambda name, day: told, Capabilities.from_uris(()), folder)
    except AgentError as error:
        assert isinstance(error, SchemaError)  # noqa: PT017 - either end is fine, this is which error it is
    else:
        assert path.is_relative_to(folder)


Read = Callable[[bytes], None]


@pytest.mark.parametrize(
    "planted", [ValueError("\udcff"), KeyError("x"), RecursionError(), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x")]
)
def test_a_bug_would_be_seen(monkeypatch: pytest.MonkeyPatch, planted: Exception) -> None:
    def bug(*_: object, **__: object) -> None:
        raise planted

    monkeypatch.setattr("agent.netconf.session.payload.parse", bug)
    with pytest.raises(type(planted)):
        readers.reply(SEEDS["reply"][0])
