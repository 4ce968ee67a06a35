"""A device as the user names it, and secrets that show themselves to nobody but who asks for them by name."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path

import pytest

from agent.model.device import Device, Secret
from agent.model.errors import InputError
from tests.support import all_of

WORD = "hunter2"


def test_a_secret_shows_itself_only_when_it_is_revealed() -> None:
    secret = Secret(WORD)
    device = Device("r1.example", password=secret, key_passphrase=secret)
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret!s:>20}", f"{[secret]}", repr(device), str(device)):
        assert WORD not in shown
    assert secret.reveal() == WORD
    for value in (secret, device):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(value)


def test_a_secret_of_the_environment_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XR_SECRET", WORD)
    assert Secret.from_env("XR_SECRET").reveal() == WORD
    for value in ("", None):
        if value is None:
            monkeypatch.delenv("XR_SECRET")
        else:
            monkeypatch.setenv("XR_SECRET", value)
        with pytest.raises(InputError, match="XR_SECRET is not set"):
            Secret.from_env("XR_SECRET")


def test_a_secret_in_another_coding_is_refused_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environb, b"XR_SECRET", WORD.encode() + b"\xff")
    with pytest.raises(InputError, match="no text in UTF-8") as raised:
        Secret.from_env("XR_SECRET")
    assert WORD not in all_of(raised.value)


@pytest.mark.parametrize("content", [f"{WORD}\n", WORD, f"{WORD}\r\nmore\n", f"{WORD}\n" + "x" * 10_000])
def test_a_secret_is_the_first_line_of_its_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret").write_bytes(content.encode())
    assert Secret.from_file(tmp_path / "secret").reveal() == WORD


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\xff\n", b"a\x00b\n", b"\x1b[2J\n", b"x" * 4097, "é".encode() * 2049]
)
def test_what_is_no_secret_is_refused_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(InputError, match="secret") as raised:
        Secret.from_file(tmp_path / "secret")
    assert "xxx" not in str(raised.value)


@pytest.mark.parametrize("host", ["", "a b", "-oProxyCommand=x", "a\nb", "a\x1b[2J", "r1\u202e"])
def test_a_host_that_is_no_name_is_refused(host: str) -> None:
    with pytest.raises(InputError, match="no host name"):
        Device(host)


def test_a_secret_is_neither_pickled_nor_copied_into_one() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(Secret("hunter2-Zq7"), protocol)
    with pytest.raises(TypeError, match="not pickled"):
        copy.deepcopy(Secret("hunter2-Zq7"))


@pytest.mark.parametrize("content", [b"hunter2-Zq7\xff\n", b"Zq7" * 2000, b""])
def test_a_file_that_holds_no_secret_is_refused_without_quoting_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(InputError) as raised:
        Secret.from_file(file)
    assert "Zq7" not in all_of(raised.value)


@pytest.mark.parametrize(
    "host, label, place",
    [
        ("r1", "r1", "port 830"),
        ("r1", None, "port 830"),
        ("r1", "r1:830", "it"),
        ("r1", "r1:831", "r1:830"),
        ("192.0.2.1", "r1", "192.0.2.1:830"),
        ("2001:db8::1", "[2001:db8::1]", "port 830"),
        ("2001:db8::1", "[2001:db8::1]:830", "it"),
        ("2001:db8::1", "r1", "[2001:db8::1]:830"),
    ],
)
def test_behind_a_name_that_is_the_host_itself_an_address_is_not_said_again(
    host: str, label: str | None, place: str
) -> None:
    device = Device(host, label=label)
    assert device.place == place
    assert device.placed("refused") == ("refused" if place == "it" else f"{place}: refused")
    by = device.placed("refused", "through the jump host j")
    assert by == ("" if place == "it" else f"{place} ") + "through the jump host j: refused"
