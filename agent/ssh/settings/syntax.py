"""An OpenSSH client configuration as it is written (ssh_config(5)): its blocks and lines, read once for all hosts."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from agent.model.address import Endpoint
from agent.model.errors import InputError
from agent.model.local.files import read_start
from agent.ssh.settings.filecache import FileCache

HINT = "'ssh -G HOST' shows how ssh reads it; another file is named by --ssh-config"

_LARGEST = 16 << 20
_MOST_FILES = 1 << 15  # a folder may have one for each router, and each lookup goes through all
_SPACE = " \t\r\n"
_BEGINNING = re.compile(r'"?([^\s"=]+)"?[ \t]*=?[ \t]*')
# An escape inside of quotes is none of a blank; a quote that is escaped closes nothing.
_PART = re.compile(r"""((?:\\['"\\ ]|[^ \t'"])++)|"((?:\\['"\\]|[^"])*+)"|'((?:\\['"\\]|[^'])*+)'""")
_ESCAPED, _QUOTED = re.compile(r"""\\(['"\\ ])"""), re.compile(r"""\\(['"\\])""")
_ALIASES = {"dsaauthentication": "pubkeyauthentication", "identityfile2": "identityfile"}
_COMMANDS = ("proxycommand", "proxyjump")
_LISTS = ("host", "match", "include", "userknownhostsfile", "globalknownhostsfile", "canonicaldomains")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_FLAG = ("yes", "no", "true", "false")
_WORDS = {
    "identitiesonly": _FLAG,
    "pubkeyauthentication": (*_FLAG, "unbound", "host-bound"),
    "canonicalizehostname": (*_FLAG, "always"),
    "canonicalizefallbacklocal": _FLAG,
}
_ONE = _set(
    "hostname port user tag hostkeyalias revokedhostkeys identityfile certificatefile identityagent kexalgorithms "
    "hostkeyalgorithms ciphers macs pubkeyacceptedalgorithms ignoreunknown canonicalizemaxdots"
).union(_WORDS)
_READ = _ONE.union(_COMMANDS, _LISTS)
# Every other keyword of OpenSSH 10.5, of what distributions add to it, and of macOS: nothing here depends on them.
_OTHERS = _set(
    """addkeystoagent addressfamily afstokenpassing batchmode bindaddress bindinterface canonicalizepermittedcnames
    casignaturealgorithms challengeresponseauthentication channeltimeout checkhostip cipher clearallforwardings
    compression compressionlevel connectionattempts connecttimeout controlmaster controlpath controlpersist
    dynamicforward enableescapecommandline enablesshkeysign escapechar exitonforwardfailure fallbacktorsh
    fingerprinthash forkafterauthentication forwardagent forwardx11 forwardx11timeout forwardx11trusted gatewayports
    globalknownhostsfile2 gssapiauthentication gssapiclientidentity gssapidelegatecredentials gssapikexalgorithms
    gssapikeyexchange gssapirenewalforcesrekey gssapiserveridentity gssapitrustdns hashknownhosts
    hostbasedacceptedalgorithms hostbasedauthentication hostbasedkeytypes ipqos kbdinteractiveauthentication
    kbdinteractivedevices keepalive kerberosauthentication kerberostgtpassing knownhostscommand localcommand
    localforward loglevel logverbose nohostauthenticationforlocalhost numberofpasswordprompts obscurekeystroketiming
    passwordauthentication permitlocalcommand permitremoteopen pkcs11provider preferredauthentications protocol
    protocolkeepalives proxyusefdpass pubkeyacceptedkeytypes refuseconnection rekeylimit remotecommand remoteforward
    requesttty requiredrsasize rhostsauthentication rhostsrsaauthentication rsaauthentication rsaminsize
    securitykeyprovider sendenv serveralivecountmax serveraliveinterval sessiontype setenv setuptimeout
    skeyauthentication smartcarddevice stdinnull streamlocalbindmask streamlocalbindunlink stricthostkeychecking
    syslogfacility tcpkeepalive tisauthentication tunnel tunneldevice updatehostkeys usekeychain useprivilegedport
    userknownhostsfile2 useroaming usersh verifyhostkeydns versionaddendum visualhostkey warnweakcrypto
    xauthlocation"""
)
_CRITERIA = _set("host originalhost user localuser tagged exec")
_BARE = _set("all final canonical")


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition of ``Match``; *value* is empty where it has none."""

    name: str
    value: str
    negated: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A keyword in lower case and its words, without quotes; of a command the text as it stands."""

    number: int
    keyword: str
    words: tuple[str, ...]
    criteria: tuple[Criterion, ...] = ()


@dataclass(slots=True)
class Block:
    """What stands below one ``Host`` or ``Match``, or before the first of them."""

    head: Line | None
    lines: list[Line] = field(default_factory=list)


class ConfigFile:
    """One file; of thousands of ``Host`` blocks a host's own are found without looking at the others.

    Attributes:
        unknown: lines whose keyword only ``IgnoreUnknown`` can allow.
    """

    def __init__(self, blocks: Sequence[Block], unknown: Iterable[Line]) -> None:
        self.unknown = tuple(unknown)
        self._blocks = blocks
        self._general: list[int] = []
        self._literal: dict[str, list[int]] = {}
        for number, block in enumerate(blocks):
            head = block.head
            if head is None or head.keyword != "host" or any(set("*?!") & set(word) for word in head.words):
                self._general.append(number)
                continue
            for word in dict.fromkeys(head.words):
                self._literal.setdefault(word, []).append(number)

    def blocks(self, host: str) -> Iterator[Block]:
        """Those that may be for *host*, in their order."""
        own = self._literal.get(host)
        return (self._blocks[number] for number in (sorted(self._general + own) if own else self._general))


_files: FileCache[ConfigFile] = FileCache(_MOST_FILES)


def configuration(path: Path) -> ConfigFile:
    """The file at *path*, which is read again only where it was changed.

    Raises:
        InputError: it cannot be read, or a line of it cannot, which the error names.
    """
    try:
        return _files.get(path, _read)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}", hint=HINT) from error


def matches(text: str, patterns: Iterable[str]) -> bool:
    """Whether one of *patterns* (``*``, ``?``) is of *text*, and none of those with a ``!`` in front."""
    found = False
    for pattern in patterns:
        negated = pattern.startswith("!")
        if _pattern(pattern[1:] if negated else pattern).fullmatch(text):
            if negated:
                return False
            found = True
    return found


@lru_cache(1 << 16)
def _pattern(pattern: str) -> re.Pattern[str]:
    parts = (re.escape(part).replace(r"\?", ".") for part in re.split(r"\*+", pattern))
    return re.compile(".*".join(parts), re.DOTALL)


def _read(path: Path) -> ConfigFile:
    data = read_start(path, _LARGEST + 1, hint=HINT)
    if len(data) > _LARGEST:
        raise InputError(f"{path}: larger than 16 MiB", hint=HINT)
    blocks, unknown = [Block(None)], []
    for number, text in enumerate(os.fsdecode(data).split("\n"), start=1):
        try:
            line = _line(number, text)
        except (ValueError, InputError) as error:
            raise InputError(f"{path}, line {number}: {error}", hint=HINT) from error
        if line is None:
            continue
        if line.keyword in ("host", "match"):
            blocks.append(Block(line))
        elif line.keyword in _READ:
            blocks[-1].lines.append(line)
        elif line.keyword not in _OTHERS:
            unknown.append(line)
    return ConfigFile(blocks, unknown)


def _line(number: int, text: str) -> Line | None:
    text = text.rstrip(_SPACE + "\f").lstrip(_SPACE)
    if not text or text.startswith("#"):
        return None
    beginning = _BEGINNING.match(text)
    if beginning is None or "\0" in text:
        raise ValueError("this is no line of an SSH configuration")
    keyword, rest = beginning[1].lower(), text[beginning.end() :]
    keyword = _ALIASES.get(keyword, keyword)
    if not rest:
        raise ValueError(f"{beginning[1]} says nothing")
    words = _words(rest)
    if keyword in _COMMANDS:
        rest = rest.lstrip(_SPACE + "=")
        words = [rest if keyword == "proxycommand" else rest.partition("#")[0].rstrip(_SPACE)]
    if keyword == "port" and len(words) == 1 and not words[0].isdigit():
        words = [_port(words[0])]
    if keyword in _READ:
        _check(keyword, beginning[1], words)
    return Line(number, keyword, tuple(words), tuple(_criteria(words)) if keyword == "match" else ())


def _words(text: str) -> list[str]:
    """*text* without quotes and escapes, up to a comment."""
    found: list[str] = []
    at = 0
    while True:
        while text[at : at + 1] in (" ", "\t"):
            at += 1
        if text[at : at + 1] in ("", "#"):
            return found
        word = ""
        while part := _PART.match(text, at):
            plain, *quoted = part.groups()
            word += _ESCAPED.sub(r"\1", plain) if plain else _QUOTED.sub(r"\1", next(filter(None, quoted), ""))
            at = part.end()
        if text[at : at + 1] in ("'", '"'):
            raise ValueError(f"a {text[at]} is not closed")
        found.append(word)


def _check(keyword: str, written: str, words: Sequence[str]) -> None:
    """Refuse what ssh refuses, wherever it stands."""
    if not words or (keyword != "match" and "" in words):
        raise ValueError(f"{written} says nothing")
    if keyword in _ONE and len(words) > 1:
        raise ValueError(f"{written} takes one value, and {words[1]!r} follows it")
    if keyword in _WORDS and words[0].lower() not in _WORDS[keyword]:
        raise ValueError(f"{written} is {words[0]!r}, and not one of {', '.join(_WORDS[keyword])}")
    if keyword == "port" and not (words[0].isascii() and words[0].isdigit() and 0 < int(words[0][:6]) < 65536):
        raise ValueError(f"{words[0]!r} is no port in 1..65535")
    if keyword == "canonicalizemaxdots" and not (words[0].isascii() and words[0].isdigit()):
        raise ValueError(f"{words[0]!r} is no number")
    if keyword.endswith("knownhostsfile") and len(words) > 1 and "none" in map(str.lower, words):
        raise ValueError(f"{written}: none stands alone")
    if keyword == "proxyjump" and words[0].lower() != "none" and "%" not in words[0]:
        for hop in words[0].split(","):
            Endpoint.parse(hop)


def _port(service: str) -> str:
    """The port of a service that this machine knows by name, else *service*."""
    try:
        return str(socket.getservbyname(service, "tcp"))
    except OSError:
        return service


def _criteria(words: Sequence[str]) -> Iterator[Criterion]:
    """The conditions of a ``Match`` line (ssh_config(5)); one that is not known would be for every host or for none."""
    left = iter(words)
    for before, word in enumerate(left):
        text = word.removeprefix("!")
        name, equals, value = text.partition("=")
        name = name.lower()
        bare = name in _BARE and not equals
        if name == "all" and bare and (before > 1 or next(left, None) is not None):
            raise ValueError("the criterion all of Match takes no other beside it")
        if not bare and name not in _CRITERIA:
            raise ValueError(f"the criterion {text!r} of Match is not known")
        found = "" if bare else value if equals else next(left, None)
        if found is None or not (found or bare or name == "tagged"):
            raise ValueError(f"the criterion {name} of Match says nothing")
        yield Criterion(name, found, word.startswith("!"))
