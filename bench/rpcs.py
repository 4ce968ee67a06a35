"""What one push sends: the list of rpcs that the agent's peers send as well, each by its own interface.

``python -m bench.rpcs`` prints it.
"""

from __future__ import annotations

from agent.netconf.payload import serialize, template

_TRUSTPOINT = serialize(template("filter-trustpoint.um-crypto-cfg", name="Trustpool")).decode()
_EDIT = serialize(
    template(
        "edit-trustpoint.um-crypto-cfg",
        name="Trustpool",
        url=None,
        terminal=True,
        local=False,
        remove_terminal=False,
        remove_url=False,
        remove_local=False,
    )
).decode()
_CERTIFICATE = serialize(template("filter-trustpoint-oper", name="Trustpool")).decode()
_LICENSING = serialize(template("filter-licensing")).decode()


def _get(subtree: str) -> str:
    return f'<get><filter type="subtree">{subtree}</filter></get>'


def _get_config(source: str) -> str:
    return f'<get-config><source><{source}/></source><filter type="subtree">{_TRUSTPOINT}</filter></get-config>'


RPCS = (
    _get_config("running"),
    _get(_CERTIFICATE),
    _get(_LICENSING),
    _get(serialize(template("filter-install-version")).decode()),
    _get(serialize(template("filter-install-fixes")).decode()),
    "<lock><target><running/></target></lock>",
    "<lock><target><candidate/></target></lock>",
    _get_config("candidate"),
    _get_config("running"),
    (
        "<edit-config><target><candidate/></target><default-operation>merge</default-operation>"
        f"<error-option>rollback-on-error</error-option><config>{_EDIT}</config></edit-config>"
    ),
    "<validate><source><candidate/></source></validate>",
    "<commit/>",
    "<unlock><target><candidate/></target></unlock>",
    "<unlock><target><running/></target></unlock>",
    _get_config("running"),
    serialize(template("rpc-ca-authenticate", server_name="Trustpool", file_path=None)).decode(),
    _get(_CERTIFICATE),
    serialize(template("rpc-renew-auth")).decode(),
    _get(_LICENSING),
)
"""What one push sends before close-session."""


if __name__ == "__main__":
    print("\n".join(RPCS))
