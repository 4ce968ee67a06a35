"""Every template against every variant of its module: what is sent exists on the devices it is sent to."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from lxml import etree

from agent.model.errors import SchemaError
from agent.model.local.resources import directory
from agent.netconf.payload import NETCONF_NS, TEMPLATE_NS, Element, parse, qname, serialize, template
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.library import Match
from agent.netconf.yang.schema import Schema
from tests.netconf.placeholders import placeholders

MONITORING_NS = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
LIBRARY_NS = "urn:ietf:params:xml:ns:yang:ietf-yang-library"
MODULES: dict[str, Any] = json.loads((directory("yang") / "releases.json").read_text(encoding="utf-8"))["modules"]
MODULE_OF = {about["namespace"]: module for module, about in MODULES.items()}
NAMES = sorted(path.stem for path in directory("templates").glob("*.xml"))
OPERATION = qname(NETCONF_NS, "operation")


LOCAL = "/crypto/ca/trustpoint/trustpoints/trustpoint/enrollment/local"
# Nodes that only some variants of the module have, by the placeholder that brings them into a template.
OPTIONAL = {
    "rpc-ca-authenticate": {"file_path": "/ca-authenticate/input/file-path"},
    "edit-trustpoint.um-crypto-cfg": dict.fromkeys(("local", "remove_local"), LOCAL),
}
# How many files of yang/ each template fits; a file that is added or changed has to be thought of here.
FITS = {
    "edit-trustpoint.cli-cfg": 2,
    "edit-trustpoint.crypto-cepki-cfg.crypto-ca": 5,
    "edit-trustpoint.crypto-cepki-cfg.crypto-cepki": 5,
    "edit-trustpoint.um-crypto-cfg": 11,
    "filter-dir": 1,
    "filter-filesystem": 2,
    "filter-http-client": 5,
    "filter-install-fixes": 5,
    "filter-install-version": 5,
    "filter-licensing": 1,
    "filter-name-validation": 1,
    "filter-reporting": 4,
    "filter-spirit-version": 4,
    "filter-syslog": 3,
    "filter-transport.call-home-cfg": 1,
    "filter-transport.smart-license-cfg": 5,
    "filter-transport.um-license-smart-cfg": 1,
    "filter-trustpoint-oper": 3,
    "filter-trustpoint.cli-cfg": 2,
    "filter-trustpoint.crypto-cepki-cfg.crypto-ca": 5,
    "filter-trustpoint.crypto-cepki-cfg.crypto-cepki": 5,
    "filter-trustpoint.um-crypto-cfg": 11,
    "rpc-ca-authenticate": 3,
    "rpc-ca-clear-certificates": 2,
    "rpc-ca-trustpool-import-url": 3,
    "rpc-ca-trustpool-import-url-clean": 3,
    "rpc-copy": 1,
    "rpc-delete": 1,
    "rpc-register-id-token": 1,
    "rpc-renew-auth": 1,
    "rpc-renew-id": 1,
}


@dataclass(frozen=True)
class Case:
    """One template on a device with one file's nodes; ``revision`` and ``release`` are what leads to that file."""

    name: str
    module: str
    file: str
    revision: str
    release: str | None

    def __str__(self) -> str:
        return f"{self.name}-{self.file}"

    @property
    def schema(self) -> Schema:
        uri = f"{MODULES[self.module]['namespace']}?module={self.module}&revision={self.revision}"
        return Schema(Capabilities.from_uris([uri]), release=self.release)


def source(name: str) -> Element:
    """The template as it is written."""
    return etree.fromstring((directory("templates") / f"{name}.xml").read_bytes())


def paths(element: Element, above: str = "") -> Iterator[str]:
    """The schema path of every element, as far as it lies in the root's own module."""
    path = f"{above}/{etree.QName(element).localname}"
    yield path
    for child in element:
        yield from paths(child, path)


def inside_rpc(path: str) -> str:
    """The path of an rpc's parameter in the schema, where it is below ``input``."""
    rpc, slash, rest = path.lstrip("/").partition("/")
    return f"/{rpc}/input/{rest}" if slash else f"/{rpc}"


def target(name: str) -> str:
    """The deepest node of the template that every use of it needs."""
    values = dict.fromkeys(placeholders(name), "x") | dict.fromkeys(OPTIONAL.get(name, {}), None)
    needed = max(paths(template(name, **values)), key=lambda path: path.count("/"))
    return inside_rpc(needed) if name.startswith("rpc-") else needed


def cases(names: list[str]) -> Iterator[Case]:
    for name in names:
        module = MODULE_OF.get(str(etree.QName(source(name)).namespace))
        for file, revisions in (MODULES[module]["files"] if module else {}).items():
            revision, releases = next(iter(revisions.items()))
            case = Case(name, str(module), file, revision, next(iter(releases), None))
            if case.schema.has(case.module, target(name)):
                yield case


CASES = list(cases(NAMES))
SENT = [case for case in CASES if not case.name.startswith("filter-")]


