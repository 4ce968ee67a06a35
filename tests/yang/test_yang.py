"""The modules in ``yang/``: they are sound YANG, found by (module, revision, release), and say what XR says."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pyang import context, repository
from yangson import DataModel
from yangson.schemanode import InternalNode, SchemaNode

from agent.model.local.resources import directory
from scripts.release.nodes import own, shapes
from scripts.release.text import UNWRITTEN

YANG = directory("yang")
FILES = sorted(path.name for path in YANG.glob("*.yang"))
NAME = re.compile(r"(?P<module>Cisco-IOS-XR-[a-z0-9-]+)@(?P<revision>\d{4}-\d\d-\d\d)(?P<letter>-[b-z])?\.yang")
INDEX: dict[str, Any] = json.loads((YANG / "releases.json").read_text(encoding="utf-8"))

XR = "Cisco-IOS-XR-"
TRUSTPOINT_UM = "/crypto/ca/trustpoint/trustpoints/trustpoint"
TRUSTPOINT_CEPKI = "certificate-authority/trustpoints/trustpoint"
CA_CERTIFICATE = "/crypto-certificate-authority/trustpoints/trustpoint/certificate-authority-certificate"
STATE_INFO = "/smart-agent/licensing/state/state-info"
UNIFIED = (("6.8.1", "6.9.2"), ("7.4.1", None))
"""First and last release of each span; None: to the newest."""


def split(name: str) -> tuple[str, str]:
    """The module and the first revision that a file's name stands for."""
    match = NAME.fullmatch(name)
    assert match, f"{name} is not module@revision.yang, or with a letter such as -b behind the revision"
    return match["module"], match["revision"]


def children(node: Any) -> Iterator[Any]:
    for child in getattr(node, "i_children", ()):
        # pyang makes an input and an output for every rpc, stated or not.
        if child.keyword in {"input", "output"} and not child.i_children:
            continue
        yield child


def walk(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for child in children(node):
        here = f"{path}/{child.arg or child.keyword}"
        yield here, child
        yield from walk(child, here)


@cache
def compiled(name: str) -> tuple[Any, tuple[str, ...]]:
    """The pyang module of a file and every complaint of a strict, canonical compilation."""
    ctx = context.Context(repository.FileRepository(str(YANG / "no-imports"), use_env=False))
    ctx.strict = True
    ctx.canonical = True
    ctx.max_line_len = 100
    ctx.max_identifier_len = 64
    module = ctx.add_module(name, (YANG / name).read_text(encoding="utf-8"))
    assert module is not None, f"{name}: {ctx.errors}"
    ctx.validate()
    return module, tuple(f"{position}: {code} {arguments}" for position, code, arguments in ctx.errors)


@cache
def nodes(name: str) -> dict[str, Any]:
    return dict(walk(compiled(name)[0]))


def substatement(node: Any, keyword: str) -> str | None:
    found = node.search_one(keyword)
    return None if found is None else str(found.arg)


def revisions_by_file() -> dict[str, dict[str, list[str]]]:
    return {file: revisions for entry in INDEX["modules"].values() for file, revisions in entry["files"].items()}


def files_on(release: str) -> dict[str, tuple[str, str]]:
    """What a release announces: module -> (revision, file)."""
    return {
        module: (revision, file)
        for module, entry in INDEX["modules"].items()
        for file, revisions in entry["files"].items()
        for revision, releases in revisions.items()
        if release in releases
    }


def number(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))


# --- each file -----------------------------------------------------------------------------------------------------


def test_there_is_one_file_per_variant() -> None:
    for module, entry in INDEX["modules"].items():
        sets = [own(file, (YANG / file).read_text(encoding="utf-8")).nodes for file in entry["files"]]
        assert len({tuple(shapes(one).items()) for one in sets}) == len(sets), module


@pytest.mark.parametrize("name", FILES)
def test_pyang_has_no_complaint_about_it(name: str) -> None:
    assert compiled(name)[1] == ()


@pytest.mark.parametrize("name", FILES)
def test_name_states_the_module_and_its_only_revision_statement(name: str) -> None:
    module, revision = split(name)
    statement = compiled(name)[0]
    assert statement.arg == module
    assert [item.arg for item in statement.search("revision")] == [revision]


@pytest.mark.parametrize("name", FILES)
def test_namespace_is_the_vendors(name: str) -> None:
    module, _ = split(name)
    expected = f"http://cisco.com/ns/yang/{module}"
    assert substatement(compiled(name)[0], "namespace") == expected
    assert INDEX["modules"][module]["namespace"] == expected


