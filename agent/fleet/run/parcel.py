"""What is the same for all routers of a run is brought to each worker once: its job, with a bundle of up to 16 MiB.

A call has the job's key in its place; in an answer, whose plan holds bundle and anchor again, a number stands for them.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from typing import Any

from agent.fleet.inventory.command import env_names
from agent.fleet.run.job import Job

_here: dict[str, Parcel] = {}
"""What was brought to this process, by key."""


class Parcel:
    """*job* as it travels to a worker; its key comes from its content.

    With it go the names of the environment variables that secrets are in, those of routers of other workers included.
    """

    def __init__(self, job: Job, key: str | None = None, secret: tuple[str, ...] = ()) -> None:
        env_names.update(secret)
        self.job = job
        self.key = key or hashlib.sha256(pickle.dumps(job)).hexdigest()
        held = (job, job.intent, job.intent.anchor, job.intent.bundle, *job.notices)
        self._held = tuple(one for one in held if one is not None)
        self._numbers = {id(one): number for number, one in enumerate(self._held)}

    def __reduce__(self) -> tuple[type[Parcel], tuple[Job, str, tuple[str, ...]]]:
        return Parcel, (self.job, self.key, tuple(env_names))

    def pack(self, value: object) -> bytes:
        """*value* pickled without what both sides hold."""
        packed = io.BytesIO()
        _Pickler(packed, self._numbers).dump(value)
        return packed.getvalue()

    def unpack(self, packed: bytes) -> Any:
        """What :meth:`pack` was given, on the other side."""
        return _Unpickler(io.BytesIO(packed), self._held).load()

    def bring(self) -> None:
        """Have it in this process, for :func:`parcel`."""
        _here[self.key] = self

    def take_away(self) -> None:
        """Forget it; calls under way are not disturbed."""
        _here.pop(self.key, None)


def parcel(key: str) -> Parcel:
    """What was brought to this process under *key*."""
    return _here[key]


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, numbers: dict[int, int]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._numbers = numbers

    def persistent_id(self, one: object) -> int | None:
        return self._numbers.get(id(one))


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, held: tuple[object, ...]) -> None:
        super().__init__(file)
        self._held = held

    def persistent_load(self, number: int) -> object:
        return self._held[number]
