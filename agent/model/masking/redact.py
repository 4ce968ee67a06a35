"""Text in which no secret shows and nothing acts: for terminals, logs and traces.

What a payload hides by its own words (an element ``password``, the line ``key 7 0822455D0A16``, a URL with a
password) is found by those words; a secret that is known is found wherever it stands, however it is escaped.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from agent.model.device import Secret

MASK = "***"

_SECRET_NAME = re.compile(
    r"passw|passphrase|secret|token|credential|communit(?:y|ies)|pre-?shared|(?:api|private)[-_. ]?key"
    r"|key-?(?:string|data|value)|(?:^|[-_. ])(?:keys?|pass|pwds?|pw|pswd|psks?|creds?)$"
    r"|(?-i:[a-z](?:Keys?|Pass|Pwd|Pw|Psk))$",
    re.IGNORECASE,
)
_NAMES_A_PLACE = re.compile(r"[-_](?:env|file|path|exec)$", re.IGNORECASE)

# What a terminal obeys instead of showing: C0, C1, DEL, line separators, bidi controls, lone surrogates.
_ACTS = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\ufeff\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ACTS_IN_LINE = re.compile(_ACTS.pattern.replace("\0-\x1f", "\0-\x09\x0b-\x1f"))

# RFC 3986 section 3.2.1, and as people write it: a password may hold "/" and "@" all the same, unless it is a port.
_USERINFO = re.compile(
    r"(?:(?<=://)(?P<user>[^\s/@:\[<>\"']{0,256}):(?!\d{0,5}(?:[/?#]|$|[\s<>\"']))(?P<password>[^\s<>\"']{1,512})@"
    r"|(?<![^\s<>\"'(=])(?P<bare>[\w.%+-]{1,64}):(?P<other>[^\s/@<>\"']{1,256})@(?=[\w\[]))"
)
# As IOS XR writes it in its configuration; and whatever follows such a word in a message.
_SAID = re.compile(
    r"(?:(?:passw\w*|passphrase|secret|id-?token|token|credential|key-?string|pre-shared-key)[\w-]*[ \t:=\"']+"
    r"|\bcommunity[ \t]+|\bkey[ \t]+(?=(?:\d{1,2}|clear|encrypted|hex\S{0,20})[ \t]))(?P<said>[^\s<>][^\r\n<>]*)",
    re.IGNORECASE,
)
# A value in the query of a URL, where a name may say that it is secret.
_QUERY = re.compile(r"[?&;](?P<name>[\w.%-]{1,64})=(?P<value>[^&;#\s<>\"']{1,512})")
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----(?P<key>.*?)(?=-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL
)
# Nothing here gives back what it took, so hostile text costs one pass.
_TOKEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<\?.*?(?:\?>|\Z)"
    r"|<(?P<end>/?)(?P<name>[^\s/<>!?]++)(?P<rest>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*+)>?"
    r"|[^<]++|<",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"(?<=[\s\"'])(?P<name>[^\s=\"'<>/]++)\s*+=\s*+(?:\"(?P<one>[^\"]*)\"|'(?P<other>[^']*)')")
_NAMED = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_SHORT = 4

Span = tuple[int, int]


def names_a_secret(name: str) -> bool:
    """Whether what *name* names is secret: an element or leaf, by its prefix or not, a key of data, an option.

    The name of an environment variable, file or program that has a secret (``password_env``) is none.
    """
    local = name.rpartition(":")[2]
    return _SECRET_NAME.search(local) is not None and _NAMES_A_PLACE.search(local) is None


def masked(text: str) -> str:
    """*text* with every password of a URL, or of ``user:password@host``, replaced by ``***``, and so what a URL's query
    calls a secret (``?token=…``)."""
    spans = [*(_userinfo(text) if "@" in text else ()), *(_queried(text) if "://" in text else ())]
    return _hidden(text, spans) if spans else text


def spelled(text: str, *, lines: bool = False) -> str:
    """*text* with every control character spelled out, ESC as ``\\x1b``; line feeds stay where *lines* is set."""
    return (_ACTS_IN_LINE if lines else _ACTS).sub(_spelling, text)


class Redactor:
    """Hides secrets by ``***``: what stands where secrets stand, and the *secrets* that are known."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        values = {form for secret in secrets for form in (secret.reveal(), secret.reveal().strip()) if form}
        forms = {form for value in values for form in _forms(value)}
        self._known = re.compile("|".join(sorted(forms, key=len, reverse=True))) if forms else None

    def known(self, text: str) -> str:
        """*text* without the known secrets, also where they are escaped as XML, JSON, URL, bytes or base64."""
        return _hidden(text, self._literal(text))

    def text(self, text: str) -> str:
        """*text* without known secrets, and without what configuration lines, messages and URLs hide."""
        return _hidden(text, [*self._literal(text), *_in_text(text, 0, len(text))])

    def xml(self, text: str) -> str:
        """As :meth:`text`, and without the content of elements whose name says that it is secret.

        The text need not be well-formed; an element that does not end hides all that follows.
        """
        return _hidden(text, [*self._literal(text), *_in_xml(text)])

    def _literal(self, text: str) -> Iterator[Span]:
        return (found.span() for found in self._known.finditer(text)) if self._known else iter(())


