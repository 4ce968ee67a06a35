"""A plan file: the same bytes for the same plan, read back whole or refused in a line."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import agent
from agent.fleet.inventory.target import Target
from agent.fleet.planfile.content import Collected, PlanFile
from agent.fleet.planfile.loading import load
from agent.fleet.results.basis import basis
from agent.fleet.results.record import Kind, Result
from agent.model.caution import Caution
from agent.model.errors import InputError
from agent.model.method import Method, Storage
from agent.model.outcome import Failure
from agent.model.pki.bundle import Bundle
from agent.model.plan import Intent
from agent.model.state import Reading
from agent.remedy.plan import plan
from tests.cli.schemas import check
from tests.remedy.states import ANCHOR, CERTIFICATE, LICENSING, TERMINAL, state

TARGETS = [Target(name, f"{name}.example") for name in ("r3", "r1", "r2", "r4")]
REACHED = replace(LICENSING, last_comm_success=True)
BUNDLE = Bundle.from_bytes(ANCHOR.pem.encode())


def results(intent: Intent) -> list[Result]:
    """One router that has something to be done, one that has not, one for which nothing is possible, one not read."""
    states = {
        "r1": state(),
        "r2": state(certificate=CERTIFICATE, enrollment=TERMINAL, licence=REACHED),
        "r4": state(config=Reading(missing="no model carries it"), cli="there is no SSH access to the CLI"),
    }
    made = [
        Result(
            name,
            Kind.PLAN,
            f"{name}.example:830",
            "7.4.1",
            plan=plan(intent, replace(seen, device=name)),
            basis=basis(seen),
        )
        for name, seen in states.items()
    ]
    return [*made, Result("r3", Kind.PLAN, error=Failure("connect", "Connection refused", "see the port"))]


def planfile(intent: Intent | None = None, order: Callable[[list[Result]], list[Result]] = list) -> PlanFile:
    intent = intent or Intent()
    collected = Collected(intent, TARGETS, ssh=True, strict_models=False, register=False)
    for one in order(results(intent)):
        collected.add(one)
    return collected.file()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / "plan.json"
    written.write_text(planfile().text)
    return written


def test_the_bytes_are_the_same_in_whichever_order_the_routers_answered() -> None:
    assert planfile().text == planfile(order=lambda found: found[::-1]).text
    assert [one.device for one in planfile().routers] == ["r3", "r1", "r2", "r4"]


def test_it_says_of_each_router_what_would_be_done_and_from_which_state() -> None:
    made = planfile()
    check("planfile", made)
    unread, todo, done, none = made.routers
    assert (unread.result, unread.state) == ("failed", None)
    assert unread.error is not None
    assert unread.error.message == "Connection refused"
    assert (todo.result, todo.method, todo.asked) == ("planned", Method.RPC, Method.AUTO)
    assert "+ crypto ca trustpoint Trustpool" in todo.steps
    assert todo.fallbacks == (Method.DIALOG,)
    assert (done.result, done.method, done.error) == ("nothing-to-do", None, None)
    assert none.result == "skipped"
    assert none.error is not None
    assert {one.state for one in made.routers} - {None} == set(made.states)


def test_it_is_read_back_as_it_was_written(path: Path) -> None:
    found, sha256 = load(path)
    assert found == planfile()
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    for given in (sha256, sha256.upper(), f"sha256:{sha256}"):
        assert load(path, given)[0] == found


INTENTS = [
    Intent(),
    Intent(trustpoint="Other", method=Method.DIALOG, replace=True, discard_foreign=True, renew=False, contact_wait=0.5),
    Intent(bundle=BUNDLE, then_trustpool=True, storage=Storage.DISK0, clean=True),
    Intent(bundle_url="http://ca.example/ios.p7b", fetch_vrf="mgmt", pem_url="http://ca.example/root.pem"),
    Intent(enrollment_url="http://ca.example/"),
]


@pytest.mark.parametrize("intent", INTENTS)
def test_what_was_wanted_comes_out_as_it_went_in(intent: Intent, path: Path) -> None:
    path.write_text(planfile(intent).text)
    caution = Caution(lock_wait=1.0)
    assert load(path)[0].intent(caution) == replace(intent, caution=caution)


def test_a_token_is_in_no_plan_file(path: Path) -> None:
    intent = Intent(token=agent.Secret("s3cr3t-t0ken"))
    assert "s3cr3t" not in planfile(intent).text


def edited(**members: Any) -> Callable[[str], str]:
    """A file in which somebody changed members by hand."""

    def edit(text: str) -> str:
        return f"{json.dumps({**json.loads(text), **members}, indent=2)}\n"

    return edit


def of_router(**members: Any) -> Callable[[str], str]:
    def edit(text: str) -> str:
        whole = json.loads(text)
        whole["routers"][1].update(members)
        return f"{json.dumps(whole, indent=2)}\n"

    return edit


def sealed_anew(edit: Callable[[str], str]) -> Callable[[str], str]:
    """The same by somebody who makes the digest of the whole fit."""

    def sealed(text: str) -> str:
        whole = json.loads(edit(text))
        bare = f"{json.dumps({**whole, 'digest': ''}, indent=2)}\n"
        whole["digest"] = hashlib.sha256(bare.encode()).hexdigest()
        return f"{json.dumps(whole, indent=2)}\n"

    return sealed


def of_root(**members: Any) -> Callable[[str], str]:
    def edit(text: str) -> str:
        whole = json.loads(text)
        whole["root"].update(members)
        return f"{json.dumps(whole, indent=2)}\n"

    return edit


def another_root(text: str) -> str:
    """The fingerprints that somebody reads are those of the root, the PEM is another's."""
    pem = Path(agent.__file__).parent / "simulator" / "personas" / "quovadis.pem"
    return of_root(pem=agent.TrustAnchor.from_file(pem).pem)(text)


