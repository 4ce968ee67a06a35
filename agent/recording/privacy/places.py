"""Where private values stand: elements and attributes by their names, lines of the CLI and messages by their words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from agent.recording.privacy.vocabulary import KEPT, folded, public_host


class Kind(Enum):
    """What is replaced, as it is counted."""

    HOST = "host name"
    USER = "user"
    ADDRESS = "address"
    MAC = "MAC address"
    SERIAL = "serial number"
    ACCOUNT = "account"
    EMAIL = "e-mail address"
    PHONE = "phone number"
    LOCATION = "location"
    DESCRIPTION = "description"
    NAME = "other name"
    KEY = "key"
    CERTIFICATE = "certificate"
    BANNER = "banner"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands; *number* where it is hex digits of a certificate."""

    kind: Kind
    start: int
    end: int
    number: bool = False


_NAMES = {
    Kind.HOST: r"(?:(?:host|system|device|router|remote-host|peer|neighbor|proxy|chassis)-?name|host|fqdn"
    r"|domain(?:-?name)?|server(?:-address|-name|-host)?|(?:destination|source|remote)-host|proxy(?:-address|-host)?)",
    Kind.USER: r"(?:user(?:-?name|-id)?|login(?:-?name)?|owner|author|(?:committed|created|configured)-by|principal)",
    Kind.SERIAL: r"(?:(?:chassis-|device-|board-|product-|rack-)?serial(?:-?num(?:ber)?|-no)?|sn|chassis-?sn)",
    Kind.ACCOUNT: r"(?:(?:smart|virtual)-?account(?:-?name)?|account(?:-?name)?|customer-?id|contract-?id|site-?id"
    r"|site-?name|organi[sz]ation|company|tenant)",
    Kind.LOCATION: r"(?:street-?address|(?:sys-?|physical-)?location|city|building|floor|room|clli(?:-code)?|asset-id)",
    Kind.DESCRIPTION: r"(?:description|descr|(?:sys-?)?contact(?:-info|-name|-person)?|banner(?:-text)?|motd|remark"
    r"|comment|alias)",
    Kind.PHONE: r"(?:phone(?:-?number)?|telephone|fax|mobile)",
    Kind.NAME: r"(?:vrf(?:-?name)?|profile-name)",
    Kind.CERTIFICATE: r"(?:finger-?print(?:-sha1)?|serial-num(?:ber)?)",
}
_BY_NAME = {kind: re.compile(names) for kind, names in _NAMES.items()}
_ANY = "|".join(_NAMES.values())
_ELEMENT = re.compile(
    rf"(?i)<(?:[\w-]{{1,64}}:)?({_ANY})(?:\s[^<>]{{0,500}})?>(?:<!\[CDATA\[)?(?=[^\s<])([^<]+?)(?:\]\]>)?<"
)
_ATTRIBUTE = re.compile(rf"(?i)[\s{{,]\"?(?:[\w-]{{1,64}}:)?({_ANY})\"?\s*[=:]\s*(?:\"([^\"<>]+)\"|'([^'<>]+)')")

NODE = r"(?:(?:D?RP|RSP|LC|SC|SP|B?FC|F|B)\d{0,2}/)?[A-Z]{0,2}\d{1,3}/[A-Z]{0,6}\d{1,3}(?:/[A-Z]{2,8}\d{1,3})?"
_DAY = r"(?:[*.]?(?:\d{4} )?[A-Z][a-z]{2} {1,2}\d|\d{4}-\d\d-\d\d)"
_NAME = r"([A-Za-z0-9_][A-Za-z0-9_.-]{0,252})"
_CHAR = r"[^ \t\r\n]"
# All to the end of the line, however long, but quotes around it. Blanks can be divided in one way only.
_VALUE = rf"([^ \t\r\n\"']{_CHAR}*?(?:[ \t]+{_CHAR}+?)*?)[\"']?"
_WHOLE = rf"[\"']?{_VALUE}[ \t]*\r?$"


