"""A recording served over SSH: what is asked is found by its meaning, and answered as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko
import pytest
from lxml import etree
from ncclient import manager
from ncclient.operations import RPCError
from ncclient.transport.errors import TransportError

from agent.model.errors import InputError
from agent.model.telemetry.direction import Direction
from agent.recording.events import How, Way, terminal
from agent.recording.reading import Recording
from agent.simulator import Replay
from agent.simulator.replay.meaning import NoRequest, of_line, of_rpc
from tests.scripted import BASE, HELLO, INSTALL, PROMPT, VERSION_FILTER, Script, get, label, reply, rpc
from tests.support import eventually

CONFIG = '<config><x xmlns="urn:x"><name>a</name><y/></x></config>'
EDIT = f"<edit-config><target><candidate/></target>{CONFIG}</edit-config>"
FRESH = ("xr-agent-" + "0a" * 16, "xr-agent-" + "1b" * 16)


@contextmanager
def asking(replay: Replay) -> Iterator[Any]:
    """Stock ncclient."""
    client = manager.connect(
        host="127.0.0.1",
        port=replay.port,
        username=replay.username,
        password=replay.password,
        hostkey_verify=False,
        allow_agent=False,
        look_for_keys=False,
        timeout=60,
    )
    try:
        yield client
    finally:
        client._session.close()  # no <close-session>: of a session that the replay ended it may wait for the answer


@contextmanager
def shell(replay: Replay) -> Iterator[paramiko.SSHClient]:
    """Stock paramiko."""
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        login = (replay.username, replay.password)
        client.connect("127.0.0.1", replay.ssh_port, *login, allow_agent=False, look_for_keys=False)
        yield client


def sent(client: Any, body: str) -> str:
    """The reply to *body*, as text."""
    return str(client.dispatch(etree.fromstring(body)).xml)


def of(body: str) -> str:
    """*body* in NETCONF's namespace."""
    return re.sub(r"^<[\w-]+", rf'\g<0> xmlns="{BASE}"', body)


OTHERWISE = (
    f"<n:rpc xmlns:n='{BASE}' xmlns:q='urn:a' message-id='xr-9'><n:get><n:filter type='subtree'>"
    "<q:a> <!-- no --> <q:c> 5 </q:c>\n<q:b></q:b></q:a></n:filter></n:get></n:rpc>"
)
SAME = [
    f'<rpc xmlns="{BASE}" message-id="1">{{}}</rpc>'.format(get('<a xmlns="urn:a"><b/><c>5</c></a>')),
    OTHERWISE,
]


def test_prefixes_order_blanks_and_the_message_id_mean_nothing() -> None:
    (one, first), (other, second) = map(of_rpc, SAME)
    assert (one, other) == ("1", "xr-9")
    assert first == second
    assert first.label == "get urn:a a"


@pytest.mark.parametrize(
    "other",
    [
        get('<a xmlns="urn:b"><b/><c>5</c></a>'),
        get('<a xmlns="urn:a"><b/><c>6</c></a>'),
        get('<a xmlns="urn:a"><b/></a>'),
        get('<a xmlns="urn:a"><b/><b/><c>5</c></a>'),
        f"<get-config><source><running/></source>{get('<a xmlns=_urn:a_/>'.replace('_', chr(34)))[5:-6]}</get-config>",
    ],
)
def test_another_model_value_or_operation_means_something_else(other: str) -> None:
    assert of_rpc(rpc(other))[1].key != of_rpc(SAME[0])[1].key


def test_a_value_with_a_prefix_means_its_namespace_and_an_attribute_counts() -> None:
    ask = '<config xmlns:{0}="urn:t"><x xmlns="urn:x"><kind>{0}:one</kind></x></config>'
    edits = [f"<edit-config>{ask.format(prefix)}</edit-config>" for prefix in ("a", "b")]
    one, other = (of_rpc(rpc(edit))[1].key for edit in edits)
    assert one == other
    drops = f'<x xmlns="urn:x" xmlns:{{0}}="{BASE}" {{0}}:operation="delete"/>'
    keys = [of_rpc(rpc(f"<edit-config><config>{drops.format(prefix)}</config></edit-config>"))[1] for prefix in "nm"]
    assert keys[0] == keys[1] != of_rpc(rpc('<edit-config><config><x xmlns="urn:x"/></config></edit-config>'))[1]


