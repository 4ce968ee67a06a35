"""What threads share holds, however they fall: models, conditions in them, pyang, fetched folders, caches, loggers."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from yangson.schemanode import CaseNode, ChoiceNode, InternalNode, RpcActionNode

from agent.model.errors import SchemaError
from agent.netconf.payload import parse, serialize, template
from agent.netconf.trace import Unlogged
from agent.netconf.yang import compiled, fetched, schema, yangtext
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.library import Variant
from agent.netconf.yang.schema import Schema, findings
from agent.simulator import Persona
from agent.simulator.datastores import yangmodels as simulated
from tests.threads import THREADS, at_once

UM, ACT = "Cisco-IOS-XR-um-crypto-cfg", "Cisco-IOS-XR-crypto-act"
CONDITIONS = """module m0 { namespace "urn:m0"; prefix m0; import m1 { prefix m1; } revision 2031-01-01;
 container c { list if { key n; leaf n { type string; } leaf kind { type m1:k; }
   leaf vlan { when "../kind = 'sub'"; type uint16; } leaf mtu { when "../kind = 'phys'"; type uint16; } } } }"""
KINDS = """module m1 { namespace "urn:m1"; prefix m1; revision 2031-01-02;
 typedef k { type string { pattern "[a-z]+"; } } }"""
BODIES = (
    "<kind>sub</kind><vlan>{}</vlan>",
    "<kind>phys</kind><mtu>{}</mtu>",
    "<kind>sub</kind><mtu>{}</mtu>",
    "<kind>phys</kind><vlan>{}</vlan>",
)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a process that has just begun."""
    forget()
    yield
    forget()


def forget() -> None:
    compiled.slot_of.cache_clear()
    schema.judged_valid.clear()
    yangtext.headers.clear()


def conditional(cache: Path) -> Schema:
    announced = ["urn:m0?module=m0&revision=2031-01-01", "urn:m1?module=m1&revision=2031-01-02"]
    texts = {"m0": CONDITIONS, "m1": KINDS}
    return Schema(Capabilities.from_uris(announced), fetch=lambda name, day: texts[name], cache_dir=cache)


def of_release(release: str) -> Schema:
    return Schema(Capabilities.from_uris(Persona(release=release).capabilities()))


def edit(name: str) -> bytes:
    return serialize(
        template("edit-trustpoint.um-crypto-cfg", name=name, url=None, terminal=True, local=False,
                 remove_terminal=False, remove_url=False, remove_local=False)
    )  # fmt: skip


def test_a_model_that_all_validate_by_for_the_first_time_is_complete() -> None:
    made = edit("T")
    for _ in range(5):
        forget()
        at_once(lambda number: of_release("7.4.1").validate(parse(made), module=UM))


def test_a_model_is_compiled_once_and_threads_that_need_another_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    compile_ = compiled.compile_module

    def counted(path: Path, module: str, namespace: str) -> compiled.Model:
        made.append(module)
        if module == UM:
            assert of_release("7.4.1").has(ACT, "/ca-authenticate")
        return compile_(path, module, namespace)

    monkeypatch.setattr(compiled, "compile_module", counted)
    assert all(at_once(lambda number: of_release("7.4.1").has(UM, "/crypto")))
    assert sorted(made) == [ACT, UM]


def test_a_model_is_complete_before_anybody_has_it() -> None:
    """Whatever yangson makes at a first validation is there: the patterns of the data, and of each rpc's two trees."""
    for module in (UM, ACT):
        variant = of_release("7.4.1").variant(module)
        assert variant is not None
        todo = [compiled.model(variant).schema]
        while todo:
            node = todo.pop()
            todo += getattr(node, "children", [])
            if isinstance(node, InternalNode) and not isinstance(node, ChoiceNode | CaseNode | RpcActionNode):
                assert node.schema_pattern is not None, node.name


def test_what_a_condition_came_to_for_one_payload_says_nothing_of_another(tmp_path: Path) -> None:
    def judge(number: int) -> None:
        mine = conditional(tmp_path)
        for value in range(1, 7):
            payload = parse(f'<c xmlns="urn:m0"><if><n>a{number}</n>{BODIES[number % 4].format(value)}</if></c>')
            if number % 4 < 2:
                mine.validate(payload, module="m0")
            else:
                with pytest.raises(SchemaError, match=f"a{number}.*member-not-allowed"):
                    mine.validate(payload, module="m0")

    at_once(judge)
    # Nor was anything wrong kept as valid.
    again = conditional(tmp_path)
    for number in range(THREADS):
        payload = parse(f'<c xmlns="urn:m0"><if><n>a{number}</n>{BODIES[2 + number % 2].format(1)}</if></c>')
        with pytest.raises(SchemaError, match="member-not-allowed"):
            again.validate(payload, module="m0")


