"""Notices on the command line: checked without a router, given several times, each by its own root."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli.main import program
from agent.remedy.notices import folder
from agent.simulator import QUOVADIS
from tests.cli.lab import VARIABLE, Lab

BUNDLED = Path(folder.__file__).parent / "fn72290"


def other(place: Path) -> Path:
    """A notice of another root, which names every release."""
    made = shutil.copytree(BUNDLED, place / "other")
    kept = json.loads((made / folder.FILE).read_text(encoding="utf-8"))
    for key in ("first_fixed", "fixed_since", "fixes", "related"):
        del kept[key]
    (made / folder.FILE).write_text(json.dumps(kept | {"name": "FN1", "affected": "all"}), encoding="utf-8")
    (made / folder.ROOT).write_text(QUOVADIS, encoding="ascii")
    return made


def test_check_says_what_a_notice_says() -> None:
    done = CliRunner().invoke(program, ["notice", "check", str(BUNDLED)], catch_exceptions=False)
    assert done.exit_code == 0
    for said in ("FN72290", "IdenTrust Commercial Root CA 1", "44 releases", "tools.cisco.com", "all from 7.6.1 on"):
        assert said in done.stdout


def test_check_says_what_is_wrong(tmp_path: Path) -> None:
    made = other(tmp_path)
    (made / folder.ROOT).unlink()
    done = CliRunner().invoke(program, ["notice", "check", str(made)], catch_exceptions=False)
    assert done.exit_code == 2
    assert folder.ROOT in done.stderr


@pytest.mark.parametrize("many", [False, True], ids=["one", "inventory"])
def test_each_notice_is_judged_by_its_own_root(lab: Lab, tmp_path: Path, many: bool) -> None:
    device = lab.add(release="7.9.2")
    words = ["assess", *lab.words(device)]
    if many:
        hosts = tmp_path / "hosts.csv"
        hosts.write_text(f"name,host,port,ssh_port\nr1,127.0.0.1,{device.port},{device.ssh_port}\n")
        words[1:6] = ["-i", str(hosts), "--journal", str(tmp_path / "journal.db")]
    words += ["--notice", str(BUNDLED), "--notice", str(other(tmp_path)), "--format", "json"]
    environment = {VARIABLE: lab.simulator.password}
    done = CliRunner().invoke(program, words, env=environment, catch_exceptions=False)
    made = json.loads(done.stdout)
    if many:
        [made] = made
    assert made["verdict"] == "affected"
    assert any(reason.startswith("FN1: ") and "QuoVadis" in reason for reason in made["reasons"])
    assert any(reason.startswith("FN72290: ") for reason in made["reasons"])


def test_without_an_anchor_the_notices_root_is_the_one_looked_for(lab: Lab, tmp_path: Path) -> None:
    device = lab.add(release="7.8.1", certificate=QUOVADIS)
    done = lab.run("assess", device, "--notice", str(other(tmp_path)), "--format", "json")
    assert json.loads(done.stdout)["verdict"] == "remedied"
    assert "QuoVadis Root CA 2" in done.stderr


def test_one_anchor_cannot_stand_for_several_roots(lab: Lab, tmp_path: Path) -> None:
    device = lab.add()
    several = ["--notice", str(BUNDLED), "--notice", str(other(tmp_path))]
    done = lab.run("assess", device, *several, "--anchor", str(BUNDLED / folder.ROOT))
    assert (done.exit_code, device.last_session) == (2, 0)
    assert "each of several notices has its own root" in done.stderr