@pytest.mark.parametrize("name", FILES)
def test_module_revision_and_every_rpc_are_described(name: str) -> None:
    statement = compiled(name)[0]
    wanted = [statement, *statement.search("revision"), *statement.search("rpc")]
    assert [item.arg for item in wanted if not substatement(item, "description")] == []


@pytest.mark.parametrize("name", FILES)
def test_no_description_is_left_to_be_written(name: str) -> None:
    assert UNWRITTEN not in (YANG / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FILES)
def test_revision_statement_names_all_revisions_that_the_file_serves(name: str) -> None:
    _, first = split(name)
    served = revisions_by_file()[name]
    assert min(served) == first
    text = substatement(compiled(name)[0].search_one("revision"), "description") or ""
    assert [revision for revision in served if revision != first and revision not in text] == []


def yangson_paths(node: SchemaNode, path: str = "") -> Iterator[str]:
    for child in getattr(node, "children", ()):
        if child.name in {"input", "output"} and not child.children:
            continue
        here = f"{path}/{child.name}"
        yield here
        if isinstance(child, InternalNode):
            yield from yangson_paths(child, here)


@pytest.mark.parametrize("name", FILES)
def test_yangson_loads_it_and_sees_the_same_nodes_as_pyang(name: str, tmp_path: Path) -> None:
    module, revision = split(name)
    # yangson opens module@revision.yang, which a file with -b is not.
    shutil.copyfile(YANG / name, tmp_path / f"{module}@{revision}.yang")
    announced = {
        "name": module,
        "revision": revision,
        "namespace": INDEX["modules"][module]["namespace"],
        "conformance-type": "implement",
    }
    library = {"ietf-yang-library:modules-state": {"module-set-id": "1", "module": [announced]}}
    model = DataModel(json.dumps(library), (str(tmp_path),))
    assert set(yangson_paths(model.schema)) == set(nodes(name))


# --- releases.json -------------------------------------------------------------------------------------------------


def test_every_file_is_in_the_index_and_every_file_of_the_index_exists() -> None:
    assert sorted(revisions_by_file()) == FILES
    for module, entry in INDEX["modules"].items():
        assert {split(file)[0] for file in entry["files"]} == {module}


def test_index_knows_its_releases_in_order_and_no_others() -> None:
    releases = INDEX["releases"]
    assert len(set(releases)) == len(releases)
    assert releases == sorted(releases, key=number)
    used = {r for revisions in revisions_by_file().values() for served in revisions.values() for r in served}
    assert set(releases) - used == {"5.3.0"}, "5.3.0 alone has none of the modules"
    assert used <= set(releases)


def test_a_release_has_one_revision_and_one_file_of_a_module() -> None:
    seen = [
        (module, release)
        for module, entry in INDEX["modules"].items()
        for revisions in entry["files"].values()
        for served in revisions.values()
        for release in served
    ]
    assert len(seen) == len(set(seen))


def test_revisions_with_two_sets_of_nodes_are_known_and_differ() -> None:
    owners: dict[tuple[str, str], list[str]] = {}
    for file, revisions in revisions_by_file().items():
        for revision in revisions:
            owners.setdefault((split(file)[0], revision), []).append(file)
    doubled = {pair: sorted(files) for pair, files in owners.items() if len(files) > 1}
    assert set(doubled) >= {
        (XR + "cli-cfg", "2019-10-01"),
        (XR + "crypto-cepki-cfg", "2019-04-05"),
        (XR + "spirit-install-instmgr-oper", "2019-04-05"),
        (XR + "um-crypto-cfg", "2024-02-07"),
    }
    for (module, revision), files in doubled.items():
        assert nodes(files[0]).keys() != nodes(files[1]).keys(), f"{module}@{revision}"


def test_a_letter_marks_the_file_of_the_later_release_where_two_have_the_same_first_revision() -> None:
    earliest = {
        file: min((number(release) for served in revisions.values() for release in served), default=())
        for file, revisions in revisions_by_file().items()
    }
    second = [file for file in FILES if (match := NAME.fullmatch(file)) and match["letter"]]
    assert second
    for file in second:
        letter = chr(ord(file[-6]) - 1)
        plain = f"{file[:-7]}{'' if letter == 'a' else f'-{letter}'}.yang"
        assert min(revisions_by_file()[plain]) == min(revisions_by_file()[file])
        assert earliest[plain] < earliest[file]


