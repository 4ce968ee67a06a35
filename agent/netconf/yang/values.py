"""The value of one leaf: text of an XML element to yangson's value, and to a plain one (RFC 7950 section 9)."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

from yangson.datatype import (
    BinaryType,
    BitsType,
    DataType,
    EmptyType,
    IdentityrefType,
    InstanceIdentifierType,
    LeafrefType,
    StringType,
    UnionType,
)
from yangson.exceptions import YangsonException

from agent.model.errors import shortened
from agent.netconf.payload import Element
from agent.netconf.yang.yangtext import UNMEANT

RAISED = (YangsonException, NotImplementedError, *UNMEANT)
"""What yangson raises over modules and data that are not ours: its own errors, and what it did not think of."""
_SHAPES = (
    *(LeafrefType, UnionType, StringType, BinaryType, IdentityrefType),
    *(EmptyType, BitsType, InstanceIdentifierType),
)
_LONGEST = 40


class NotOfType(Exception):
    """The text of a leaf is no value of its type; says which type, and the text unless that may be a secret."""


def said(error: BaseException) -> str:
    """What *error* says, with its type where yangson did not mean it; some of its own errors cannot be told as text."""
    name = type(error).__name__
    try:
        text = " ".join(str(error).split())
    except RAISED:
        return name
    meant = isinstance(error, YangsonException | OSError) and text
    return text if meant else f"yangson fails with {name}{f': {text}' if text else ''}"


def read(kind: DataType[Any, Any], element: Element) -> tuple[DataType[Any, Any], Any]:
    """The leaf's value as yangson has it, with its type: the referred one of a leafref, the fitting one of a union.

    Blanks around anything but a string are passed over. What limits a type further is not looked at where it is no
    reason to do without the value: length, pattern, the base of an identity.

    Raises:
        NotOfType: it is none.
    """
    if len(element):
        raise NotOfType(f"elements where a {kind} is expected")
    try:
        return _read(kind, element.text or "", element)
    except RAISED as error:
        raise NotOfType(f"no {kind} ({type(error).__name__})") from error


def plain(kind: DataType[Any, Any], value: Any) -> Any:
    """yangson's *value* as str, int, bool, Decimal or bytes; an empty leaf is True, an identity ``module:name``."""
    shape = _shape(type(kind).__mro__)
    if shape is EmptyType:
        return True
    return kind.canonical_string(value) if shape in (BitsType, IdentityrefType, InstanceIdentifierType) else value


@cache
def _shape(bases: tuple[type, ...]) -> type | None:
    """Which of those that are read in their own way a class of types is: isinstance takes long, since they are ABCs."""
    return next((one for one in _SHAPES if one in bases), None)


def _read(kind: DataType[Any, Any], text: str, element: Element) -> tuple[DataType[Any, Any], Any]:
    shape = _shape(type(kind).__mro__)
    if shape is StringType:
        return kind, text
    if shape is LeafrefType:
        return _read(kind.ref_type, text, element)
    if shape is UnionType:
        return _member(kind, text, element)
    text = text.strip()
    if shape is BinaryType:
        return kind, base64.b64decode("".join(text.split()), validate=True)
    if shape is IdentityrefType:
        return kind, _identity(kind, text, element)
    value = None if "_" in text and kind.yang_type().startswith(("int", "uint")) else kind.parse_value(text)
    if value is None or not _contains(kind, value):
        raise NotOfType(f"{shortened(text, _LONGEST)!r} is no {kind}")
    return kind, value


def _member(kind: UnionType, text: str, element: Element) -> tuple[DataType[Any, Any], Any]:
    """By the first type of the union that takes it, limits, patterns and identities' bases included."""
    for member in kind.types:
        try:
            found, value = _read(member, text, element)
        except (NotOfType, *RAISED):
            continue
        if _contains(found, value):
            return found, value
    raise NotOfType(f"none of the types of its union ({', '.join(str(member) for member in kind.types)})")


def _contains(kind: DataType[Any, Any], value: Any) -> bool:
    shape = _shape(type(kind).__mro__)
    if shape is BitsType:
        return all(bit in kind.bit for bit in value)
    return shape is InstanceIdentifierType or value in kind


def _identity(kind: IdentityrefType, text: str, element: Element) -> tuple[str, str]:
    """(name, module) of a QName, whose prefix is one of the element's (RFC 7950 section 9.10.3)."""
    prefix, colon, name = text.rpartition(":")
    modules = kind.sctx.schema_data.modules_by_ns
    namespace = element.nsmap.get(prefix if colon else None)
    if namespace in modules:
        module = modules[namespace].main_module[0]
    elif not colon or prefix in kind.sctx.schema_data.modules_by_name:
        module = prefix or kind.sctx.default_ns  # as JSON has it, which some devices send
    else:
        raise NotOfType(f"{shortened(text, _LONGEST)!r} has a prefix of no module of the device")
    return name, module
