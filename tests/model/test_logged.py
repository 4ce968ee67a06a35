"""What a log has of an error: what it is and where, and no text that may quote a secret."""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

import agent
from agent.model.masking.logged import textless

SECRET = "s3cr3t"


def printed(error: Exception) -> str:
    """The record that *error* is logged with, as a handler writes it."""
    said = textless(error)
    record = logging.makeLogRecord({"msg": "r1: it failed", "exc_info": (type(said), said, said.__traceback__)})
    return logging.Formatter().format(record)


def chained(error: Exception) -> None:
    """Raise *error* from another one, while a third is handled."""
    try:
        raise KeyError(SECRET)
    except KeyError as first:
        raise error from ValueError(SECRET, first)


def raised(error: Exception) -> Exception:
    """*error* with a traceback."""
    with pytest.raises(type(error)) as caught:
        chained(error)
    return caught.value


def test_a_bug_has_its_type_and_its_traceback_and_neither_its_text_nor_what_it_came_from() -> None:
    error = raised(ZeroDivisionError(f"id-token={SECRET}"))
    error.add_note(SECRET)
    said = printed(error)
    assert "in chained" in said
    assert SECRET not in said
    assert said.endswith("Textless: ZeroDivisionError")
    assert said.count("Traceback") == 1


def test_an_error_of_our_own_keeps_its_message_alone() -> None:
    said = printed(raised(agent.JournalError("the disk is full", hint="see to it")))
    assert said.endswith("JournalError: the disk is full")
    assert SECRET not in said


def test_an_error_that_was_never_raised_has_no_traceback() -> None:
    assert printed(LookupError(SECRET)).endswith("Textless: LookupError")


def logged_with_text(tree: ast.AST) -> Iterator[int]:
    """The lines where a logger is given an error as it is."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        whole = [one.value for one in node.keywords if one.arg == "exc_info"]
        masked = all(ast.unparse(one).startswith("textless(") for one in whole)
        if not masked or (node.func.attr == "exception" and ast.unparse(node.func.value) in ("log", "logging")):
            yield node.lineno


def test_no_log_is_given_an_error_with_its_text() -> None:
    assert list(logged_with_text(ast.parse("log.exception('it failed')\nlog.error('x', exc_info=error)"))) == [1, 2]
    files = list(Path(agent.__file__).parent.rglob("*.py"))
    assert len(files) > 200
    assert {
        (file.name, line) for file in files for line in logged_with_text(ast.parse(file.read_text("utf-8")))
    } == set()
