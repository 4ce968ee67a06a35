"""Subtree filters (RFC 6241 section 6), written apart from anything in the agent."""

from __future__ import annotations

import copy

from lxml import etree


def select(data: list[etree._Element], wanted: etree._Element) -> list[etree._Element]:
    """Copies of what the children of the ``<filter>`` element *wanted* select among *data*."""
    found = []
    for rule in _elements(wanted):
        for node in data:
            if _same_name(rule, node):
                kept = _keep(node, rule)
                if kept is not None:
                    found.append(kept)
    return found


def selects(rule: etree._Element, name: str, namespace: str) -> bool:
    """Whether a rule of a filter is about nodes of that name; one without a namespace is about those of any."""
    wanted = etree.QName(rule)
    return wanted.localname == name and wanted.namespace in (None, "", namespace)


def _keep(node: etree._Element, rule: etree._Element) -> etree._Element | None:
    rules = _elements(rule)
    if not rules:
        return copy.deepcopy(node)
    matches = [one for one in rules if not len(one) and (one.text or "").strip()]
    for match in matches:
        if not any(
            _same_name(match, child) and (child.text or "").strip() == (match.text or "").strip() for child in node
        ):
            return None
    selections = [one for one in rules if one not in matches]
    if not selections:
        return copy.deepcopy(node)
    kept = etree.Element(node.tag, nsmap=dict(node.nsmap))  # type: ignore[arg-type] # None is the default
    for child in node:
        if any(_same_name(match, child) for match in matches):
            kept.append(copy.deepcopy(child))
        for rule_below in selections:
            if _same_name(rule_below, child):
                below = _keep(child, rule_below)
                if below is not None:
                    kept.append(below)
    return kept if len(kept) else None


def _elements(element: etree._Element) -> list[etree._Element]:
    return list(element.iterchildren("*"))


def _same_name(rule: etree._Element, node: etree._Element) -> bool:
    if rule.tag == node.tag:
        return True
    name = etree.QName(node)
    return selects(rule, name.localname, name.namespace or "")
