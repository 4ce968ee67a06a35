"""The schema code on real vendor modules: what a device would send by get-schema is compiled and used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.netconf.payload import template
from agent.netconf.yang import library
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.schema import Schema

REVISIONS = {"Cisco-IOS-XR-crypto-act": "2019-06-18", "Cisco-IOS-XR-call-home-cfg": "2019-04-05"}
NODES = {
    "Cisco-IOS-XR-crypto-act": ("/ca-authenticate/input/server-name", "/ca-trustpool-import-url/input/url"),
    "Cisco-IOS-XR-call-home-cfg": ("/call-home/vrf", "/call-home/profiles/profile/profile-name"),
}


@pytest.mark.parametrize("module", sorted(NODES))
def test_vendor_modules_are_compiled_with_what_they_import(
    vendor_modules: Mapping[str, str], module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "exact", lambda *_: None)  # as of a revision that nobody knows
    namespace = f"http://cisco.com/ns/yang/{module}"
    capabilities = Capabilities.from_uris([f"{namespace}?module={module}&revision={REVISIONS[module]}"])
    schema = Schema(capabilities, fetch=lambda name, revision: vendor_modules[name], cache_dir=tmp_path)
    assert schema.source(module).endswith("(device)")
    for path in NODES[module]:
        assert schema.has(module, path)
    if module.endswith("-act"):
        schema.validate(template("rpc-ca-authenticate", server_name="Trustpool", file_path=None), module=module)
