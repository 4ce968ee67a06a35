"""How long a router takes for what it does not do at once: the same every time, or drawn from a distribution."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from random import Random
from typing import Literal, Self

from agent.model.errors import InputError

_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_FORM = re.compile(rf"{_NUMBER}|(uniform|lognormal):{_NUMBER}-{_NUMBER}")
_TO_95 = 1.6449
"""Standard deviations from a normal distribution's median to its 95th percentile."""


@dataclass(frozen=True)
class ServiceTime:
    """Seconds that one thing takes.

    Attributes:
        low, high: the bounds of ``uniform``; of ``lognormal`` the median and the 95th percentile.
    """

    low: float = 0.0
    high: float = 0.0
    shape: Literal["uniform", "lognormal"] = "uniform"

    @classmethod
    def parse(cls, text: str) -> Self:
        """What ``SECONDS``, ``uniform:LOW-HIGH`` or ``lognormal:MEDIAN-P95`` says, in seconds.

        Raises:
            InputError: it is none of them.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise InputError(f"{text!r} is no time: take SECONDS, uniform:LOW-HIGH or lognormal:MEDIAN-P95")
        fixed, shape, low, high = found.groups()
        if fixed is not None:
            return cls(float(fixed), float(fixed))
        made = cls(float(low), float(high), "uniform" if shape == "uniform" else "lognormal")
        if made.low > made.high or (made.shape == "lognormal" and not made.low):
            raise InputError(f"{text!r} is no time: its second number is to be the larger, a median more than 0")
        return made

    def draw(self, seed: str) -> float:
        """Seconds, the same for the same *seed* in every process."""
        if self.low == self.high:
            return self.low
        random = Random(seed)  # noqa: S311 - nothing secret is made of it
        if self.shape == "uniform":
            return random.uniform(self.low, self.high)
        return random.lognormvariate(math.log(self.low), math.log(self.high / self.low) / _TO_95)


_NONE = ServiceTime()


@dataclass(frozen=True)
class ServiceTimes:
    """What takes how long; by default nothing takes any time, and what real routers take is not known (H60).

    Attributes:
        commit: from a commit to its effect, which its answer follows at once: also of one on trial, of the one that
            confirms it and of that which cancels it, and at the CLI.
        authenticate: the same of ca-authenticate, by rpc and in the dialog.
        login: from the first authentication request of a connection until it is looked at.
        contact: from the answer to renew-auth or renew-id until the licensing server is reached.
    """

    commit: ServiceTime = _NONE
    authenticate: ServiceTime = _NONE
    login: ServiceTime = _NONE
    contact: ServiceTime = _NONE