@pytest.mark.parametrize(
    "release, module, revision, file",
    [
        ("7.3.2", "crypto-act", "2020-09-18", "crypto-act@2016-04-17.yang"),
        ("25.2.1", "crypto-act", "2024-08-27", "crypto-act@2024-08-27.yang"),
        ("24.1.2", "um-crypto-cfg", "2024-02-07", "um-crypto-cfg@2024-02-07.yang"),
        ("24.2.1", "um-crypto-cfg", "2024-02-07", "um-crypto-cfg@2024-02-07-b.yang"),
        ("7.0.2", "crypto-cepki-cfg", "2019-04-05", "crypto-cepki-cfg@2019-04-05-b.yang"),
        ("7.0.2", "cli-cfg", "2019-10-01", "cli-cfg@2019-04-05.yang"),
        ("7.5.5", "crypto-cepki-oper", "2022-04-06", "crypto-cepki-oper@2022-04-06.yang"),
        ("26.2.2", "um-http-client-cfg", "2025-08-13", "um-http-client-cfg@2024-06-18.yang"),
        ("26.2.2", "infra-syslog-oper", "2025-07-04", "infra-syslog-oper@2025-07-04.yang"),
        ("26.3.1", "infra-syslog-oper", "2026-06-03", "infra-syslog-oper@2025-07-04.yang"),
        ("26.3.1", "crypto-act", "2026-07-15", "crypto-act@2026-07-15.yang"),
        ("26.3.1", "crypto-cepki-cfg", "2026-07-09", "crypto-cepki-cfg@2026-07-09.yang"),
        ("26.3.1", "um-crypto-cfg", "2026-08-25", "um-crypto-cfg@2026-08-25.yang"),
        ("26.3.1", "um-http-client-cfg", "2026-04-22", "um-http-client-cfg@2026-04-22.yang"),
    ],
)
def test_index_leads_from_module_revision_and_release_to_the_file(
    release: str, module: str, revision: str, file: str
) -> None:
    assert files_on(release)[XR + module] == (revision, XR + file)


# --- what the agent relies on --------------------------------------------------------------------------------------