def test_names_that_are_made_up_for_one_push_are_any() -> None:
    commits = [rpc(f"<commit><confirmed/><persist>{name}</persist></commit>") for name in FRESH]
    one, other = (of_rpc(text)[1] for text in commits)
    assert (one.key, one.fresh, other.fresh) == (other.key, FRESH[:1], FRESH[1:])
    lines = [of_line(f"run  rm -f /misc/disk1/{name}.pem") for name in FRESH]
    assert lines[0].key == lines[1].key


@pytest.mark.parametrize("text", ["", "<rpc", "<rpc/>", f'<hello xmlns="{BASE}"/>', "\x00"])
def test_what_is_no_rpc_has_no_meaning(text: str) -> None:
    with pytest.raises(NoRequest):
        of_rpc(text)


def test_answers_come_in_recorded_order_and_the_last_read_again(tmp_path: Path) -> None:
    ask = get(VERSION_FILTER)
    made = Script().netconf((ask, label("7.3.1")), (ask, label("7.3.2"))).write(tmp_path / "r")
    with Replay(made) as replay, asking(replay) as client:
        seen = [sent(client, of(ask)) for _ in range(3)]
        assert [next(one for one in ("7.3.1", "7.3.2") if one in text) for text in seen] == ["7.3.1", "7.3.2", "7.3.2"]
        assert replay.missing == []


def test_a_read_never_gets_what_was_read_behind_a_change_that_is_not_made_yet(tmp_path: Path) -> None:
    ask = get(VERSION_FILTER)
    pairs = [(ask, label("7.3.1")), (EDIT, "<ok/>"), ("<commit/>", "<ok/>"), (ask, label("7.3.2"))]
    with Replay(Script().netconf(*pairs).write(tmp_path / "r")) as replay, asking(replay) as client:
        assert all("7.3.1" in sent(client, of(ask)) for _ in range(3))
        sent(client, of(EDIT))
        assert "7.3.1" in sent(client, of(ask))
        sent(client, of("<commit/>"))
        assert all("7.3.2" in sent(client, of(ask)) for _ in range(2))


def test_a_change_is_answered_as_often_as_it_was_and_what_is_missing_is_named(tmp_path: Path) -> None:
    told: list[str] = []
    made = Script().netconf((EDIT, "<ok/>")).write(tmp_path / "r.rec")
    with Replay(made, told=told.append) as replay, asking(replay) as client:
        sent(client, of(EDIT))
        for body, words in (
            (EDIT, "edit-config candidate urn:x x"),
            (get(VERSION_FILTER), "get Cisco-IOS-XR-install-oper install/version/label"),
            ("<commit/>", "commit"),
        ):
            with pytest.raises(RPCError) as refused:
                sent(client, of(body))
            assert (refused.value.tag, refused.value.message) == (
                "operation-failed",
                f"the recording r.rec has no answer to {words}",
            )
        assert told == replay.missing
        assert len(told) == 3


def test_errors_odd_replies_and_another_order_of_replies_are_as_they_were(tmp_path: Path) -> None:
    script = Script()
    session = script.open(Way.NETCONF)
    script.said(session, Direction.RECEIVED, HELLO)
    one, other = get(VERSION_FILTER), get(f'<install xmlns="{INSTALL}"><fixes/></install>')
    script.said(session, Direction.SENT, rpc(one, 5))
    script.said(session, Direction.SENT, rpc(other, 6))
    error = "<rpc-error><error-type>protocol</error-type><error-tag>in-use</error-tag>"
    script.said(session, Direction.RECEIVED, reply(f"{error}<error-severity>error</error-severity></rpc-error>", 6))
    odd = f"<nc:rpc-reply xmlns:nc='{BASE}' message-id='5'  ><nc:data/></nc:rpc-reply>"
    script.said(session, Direction.RECEIVED, odd)
    with Replay(script.write(tmp_path / "r")) as replay, asking(replay) as client:
        with pytest.raises(RPCError) as refused:
            sent(client, of(other))
        assert refused.value.tag == "in-use"
        assert "<nc:data/>" in sent(client, of(one))


