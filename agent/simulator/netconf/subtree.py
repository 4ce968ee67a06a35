"""Subtree filters (RFC 6241 section 6), written apart from anything in the agent."""

from __future__ import annotations

import copy
from collections.abc import Iterable

from lxml import etree


def select(data: Iterable[etree._Element], rules: Iterable[etree._Element]) -> list[etree._Element]:
    """Copies of what *rules*, the children of a ``<filter>``, select among *data*."""
    kept = [_keep(node, rule) for rule in rules for node in data if _same_name(rule, node)]
    return [node for node in kept if node is not None]


def selects(rule: etree._Element, name: str, namespace: str) -> bool:
    """Whether a rule of a filter is about nodes of that name; one without a namespace is about those of any."""
    wanted = etree.QName(rule)
    return wanted.localname == name and wanted.namespace in (None, "", namespace)


def _keep(node: etree._Element, rule: etree._Element) -> etree._Element | None:
    rules = list(rule.iterchildren("*"))
    matches = [one for one in rules if not len(one) and _text(one)]
    if not all(any(_same_name(one, child) and _text(child) == _text(one) for child in node) for one in matches):
        return None
    selections = [one for one in rules if one not in matches]
    if not selections:
        return copy.deepcopy(node)
    kept = etree.Element(node.tag, nsmap=dict(node.nsmap))  # type: ignore[arg-type] # None is the default
    for child in node:
        if any(_same_name(match, child) for match in matches):
            kept.append(copy.deepcopy(child))
        kept.extend(select([child], selections))
    return kept if len(kept) else None


def _text(element: etree._Element) -> str:
    return (element.text or "").strip()


def _same_name(rule: etree._Element, node: etree._Element) -> bool:
    name = etree.QName(node)
    return selects(rule, name.localname, name.namespace or "")
