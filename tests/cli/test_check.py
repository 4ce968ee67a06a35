"""``xr-agent check`` of one HOST: a table with a line for each point and each method, and the same as JSON."""

from __future__ import annotations

import json

from click.testing import CliRunner

from agent.cli.main import program
from tests.cli.lab import Lab
from tests.cli.schemas import check


def test_every_point_and_every_method_has_its_line(lab: Lab) -> None:
    done = lab.run("check", lab.add())
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].rstrip() == "127.0.0.1 ready by rpc, dialog \u00b7 release 7.4.1"
    words = [line.split()[0] for line in lines if line[:1].isalpha()]
    points = ["name", "port", "ssh", "host-key", "login", "netconf", "models", "reads", "cli", "sftp", "space", "clock"]
    assert words == ["127.0.0.1", "point", *points, "method", "trustpool", "file", "rpc", "dialog"][1:]
    assert "harddisk: has room: 3,002.3 MB free" in done.stdout


def test_what_is_not_ok_says_what_to_do_and_the_exit_code_is_1(lab: Lab) -> None:
    done = lab.run("check", lab.add(reachable=False))
    assert done.exit_code == 1
    assert "not-ready" in done.stdout
    assert "netconf-yang agent ssh" in done.stdout.replace("\n", " ")
    assert not done.stderr.count("Traceback")
    methods = [line for line in done.stdout.splitlines() if line.startswith(("trustpool", "file", "rpc", "dialog"))]
    assert [line.split("  ")[0] for line in methods] == ["trustpool, file, rpc, dialog"], "they lack the same"
    assert done.stdout.count("no NETCONF session: ") == 1


def test_the_object_is_as_its_schema_says_and_is_kept(lab: Lab) -> None:
    device = lab.add()
    found = lab.json("check", device)
    check("check", found)
    assert found["readiness"] == "ready"
    assert {one["point"]: one["state"] for one in found["points"]}["cli"] == "ok"
    assert [one["method"] for one in found["methods"]] == ["trustpool", "file", "rpc", "dialog"]
    assert found["server"]["version"].startswith("SSH-2.0-")
    assert found["identity"]["fingerprint"].startswith("SHA256:")
    assert {"prefixes": ["harddisk:"], "size": 6004539392, "free": 3002269696} in found["file_systems"]
    kept = json.loads(
        CliRunner().invoke(program, ["history", "last", "--format", "json"], catch_exceptions=False).stdout
    )
    assert [(one["result"], one["object"]["readiness"]) for one in kept] == [("ready", "ready")]


def test_a_storage_and_a_bundle_are_judged_as_a_push_would(lab: Lab) -> None:
    found = lab.json("check", lab.add(release="25.2.1"), "--storage", "disk0:")
    sftp = next(one for one in found["points"] if one["point"] == "sftp")
    assert sftp["detail"] == "/misc/scratch is there"