def test_a_session_that_was_lost_is_lost_at_the_same_request(tmp_path: Path) -> None:
    script = Script().netconf((get(VERSION_FILTER), label("7.3.2")), ("<commit/>", None)).lost(1)
    with Replay(script.write(tmp_path / "r")) as replay, asking(replay) as client:
        sent(client, of(get(VERSION_FILTER)))
        with pytest.raises(TransportError):
            sent(client, of("<commit/>"))
        assert eventually(lambda: not client.connected)


def test_more_sessions_than_recorded_have_numbers_of_their_own(tmp_path: Path) -> None:
    made = Script().netconf((get(VERSION_FILTER), label("7.3.2"))).write(tmp_path / "r")
    with Replay(made) as replay, asking(replay) as one, asking(replay) as other:
        assert one.session_id == "7" != other.session_id
        assert "7.3.2" in sent(other, of(get(VERSION_FILTER)))


def test_the_cli_prints_the_recorded_bytes_and_names_a_line_without_answer(tmp_path: Path) -> None:
    made = Script().netconf().cli(("show clock", "Sun Mar  1\r\n\r\n10:00:00 UTC \xe9\r\n")).write(tmp_path / "r.rec")
    with Replay(made) as replay, shell(replay) as client:
        channel = client.invoke_shell()

        def typed(text: str) -> str:
            channel.sendall(text.encode())
            return heard()

        def heard() -> str:
            seen = b""
            while not seen.endswith(PROMPT.encode()):
                seen += channel.recv(4096)
            return seen.decode()

        assert heard() == f"\r\n\r\n{PROMPT}"
        for _ in range(2):
            said = typed("show clock\n")
            assert said == f"show clock\r\nSun Mar  1\r\n\r\n10:00:00 UTC \xe9\r\n{PROMPT}"
        assert typed("show  clock\r\n").startswith("show  clock\r\n")
        assert typed("\n") == f"\r\n{PROMPT}"
        assert typed("\x03") == f"^C\r\n{PROMPT}"
        said = typed("show inventory\n")
        assert "% Invalid input" in said
        assert "the recording r.rec has no answer to 'show inventory'" in said
        assert replay.missing == ["the recording r.rec has no answer to 'show inventory'"]


def test_sftp_answers_refuses_and_gives_back_what_was_written(tmp_path: Path) -> None:
    path, refused = "/misc/disk1/xr-agent-" + "0" * 32, "/misc/disk1/other"
    script = Script().netconf().files(("open", path))
    script.files(("write", path), size=5).files(("stat", path), size=None).files(("open", path), ("read", path))
    script.files(("open", refused), refused="no room", code=4)
    with Replay(script.write(tmp_path / "r")) as replay, shell(replay) as client, client.open_sftp() as sftp:
        mine = "/misc/disk1/xr-agent-" + "f" * 32
        with sftp.open(mine, "wx") as file:
            file.write(b"right")
        with sftp.open(mine, "r") as file:
            assert file.read(5) == b"right"
        with pytest.raises(OSError, match="no room"):
            sftp.open(refused, "w")
        with pytest.raises(OSError, match="no answer to SFTP stat /elsewhere"):
            sftp.stat("/elsewhere")


def test_it_offers_what_the_recorded_server_offered_and_says_what_it_cannot(tmp_path: Path) -> None:
    offer = {
        "server": "SSH-2.0-Cisco-2.0",
        "kex": ("ecdh-sha2-nistp256", "made-up-kex", "kex-strict-s-v00@openssh.com"),
        "host_algorithms": ("rsa-sha2-256", "ssh-dss"),
        "ciphers": ("aes256-ctr",),
        "macs": ("hmac-sha2-256",),
        "host_key": "ssh-rsa",
        "methods": ("keyboard-interactive",),
    }
    with Replay(Script(**offer).netconf().write(tmp_path / "r")) as replay:
        assert replay.notes == ("key exchange made-up-kex", "host key ssh-dss")
        with paramiko.Transport(("127.0.0.1", replay.port)) as transport:
            transport.start_client(timeout=60)
            assert transport.remote_version == "SSH-2.0-Cisco-2.0"
            assert transport.get_remote_server_key().get_name() == "ssh-rsa"
            assert vars(transport)["remote_cipher"] == "aes256-ctr"
            transport.auth_interactive(replay.username, lambda *_: [replay.password])
            assert transport.is_authenticated()


