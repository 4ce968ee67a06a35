"""Receivers of notifications: over real HTTP and TLS, and as programs; tried again, and given up in time."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

import agent
from agent.fleet import notify
from agent.fleet.notify import Sender, Undelivered, end, receiver
from tests.model.test_program import alive
from tests.support import Clock, all_of, eventually
from tests.web import hook

BODY = json.dumps({"event": "begin"}).encode()


def never() -> bool:
    return False


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between tries no time passes; that of an answer is what no test comes to, unless it is to."""
    monkeypatch.setattr(notify, "FIRST", 0.0)
    monkeypatch.setattr(notify, "WITHIN", 600.0)
    monkeypatch.setattr(notify, "PATIENCE", 600.0)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def told(to: notify.Receiver, *bodies: bytes) -> Sender:
    """What became of *bodies*."""
    sender = Sender(to)
    for body in bodies or (BODY,):
        sender.bring(body)
    end([sender])
    return sender


def named(url: str, tmp_path: Path) -> str:
    """The reference to *url*, which has a login in it."""
    (tmp_path / "url").write_text(f"{url}\n")
    return f"file:{tmp_path / 'url'}"


def test_it_is_posted_as_json_in_order() -> None:
    with hook() as server:
        sender = told(receiver(server.url), BODY, b'{"event": "end"}')
        assert server.events == ["begin", "end"]
        assert (sender.brought, sender.taken) == (2, 2)
        headers = server.headers[0]
        assert (headers["Content-Type"], headers["path"]) == ("application/json", "/hook")
        assert headers["User-Agent"] == f"xr-agent/{agent.__version__}"
        assert "Authorization" not in headers


def test_a_login_in_the_url_is_a_header_and_shows_nowhere(tmp_path: Path) -> None:
    with hook() as server:
        to = receiver(named(server.url.replace("://", "://ops:hunt%2Fer2@") + "?token=Zq7x", tmp_path))
        assert told(to).taken == 1
        assert server.headers[0]["Authorization"] == "Basic b3BzOmh1bnQvZXIy"
        assert server.headers[0]["path"] == "/hook?token=Zq7x"
    with pytest.raises(Undelivered) as away:
        to.take(BODY, never)
    assert away.value.why == "Connection refused"
    assert to.name == server.url.removesuffix("/hook")
    for word in ("hunt", "Zq7x", "b3Bz"):
        assert word not in repr(to) + to.name + str(away.value)


@pytest.mark.parametrize("status, tries", [(503, 3), (429, 3), (404, 1), (401, 1), (302, 1), (307, 1)])
def test_what_may_pass_is_tried_again_and_nothing_is_followed(status: int, tries: int) -> None:
    with hook() as server:
        server.answers = [status, status]
        sender = told(receiver(server.url))
        assert len(server.bodies) == tries
        assert sender.taken == (tries > 1)
        assert tries > 1 or sender.why == f"it answered {status}"


def test_it_is_given_up_after_some_tries() -> None:
    with hook() as server:
        server.answers = [500] * 99
        sender = told(receiver(server.url))
        assert len(server.bodies) == notify.TRIES
    assert (sender.taken, sender.why) == (0, "it answered 500")


@pytest.mark.parametrize("patience", [0.0, 600.0])
def test_one_that_hangs_is_waited_for_within_a_bound(monkeypatch: pytest.MonkeyPatch, patience: float) -> None:
    """Within that of the whole, or of each try: it never answers, however long the machine takes."""
    monkeypatch.setattr(notify, "PATIENCE", patience)
    monkeypatch.setattr(notify, "WITHIN", 600.0 if not patience else 0.2)
    monkeypatch.setattr(notify, "KILLING", 0.0)
    monkeypatch.setattr(notify, "TRIES", 2)
    with hook() as server:
        server.silent = True
        sender = told(receiver(server.url))
        assert sender.taken == 0
        assert sender.why.startswith("it did not answer within ")


def test_nobody_waits_for_a_receiver_that_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "PATIENCE", 0.0)
    monkeypatch.setattr(notify, "KILLING", 0.0)
    with hook() as server:
        server.silent = True
        sender = told(receiver(server.url), *[BODY] * 3)
        assert (sender.brought, sender.taken) == (3, 0)