RELIED_ON: list[tuple[str, str, tuple[tuple[str, str | None], ...]]] = [
    ("crypto-act", "/ca-authenticate/input/server-name", (("6.2.1", "6.2.2"), ("6.3.1", None))),
    ("crypto-act", "/ca-authenticate/input/file-path", (("25.2.1", None),)),
    ("crypto-act", "/ca-trustpool-import-url/input/url", (("6.2.1", "6.2.2"), ("6.3.1", None))),
    ("crypto-act", "/ca-trustpool-import-url-clean/input/url", (("6.2.1", "6.2.2"), ("6.3.1", None))),
    ("crypto-act", "/ca-clear-certificates/input/server-name", (("25.3.1", None),)),
    ("um-crypto-cfg", f"{TRUSTPOINT_UM}/trustpoint-name", UNIFIED),
    ("um-crypto-cfg", f"{TRUSTPOINT_UM}/enrollment/terminal", UNIFIED),
    ("um-crypto-cfg", f"{TRUSTPOINT_UM}/enrollment/url", UNIFIED),
    ("um-crypto-cfg", f"{TRUSTPOINT_UM}/enrollment/local", (("25.2.1", None),)),
    ("um-crypto-cfg", f"{TRUSTPOINT_UM}/crl/optional", UNIFIED),
    ("um-crypto-cfg", f"{TRUSTPOINT_UM}/vrf", UNIFIED),
    ("um-crypto-cfg", "/crypto/ca/trustpool/policy/cabundle/url", UNIFIED),
    ("um-crypto-cfg", "/crypto/disable/tls/peer/name-validation", (("26.2.2", None),)),
    ("crypto-cepki-cfg", f"/crypto-ca/{TRUSTPOINT_CEPKI}/enrollment/url", (("6.7.2", "6.9.2"), ("7.1.2", "7.10.2"))),
    ("crypto-cepki-cfg", f"/crypto-cepki/{TRUSTPOINT_CEPKI}/enrollment/url", (("7.11.1", None),)),
    ("cli-cfg", "/cli", (("6.7.1", None),)),
    ("cli-cfg", "/get-cli-config-diff", (("7.0.1", "7.0.2"),)),
    ("crypto-cepki-oper", f"{CA_CERTIFICATE}/subject", (("6.7.2", "6.9.2"), ("7.1.2", None))),
    ("crypto-cepki-oper", f"{CA_CERTIFICATE}/issuer", (("6.7.2", "6.9.2"), ("7.1.2", None))),
    ("crypto-cepki-oper", f"{CA_CERTIFICATE}/certificate-valid-from", (("6.7.2", "6.9.2"), ("7.1.2", None))),
    ("crypto-cepki-oper", f"{CA_CERTIFICATE}/certificate-expires-on", (("6.7.2", "6.9.2"), ("7.1.2", None))),
    ("crypto-cepki-oper", f"{CA_CERTIFICATE}/serial-num", (("7.5.3", "7.5.51"), ("7.7.1", None))),
    ("crypto-cepki-oper", f"{CA_CERTIFICATE}/finger-print", (("7.5.3", "7.5.51"), ("7.7.1", None))),
    ("crypto-cepki-oper", f"{CA_CERTIFICATE}/certificate-data", (("26.1.2", None),)),
    ("infra-smartlicense-oper", f"{STATE_INFO}/registration/registration-state", UNIFIED),
    ("infra-smartlicense-oper", f"{STATE_INFO}/authorization/authorization-state", UNIFIED),
    ("infra-smartlicense-oper", f"{STATE_INFO}/transport/transport-type", UNIFIED),
    ("smart-license-act", "/renew-auth/output/response/return-code", UNIFIED),
    ("smart-license-act", "/renew-id/output/response/return-code", UNIFIED),
    ("smart-license-act", "/register-id-token/input/id-token", UNIFIED),
    ("install-oper", "/install/version/label", (("6.7.1", None),)),
    ("install-oper", "/install/fixes/active/fixes/ddts", (("6.7.1", None),)),
    ("shellutil-copy-act", "/copy/input/sourcename", (("6.6.2", None),)),
    ("call-home-cfg", "/call-home/profiles/profile/addresses/address/destination-addr", (("6.3.1", None),)),
    ("call-home-cfg", "/call-home/http-proxy/server-address", (("6.3.1", None),)),
    ("call-home-cfg", "/call-home/vrf", (("6.3.1", None),)),
    ("um-http-client-cfg", "/http/client/secure-verify-peer/disable", (("7.5.2", None),)),
    ("um-http-client-cfg", "/http/client/secure-verify-host/disable", (("7.5.2", None),)),
    ("infra-syslog-oper", "/syslog/messages/message/text", (("5.3.1", None),)),
    ("smart-license-platform-oper", "/plat-smart-license/summary/reporting/last", UNIFIED),
]


@pytest.mark.parametrize("module, path, spans", RELIED_ON, ids=[f"{m}{p}" for m, p, _ in RELIED_ON])
def test_node_is_there_on_exactly_these_releases(
    module: str, path: str, spans: tuple[tuple[str, str | None], ...]
) -> None:
    files = {release: files_on(release).get(XR + module) for release in INDEX["releases"]}
    there = [release for release, found in files.items() if found is not None and path in nodes(found[1])]
    expected = [
        release
        for release in INDEX["releases"]
        if any(number(first) <= number(release) <= number(last or "99") for first, last in spans)
    ]
    assert there == expected


def variants_with(module: str, path: str) -> list[Any]:
    found = [nodes(file)[path] for file in FILES if split(file)[0] == XR + module and path in nodes(file)]
    assert found, f"no file of {module} has {path}"
    return found


@pytest.mark.parametrize("leaf", ["certificate-valid-from", "certificate-expires-on"])
def test_validity_is_uint64_state(leaf: str) -> None:
    for node in variants_with("crypto-cepki-oper", f"{CA_CERTIFICATE}/{leaf}"):
        assert node.search_one("type").arg == "uint64"
        assert node.i_config is False


@pytest.mark.parametrize("name", ["terminal", "local"])
def test_enrollment_by_terminal_and_local_are_presence_containers(name: str) -> None:
    for node in variants_with("um-crypto-cfg", f"{TRUSTPOINT_UM}/enrollment/{name}"):
        assert node.keyword == "container"
        assert node.search_one("presence") is not None


def test_lists_of_trustpoints_are_keyed_by_name() -> None:
    keys = [
        ("um-crypto-cfg", TRUSTPOINT_UM, "trustpoint-name"),
        ("crypto-cepki-cfg", f"/crypto-ca/{TRUSTPOINT_CEPKI}", "name"),
        ("crypto-cepki-cfg", f"/crypto-cepki/{TRUSTPOINT_CEPKI}", "name"),
        ("crypto-cepki-oper", "/crypto-certificate-authority/trustpoints/trustpoint", "name"),
    ]
    for module, path, key in keys:
        assert {substatement(node, "key") for node in variants_with(module, path)} == {key}


