"""Which of two readings counts, the model's or the CLI's."""

from __future__ import annotations

import pytest

from agent.model.pki.certificate import CONSOLE
from agent.model.state import ConfigModel, Reading
from agent.remedy.read import config_untold, told, untold

UNMODELLED: Reading[str] = Reading(missing="no model shows it")
REFUSED: Reading[str] = Reading(source="um@1", missing="access denied")
EMPTY: Reading[str] = Reading(source="um@1", empty=True)
NOTHING: Reading[str] = Reading(source="um@1")
VALUE: Reading[str] = Reading("by model", "um@1")
SHOWN: Reading[str] = Reading("by CLI", CONSOLE)
NONE: Reading[str] = Reading(source=CONSOLE)
SILENT: Reading[str] = Reading(source=CONSOLE, missing="no SSH")


@pytest.mark.parametrize(
    "reading,doubted,by_cli,counts",
    [
        (VALUE, True, SHOWN, VALUE),
        (NOTHING, True, SHOWN, NOTHING),
        (REFUSED, True, SHOWN, REFUSED),
        (EMPTY, False, SHOWN, EMPTY),
        (EMPTY, True, SHOWN, SHOWN),
        (EMPTY, True, NONE, NONE),
        (EMPTY, True, SILENT, EMPTY),
        (UNMODELLED, False, SHOWN, SHOWN),
        (UNMODELLED, False, NONE, NONE),
    ],
)
def test_the_cli_counts_where_no_model_shows_it_or_an_empty_answer_is_doubted(
    reading: Reading[str], doubted: bool, by_cli: Reading[str], counts: Reading[str]
) -> None:
    assert told(reading, lambda: by_cli, doubted=doubted) is counts


def test_where_neither_tells_both_reasons_are_given_and_the_cli_counts_as_asked() -> None:
    assert told(UNMODELLED, lambda: SILENT) == Reading(source=CONSOLE, missing="no model shows it; no SSH")


@pytest.mark.parametrize("reading", [VALUE, NOTHING, REFUSED, EMPTY])
def test_the_cli_is_not_asked_needlessly(reading: Reading[str]) -> None:
    assert not untold(reading)
    assert told(reading, lambda: pytest.fail("asked")) is reading


@pytest.mark.parametrize("model", ConfigModel)
def test_before_a_plan_a_model_that_refuses_to_be_read_stays_refused(model: ConfigModel) -> None:
    assert config_untold(REFUSED, model) == (model in (ConfigModel.NONE, ConfigModel.CLI))
    assert config_untold(REFUSED, None)
    assert not config_untold(NOTHING, None)
