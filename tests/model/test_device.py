"""A secret shows itself to nobody but who asks for it by name."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from agent.model.device import Device, Secret
from agent.model.errors import InputError
from tests.support import all_of


def test_a_secret_is_masked_in_every_text_made_of_it() -> None:
    secret = Secret("hunter2-Zq7")
    device = Device("r1", password=secret, key_passphrase=secret, jump=Device("j", password=secret))
    for said in (repr(secret), str(secret), f"{secret!s:>20}", f"{secret}", repr(device), repr([secret])):
        assert "Zq7" not in said
    assert secret.reveal() == "hunter2-Zq7"


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