def test_a_way_that_was_not_recorded_is_not_offered(tmp_path: Path) -> None:
    with Replay(Script().netconf().write(tmp_path / "r")) as replay, shell(replay) as client:
        with pytest.raises(paramiko.SSHException):
            client.invoke_shell()
        with pytest.raises((paramiko.SSHException, EOFError)):
            client.open_sftp()
        lacking = [f"the recording r has no answer to a session by {way}" for way in ("cli", "sftp")]
        assert replay.missing == lacking


@pytest.mark.parametrize("how", [None, How.INTERRUPTED])
def test_where_a_recording_ends_early_a_read_says_so_and_a_change_gets_no_answer(
    tmp_path: Path, how: How | None
) -> None:
    ask = get(VERSION_FILTER)
    script = Script().netconf((ask, label("7.3.2")), (EDIT, "<ok/>"), (ask, None))
    with Replay(_unfinished(script, tmp_path, how)) as replay, asking(replay) as client:
        assert "7.3.2" in sent(client, of(ask))
        sent(client, of(EDIT))
        with pytest.raises(RPCError, match=r"the recording r\S* ends here .* has no answer to get Cisco"):
            sent(client, of(ask))
        assert client.connected


def test_of_a_change_that_nobody_saw_answered_nobody_says_that_it_was_refused(tmp_path: Path) -> None:
    made = _unfinished(Script().netconf(("<commit/>", None)), tmp_path, None)
    with Replay(made) as replay, asking(replay) as client:
        with pytest.raises(TransportError):
            sent(client, of("<commit/>"))
        assert "ends here" in replay.missing[0]


def _unfinished(script: Script, folder: Path, how: How | None) -> Recording:
    return script.write(folder / "r", ended=False) if how is None else script.write(folder / "r", how=how)


def test_what_was_sent_and_is_no_request_is_an_error_with_its_line(tmp_path: Path) -> None:
    script = Script().netconf()
    script.said(1, Direction.SENT, "<rpc")
    with pytest.raises(InputError, match=r"r, line 4: what was sent is no request"):
        Replay(script.write(tmp_path / "r"))


def test_recorded_timing_lets_an_answer_take_as_long_as_it_took(tmp_path: Path) -> None:
    made = Script().netconf((get(VERSION_FILTER), label("7.3.2"))).write(tmp_path / "r")
    waited: list[float] = []
    with Replay(made, recorded_timing=True) as replay:

        async def pause(until: float) -> None:
            waited.append(until - replay.loop.time())

        replay.playback.pause = pause  # type: ignore[method-assign]
        with asking(replay) as client:
            sent(client, of(get(VERSION_FILTER)))
    assert [round(one, 1) for one in waited] == [0.1, 0.1]


def test_nothing_listens_on_a_port_that_is_taken(tmp_path: Path) -> None:
    made = Script().netconf().write(tmp_path / "r")
    with Replay(made) as replay, pytest.raises(OSError, match="in use"):
        Replay(made, port=replay.port)


def test_recorded_timing_lets_each_piece_of_the_cli_come_when_it_came(tmp_path: Path) -> None:
    script = Script().netconf()
    session = script.open(Way.CLI)
    text = f"\r\n{PROMPT}".encode()
    pieces = ((script.now + 1.0, 2), (script.now + 3.0, len(text) - 2))
    script.events.append(terminal(script.now + 3.0, session, Direction.RECEIVED, text, pieces))
    waited: list[float] = []
    with Replay(script.write(tmp_path / "r"), recorded_timing=True) as replay:

        async def pause(until: float) -> None:
            waited.append(until - replay.loop.time())

        replay.playback.pause = pause  # type: ignore[method-assign]
        with shell(replay) as client:
            channel = client.invoke_shell()
            seen = b""
            while len(seen) < len(text):
                seen += channel.recv(4096)
            assert seen == text
    assert [round(one) for one in waited] == [1, 3]
