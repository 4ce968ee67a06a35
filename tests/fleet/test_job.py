"""What is done with one router, whatever happens there."""

from __future__ import annotations

import logging

import pytest

from agent.fleet.job import Hooks, Job, perform
from agent.fleet.rate import Limiter, Rate
from agent.fleet.record import Kind
from agent.fleet.target import Target
from agent.model.errors import JournalError
from tests.support import logged

TARGET = Target("r1", "r1.example")


class Failing(Limiter):
    def __init__(self, error: Exception) -> None:
        super().__init__(Rate())
        self.error = error

    def wait(self, *of: object) -> None:
        raise self.error


@pytest.mark.parametrize("kind, word", [(Kind.PUSH, "unknown"), (Kind.ASSESS, "unknown"), (Kind.PLAN, "failed")])
def test_a_bug_is_told_with_its_place_and_its_traceback_and_ends_no_run(kind: Kind, word: str) -> None:
    with logged() as records:
        result = perform(Job(kind), TARGET, Hooks(limiter=Failing(ZeroDivisionError("token=s3cr3t"))))
    assert result.word == word
    assert not result.well
    assert result.failure is not None
    assert result.failure.kind == "bug"
    assert result.failure.message.startswith("a bug in xr-agent: ZeroDivisionError at test_job.py:")
    (record,) = [record for record in records if record.levelno >= logging.CRITICAL]
    said = record.getMessage()
    assert 'File "' in said
    assert "in perform" in said
    assert "s3cr3t" not in said + logging.Formatter().format(record)
    assert (result.began is None, result.ended is None) == (False, False)


def test_a_run_that_cannot_be_kept_does_not_go_on() -> None:
    with pytest.raises(JournalError):
        perform(Job(Kind.PUSH), TARGET, Hooks(limiter=Failing(JournalError("the disk is full"))))
