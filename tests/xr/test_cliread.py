"""Readings over the CLI: what was not understood is not taken for nothing. All that is printed is SYNTHETIC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import agent
from agent.model.state import Reading, RegistrationState
from agent.xr.cli import readings as cliread
from tests.xr.routers import INVALID, PRINTED, Routers

ADMIN = "root connected from 127.0.0.1 using console on r1\n"
UNKNOWN_ARGUMENT = f"{ADMIN}------^\nsyntax error: unknown argument\n"
REGISTERED = "Registration:\n  Status: REGISTERED\n"
ALL, STATUS = "show license all", "show license status"
CONFIG = "show running-config crypto ca trustpoint Trustpool"
CERTIFICATES, POOL = "show crypto ca certificates Trustpool", "show crypto ca trustpool"
FILES = "show filesystem"


def reading(routers: Routers, read: Callable[[agent.Ssh], Reading[Any]], **commands: str) -> Reading[Any]:
    router = routers.add(commands=commands)
    with router.ssh() as ssh:
        return read(ssh)


@pytest.mark.parametrize(
    "exec_mode, admin, words",
    [
        (INVALID, UNKNOWN_ARGUMENT, "syntax error: unknown argument"),
        ("", UNKNOWN_ARGUMENT, "syntax error: unknown argument"),
        (INVALID, "Aborted: permission denied\n", "Aborted: permission denied"),
        ("% This command is not authorized\n", INVALID, "% This command is not authorized"),
        (INVALID, "% This command is not authorized\n", "% This command is not authorized"),
        ("Smart Licensing is DISABLED\n", INVALID, "not understood: Smart Licensing is DISABLED"),
        (INVALID, f"{ADMIN}something that no guide mentions\n", "something that no guide mentions"),
    ],
)
def test_licensing_that_is_refused_is_missing_with_the_words_of_both_planes(
    routers: Routers, exec_mode: str, admin: str, words: str
) -> None:
    said = {ALL: exec_mode, STATUS: exec_mode, f"admin {ALL}": admin, f"admin {STATUS}": admin}
    found = reading(routers, cliread.licensing, **said)
    assert found.value is None
    assert found.missing is not None
    assert words in found.missing
    assert "admin show license" in found.missing or exec_mode == "" or admin == INVALID


@pytest.mark.parametrize("plane", ["", "admin "])
def test_licensing_is_read_from_the_plane_that_has_it(routers: Routers, plane: str) -> None:
    said = {f"{plane}{ALL}": f"{ADMIN if plane else ''}{REGISTERED}", f"{plane}{STATUS}": INVALID}
    found = reading(routers, cliread.licensing, **said)
    assert found.value is not None
    assert found.value.registration is RegistrationState.COMPLETE


def test_licensing_of_which_nothing_is_printed_was_answered_with_nothing(routers: Routers) -> None:
    found = reading(
        routers, cliread.licensing, **{f"{plane}{one}": "" for plane in ("", "admin ") for one in (ALL, STATUS)}
    )
    assert found == Reading(source="console")


AREAS: dict[str, tuple[str, Callable[[agent.Ssh], Reading[Any]]]] = {
    "config": (CONFIG, lambda ssh: cliread.config(ssh, "Trustpool")),
    "certificate": (CERTIFICATES, lambda ssh: cliread.certificate(ssh, "Trustpool")),
    "trustpool": (POOL, cliread.trustpool),
    "file systems": (FILES, cliread.file_systems),
}


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize(
    "said", ["something that no guide mentions\n", "drbg_instantiate failed\n", "Process cepki is not responding\n"]
)
def test_an_answer_that_is_not_understood_is_no_proof_of_nothing(routers: Routers, area: str, said: str) -> None:
    command, read = AREAS[area]
    found = reading(routers, read, **{command: said})
    assert not found.answered
    assert found.missing is not None
    assert f"not understood: {said.strip()}" in found.missing


def test_no_router_is_without_file_systems(routers: Routers) -> None:
    found = reading(routers, cliread.file_systems, **{FILES: ""})
    assert found.missing == "show filesystem: not understood: nothing was printed"


@pytest.mark.parametrize(
    "area, said",
    [
        ("config", "% No such configuration item(s)\n\n"),
        ("config", "drbg_instantiate failed\n% No such configuration item(s)\n\n"),
        ("config", "crypto ca trustpoint other\n enrollment terminal\n!\n"),
        ("certificate", ""),
        ("certificate", "Trustpoint       : Trustpool\n=====================\n"),
        ("certificate", f"Trustpoint       : other\n================\nCA certificate\n{PRINTED}"),
        ("certificate", "% No certificates found\n"),
        ("certificate", "Trustpoint Trustpool does not exist\n"),
        ("trustpool", ""),
        ("trustpool", "Trustpool: Built-In\n================\n"),
    ],
)
def test_an_answer_that_says_so_is_nothing(routers: Routers, area: str, said: str) -> None:
    command, read = AREAS[area]
    found = reading(routers, read, **{command: said})
    assert found.answered
    assert not found.value


@pytest.mark.parametrize("area", ["certificate", "trustpool"])
def test_log_lines_and_noise_among_the_fields_cost_nothing(routers: Routers, area: str) -> None:
    log = "RP/0/RP0/CPU0:Aug 20 18:41:28.381 UTC: cepki[266]: %SECURITY-CEPKI-6-INFO : Subject: CN=nobody\n"
    text = f"Trustpoint : Trustpool\nTrustpool: Built-In\nCA certificate\n{PRINTED}"
    noisy = "\n".join(f"{line[:4]}{log}{line[4:]}\n{log}drbg_instantiate failed" for line in text.splitlines())
    command, read = AREAS[area]
    found = reading(routers, read, **{command: noisy})
    assert found.value
    certificate = found.value if area == "certificate" else found.value[0].certificate
    assert certificate.proves(agent.TrustAnchor.bundled()) is agent.Evidence.CONSOLE


def test_a_version_that_is_not_understood_is_missing(routers: Routers) -> None:
    found = reading(routers, cliread.software, **{"show version": "who knows\n"})
    assert found.missing == "show version: not understood: who knows"
