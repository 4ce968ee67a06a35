"""Log records carry what is bound where they are made, and only that."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.model.telemetry.context import FIELDS, ContextFilter, bound


def attributes(**extra: str) -> dict[str, str]:
    """What a record made now carries behind the filter."""
    record = logging.makeLogRecord({"msg": "said", **extra})
    assert ContextFilter().filter(record)
    return {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}


def test_what_is_bound_is_on_the_record_inside_the_block_only() -> None:
    with bound(run="CHG1", device="r1"):
        with bound(step="lock"):
            assert attributes() == {"run": "CHG1", "device": "r1", "step": "lock"}
        with bound(device="r2"):
            assert attributes() == {"run": "CHG1", "device": "r2"}
        assert attributes() == {"run": "CHG1", "device": "r1"}
    assert attributes() == {}


def test_an_error_ends_the_block_too() -> None:
    with pytest.raises(ValueError, match="bug"), bound(device="r1"):
        raise ValueError("bug")
    assert attributes() == {}


def test_what_the_record_has_already_stays() -> None:
    with bound(device="r1", step="lock"):
        assert attributes(device="theirs") == {"device": "theirs", "step": "lock"}


def test_a_formatter_with_defaults_prints_records_with_nothing_bound() -> None:
    formatter = logging.Formatter("%(device)s %(message)s", defaults={"device": "-"})
    record = logging.makeLogRecord({"msg": "said"})
    ContextFilter().filter(record)
    assert formatter.format(record) == "- said"


def test_each_thread_has_its_own_and_inherits_nothing() -> None:
    together = threading.Barrier(2, timeout=600)

    def work(device: str) -> list[dict[str, str]]:
        before = attributes()
        with bound(device=device):
            together.wait()
            return [before, attributes()]

    with bound(run="CHG1"), ThreadPoolExecutor(2) as pool:
        found = list(pool.map(work, ("r1", "r2")))
    assert found == [[{}, {"device": "r1"}], [{}, {"device": "r2"}]]
