"""What each release's models make possible, decided by what the hello announces."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from agent.model.local.resources import directory
from agent.model.method import Method
from agent.model.pki.certificate import Evidence
from agent.model.state import Access, ConfigModel, EnrollmentKind, ReadBy
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.schema import Schema
from agent.remedy.access import access
from agent.simulator import Persona, releases

UM, CA, CEPKI, CLI, NONE = ConfigModel
TRUSTPOOL, FILE, RPC, DIALOG = Method.TRUSTPOOL, Method.FILE, Method.RPC, Method.DIALOG


def of(persona: Persona) -> Access:
    capabilities = Capabilities.from_uris(persona.capabilities())
    return access(capabilities, Schema(capabilities))


def number(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))


def expected(release: str) -> ConfigModel:
    """As README's table says it."""
    here = number(release)
    if (6, 8, 1) <= here <= (6, 9, 2) or here >= (7, 4, 1):
        return UM
    if (6, 7, 2) <= here <= (6, 7, 4) or (7, 1, 2) <= here <= (7, 3, 6):
        return CA
    return CLI if here >= (6, 7, 1) else NONE


@pytest.mark.parametrize("release", releases())
def test_the_config_model_of_every_release_is_the_one_in_readme(release: str) -> None:
    ways = of(Persona(release=release))
    assert ways.config_model is expected(release)
    assert ways.authenticate is (number(release) >= (6, 2, 1) and release != "6.2.3")
    assert (ways.config_model is NONE) == (not ways.enrollments)
    assert (EnrollmentKind.LOCAL in ways.enrollments) is (number(release) >= (25, 2, 1))
    assert (ways.config_model is NONE) == any("trustpoint configuration" in why for why in ways.reasons)
    here = number(release)
    assert (ways.licensing_state is ReadBy.YANG) is ((6, 8, 1) <= here <= (6, 9, 2) or here >= (7, 4, 1))


@pytest.mark.parametrize(
    "release, platform, model, methods, evidence",
    [
        ("6.1.1", "asr9k-px", NONE, (TRUSTPOOL, DIALOG), Evidence.CONSOLE),
        ("6.6.3", "asr9k-x64", NONE, (TRUSTPOOL, DIALOG), Evidence.CONSOLE),
        ("7.0.2", "ncs540l", CLI, (TRUSTPOOL, RPC, DIALOG), Evidence.CONSOLE),
        ("7.1.1", "asr9k-x64", CLI, (TRUSTPOOL, RPC, DIALOG), Evidence.CONSOLE),
        ("7.3.2", "asr9k-x64", CA, (TRUSTPOOL, RPC, DIALOG), Evidence.SUBJECT_VALIDITY),
        ("7.5.1", "asr9k-x64", UM, (TRUSTPOOL, RPC, DIALOG), Evidence.SUBJECT_VALIDITY),
        ("7.8.1", "asr9k-x64", UM, (TRUSTPOOL, RPC, DIALOG), Evidence.FINGERPRINT),
        ("25.2.1", "8000", UM, (TRUSTPOOL, FILE, RPC, DIALOG), Evidence.FINGERPRINT),
    ],
)
def test_what_well_known_routers_allow(
    release: str, platform: str, model: ConfigModel, methods: tuple[Method, ...], evidence: Evidence
) -> None:
    ways = of(Persona(release=release, platform=platform))
    assert (ways.config_model, ways.methods, ways.evidence) == (model, methods, evidence)


def groups() -> Iterator[list[str]]:
    listed = json.loads((directory("yang") / "hellos.json").read_text(encoding="utf-8"))["groups"]
    return (group["hellos"] for group in listed if group["modules"])


@pytest.mark.parametrize("name", [names[0] for names in groups()])
def test_in_every_group_of_devices_a_method_is_possible_or_says_why_not(name: str) -> None:
    release, platform = name.split()
    ways = of(Persona(release=release, platform=platform))
    refused = dict(ways.refusals)
    assert {*ways.methods, *refused} == set(Method) - {Method.AUTO}
    assert not set(ways.methods) & set(refused)
    assert ways.methods == tuple(sorted(ways.methods, key=list(Method).index))
    assert (ways.trustpoint_state is ReadBy.CONSOLE) == (ways.evidence is Evidence.CONSOLE)
    if FILE in ways.methods:
        assert RPC in ways.methods
        assert ways.file_path


def test_a_hello_that_announces_nothing_is_said() -> None:
    capabilities = Capabilities.from_uris([])
    ways = access(capabilities, Schema(capabilities))
    assert ways.config_model is NONE
    assert ways.reasons == ("the hello announces nothing",)
    assert (ways.methods, ways.evidence) == ((), Evidence.NONE)
    assert (ways.trustpoint_state, ways.licensing_state) == (ReadBy.NONE, ReadBy.NONE)


def test_without_candidate_only_the_cli_is_left() -> None:
    ways = of(Persona(release="25.2.1", candidate=False))
    assert ways.methods == (TRUSTPOOL, DIALOG)
    assert dict(ways.refusals)[RPC] == "no :candidate capability"


def test_a_captured_hello_of_modules_only_counts_as_usual_and_says_so() -> None:
    modules = [uri for uri in Persona(release="7.8.1").capabilities() if "module=Cisco" in uri]
    captured = Capabilities.from_uris(modules).as_captured()
    ways = access(captured, Schema(captured))
    assert RPC in ways.methods
    assert any("are assumed" in reason for reason in ways.reasons)


def test_a_future_revision_takes_the_nearest_older_one_unless_models_are_strict() -> None:
    uris = [uri.replace("2021-04-02", "2030-01-01") for uri in Persona(release="7.4.1").capabilities()]
    capabilities = Capabilities.from_uris(uris)
    ways = access(capabilities, Schema(capabilities))
    assert ways.config_model is UM
    assert any("nearest older revision stands in" in reason for reason in ways.reasons)
    strict = access(capabilities, Schema(capabilities, strict=True))
    assert strict.config_model is not UM
    assert any("--strict-models" in reason for reason in strict.reasons)


def test_a_model_that_strict_refuses_is_not_called_missing() -> None:
    act, state = "Cisco-IOS-XR-crypto-act", "Cisco-IOS-XR-crypto-cepki-oper"
    uris = [
        f"{uri.partition('&revision=')[0]}&revision=2031-01-01" if f"module={act}&" in uri or f"module={state}&" in uri
        else uri
        for uri in Persona(release="25.2.1", platform="8000").capabilities()
    ]  # fmt: skip
    capabilities = Capabilities.from_uris(uris)
    ways = access(capabilities, Schema(capabilities, strict=True))
    why = f"{act}@2031-01-01 is not known, and --strict-models is set"
    assert dict(ways.refusals) == {RPC: why, FILE: why}
    assert ways.reasons[:2] == (why, why.replace(act, state))
    assert not any("is missing" in reason or "no model" in reason for reason in ways.reasons)
    assert len(set(ways.reasons)) == len(ways.reasons)
