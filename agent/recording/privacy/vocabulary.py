"""Words that judge: what the tool reads a router's answers by, and what says nothing of whose router it is."""

from __future__ import annotations

import re
from functools import cache

from agent.model.device import Secret
from agent.model.local.resources import directory

_PUBLIC_HOSTS = """
tools.cisco.com smartreceiver.cisco.com www.cisco.com cisco.com software.cisco.com swapi.cisco.com
cloudsso.cisco.com tail-f.com openconfig.net www.openconfig.net yang.ietf.org www.ietf.org ietf.org
www.w3.org www.iana.org datatracker.ietf.org tools.ietf.org cslu-local validation.identrust.com
"""
PUBLIC_HOSTS = frozenset(_PUBLIC_HOSTS.split())
"""Hosts that are the same for everybody: Cisco's for licensing and PKI, and those in the names of models."""

PUBLIC_ADDRESSES = frozenset(["callhome@cisco.com", "tac@cisco.com", "cs-yang@cisco.com"])
"""E-mail addresses that Cisco's own texts have."""

PUBLIC_DOMAINS = (".openssh.com", ".libssh.org", ".ssh.com", ".lysator.liu.se", ".ietf.org")
"""Of the names of algorithms and namespaces."""

_AUTHORITIES = """
cisco; cisco systems; cisco systems, inc.; cisco root ca 2048; cisco root ca m1; cisco root ca m2
cisco root ca 2099; cisco rxc-r2; cisco ecc root ca; cisco licensing root ca; identrust
identrust commercial root ca 1; identrust public sector root ca 1; digital signature trust co.
dst root ca x3; quovadis limited; quovadis root ca 2; quovadis root ca 3
quovadis root certification authority; hydrantid (avalanche cloud corporation); hydrantid ssl ica g2
hydrantid ssl ca g3; digicert inc; www.digicert.com; digicert global root ca; digicert global root g2
baltimore; cybertrust; baltimore cybertrust root; verisign, inc.; amazon; amazon root ca 1
amazon root ca 2; amazon root ca 3; amazon root ca 4
"""
AUTHORITIES = frozenset(filter(None, re.split(r"[;\n] ?", _AUTHORITIES)))
"""Names of the authorities in Cisco's bundles, as their certificates have them; folded."""

PUBLIC_NUMBERS = frozenset(
    (
        "0509",
        "ca3afbcf1240364b44b216208880483919937cf7",
        "85a0dd7dd720adb7ff05f83d542b209dc7ff4528f7d677b18389fea5e5c49e86",
    )
)
"""Serial number and fingerprints of QuoVadis Root CA 2, which every router has that lacks its successor."""

# What CLI parsers, questions and messages are read by, as far as no model has the word.
_SAID = """
a abort accept active address admin administratively agent all allowed an and any apply are as ask at attempt auth
authenticate authorization authorized available based base64 be begin blank boot build built bundle by bytes ca cancel
cepki cert certificate certificates changes chassis cisco clear clock cn code com comm commit commits communication
communications compliance confirm configuration configure configured connect connection contact copied copy copyright
count cpu crypto cslu current date days default delete denied description dest destination device dir directory disable
disabled disk0 done down download dst enable enabled end ended enter enrollment entitlement entity error eval
evaluation exceeded exec exit expired expires export fail failed failure file filesystem fingerprint finished flash
for formal found free from fully get gmt group guestshell harddisk has have hello help host hostname hours http https
id idtoken import in info install interface interface invalid inventory ip ipv4 ipv6 is issued issuer it label
last lc length license licenses licensing limit line list local location lock locked log logged logging login logout
management md5 memory message method methods mgmt mgmtintf minutes mode module name netconf network never next no node
none not number of off ok on only or os out own package password peer period pid policy pool port process processor
product profile prompt protocol proxy public quit rate read ready refused registered registration reload remote
removed renew report reported reporting request reservation reserved restored retry rommon root router rp rsp run
running sc seconds secure security serial server service session sessions sftp sha1 sha256 show shell size smart sn
software source ssh start state status subject succeeded success summary supported switch synthetic sysadmin syslog
system table tcp term terminal test time timed timeout tmp to token tools transport trust trustpoint trustpool type
udi unable unknown unregistered until up update uptime url usage use used user username using utc utility valid
validity verify version via vid virtual vrf vty want was weeks width with write xr year years yes you your
monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun jan feb mar apr may jun jul aug sep
oct nov dec january february march april june july august september october november december
cet cest est edt cst cdt mst mdt pst pdt jst ist aest bst msk
asr asr9k ncs ncs540 ncs5k ncs5500 ncs560 ncs1k iosxrwbd xrd xrv9k xrv 8000 8200 crs hfr
incoming rate exceeded closed reset broken pipe protocol mismatch kex exchange identification
permission publickey keyboard interactive unauthorized prohibited warning only access strictly monitored
"""
_WORD = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_KEPT = """
default none n/a na unknown enabled disabled true false null empty all any yes no - -- *** true/false
not-set not_set notavailable not-available
"""
KEPT = frozenset(_KEPT.split())
"""What stands where a value stands, and is none."""