def _spelling(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _hidden(text: str, spans: Iterable[Span]) -> str:
    """*text* with each span replaced; all of them are of the text as it was, so that none hides another's end."""
    parts: list[str] = []
    done = 0
    for start, end in sorted(spans):
        if end <= done:
            continue
        if start > done or not parts:
            parts += [text[done:start], MASK]
        done = end
    return "".join((*parts, text[done:]))


def _userinfo(text: str, start: int = 0, end: int | None = None) -> Iterator[Span]:
    for found in _USERINFO.finditer(text, start, len(text) if end is None else end):
        yield found.span("password" if found["password"] is not None else "other")


def _queried(text: str) -> Iterator[Span]:
    for found in _QUERY.finditer(text):
        if names_a_secret(found["name"]):
            yield found.span("value")


def _in_text(text: str, start: int, end: int) -> Iterator[Span]:
    yield from _userinfo(text, start, end)
    for found in _SAID.finditer(text, start, end):
        yield found.span("said")
    for found in _PRIVATE_KEY.finditer(text, start, end):
        yield found.span("key")


def _in_xml(text: str) -> Iterator[Span]:
    secret, depth = "", 0  # the secret element around, and how often its name is open
    for token in _TOKEN.finditer(text):
        name, rest = token["name"], token["rest"] or ""
        if name is None:
            if not depth:
                yield from _in_text(text, *token.span())
            elif not token.group().isspace():
                yield token.span()
            continue
        if not depth:
            secret = name if names_a_secret(name) and not token["end"] else ""
        yield from _in_tag(text, *token.span("rest"), secret=bool(secret))
        if name == secret:
            depth += -1 if token["end"] else 0 if rest.endswith("/") else 1


def _in_tag(text: str, start: int, end: int, *, secret: bool) -> Iterator[Span]:
    for found in _ATTRIBUTE.finditer(text, start, end):
        name, value = found["name"], found.span("one" if found["one"] is not None else "other")
        if name == "xmlns" or name.startswith("xmlns:"):
            continue
        if secret or names_a_secret(name):
            yield value
        else:
            yield from _userinfo(text, *value)


def _forms(value: str) -> Iterator[str]:
    """Patterns for what *value* may look like."""
    yield "".join(map(_spellings, value))
    yield re.escape(quote(value, safe=""))
    if len(value) >= _SHORT:
        coded = base64.b64encode(value.encode("utf-8", "surrogateescape")).decode().rstrip("=")
        yield re.escape(coded)


def _spellings(character: str) -> str:
    """A pattern for what XML, JSON and the repr of a string or of bytes make of *character*."""
    if character.isascii() and character.isalnum():
        return character
    code = ord(character)
    raw = character.encode("utf-8", "surrogateescape")
    plain = {character, repr(character)[1:-1], json.dumps(character)[1:-1], repr(raw)[2:-1], f"\\{character}"}
    if character in _NAMED:
        plain.add(f"&{_NAMED[character]};")
    spellings = sorted(map(re.escape, plain), key=len, reverse=True)
    return f"(?:{'|'.join(spellings)}|&#0*{code};|&#[xX]0*(?i:{code:x});)"
