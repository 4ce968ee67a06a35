"""Any reply that a model allows is read back as it was made, and each flaw put into it costs itself alone."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from yangson.datatype import BooleanType, EmptyType, EnumerationType, IntegralType, StringType
from yangson.schemanode import ChoiceNode, ContainerNode, LeafListNode, LeafNode, ListNode, RpcActionNode

from agent.model.local.resources import directory
from agent.model.state import Unreadable
from agent.netconf.payload import parse
from agent.netconf.yang import compiled
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.library import Match, Variant
from agent.netconf.yang.schema import Schema, findings
from tests.properties.conftest import few

INDEX = json.loads((directory("yang") / "releases.json").read_text(encoding="utf-8"))["modules"]
VARIANTS = {
    file.removesuffix(".yang"): (module, max(revisions), about["namespace"])
    for module, about in INDEX.items()
    for file, revisions in about["files"].items()
}
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), max_size=9
)
BLANKS = st.sampled_from(["", " ", "\n  "])
WRONG = "\N{SNOWMAN} not of this type"


class OfVariant(Schema):
    """A device that has exactly this variant, whatever else of the module there is."""

    def __init__(self, name: str) -> None:
        module, revision, namespace = VARIANTS[name]
        super().__init__(Capabilities.from_uris([f"{namespace}?module={module}&revision={revision}"]))
        path = directory("yang") / f"{name}.yang"
        self._variants[module] = Variant(module, revision, namespace, path, Match.EXACT)


@cache
def schema(name: str) -> OfVariant:
    return OfVariant(name)


def model_of(name: str) -> compiled.Model:
    variant = schema(name).variant(VARIANTS[name][0])
    assert variant is not None
    return compiled.model(variant)


class Maker:
    """Makes one reply: its XML, what it is to be read as, and how many leaves cannot be."""

    def __init__(self, draw: st.DrawFn, namespace: str, *, flawed: bool) -> None:
        self._draw, self._namespace, self._flawed = draw, namespace, flawed
        self.unreadable: set[str] = set()

    def children(self, node: Any, element: etree._Element, into: dict[str, Any], path: str) -> None:
        for child in node.children:
            if isinstance(child, ChoiceNode):
                self.children(self._draw(st.sampled_from(child.children)), element, into, path)
            elif not isinstance(child, RpcActionNode) and self._draw(st.integers(0, 3)):
                self._child(child, element, into, f"{path}/{child.name}")
        if self._flawed and self._draw(st.booleans()):
            self._foreign(node, element)

    def _child(self, node: Any, element: etree._Element, into: dict[str, Any], path: str) -> None:
        if isinstance(node, ListNode):
            entries = into.setdefault(node.name, [])
            for _ in range(self._draw(st.integers(1, 2))):
                entries.append({})
                self.children(node, self._element(element, node), entries[-1], path)
        elif isinstance(node, ContainerNode):
            self.children(node, self._element(element, node), into.setdefault(node.name, {}), path)
        elif isinstance(node, LeafListNode):
            into[node.name] = [self._leaf(node, element, path) for _ in range(self._draw(st.integers(1, 3)))]
        else:
            assert isinstance(node, LeafNode)
            into[node.name] = self._leaf(node, element, path)
            if self._flawed and self._draw(st.integers(0, 4)) == 0:
                self._repeated(node, element, into, path)

    def _leaf(self, node: Any, element: etree._Element, path: str) -> Any:
        if self._flawed and self._draw(st.integers(0, 3)) == 0:
            return self._wrong(node, element, path)
        text, value = self._value(node.type)
        self._element(element, node).text = text
        return value

    def _value(self, kind: Any) -> tuple[str, Any]:
        before, after = self._draw(BLANKS), self._draw(BLANKS)
        if isinstance(kind, StringType):
            text = self._draw(TEXT)
            return text, text
        if isinstance(kind, EmptyType):
            return before, True
        if isinstance(kind, BooleanType):
            truth = self._draw(st.booleans())
            return f"{before}{str(truth).lower()}{after}", truth
        if isinstance(kind, EnumerationType):
            word = self._draw(st.sampled_from(sorted(kind.enum)))
            return f"{before}{word}{after}", word
        assert isinstance(kind, IntegralType), kind
        low, high = (kind.range.intervals[0][0], kind.range.intervals[-1][-1]) if kind.range else kind._range
        number = self._draw(st.sampled_from([low, high]) | st.integers(low, high))
        return f"{before}{number}{after}", number

    def _wrong(self, node: Any, element: etree._Element, path: str) -> Unreadable:
        """What the type does not have: for a string only elements, for others also nothing and any other text."""
        made = self._element(element, node)
        text = self._draw(st.sampled_from(["", WRONG]))
        if isinstance(node.type, EmptyType):
            text = WRONG
        if isinstance(node.type, StringType):
            etree.SubElement(made, f"{{{self._namespace}}}inside")
        made.text = text
        self.unreadable.add(path)
        return Unreadable(text, "")

    def _repeated(self, node: Any, element: etree._Element, into: dict[str, Any], path: str) -> None:
        """The leaf once more, by the same value or another."""
        before, text = into[node.name], element[-1].text or ""
        value: Any = before
        if isinstance(before, Unreadable):
            return
        if self._draw(st.booleans()):
            text, value = self._value(node.type)
        self._element(element, node).text = text
        if value != before:
            into[node.name] = Unreadable(text, "")
            self.unreadable.add(path)

    def _foreign(self, node: Any, element: etree._Element) -> None:
        """Elements of names that the model has, in a namespace that it has not; and one that nobody has."""
        for child in node.children[:2]:
            etree.SubElement(element, f"{{urn:foreign}}{child.name or 'x'}").text = WRONG
        etree.SubElement(element, f"{{{self._namespace}}}brand-new").text = WRONG

    def _element(self, parent: etree._Element, node: Any) -> etree._Element:
        return etree.SubElement(parent, f"{{{self._namespace}}}{node.name}")


@st.composite
def replies(draw: st.DrawFn, name: str, *, flawed: bool) -> tuple[bytes, dict[str, Any], set[str]]:
    """A reply, what it says, and the paths of its leaves that are not to be read."""
    root = model_of(name).schema
    outputs = [one.get_child("output") for one in root.children if isinstance(one, RpcActionNode)]
    outputs = [one for one in outputs if one.children]
    data_nodes = [one for one in root.children if not isinstance(one, RpcActionNode)]
    maker = Maker(draw, VARIANTS[name][2], flawed=flawed)
    data, tree = etree.Element("data"), dict[str, Any]()
    top = root if data_nodes else draw(st.sampled_from(outputs)) if outputs else None
    if top is not None:
        maker.children(top, data, tree, "")
    return etree.tostring(data), tree, maker.unreadable


def same(read: Any, made: Any) -> bool:
    """Equal, an unreadable leaf by what was sent."""
    if isinstance(made, dict):
        return isinstance(read, dict) and read.keys() == made.keys() and all(same(read[key], made[key]) for key in made)
    if isinstance(made, list):
        return isinstance(read, list) and len(read) == len(made) and all(map(same, read, made))
    if isinstance(made, Unreadable):
        return isinstance(read, Unreadable) and read.text == made.text
    return type(read) is type(made) and bool(read == made)


@pytest.mark.parametrize("flawed", [False, True], ids=["valid", "flawed"])
@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_each_variant_reads_a_reply_and_loses_nothing_but_its_flaws(name: str, flawed: bool) -> None:
    @few
    @given(replies(name, flawed=flawed))
    def read(made: tuple[bytes, dict[str, Any], set[str]]) -> None:
        sent, tree, unreadable = made
        with findings() as found:
            decoded = schema(name).decode(parse(sent), module=VARIANTS[name][0])
        assert same(decoded, tree)
        noted = {note.split(": ")[1].split(" cannot be read")[0] for note in found.notes if "further" not in note}
        assert noted <= unreadable
        assert len(found.notes) > 20 or noted == unreadable

    read()
