"""What goes wrong on request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class FaultKind(Enum):
    """How one operation is made to fail."""

    ERROR = "rpc-error"
    ERROR_AFTER = "rpc-error although the effect came"
    DROP_BEFORE = "session dropped before the effect"
    DROP_AFTER = "session dropped after the effect, before the answer"
    DROP_ANSWERED = "session dropped right after the answer"
    RAW = "bytes sent in place of the answer"
    SILENT = "no answer"
    DELAY = "a late answer"
    EMPTY = "empty data"
    HALF = "the answer cut off in the middle, then the session dropped"
    GARBAGE = "bytes that are no message, unframed"
    RESET = "the connection reset before the effect"
    OTHER_COMMITS = "another session commits first"
    REBOOT = "the device reloads before the effect"
    REBOOT_AFTER = "the device reloads after the effect, before the answer"
    CRASH = "the NETCONF server ends before the effect, and the candidate stays as it is"
    HELD = "effect and answer come when Device.release is called, even if the client is gone"
    OVERTAKEN = "effect and answer behind those of the rpc that follows"
    MEANWHILE = "a test does something before the effect"


@dataclass
class Fault:
    """*kind* on the next *times* rpcs of the name *operation* (``*`` for any), after *skip* that go well.

    Besides rpcs there are the operations ``connect`` and ``connect-ssh`` (a connection to either port), ``hello``, and
    ``cli:`` with a command's beginning; ``confirm`` is the commit that carries a persist-id; ``get:NAME`` and
    ``get-config:NAME`` are those whose filter selects a tree of that name. ``data`` is the rpc-error XML for ERROR and
    ERROR_AFTER, the bytes for RAW and GARBAGE; ``seconds`` the lateness for DELAY; ``act`` what happens for MEANWHILE,
    in the simulator's thread. OVERTAKEN is for an rpc that another one follows whatever becomes of it.
    """

    operation: str
    kind: FaultKind
    data: bytes = b""
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    act: Callable[[], object] | None = None

    def strikes(self, operation: str) -> bool:
        """Whether it hits this rpc; counts itself down."""
        if self.operation not in (operation, "*") or not self.times:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True
