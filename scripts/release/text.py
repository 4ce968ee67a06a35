"""The text of a variant of ``yang/``: what pyang read of a module, written down with our own descriptions."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from scripts.release.nodes import Node, Type

WIDTH = 100
UNWRITTEN = "TO BE WRITTEN BY HAND"
"""Begins each description that the command cannot know."""
_PRESENCE = "Its being there is the setting."


def module(
    name: str,
    namespace: str,
    prefix: str,
    about: str,
    revision: str,
    note: str,
    nodes: tuple[Node, ...],
    descriptions: Mapping[str, str | None],
) -> str:
    """The whole file; *note* describes the revision, *descriptions* the nodes by path."""
    head = [
        f"module {name} {{",
        f'  namespace "{namespace}";',
        f"  prefix {prefix};",
        "",
        *_described(about, 2),
        "",
        f"  revision {revision} {{",
        *_described(note, 4),
        "  }",
    ]
    body = [line for node in nodes for line in ("", *_node(node, f"/{node.name}", 2, True, descriptions))]
    return "\n".join([*head, *body, "}", ""])


def unwritten(path: str) -> str:
    """What stands for the description of a new node."""
    return f"{UNWRITTEN}: what {path} is, in words of our own; without this statement where its name says it."


def _described(text: str, indent: int) -> list[str]:
    """A description statement, folded as the others are."""
    pad = " " * indent
    text = " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
    line = f'{pad}description "{text}";'
    if len(line) <= WIDTH:
        return [line]
    folded = textwrap.wrap(text, WIDTH - indent - 5, break_long_words=False, break_on_hyphens=False)
    lines = [f"{pad}  {'' if number else chr(34)}{' ' if number else ''}{part}" for number, part in enumerate(folded)]
    return [f"{pad}description", *lines[:-1], f'{lines[-1]}";']


def _node(
    node: Node, path: str, indent: int, config: bool | None, descriptions: Mapping[str, str | None]
) -> Iterator[str]:
    pad, inner, shape = " " * indent, " " * (indent + 2), node.shape
    named = shape.keyword if shape.keyword in {"input", "output"} else f"{shape.keyword} {node.name}"
    yield f"{pad}{named} {{"
    if shape.key is not None:
        yield f'{inner}key "{shape.key}";'
    if config and shape.config is False:
        yield f"{inner}config false;"
    if shape.presence:
        yield f'{inner}presence "{_PRESENCE}";'
    if shape.type is not None:
        yield from _type(shape.type, indent + 2)
    if shape.units is not None:
        yield f'{inner}units "{shape.units}";'
    yield from (f'{inner}default "{default}";' for default in shape.defaults)
    if shape.mandatory:
        yield f"{inner}mandatory true;"
    yield from (f"{inner}{word} {said};" for word, said in _counts(node))
    if descriptions.get(path):
        yield from _described(str(descriptions[path]), indent + 2)
    for child in node.below:
        yield from _node(child, f"{path}/{child.name}", indent + 2, shape.config, descriptions)
    yield f"{pad}}}"


def _counts(node: Node) -> Iterator[tuple[str, str]]:
    if node.shape.least is not None:
        yield "min-elements", node.shape.least
    if node.shape.most is not None:
        yield "max-elements", node.shape.most
    if node.shape.by_user:
        yield "ordered-by", "user"


def _type(given: Type, indent: int) -> Iterator[str]:
    pad = " " * indent
    if given.words:
        word, value = ("bit", "position") if given.name == "bits" else ("enum", "value")
        yield f"{pad}type {given.name} {{"
        for name, number in given.words:
            yield f"{pad}  {word} {_token(name)}{';' if name in given.counted else f' {{ {value} {number}; }}'}"
        yield f"{pad}}}"
        return
    if given.members:
        yield f"{pad}type {given.name} {{"
        for member in given.members:
            yield from _type(member, indent + 2)
        yield f"{pad}}}"
        return
    limits = " | ".join(str(low) if low == high else f"{low}..{high}" for low, high in given.limits)
    word = "length" if given.name in {"string", "binary"} else "range"
    said = [f"fraction-digits {given.digits};"] if given.digits is not None else []
    said += [f'{word} "{limits}";'] if limits else []
    yield f"{pad}type {given.name} {{ {' '.join(said)} }}" if said else f"{pad}type {given.name};"


def _token(name: str) -> str:
    """A name of an enumeration, in quotes where YANG wants them."""
    plain = not any(sign in name for sign in " \t\n;{}\"'") and "//" not in name and "/*" not in name
    return name if plain and name else f'"{name}"'