def test_the_refusal_of_one_payload_quotes_no_other(tmp_path: Path) -> None:
    def refused(number: int) -> str:
        word = f"SECRET-{number}"
        with pytest.raises(SchemaError) as caught:
            conditional(tmp_path).validate(
                parse(f'<c xmlns="urn:m0"><if><n>a</n><kind>{word}</kind></if></c>'), module="m0"
            )
        return caught.value.message

    for number, said in enumerate(at_once(refused)):
        assert said.endswith(f"SECRET-{number}")


def conditions(number: int, leaves: int = 6) -> str:
    """A module whose many XPath expressions keep pyang's parser busy."""
    me = f"m{number}"
    body = "\n".join(
        f"""leaf l{i} {{ type string;
          must "count(../{me}:l{i}[. = 'a']) >= 0 and (current()/../{me}:l0 or not(../{me}:l{(i + 1) % leaves}))"; }}
        leaf r{i} {{ type leafref {{ path "../{me}:l{i}"; }} }}"""
        for i in range(leaves)
    )
    return f'module {me} {{ namespace "urn:{me}"; prefix {me}; revision 2031-01-01; container c {{ {body} }} }}'


def test_modules_that_threads_fetch_at_once_are_each_read_right(tmp_path: Path) -> None:
    def asked(number: int) -> tuple[str, list[str], object]:
        kind = f"m{number % 8}"
        mine = Schema(
            Capabilities.from_uris([f"urn:{kind}?module={kind}&revision=2031-01-01"]),
            fetch=lambda name, day: conditions(number % 8),
            cache_dir=tmp_path,
        )
        data = parse(f'<data><c xmlns="urn:{kind}"><l0>a</l0><l1>{number}</l1></c></data>')
        mine.validate(data[0], module=kind)
        return mine.source(kind), mine.notes(), mine.decode(data, module=kind)

    assert at_once(asked) == [
        (f"m{number % 8}@2031-01-01 (device)", [], {"c": {"l0": "a", "l1": str(number)}}) for number in range(THREADS)
    ]
    assert len(list(tmp_path.iterdir())) == 8


def test_pyang_resolves_for_one_thread_at_a_time() -> None:
    def resolved(number: int) -> int:
        text = conditions(number % 8)
        head = yangtext.header(text, f"m{number % 8}")
        listed: Any = yangtext.library(head.name, {head: text})
        return len(listed["ietf-yang-library:modules-state"]["module"])

    assert at_once(resolved) == [1] * THREADS


def test_a_fetched_folder_appears_by_one_step(tmp_path: Path) -> None:
    """Looked at from within, at every call that is made while it is stored."""
    files = {"m0@2031-01-01.yang": b"a", "m1@2031-01-02.yang": b"b", fetched.LIBRARY: b"c"}
    folder, seen = tmp_path / "folder", set()

    def look(*given: object) -> None:
        seen.add(len(os.listdir(folder)) if os.path.isdir(folder) else None)  # noqa: PTH112, PTH208 - few calls

    sys.setprofile(look)
    try:
        fetched.store(folder, files)
    finally:
        sys.setprofile(None)
    assert seen == {None, 3}
    assert list(tmp_path.iterdir()) == [folder]


def test_a_fetched_folder_is_whole_whenever_it_is_there(tmp_path: Path) -> None:
    def look(number: int) -> bool:
        if number % 2:
            return conditional(tmp_path).has("m0", "/c/if/vlan")
        for _ in range(200):
            for folder in tmp_path.iterdir():
                if not folder.name.startswith("."):
                    assert sorted(path.name for path in folder.iterdir()) == [
                        "m0@2031-01-01.yang", "m1@2031-01-02.yang", "yang-library.json",
                    ]  # fmt: skip
        return True

    assert all(at_once(look))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


BUILDER = """
import sys
from pathlib import Path
from agent.netconf.yang import fetched
from agent.netconf.yang.capability import Capabilities

cache, main, kinds = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
for number in range(25):
    texts = {"m0": main.replace("mtu", f"mtu{number}"), "m1": kinds}
    fetched.fetch_modules("m0", "2031-01-01", lambda name, day: texts[name], Capabilities.from_uris([]), cache)
    for folder in cache.iterdir():
        if not folder.name.startswith("."):
            seen = sorted(path.name for path in folder.iterdir())
            assert seen == ["m0@2031-01-01.yang", "m1@2031-01-02.yang", "yang-library.json"], seen
"""