def test_list_without_a_key_is_state() -> None:
    for name in FILES:
        for path, node in nodes(name).items():
            if node.keyword == "list" and node.search_one("key") is None:
                assert node.i_config is False, f"{name} {path}"


def test_file_path_is_an_optional_string_of_256_at_most_and_server_name_is_mandatory() -> None:
    for node in variants_with("crypto-act", "/ca-authenticate/input/file-path"):
        assert node.search_one("type").search_one("length").arg == "1..256"
        assert node.search_one("mandatory") is None
    for node in variants_with("crypto-act", "/ca-authenticate/input/server-name"):
        assert substatement(node, "mandatory") == "true"


@pytest.mark.parametrize(
    "module, path, length",
    [
        ("um-crypto-cfg", f"{TRUSTPOINT_UM}/trustpoint-name", "1..1024"),
        ("um-crypto-cfg", f"{TRUSTPOINT_UM}/enrollment/url", "1..800"),
        ("um-crypto-cfg", f"{TRUSTPOINT_UM}/vrf", "1..32"),
        ("crypto-cepki-cfg", f"/crypto-ca/{TRUSTPOINT_CEPKI}/vrf-table/vrf", "1..32"),
        ("crypto-cepki-cfg", f"/crypto-cepki/{TRUSTPOINT_CEPKI}/vrf-table/vrf", "1..32"),
        ("smart-license-act", "/register-id-token/input/id-token", "1..255"),
    ],
)
def test_text_that_the_agent_sends_is_limited_as_the_router_limits_it(module: str, path: str, length: str) -> None:
    for node in variants_with(module, path):
        assert node.search_one("type").search_one("length").arg == length


def test_ca_authenticate_has_no_output() -> None:
    for name in FILES:
        assert not any(path.startswith("/ca-authenticate/output") for path in nodes(name))


WORDS: list[tuple[str, str, set[str]]] = [
    (
        "infra-smartlicense-oper",
        f"{STATE_INFO}/authorization/authorization-state",
        {"none", "eval", "eval-expired", "authorized", "authorized-reservation", "out-of-compliance"}
        | {"authorization-expired", "authorization-not-authorized"},
    ),
    (
        "infra-smartlicense-oper",
        f"{STATE_INFO}/registration/registration-state",
        {"not-registered", "complete", "in-progress", "retry", "failed", "not-supported"},
    ),
    (
        "infra-smartlicense-oper",
        f"{STATE_INFO}/transport/transport-type",
        {"invalid", "not-used", "callhome", "smart", "clsu", "transport-off"},
    ),
    *[
        (
            "infra-smartlicense-oper",
            f"{STATE_INFO}/authorization/authorization-{state}/authorization-info/last-comm-status-success",
            {"no", "yes"},
        )
        for state in ("authorized", "out-of-compliance", "authorization-expired")
    ],
    ("smart-license-act", "/renew-auth/output/response/operation-status", {"success", "failed"}),
]


@pytest.mark.parametrize("module, path, words", WORDS, ids=[path for _, path, _ in WORDS])
def test_enumeration_has_exactly_these_words(module: str, path: str, words: set[str]) -> None:
    for node in variants_with(module, path):
        assert {item.arg for item in node.search_one("type").search("enum")} == words


@pytest.mark.parametrize("rpc", ["renew-auth", "renew-id", "register-id-token", "de-register"])
def test_return_codes_that_decide_about_a_repeat_are_words_of_the_model(rpc: str) -> None:
    deciding = {
        "success", "commsend", "registrationinprogress", "commretry", "authrenewinprogress", "idcertrenewinprogress",
        "cryptoinitnotcompleted", "ipctimeout", "OperationInProgress", "ErrorOkTryAgain", "certinvalid", "certexpired",
        "signcertverificationfailed", "cryptorootcaimportfailed", "couldnotvalidatetrustchain", "certificatemismatch",
        "notsupported", "notenabled", "commdisabled", "notregistered", "standby", "NoURL",
    }  # fmt: skip
    for node in variants_with("smart-license-act", f"/{rpc}/output/response/return-code"):
        assert deciding - {item.arg for item in node.search_one("type").search("enum")} == set()
