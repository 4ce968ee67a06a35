"""What ansible-doc shows is complete and true, and the collection is of this version."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import agent
from agent.integrations.ansible import tasks
from tests.cli.schemas import schema
from tests.integrations.ansible.conftest import COLLECTION, environment, program
from tests.packaging.project import lines

MODULES = ("xr_trust_info", "xr_trust_root")
ANSIBLES = {"changed", "failed", "msg", "diff"}


@pytest.fixture(scope="module")
def shown(collections: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What ``ansible-doc --json`` says of each module."""
    home = tmp_path_factory.mktemp("doc")
    names = [f"xr_agent.trust.{name}" for name in MODULES]
    done = program("ansible-doc", "--json", "-t", "module", *names, env=environment(home, collections), cwd=home)
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    return {name: said[f"xr_agent.trust.{name}"] for name in MODULES}


class Asked(Mapping[str, Any]):
    """No options; it remembers for which it was asked."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@pytest.mark.parametrize("name, task", [("xr_trust_info", tasks.info), ("xr_trust_root", tasks.root)])
def test_every_option_is_described_with_its_type_and_the_library_asks_for_it_and_no_other(
    shown: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    task: Callable[[tasks.Host], dict[str, Any]],
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(tasks, "_see_numbers", lambda _: None)  # to look at a value is not to use it
    assert shown[name]["doc"]["author"]
    options, asked = shown[name]["doc"]["options"], Asked()
    assert "no user is given" in task(tasks.Host("r1", {}, asked, tmp_path))["msg"]  # all was asked for by then
    assert asked.names == set(options)
    for option, about in options.items():
        assert about["description"], option
        assert about["type"] in ("str", "int", "float", "bool", "path", "list"), option


@pytest.mark.parametrize(
    "name, kinds, besides",
    [("xr_trust_info", ("assess",), {"error", "msg"}), ("xr_trust_root", ("push", "plan"), {"changed", "msg"})],
)
def test_what_is_returned_is_what_the_schemas_say(
    shown: dict[str, Any], name: str, kinds: tuple[str, ...], besides: set[str]
) -> None:
    members = {member for kind in kinds for member in schema(kind)["properties"]}
    assert set(shown[name]["return"]) == members | besides


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_are_yaml_that_names_options_there_are(shown: dict[str, Any], name: str) -> None:
    found = 0
    for one in YAML(typ="safe").load(shown[name]["examples"]):
        for task in one.get("tasks", [one]):
            given = task.get(f"xr_agent.trust.{name}") or {}
            assert set(given) <= set(shown[name]["doc"]["options"])
            found += f"xr_agent.trust.{name}" in task
    assert found


def test_the_collection_is_of_this_version_and_has_the_files_that_galaxy_wants() -> None:
    galaxy = YAML(typ="safe").load((COLLECTION / "galaxy.yml").read_text(encoding="utf-8"))
    assert galaxy["version"] == agent.__version__
    assert (COLLECTION / galaxy["readme"]).is_file()
    runtime = YAML(typ="safe").load((COLLECTION / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    (core,) = lines("options.extras_require", "ansible")
    assert core == f"ansible-core{runtime['requires_ansible'].removesuffix('.0')}"
    assert set(runtime["action_groups"]["all"]) == set(MODULES)