_CLI: tuple[tuple[Kind, tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (kind, words, re.compile(pattern, re.MULTILINE))
    for kind, words, pattern in (
        (Kind.HOST, ("#", ">"), rf"(?:{NODE}|sysadmin-vm:\d_RP\d):{_NAME}(?=(?:\([^()\s]{{0,60}}\)?)?[#>])"),
        (Kind.HOST, ("#",), rf"^{_NAME}(?=(?:\(config[^()\s]{{0,60}}\))?#)"),
        (Kind.HOST, ("/",), rf"(?:^|[>\n]|\d: ?|\d ){_NAME}(?= {NODE}: ?{_DAY})"),
        (
            Kind.HOST,
            ("%", "/cpu"),
            (
                r"^(?:<\d{1,3}>)?(?:\d{1,9}: )?[A-Z][a-z]{2} {1,2}\d{1,2} \d\d:\d\d:\d\d(?:\.\d+)? "
                rf"{_NAME}(?= [^\n]*(?:%|/CPU\d))"
            ),
        ),
        (Kind.HOST, ("t",), rf"^(?:<\d{{1,3}}>)?(?:1 )?\d{{4}}-\d\d-\d\dT\S{{8,32}} {_NAME}(?= )"),
        (Kind.HOST, ("hostname",), rf"^[ \t]*(?:switch)?hostname[ \t]+\"?{_NAME}"),
        (Kind.HOST, ("hostname", "host-name"), rf"(?i)host-?name\"?[ \t]*[:=][ \t]*\"?{_NAME}"),
        (Kind.HOST, (" uptime is ",), rf"^(?!System ){_NAME} uptime is "),
        (Kind.HOST, ("hostnameprefix",), rf"(?i)hostnameprefix[ \t]+{_NAME}"),
        (
            Kind.HOST,
            ("domain",),
            rf"(?i)^[ \t]*(?:ip |ipv4 |ipv6 )?domain[ -](?:name|list|(?:ipv4 |ipv6 )?host)[ \t]+(?:vrf \S+ )?{_NAME}",
        ),
        (
            Kind.HOST,
            ("proxy",),
            rf"(?i)\b(?:http-)?proxy(?:[ -](?:server|address|host))?[ \t]*:?[ \t]+(?:hostname )?{_NAME}",
        ),
        (
            Kind.HOST,
            ("server", "logging", "peer"),
            (
                r"(?i)^[ \t]*(?:ntp (?:server|peer)|(?:tacacs|radius|snmp)-server host|logging"
                r"|(?:domain |ip )?name-server)[ \t]+(?:vrf \S+ )?([A-Za-z_][\w-]*(?:\.[\w-]+)+)"
            ),
        ),
        (Kind.USER, ("username",), r"^[ \t]*username[ \t]+([^\s]{1,64})"),
        (
            Kind.USER,
            ("'", '"'),
            r"(?i)\b(?:user(?:[ -]?name)?|login|principal|by|for)[ \t]*[:=]?[ \t]*['\"]([^'\"\s]{1,64})['\"]",
        ),
        (Kind.USER, ("user",), r"(?i)\buser(?:[ -]?name)?[ \t]*[:=][ \t]*([\w.@-]{1,64})"),
        (
            Kind.USER,
            (" by ",),
            r"(?i)\b(?:committed|configured|changed|issued|logged (?:in|out)) by (?:user )?([\w.@-]{1,64})",
        ),
        (Kind.USER, (" for ",), r"\b(?:Accepted|Failed) [\w/-]{1,24} for (?:invalid user )?([\w.@-]{1,64})"),
        (Kind.USER, ("/~",), r"/~([A-Za-z_][\w.-]{0,63})(?=[/?#])"),  # the folder of a user on a web server
        (
            Kind.USER,
            ("home/", "users/"),
            r"(?:^|[\s\"'=(:>]|//[^\s/<>\"']{1,255})/?(?:home|Users|users)/([\w.@-]{1,64})",
        ),
        (
            Kind.USER,
            ("vty", "con", "aux", "tty"),
            r"^[ \t]*\*?[ \t]*(?:vty|con|aux|tty)[\w/]{1,12}[ \t]+([\w.@-]{1,64})[ \t]+(?:ssh|telnet|hardware|\d)",
        ),
        (Kind.SERIAL, ("sn", "s/n"), r"(?i)\b(?:SN|S/N)[ \t]*[:=][ \t]*([A-Z0-9][A-Z0-9-]{3,40})"),
        (
            Kind.SERIAL,
            ("serial", "board id", "chassis-id"),
            (
                r"(?i)\b(?:chassis |board |system |processor board |product |rack )?(?:serial(?: number| num| no\.?)?"
                r"|processor board id|chassis-id)[ \t]*[:=#]?[ \t]+([A-Z0-9-]*\d[A-Z0-9-]{3,40})(?![\w:])"
            ),
        ),
        (
            Kind.ACCOUNT,
            ("account", "customer", "contract", "site", "organi"),
            (
                r"(?i)^[ \t]*(?:smart account|virtual account|customer[ -]id|contract[ -]id|site[ -]id|organi[sz]ation)"
                rf"(?:[ \t]*:[ \t]*|[ \t]+)[\"']?(?!:){_VALUE}"
                r"(?:[ \t]{2,}As of [^\r\n]*)?[ \t]*\r?$"
            ),
        ),
        (
            Kind.LOCATION,
            ("location", "street"),
            rf"(?i)^[ \t]*(?:snmp-server location|street-address|location)[ \t]+(?!:){_WHOLE}",
        ),
        (Kind.DESCRIPTION, ("description",), rf"^[ \t]+description[ \t]+{_WHOLE}"),
        (
            Kind.DESCRIPTION,
            ("contact", "remark"),
            rf"(?i)^[ \t]*(?:snmp-server contact|contact-name|\d+ remark)[ \t]+{_WHOLE}",
        ),
        (
            Kind.DESCRIPTION,
            ("internet address",),
            rf"(?i)^[ \t]*Description:?[ \t]+{_WHOLE}(?=[^\n]*\n[ \t]+Internet address)",
        ),
        (Kind.PHONE, ("phone",), rf"(?i)^[ \t]*(?:phone-number|phone)(?:[ \t]*:)?[ \t]+{_WHOLE}"),
        (Kind.NAME, ("profile",), r"^[ \t]*profile[ \t]+\"?([\w.-]{1,64})"),
        (Kind.NAME, ("vrf",), r"\bvrf[ \t]+\"?([\w.:-]{1,32})"),
    )
)
"""Each with words, folded, of which one is in every text that it can match: soon looked for."""
_BANNER = re.compile(
    r"^banner[ \t]+(?:motd|login|exec|incoming|prompt-timeout|slip-ppp)[ \t]+(\S)([\s\S]{1,8000}?)\1", re.MULTILINE
)
_HEX = r"((?:[0-9A-Fa-f]{2}[ :.]?){%s}[0-9A-Fa-f]{2})(?![0-9A-Za-z])"
_NUMBERS = {
    "finger": re.compile(
        r"(?i)\bfinger-?print(?: ?\(?(?:sha-?1|sha-?256|md5)\)?)?[ \t]*[:=]?\s{0,40}" + _HEX % "15,31"
    ),
    "serial": re.compile(
        r"(?i)\bserial(?: number| num| no\.?)?(?: ?\(hex\))?[ \t]*[:=]?[ \t]*(?:\r?\n[ \t]+)?(?:0x)?" + _HEX % "1,20"
    ),
}

_CRYPTO_ACT = "http://cisco.com/ns/yang/Cisco-IOS-XR-crypto-act"


def places(text: str) -> Iterator[Place]:
    """Where a value stands in *text*, whatever it is; what is none is left out."""
    low = folded(text)
    yield from _marked_up(text)
    for word, number in _NUMBERS.items():
        for found in number.finditer(text) if word in low else ():
            if len(found[1].strip()) > 3:
                yield Place(Kind.CERTIFICATE, *found.span(1), number=True)
    for kind, words, pattern in _CLI:
        for found in pattern.finditer(text) if any(word in low for word in words) else ():
            if _is_value(kind, found[1]):
                yield Place(kind, *found.span(1))
    for banner in _BANNER.finditer(text) if "banner" in low else ():
        yield Place(Kind.BANNER, *banner.span(2))


def _marked_up(text: str) -> Iterator[Place]:
    if "<" in text:
        for element in _ELEMENT.finditer(text):
            yield from _named(element, 2)
    if '"' in text or "'" in text:
        for attribute in _ATTRIBUTE.finditer(text):
            yield from _named(attribute, 2 if attribute[2] is not None else 3)


def _named(found: re.Match[str], group: int) -> Iterator[Place]:
    name, value = folded(found[1]), found[group]
    if name == "server-name" and _CRYPTO_ACT in found.string:
        return  # the trustpoint's name, which stays wherever else it stands
    stripped = value.strip()
    start = found.start(group) + len(value) - len(value.lstrip())
    end = start + len(stripped)
    if _BY_NAME[Kind.CERTIFICATE].fullmatch(name) and re.fullmatch(_HEX % "1,40", stripped):
        yield Place(Kind.CERTIFICATE, start, end, number=True)
        return
    kind = next((kind for kind, names in _BY_NAME.items() if names.fullmatch(name)), Kind.NAME)
    kind = Kind.SERIAL if kind is Kind.CERTIFICATE else kind
    if _is_value(kind, stripped):
        yield Place(kind, start, end)


_NO_NAME = re.compile(rf"{NODE}|\*+|<\w+>|[\W_]*|-?\d{{1,3}}", re.ASCII)
_VALID = {
    Kind.HOST: re.compile(r"[\w.-]+"),
    Kind.USER: re.compile(r"\S+"),
    Kind.SERIAL: re.compile(r"[\w./-]*\d[\w./-]*"),
}


def _is_value(kind: Kind, value: str) -> bool:
    if folded(value) in KEPT or _NO_NAME.fullmatch(value) or value == "CiscoTAC-1" or public_host(value):
        return False
    if kind in (Kind.LOCATION, Kind.NAME) and re.match(rf"(?:{NODE})(?:\s|$)", value):
        return False
    valid = _VALID.get(kind)
    return valid is None or valid.fullmatch(value) is not None


NAMED = re.compile(
    r"(?i)(?<![\w-])(?:CN|OU|O|L|ST|S|STREET|DC|UID|T|title|GN|givenName|SN|surname|serialNumber|emailAddress|E|unstructuredName)"
    r"[ \t]*=[ \t]*((?:\\.|[^,/+=<>\r\n\"\\]){1,200}?)(?=[ \t]*(?:[,/+<\r\n\"]|$))"
)
_RUN = re.compile(r"(?i)(?<![\w-])(?:CN|OU|O)[ \t]*=")


def named(text: str) -> Iterator[tuple[int, int]]:
    """The values of distinguished names in *text*."""
    if _RUN.search(text) is None:
        return
    for found in NAMED.finditer(text):
        kind = found.group().partition("=")[0].strip()
        line = text[text.rfind("\n", 0, found.start()) + 1 : found.start()]
        ahead = line.strip(" \t\r")
        if kind.isupper() and len(kind) == 1 and not (not ahead or ahead[-1:] in ',/:>"+'):
            continue
        yield found.span(1)