def test_several_receivers_that_hang_are_waited_for_once(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(notify, "PATIENCE", 8.0)
    monkeypatch.setattr(notify, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(Sender, "join", lambda _, seconds: clock.sleep(max(0.0, seconds)))
    end([Sender(_Deaf()) for _ in range(3)])
    assert clock.now == 8.0 + notify.KILLING


class _Deaf:
    name = "deaf"

    def take(self, body: bytes, over: notify.Over) -> None:
        raise AssertionError("nothing was brought")


@pytest.fixture
def certified(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """TLS as of 127.0.0.1, and the certificate of its own, which nobody trusts yet."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    if shutil.which("openssl") is None:
        raise AssertionError("the test needs openssl")
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=hook", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*made, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


def test_a_certificate_that_is_not_trusted_is_refused_and_one_that_is_taken(
    certified: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, certificate = certified
    with hook(context) as server:
        sender = told(receiver(server.url))
        assert sender.taken == 0
        assert sender.why == "its certificate is not trusted: self-signed certificate"
        assert not server.bodies
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert told(receiver(server.url)).taken == 1
        elsewhere = receiver(server.url.replace("127.0.0.1", "localhost"))
        assert told(elsewhere).why.startswith("its certificate is not trusted: ")


def script(path: Path, *lines: str) -> str:
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o700)
    return str(path)


def test_a_program_has_it_on_stdin(tmp_path: Path) -> None:
    notifier = script(tmp_path / "notifier", f'echo "$*" > {tmp_path}/words', f"cat > {tmp_path}/told", "echo noise")
    assert told(receiver(f"exec:{notifier} -s 'a b'")).taken == 1
    assert (tmp_path / "told").read_bytes() == BODY + b"\n"
    assert (tmp_path / "words").read_text() == "-s a b\n"


def test_one_that_fails_is_tried_again_and_only_its_status_said(tmp_path: Path) -> None:
    notifier = script(tmp_path / "notifier", f"echo . >> {tmp_path}/runs", "echo hunter2 >&2; echo hunter2; exit 4")
    sender = told(receiver(f"exec:{notifier} --token=hunter2"))
    assert (sender.taken, sender.name, sender.why) == (0, "notifier", "ended with status 4")
    assert (tmp_path / "runs").read_text().count(".") == notify.TRIES


def test_a_program_that_hangs_is_killed_when_the_run_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "KILLING", 600.0)
    file = tmp_path / "pid"
    hangs = script(tmp_path / "hangs", f"echo $$ > {file}~; mv {file}~ {file}; sleep 600")
    sender = Sender(receiver(f"exec:{hangs}"))
    sender.bring(BODY)
    assert eventually(file.exists)
    monkeypatch.setattr(notify, "PATIENCE", 0.0)
    end([sender])
    assert (sender.taken, sender.why) == (0, "it did not end in time, and was killed")
    assert not alive(int(file.read_text()))


def test_an_interrupt_of_the_wait_leaves_no_program_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "KILLING", 600.0)
    file = tmp_path / "pid"
    sender = Sender(receiver(f"exec:{script(tmp_path / 'hangs', f'echo $$ > {file}~; mv {file}~ {file}; sleep 600')}"))
    sender.bring(BODY)
    assert eventually(file.exists)
    join, waits = sender.join, iter([True])

    def interrupted(seconds: float) -> None:
        if next(waits, False):
            raise KeyboardInterrupt
        join(seconds)

    monkeypatch.setattr(sender, "join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        end([sender])
    assert not alive(int(file.read_text()))


def test_tls_that_cannot_be_set_up_here_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "away" / "keys"))
    sender = told(receiver("https://127.0.0.1:9/hook"))
    assert (sender.taken, sender.why) == (0, "No such file or directory")


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "names no URL"),
        ("hooks.example/x", "names no URL"),
        ("ftp://hooks.example/Zq7x", "names no URL"),
        ("file:///etc/Zq7x", "No such file"),
        ("https:///Zq7x", "names no URL"),
        ("https://hooks.example:port/Zq7x", "names no URL"),
        ("https://hooks.example:0/Zq7x", "names no URL"),
        ("https://[::1/Zq7x", "names no URL"),
        ("https://hooks.example/Zq7x y", "names no URL"),
        ("https://hooks.example/Zq7x\r\nX: y", "names no URL"),
        ("https://ops:Zq7x@hooks.example/", "carries a login"),
        ("https://Zq7x@hooks.example/", "carries a login"),
        ("env:XR_NO_SUCH_HOOK", "XR_NO_SUCH_HOOK is not set"),
        ("exec:", "followed by no program"),
        ("exec:no-such-notifier Zq7x", "no-such-notifier cannot be run: there is no such program"),
        ("exec:sh {name} Zq7x", "the command of sh names a router"),
    ],
)
def test_what_names_nobody_is_refused_and_not_repeated(text: str, said: str) -> None:
    with pytest.raises(agent.InputError, match=said) as refused:
        receiver(text)
    assert refused.value.hint
    assert "Zq7x" not in str(refused.value) or text.startswith("file:")


def test_a_receiver_that_talks_no_http_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with hook() as server:
        monkeypatch.setattr(notify, "TRIES", 1)
        sender = told(receiver(server.url.replace("http:", "https:")))
        assert sender.taken == 0
        assert sender.why
        assert "Traceback" not in all_of(Undelivered(sender.why))
