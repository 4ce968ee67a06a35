"""Events without what is private. All values are SYNTHETIC."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from agent.model.device import Secret
from agent.model.masking.redact import Redactor
from agent.model.telemetry.direction import Direction
from agent.recording.events import (
    Begin,
    Closed,
    End,
    Entry,
    Files,
    How,
    Message,
    Opened,
    Passed,
    Terminal,
    Way,
    terminal,
)
from agent.recording.masking import without_secrets
from agent.recording.privacy.own import workers
from agent.recording.privacy.places import Kind
from agent.recording.privacy.standins import StandIns
from agent.recording.reading import read
from agent.recording.sanitiser import Sanitiser
from agent.recording.writing import Writer

KEY = b"a key of the tests, of 32 bytes.."
BEGIN = Begin(version=1, made="2026-11-29T08:00:00Z", by="xr-agent 0", command="record", sanitised=True)
RECEIVED = Direction.RECEIVED
PRIVATE = ("pe1-fra", "jdoe", "initech", "10.1.2.3", "hunter2-x")


def events() -> list[Passed]:
    blob = base64.b64encode(b"from pe1-fra by jdoe").decode()
    printed = "show users\r\nWelcome to pe1-fra\r\nvty0  jdoe  ssh  0  00:00:00  10.1.2.3\r\nRP/0/RP0/CPU0:pe1-fra#"
    return [
        Opened(at=0, session=1, way=Way.CLI, banner=("Property of Initech", ""), server="SSH-2.0-Cisco-2.0"),
        Message(
            at=1, session=2, direction=RECEIVED, text=f"<a><password>hunter2-x</password><b>{blob} pe1-fra</b></a>"
        ),
        terminal(2, 1, RECEIVED, printed.encode(), ((2.0, 30), (2.5, len(printed) - 30))),
        terminal(3, 1, RECEIVED, b"\xff pe1-fra hunter2-x"),
        Files(at=4, session=3, request="list", path="/home/jdoe", entries=(Entry("pe1-fra.cfg"),), refused="no jdoe"),
        Message(at=5, session=2, direction=RECEIVED, text="<user-name>jdoe</user-name> 10.1.2.3"),
        Closed(at=6, session=1, lost="10.1.2.3 does not answer"),
    ]


def shown(events: list[Passed] | tuple[Passed, ...]) -> str:
    parts = [repr(event) for event in events]
    parts += [event.data.decode("latin-1") for event in events if hasattr(event, "data")]
    parts += [
        base64.b64decode(word).decode() for word in repr(events).replace("<b>", " ").split() if word.startswith("ZnJv")
    ]
    return "\n".join(parts).lower()


def test_a_recording_has_nothing_that_is_private_wherever_it_was_learned(tmp_path: Path) -> None:
    standins = StandIns(KEY)
    secret = Secret("hunter2-x")
    writer = Writer(tmp_path / "r.rec", BEGIN, Sanitiser(standins, [secret]))
    for event in events():
        writer(without_secrets(event, Redactor([secret])))
    assert all(private in shown(events()) for private in PRIVATE)
    found = read(writer.end(lambda: End(at=9, how=How.FINISHED, replaced=standins.counts, standins=standins.standins)))
    for private in PRIVATE:
        assert private not in shown(found.events)
    assert found.end is not None
    assert found.end.replaced.keys() == found.end.standins.keys() >= {"host name", "user", "address", "banner"}
    before, after = (next(event for event in of if isinstance(event, Terminal)) for of in (events(), found.events))
    assert [size for _, size in after.pieces] == [size for _, size in before.pieces]
    opened = found.events[0]
    assert isinstance(opened, Opened)
    assert opened.banner[0].split()[1] == "of"
    assert opened.server == "SSH-2.0-Cisco-2.0"


def test_what_is_said_again_is_as_it_was() -> None:
    sanitiser = Sanitiser(StandIns(KEY))
    first = [sanitiser(event) for event in events()]
    again = [sanitiser.again(event) for event in first]
    assert [sanitiser.again(event) for event in again] == again


def test_what_is_known_ahead_is_replaced_from_the_first_event_on() -> None:
    standins = StandIns(KEY)
    standins.know(Kind.HOST, "pe1-fra", "10.1.2.3")
    event = Sanitiser(standins)(Message(at=0, session=1, direction=RECEIVED, text="<a>pe1-fra at 10.1.2.3</a>"))
    assert isinstance(event, Message)
    assert "pe1-fra" not in event.text
    assert "10.1.2.3" not in event.text
    assert standins.counts == {"address": 1, "host name": 1}


FINGERPRINT = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"


@pytest.mark.parametrize(
    "said, left",
    [
        (f"its host key ssh-rsa {FINGERPRINT} is not in {{home}}/.ssh/known_hosts", "in ~/.ssh/known_hosts"),
        (f"its host key {FINGERPRINT} is not the pinned one", "its host key SHA256:*** is not the pinned one"),
        (f"its host key changed: ssh-rsa {FINGERPRINT} is not the key in /srv/jsmith/known, line 7", ", line 7"),
        (
            "{home}/keys/id_rsa: the key cannot be used: the passphrase does not open it",
            "~/keys/id_rsa: the key cannot",
        ),
        ("/srv/jsmith/config, line 3: others may write it, so ssh does not read it", "/config, line 3: others may"),
        ("/data/home/jsmith/config, line 3: x", "/config, line 3: x"),
        ("the device refused the login: the password of admin was not accepted", "was not accepted"),
        (
            "the device refused the login: the password of admin has expired, or has to be changed",
            "has expired, or has",
        ),
        ("the device refused the login: admin is locked out, it says: wait", " is locked out, it says: wait"),
        ("the device accepted no key of admin; it said: bye", "accepted no key of "),
        ("jump host admin@10.1.2.3: no answer", ": no answer"),
        ("the passphrase does not open it", "the passphrase does not open it"),
        ("it says: password 7 0822455D0A16", "it says: password ***"),
        ("it asks at the login: the password of jdoe-token: s3cret", "it asks at the login: the password of "),
    ],
)
def test_our_own_words_stay_whole_and_say_nothing_of_who_works_here(
    said: str, left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "jsmith"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("LOGNAME", "jsmith")
    standins = StandIns(KEY)
    standins.know(Kind.USER, "admin", "jdoe", *workers())
    sanitiser = Sanitiser(standins)
    text = said.format(home=home)
    opened = sanitiser(Opened(at=0, session=1, way=Way.NETCONF, failed=text))
    closed = sanitiser(Closed(at=0, session=1, lost=text))
    assert isinstance(opened, Opened)
    assert isinstance(closed, Closed)
    assert opened.failed == closed.lost == sanitiser.own(text)
    assert sanitiser.again(opened) == opened
    shown = opened.failed or ""
    assert left in shown
    assert not [word for word in ("jsmith", "admin", "jdoe", "0822455D0A16", FINGERPRINT[7:]) if word in shown]


def test_a_worker_whose_name_is_a_common_word_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.recording.privacy.own.user_name", lambda: "1000")
    for name, value in (("HOME", "/root"), ("LOGNAME", "root"), ("USER", "")):
        monkeypatch.setenv(name, value)
    assert workers() == set()
    said = "it is not the root certificate in /root/x, /roots/x or /srv/root/x"
    assert Sanitiser(StandIns(KEY)).own(said) == "it is not the root certificate in ~/x, /roots/x or /srv/root/x"
