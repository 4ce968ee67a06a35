"""What every test may use."""

from __future__ import annotations

import pwd
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from agent.fleet.inventory.command import commands, env_names
from agent.model.local import user
from agent.simulator import Simulator
from scripts import loggers
from tests.support import Clock, Lab

pytest_plugins = ("tests.no_skip",)
# How long an example takes says how busy the machine is.
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")

# In the background of a script, or behind nohup, these are ignored, and would be by every process that a test starts.
for _number, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole environments are tried first: each keeps one process busy for minutes, and nobody waits for the last."""
    items.sort(key=lambda item: item.path.name != "test_environments.py")


@pytest.fixture(autouse=True)
def _secrets() -> Iterator[None]:
    """What one test names as a variable with a secret, PATH say, is kept from no program of another, and what a program
    said to it is not known to another."""
    before = set(env_names)
    yield
    commands.forget()
    env_names.clear()
    env_names.update(before)


@pytest.fixture(autouse=True, scope="module")
def _loggers_of_module() -> Iterator[None]:
    """What the commands of a module's fixtures do to loggers hides nothing from tests of other modules."""
    with loggers.restored():
        yield


@pytest.fixture(autouse=True)
def _loggers() -> Iterator[None]:
    """What one test's command does to loggers hides nothing from another."""
    with loggers.restored():
        yield


@pytest.fixture
def no_user_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable names the user, as below systemd; one that is set meanwhile is gone with the test."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.fixture
def nameless(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system knows no name of this process's user, as in a container that runs under a number."""

    def nobody(number: int) -> pwd.struct_passwd:
        raise KeyError(f"uid not found: {number}")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr(user, "_names", {})


@pytest.fixture(autouse=True, scope="session")
def _state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Journals and leases of the tests are none of this user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Simulated routers, gone with the test."""
    with Simulator() as simulator:
        yield Lab(simulator, tmp_path)


@pytest.fixture
def clock() -> Clock:
    """Time for policies."""
    return Clock()