def test_a_fetched_folder_is_whole_between_processes_as_well(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BUILDER, str(tmp_path), CONDITIONS, KINDS]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [(process.communicate()[1], process.returncode) for process in running] == [("", 0)] * 4
    assert len(list(tmp_path.iterdir())) == 25


@pytest.mark.parametrize("left", ["a module is missing", "a module is cut", "no library", "the library is cut"])
def test_a_folder_that_somebody_left_by_halves_is_made_again(tmp_path: Path, left: str) -> None:
    assert conditional(tmp_path).has("m0", "/c/if")
    (folder,) = tmp_path.iterdir()
    if left == "a module is missing":
        (folder / "m1@2031-01-02.yang").unlink()
    elif left == "a module is cut":
        (folder / "m1@2031-01-02.yang").write_text(KINDS[:50])
    elif left == "no library":
        (folder / fetched.LIBRARY).unlink()
    else:
        (folder / fetched.LIBRARY).write_text('{"ietf-yang-library')
    forget()
    assert conditional(tmp_path).has("m0", "/c/if")
    assert sorted(path.name for path in folder.iterdir()) == [
        "m0@2031-01-01.yang",
        "m1@2031-01-02.yang",
        "yang-library.json",
    ]


def test_findings_of_one_thread_are_not_anothers() -> None:
    act = "Cisco-IOS-XR-smart-license-act"

    def found(number: int) -> list[str]:
        reply = parse(
            f'<rpc-reply><response xmlns="http://cisco.com/ns/yang/{act}"><return-code>new-{number}</return-code>'
            "</response></rpc-reply>"
        )
        with findings() as mine:
            of_release("7.4.1").decode(reply, module=act)
        return mine.notes

    for number, (note,) in enumerate(at_once(found)):
        assert f"'new-{number}' is no enumeration" in note


def test_templates_and_parsers_are_each_threads_own() -> None:
    made = at_once(lambda number: [edit(f"T{number}") for _ in range(20)])
    for number, texts in enumerate(made):
        assert set(texts) == {edit(f"T{number}")}


def test_the_simulated_routers_judge_each_payload_by_itself() -> None:
    (file,) = [one for name, one in Persona(release="7.4.1").modules.items() if name == UM]
    fresh = simulated.Model(file)
    good, bad = edit("T"), edit("T").replace(b"terminal", b"nonsense")

    def judged(number: int) -> bool:
        return fresh.validated(bad if number % 2 else good, None) is None

    assert at_once(judged) == [number % 2 == 0 for number in range(THREADS)]


# --- loggers --------------------------------------------------------------------------------------------------------


@pytest.fixture
def logged() -> Iterator[list[object]]:
    """The sessions of what ncclient's logger lets through."""
    seen: list[object] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.__dict__.get("session"))

    logger, handler = logging.getLogger("ncclient.transport.session"), Keep()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield seen
    logger.removeHandler(handler)
    logger.setLevel(level)


def says(session: object) -> Callable[[], None]:
    logger = logging.getLogger("ncclient.transport.session")
    return lambda: logger.info("Sending: a token", extra={"session": session})


def test_a_session_is_quiet_whatever_becomes_of_others_meanwhile(logged: list[object]) -> None:
    quiet, loud = object(), object()
    with_secret = Unlogged(quiet)

    def work(number: int) -> None:
        for _ in range(50):
            if number % 2:
                other = Unlogged(object())
                says(quiet)()
                other.end()
            else:
                says(quiet)()
        says(loud)()

    at_once(work)
    assert logged == [loud] * THREADS
    with_secret.end()
    with_secret.end()
    says(quiet)()
    assert logged[-1] is quiet


def test_a_session_is_quiet_until_the_last_that_wants_it_so(logged: list[object]) -> None:
    session = object()
    first, second = Unlogged(session), Unlogged(session)
    first.end()
    first.end()
    says(session)()
    assert logged == []
    second.end()
    says(session)()
    assert logged == [session]


def test_a_variant_that_cannot_be_compiled_is_refused_each_time_and_tried_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def fail(path: Path, module: str, namespace: str) -> compiled.Model:
        tried.append(module)
        raise ValueError("no number")

    monkeypatch.setattr(compiled, "compile_module", fail)
    variant = Variant("m", "2031-01-01", "urn:m", tmp_path / "m@2031-01-01.yang")

    def refused(number: int) -> str:
        with pytest.raises(SchemaError) as caught:
            compiled.model(variant)
        return caught.value.message

    (said,) = set(at_once(refused))
    assert "cannot be compiled: yangson fails with ValueError" in said
    assert len(tried) == 1