def another_state(text: str) -> str:
    whole = json.loads(text)
    next(iter(whole["states"].values()))["release"] = "7.4.2"
    return f"{json.dumps(whole, indent=2)}\n"


def twice(text: str) -> str:
    whole = json.loads(text)
    return f"{json.dumps({**whole, 'routers': [*whole['routers'], whole['routers'][0]]}, indent=2)}\n"


WRONG: dict[str, tuple[Callable[[str], str], str]] = {
    "empty": (lambda _: "", "no plan file, or not whole"),
    "truncated": (lambda text: text[: len(text) // 2], "no plan file, or not whole"),
    "not JSON": (lambda _: "interface Loopback0\n", "no plan file, or not whole"),
    "not ASCII": (lambda text: text.replace("IdenTrust", "Ïdentrust"), "no plan file, or not whole"),
    "somebody else's": (lambda _: '{"kind": "terraform-plan", "format": 1}', "this is no plan file of xr-agent"),
    "a list": (lambda text: f"[{text}]", "this is no plan file of xr-agent"),
    "deep": (lambda _: "[" * 100_000, "no plan file, or not whole"),
    "another format": (edited(format=2), "a plan file of format 2, this xr-agent has 1"),
    "no format": (edited(format=None), "a plan file of format None"),
    "another version": (edited(version="9.0.0"), f"planned by xr-agent 9.0.0, this one is {agent.__version__}"),
    "an option": (edited(options={**json.loads(planfile().text)["options"], "replace": True}), "it was edited"),
    "a step": (of_router(steps=["> rm -rf"]), "it was edited"),
    "another router": (of_router(device="r9"), "it was edited"),
    "a state": (another_state, "it was edited"),
    "a state, sealed": (sealed_anew(another_state), "it was edited"),
    "no such state, sealed": (sealed_anew(of_router(state="0" * 64)), "it was edited"),
    "twice the same, sealed": (sealed_anew(twice), "it was edited"),
    "another root, sealed": (sealed_anew(another_root), "it was edited"),
    "no root, sealed": (sealed_anew(of_root(pem="")), "it was edited"),
    "no number": (
        lambda text: text.replace('"contact_wait": 60.0', '"contact_wait": NaN'),
        "no plan file, or not whole",
    ),
    "a further member": (edited(comment="looks good"), "it was edited"),
    "a further member, sealed": (sealed_anew(edited(comment="looks good")), "it was edited"),
    "a member gone": (lambda text: re.sub(r'  "options": \{.*?\n  \},\n', "", text, flags=re.DOTALL), "it was edited"),
    "a wrong type": (edited(routers="none"), "it was edited"),
    "further blanks": (lambda text: f"{text}\n", "it was edited"),
    "other line ends": (lambda text: text.replace("\n", "\r\n"), "it was edited"),
}


@pytest.mark.parametrize("edit, said", WRONG.values(), ids=WRONG)
def test_what_is_no_plan_file_as_it_was_written_is_refused(path: Path, edit: Callable[[str], str], said: str) -> None:
    before = path.read_bytes()
    path.write_bytes(edit(before.decode()).encode())
    assert path.read_bytes() != before
    with pytest.raises(InputError) as refused:
        load(path)
    assert said in refused.value.message
    assert refused.value.hint
    assert "\n" not in refused.value.message


def test_no_character_can_be_changed_unnoticed(path: Path) -> None:
    text, draw = path.read_text(), random.Random(1)  # noqa: S311 - which characters
    for place in draw.sample(range(len(text)), 150):
        other = draw.choice([one for one in '0aZ "{,:' if one != text[place]])
        path.write_text(text[:place] + other + text[place + 1 :])
        with pytest.raises(InputError):
            load(path)


@pytest.mark.parametrize("sha256", ["", "abc", "0" * 63, "g" * 64, "0" * 65])
def test_what_is_no_sha256_is_said(path: Path, sha256: str) -> None:
    with pytest.raises(InputError, match="is no SHA-256"):
        load(path, sha256)


def test_a_file_that_was_not_approved_is_refused_by_its_sha256_whatever_is_in_it(path: Path) -> None:
    with pytest.raises(InputError, match=f"its SHA-256 is [0-9a-f]{{64}}, not {'0' * 64}"):
        load(path, "0" * 64)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    for name in ("missing", "."):
        with pytest.raises(InputError):
            load(tmp_path / name)
