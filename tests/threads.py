"""Many threads at one thing, so that whatever is not made for them shows."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
THREADS = 64


def at_once(work: Callable[[int], T], threads: int = THREADS) -> list[T]:
    """What *work* gives for each number, all begun together and switched between as often as the interpreter can.

    Raises:
        ExceptionGroup: what any of them raised.
    """
    results: dict[int, T] = {}
    raised: list[Exception] = []
    begin = threading.Barrier(threads)

    def run(number: int) -> None:
        begin.wait()
        try:
            results[number] = work(number)
        except Exception as error:  # noqa: BLE001 - handed on below
            raised.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    if raised:
        raise ExceptionGroup("in threads", raised)
    return [results[number] for number in range(threads)]
