"""What ansible-doc shows is complete and true, and the collection is of this version."""

from __future__ import annotations

import json
import re
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


@pytest.mark.parametrize("name", MODULES)
def test_every_option_is_described_with_its_type_and_the_library_reads_it(shown: dict[str, Any], name: str) -> None:
    options = shown[name]["doc"]["options"]
    code = "".join(path.read_text() for path in Path(tasks.__file__).parent.glob("*.py"))
    for option, about in options.items():
        assert about["description"], option
        assert about["type"] in ("str", "int", "float", "bool", "path", "list"), option
        assert re.search(rf'[" (]{option}[" )]', code), option


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
