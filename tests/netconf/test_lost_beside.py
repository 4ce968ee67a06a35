"""A session that ends while another thread sends: everybody who waits is told."""

from __future__ import annotations

import threading

from ncclient.operations.rpc import RPCReplyListener

from agent.model.device import Device
from agent.netconf.transport import DirectSession


class Waits:
    """An rpc that is told of the end, and has another thread send one first."""

    def __init__(self, listener: RPCReplyListener) -> None:
        self.told = False
        self._listener = listener
        self.sender = threading.Thread(target=lambda: listener.register("another", object()))

    def deliver_error(self, _: Exception) -> None:
        self.told = True
        self.sender.start()
        self.sender.join(0.1)  # it gets no further until all are told


def test_who_waits_is_told_of_the_end_whatever_is_sent_meanwhile() -> None:
    session = DirectSession(Device("r1.example"))
    listener = RPCReplyListener(session, session._device_handler)
    waiting = [Waits(listener) for _ in range(3)]
    for number, one in enumerate(waiting):
        listener.register(str(number), one)
    session.received(b"")
    assert [one.told for one in waiting] == [True] * 3
    for one in waiting:
        one.sender.join(60)
