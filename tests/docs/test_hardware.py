"""docs/hardware.md lists what no router confirmed: all that says so of itself, and nothing that nobody says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest
from ruamel.yaml import YAML

from agent.cli.main import program
from agent.recording.events import VERSION, Begin, End, How
from agent.recording.writing import Writer
from tests.docs.statements import PAGE, RECORDINGS, ROOT, numbers, prose, rows, texts, unnumbered, wrong

TEXT = PAGE.read_text(encoding="utf-8")
FORM = ROOT / ".github" / "ISSUE_TEMPLATE" / "router.yml"
_COMMAND = re.compile(r"^ *(xr-agent [^\n]+)$", re.MULTILINE)


def test_the_list_is_in_order_and_every_state_is_one_of_three() -> None:
    assert wrong(TEXT, RECORDINGS) == []
    assert len(rows(TEXT)) > 50


@pytest.mark.parametrize(
    "row, what",
    [
        ("| H2 | a | b | open |", "next number"),
        ("| H1 | a | b | open |\n| H1 | c | d | open |", "next number"),
        ("| H1 | a |  | open |", "nothing that would settle it"),
        ("| H1 | a | open |", "nothing that would settle it"),
        ("| H1 | a | b | likely |", "neither open"),
        ("| H1 | a | b | documented |", "neither open"),
        ("| H1 | a | b | settled by r2 |", "which cannot be read"),
        ("| H1 | a | b | settled by simulated |", "whose source is not"),
    ],
)
def test_a_line_that_is_not_as_the_page_says_is_found(row: str, what: str, tmp_path: Path) -> None:
    for name, source in (("r1", "a router: ASR 9000, 7.5.2"), ("simulated", "made on the simulator: 7.5.2")):
        begun = Begin(
            version=VERSION, made="2026-11-29T08:00:00+00:00", by="x", command="record", sanitised=True, source=source
        )
        with Writer(tmp_path / f"{name}.rec", begun) as writer:
            writer.end(lambda: End(at=0.0, how=How.FINISHED))
    assert wrong("| H1 | a | b | settled by r1 |\n| H2 | a | b | documented: RFC 6241 |\n", tmp_path) == []
    assert any(what in said for said in wrong(f"{row}\n", tmp_path))


def test_whatever_owns_to_be_unseen_has_its_number() -> None:
    found = {name: said for name, text in texts(ROOT) if (said := unnumbered(text))}
    assert found == {}


@pytest.mark.parametrize(
    "text, count",
    [
        ("It is so. That is unconfirmed.", 1),
        ("It is so. That is unconfirmed (H4).", 0),
        ("It is (H4). That is assumed.", 1),
        ("| so (H4) | unconfirmed |", 1),
        ("- that is an assumption\n- this is (H4)", 1),
        ("One\nassumes\nit (H4)", 0),
        ("one: so it is (H4)\n        other: unconfirmed.", 1),
    ],
)
def test_a_number_counts_for_its_own_statement_alone(text: str, count: int) -> None:
    assert len(unnumbered(text)) == count


def test_words_of_code_are_found_in_strings_and_comments_and_not_in_names() -> None:
    source = (
        'assumed = {"assumed": 1}  # this is\n# assumed\nx = f"{assumed} is assumed"\n"""A docstring, unconfirmed."""\n'
    )
    assert sum(len(unnumbered(said)) for said in prose(source)) == 3


def test_every_number_is_on_the_list_and_every_one_of_the_list_is_referred_to() -> None:
    listed = {row.number for row in rows(TEXT)}
    said = numbers(text for _, text in texts(ROOT))
    assert said - listed == set()
    assert listed - said == set(), "nobody says what they are about any more, or without their number"


def test_a_page_with_numbers_leads_to_the_list() -> None:
    for name, text in texts(ROOT):
        if name.endswith(".md") and numbers([text]):
            assert "hardware.md" in text, name


@pytest.fixture(scope="module")
def form() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(FORM.read_text(encoding="utf-8"))
    return loaded


def test_the_form_is_one_that_github_takes(form: dict[str, Any]) -> None:
    assert {"name", "description", "body"} <= form.keys() <= {"name", "description", "title", "labels", "body"}
    fields = [one for one in form["body"] if one["type"] != "markdown"]
    assert {one["type"] for one in fields} <= {"input", "textarea", "dropdown", "checkboxes"}
    ids = [one["id"] for one in fields]
    assert len(set(ids)) == len(ids)
    assert all(one["attributes"]["label"] for one in fields)
    (boxes,) = (one["attributes"]["options"] for one in fields if one["type"] == "checkboxes")
    assert "found nothing" not in boxes[0]["label"], (
        "a finding is a question: a box that asks for none is ticked wrongly"
    )
    assert all(command in boxes[0]["label"] for command in ("recording check", "recording show"))


def test_the_form_asks_for_a_recording_and_what_goes_with_it(form: dict[str, Any]) -> None:
    wanted = {one["id"] for one in form["body"] if one.get("validations", {}).get("required")}
    assert {"recording", "release", "platform", "expected", "seen"} <= wanted
    assert form["name"] in TEXT


def test_the_form_and_the_page_give_the_same_commands(form: dict[str, Any]) -> None:
    told = "\n".join(one["attributes"].get("value", "") for one in form["body"] if one["type"] == "markdown")
    assert _COMMAND.findall(told) == _COMMAND.findall(TEXT) != []


@pytest.mark.parametrize("line", re.findall(r"^(?:.*`)?xr-agent ([^`\n]+)", TEXT, re.MULTILINE))
def test_every_command_of_the_page_is_one_that_there_is(line: str) -> None:
    command: click.Command | None = program
    words = iter(line.split())
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), next(words))
    assert command is not None
    known = {option for one in command.params for option in one.opts}
    assert {word for word in words if word.startswith("-")} <= known