def uses(case: Case) -> Iterator[dict[str, str | bool | None]]:
    """Every use of a template that this variant allows: each placeholder given and not, each switch on and off."""
    words = [word for word, path in OPTIONAL.get(case.name, {}).items() if not case.schema.has(case.module, path)]
    switches = placeholders(case.name)
    choices: list[list[str | bool | None]] = []
    for word, switch in switches.items():
        given: list[str | bool | None] = [True if switch or word == "force" else f"{word}-1"]
        left_out: list[str | bool | None] = [None] if switch or word in ("url", "file_path", "force") else []
        choices.append(left_out if word in words else given + left_out)
    for choice in itertools.product(*choices):
        values = dict(zip(switches, choice, strict=True))
        # One enrollment is set, and none is set and removed in one edit.
        kinds = ("terminal", "local", "url")
        if "terminal" in values and (
            sum(bool(values[kind]) for kind in kinds) != 1 or any(values[k] and values[f"remove_{k}"] for k in kinds)
        ):
            continue
        yield values


def test_every_template_for_a_module_fits_the_files_it_is_meant_for() -> None:
    found = {name: sum(case.name == name for case in CASES) for name in NAMES}
    assert {name for name, count in found.items() if count} == set(FITS)
    # More where a release brought a variant.
    assert {name: found[name] for name, least in FITS.items() if found[name] < least} == {}


def test_a_template_without_a_module_is_a_protocol_operation() -> None:
    protocol = [name for name in NAMES if name not in FITS]
    assert {str(etree.QName(source(name)).namespace) for name in protocol} <= {NETCONF_NS, MONITORING_NS, LIBRARY_NS}
    # These are of ietf-netconf-monitoring and ietf-yang-library, which are in no release's own modules.
    assert {name for name in protocol if etree.QName(source(name)).localname != name.partition(".")[0]} == {
        "filter-modules-state",
        "filter-sessions",
        "filter-yang-library",
    }


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_variant_is_the_one_that_is_meant(case: Case) -> None:
    variant = case.schema.variant(case.module)
    assert variant is not None
    assert (variant.path.name, variant.match) == (case.file, Match.EXACT)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_node_a_template_names_is_in_the_variant(case: Case) -> None:
    schema = case.schema
    seen = 0
    for values in uses(case):
        for path in paths(template(case.name, **values)):
            assert schema.has(case.module, inside_rpc(path) if case.name.startswith("rpc-") else path), path
            seen += 1
    assert seen


@pytest.mark.parametrize("case", SENT, ids=str)
def test_every_use_of_a_template_is_valid_in_the_variant(case: Case) -> None:
    schema = case.schema
    seen = 0
    for values in uses(case):
        schema.validate(parse(serialize(template(case.name, **values))), module=case.module)
        seen += 1
    assert seen


@pytest.mark.parametrize("case", SENT, ids=str)
def test_a_node_the_variant_lacks_is_refused(case: Case) -> None:
    body = template(case.name, **next(uses(case)))
    etree.SubElement(body, qname(str(etree.QName(body).namespace), "no-such-node")).text = "x"
    with pytest.raises(SchemaError):
        case.schema.validate(body, module=case.module)


@pytest.mark.parametrize("case", [case for case in SENT if case.name in OPTIONAL], ids=str)
def test_an_optional_node_is_allowed_exactly_where_the_variant_has_it(case: Case) -> None:
    schema = case.schema
    base = next(uses(case))
    for word, path in OPTIONAL[case.name].items():
        values = base | {other: None for other in ("terminal", "url") if other in base} | {word: "harddisk:/a.pem"}
        body = template(case.name, **values)
        if schema.has(case.module, path):
            schema.validate(body, module=case.module)
        else:
            with pytest.raises(SchemaError):
                schema.validate(body, module=case.module)


@pytest.mark.parametrize("name", NAMES)
def test_a_template_takes_a_value_in_every_place_and_shows_none_of_its_own_language(name: str) -> None:
    values: dict[str, str | bool | None] = dict.fromkeys(placeholders(name), "value-1")
    sent = serialize(template(name, **values))
    texts = sum(not switch for switch in placeholders(name).values())
    assert sent.count(b"value-1") == texts
    assert b"{{" not in sent
    assert TEMPLATE_NS.encode() not in sent


@pytest.mark.parametrize("name", NAMES)
def test_an_operation_attribute_only_ever_removes(name: str) -> None:
    for element in source(name).iter():
        assert element.get(OPERATION) in (None, "remove")


@pytest.mark.parametrize("datastore", ["running", "candidate"])
@pytest.mark.parametrize("operation, holder", [("lock", "target"), ("unlock", "target"), ("get-config", "source")])
def test_a_protocol_operation_names_its_datastore(operation: str, holder: str, datastore: str) -> None:
    body = template(f"{operation}.{datastore}")
    assert body.tag == qname(NETCONF_NS, operation)
    assert [child.tag for child in body.iterfind(f"{qname(NETCONF_NS, holder)}/*")] == [qname(NETCONF_NS, datastore)]


@pytest.mark.parametrize(
    "name, last",
    [
        ("get", "filter"),
        ("get-config.running", "filter"),
        ("get-config.candidate", "filter"),
        ("edit-config", "config"),
    ],
)
def test_what_is_asked_or_edited_goes_into_the_last_element(name: str, last: str) -> None:
    holder = template(name, **dict.fromkeys(placeholders(name), True))[-1]
    assert holder.tag == qname(NETCONF_NS, last)
    assert len(holder) == 0
    assert holder.get("type") == ("subtree" if last == "filter" else None)
