"""What each release's models make possible, decided by what the hello announces."""

from __future__ import annotations

import pytest

from agent.model.state import ConfigModel, EnrollmentKind
from agent.netconf.capability import Capabilities
from agent.netconf.schema import Schema
from agent.remedy.access import access
from agent.simulator.persona import Persona, releases


def number(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))


def expected(release: str) -> ConfigModel:
    """As README's table says it."""
    here = number(release)
    if (6, 8, 1) <= here <= (6, 9, 2) or here >= (7, 4, 1):
        return ConfigModel.UM_CRYPTO
    if (6, 7, 2) <= here <= (6, 7, 4) or (7, 1, 2) <= here <= (7, 3, 6):
        return ConfigModel.CEPKI_CRYPTO_CA
    return ConfigModel.NONE


@pytest.mark.parametrize("release", releases())
def test_the_config_model_of_every_release_is_the_one_in_readme(release: str) -> None:
    capabilities = Capabilities.from_uris(Persona(release=release).capabilities())
    ways = access(capabilities, Schema(capabilities))
    assert ways.config_model is expected(release)
    assert ways.authenticate is (number(release) >= (6, 2, 1) and release != "6.2.3")
    assert (ways.config_model is ConfigModel.NONE) == (not ways.enrollments)
    assert (EnrollmentKind.LOCAL in ways.enrollments) is (number(release) >= (25, 2, 1))
    assert (ways.config_model is ConfigModel.NONE) == any("trustpoint configuration" in why for why in ways.reasons)


def test_a_hello_that_announces_nothing_is_said() -> None:
    capabilities = Capabilities.from_uris([])
    ways = access(capabilities, Schema(capabilities))
    assert ways.config_model is ConfigModel.NONE
    assert "the hello announces nothing" in ways.reasons