PROTECTED = re.compile(
    r"urn:[A-Za-z0-9:._-]+"
    r"|https?://(?:www\.)?(?:cisco\.com|openconfig\.net|tail-f\.com|w3\.org)/(?:ns|yang|1999|2001)/[^\s\"'<>?&]*"
    r"|\bregid\.\d{4}-\d\d\.com\.[\w.,-]+"
    r"|\bCisco-IOS-XR-[A-Za-z0-9-]+|\bCiscoTAC-1\b|\bCSC[a-z]{2}\d{5}\b"
    r"|(?:%|(?<=\]: )|(?<=\]:))[A-Z][A-Z0-9_]{1,30}(?:-[A-Z0-9_]{1,30}){0,3}-[0-7]-[A-Z0-9_]{2,60}\b"
    r"|(?i:\b(?:version|release|label)\b)[ =:>\"']{1,4}v?\d+\.\d+\.\d+(?:\.\d+[A-Z]\w*|(?!\.?\d)[\w-]*)"
    r"|\b(?:(?:D?RP|RSP|LC|SC|SP|B?FC|F|B)\d{0,2}/)?\d{1,3}/(?:[A-Z]{1,6}\d{0,3}|\d{1,3})/CPU\d\b"
)
"""What no name is looked for in: names of models and namespaces, mnemonics, defects, releases, nodes."""

MARKUP = re.compile(r"</?[A-Za-z_][\w.-]*(?::[\w.-]+)?|[\s][A-Za-z_][\w.-]*(?::[\w.-]+)?(?=\s*=\s*[\"'])")
"""Names of elements and attributes."""


def folded(text: str) -> str:
    """*text* in lower case, as long as before."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(map(_lower, text))


def _lower(char: str) -> str:
    return low if len(low := char.lower()) == 1 else char


def public_host(name: str) -> bool:
    """Whether *name* is the same for everybody."""
    low = folded(name)
    return low in PUBLIC_HOSTS or f".{low}".endswith(PUBLIC_DOMAINS)


@cache
def words() -> frozenset[str]:
    """Every word of the models and of what the CLI is read by, folded."""
    found = set(_SAID.split())
    for name, pattern in (("yang", "*.yang"), ("templates", "*.xml")):
        for path in sorted(directory(name).glob(pattern)):
            for word in _WORD.findall(path.read_text(encoding="utf-8").lower()):
                whole = word.strip(".-_")
                found.update((whole, *re.split(r"[._-]", whole)))
    return frozenset(found)


def ordinary(secret: Secret) -> bool:
    """Whether *secret* is a word that routers and their models say anyway, or a part of one, as ``cisco`` is.

    Masked wherever that stands it would show by the gaps what it is, and leave nothing to read.
    """
    return folded(secret.reveal()) in _joined()


@cache
def _joined() -> str:
    return "\n".join(sorted(words()))


def common(value: str) -> bool:
    """Whether *value*, folded, is said where no name is meant, so that it is replaced in its own place alone."""
    if len(value) < 2 or (value.isdigit() and len(value) < 6):
        return True
    return all(word in words() or word.isdigit() for word in value.split())


def distinctive(value: str) -> bool:
    """Whether *value*, folded, can be no part of a word that judges, so that it is replaced within words as well."""
    return len(value) > 3 and value not in _joined()
