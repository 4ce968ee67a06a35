"""Targets travel without their secrets, and say whose entry is wrong."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError, KeyringLocked

import agent
from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.target import Reach, Target
from agent.model.method import Method


@pytest.mark.parametrize("text", ["hunter2", "env:", "keyring:service", "keyring:/user", "vault:x", ""])
def test_what_is_no_reference_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(agent.InputError) as refused:
        Reference.parse(text)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("text", ["env:XR_PASSWORD", "file:/etc/xr/password", "keyring:routers/ops"])
def test_a_reference_is_read_back_as_it_was_written(text: str) -> None:
    assert str(Reference.parse(text)) == text


def test_a_secret_is_read_where_the_router_is_reached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from file\n")
    target = Target("r1", "192.0.2.1", password=Reference.parse("env:XR_PASSWORD"))
    travelled: Target = pickle.loads(pickle.dumps(target))  # noqa: S301 - our own bytes
    monkeypatch.setenv("XR_PASSWORD", "hunter2")
    device = travelled.device(Reach(key_passphrase=Reference.parse(f"file:{tmp_path / 'secret'}")))
    assert device.password is not None
    assert device.password.reveal() == "hunter2"
    assert device.key_passphrase is not None
    assert device.key_passphrase.reveal() == "from file"


class Memory(KeyringBackend):
    """A keyring in memory; the system's own needs a desktop or a service."""

    priority = 1

    def __init__(self, error: KeyringError | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._error = error

    def get_password(self, service: str, username: str) -> str | None:
        if self._error is not None:
            raise self._error
        return "hunter2" if (service, username) == ("routers/core", "ops") else None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError

    def delete_password(self, service: str, username: str) -> None:
        raise NotImplementedError


@pytest.fixture
def memory() -> Iterator[Memory]:
    before, backend = keyring.get_keyring(), Memory()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def test_a_secret_is_taken_from_the_keyring_by_service_and_user(memory: Memory) -> None:
    assert Reference.parse("keyring:routers/core/ops").resolve().reveal() == "hunter2"
    with pytest.raises(agent.InputError, match="no password of ops for other"):
        Reference.parse("keyring:other/ops").resolve()


def test_a_keyring_that_cannot_be_read_is_said() -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(Memory(KeyringLocked("it is locked")))
    try:
        with pytest.raises(agent.InputError, match="the keyring cannot be read: it is locked"):
            Reference.parse("keyring:routers/ops").resolve()
    finally:
        keyring.set_keyring(before)


def test_a_secret_that_is_not_there_names_the_router(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XR_PASSWORD", raising=False)
    with pytest.raises(agent.InputError) as missing:
        Target("r1", "192.0.2.1", password=Reference.parse("env:XR_PASSWORD")).device(Reach())
    assert missing.value.device == "r1"
    assert "XR_PASSWORD is not set" in str(missing.value)


@pytest.mark.parametrize("own, legacy", [(None, True), (False, False), (True, True)])
def test_legacy_algorithms_and_the_time_of_a_login_are_each_routers_own(own: bool | None, legacy: bool) -> None:
    reach = Reach(legacy_ssh=True, login_timeout=45.0)
    device = Target("r1", "r1.example", legacy_ssh=own, login_timeout=None if own is None else 5.0).device(reach)
    assert (device.legacy_ssh, device.login_timeout) == (legacy, 45.0 if own is None else 5.0)


def test_an_entry_counts_before_the_settings_of_the_run() -> None:
    reach = Reach(port=22, username="ops", jump="bastion.example")
    device = Target("r1", "r1.example", port=8300, jump="me@other.example:2222").device(reach)
    assert (device.port, device.username, device.name) == (8300, "ops", "r1")
    assert device.jump is not None
    assert (device.jump.host, device.jump.port, device.jump.username) == ("other.example", 2222, "me")
    intent = Target("r1", "r1.example", trustpoint="OWN", method=Method.RPC).intent(agent.Intent())
    assert (intent.trustpoint, intent.method) == ("OWN", Method.RPC)


def test_a_method_that_does_not_go_with_the_run_names_the_router() -> None:
    with pytest.raises(agent.InputError) as refused:
        Target("r1", "r1.example", method=Method.TRUSTPOOL).intent(agent.Intent())
    assert refused.value.device == "r1"
