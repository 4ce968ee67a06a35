"""What a push would do to one router, as a plan file has it, and as a push by that file takes it along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from agent.fleet.results import objects
from agent.fleet.results.basis import Basis, digest
from agent.fleet.results.record import Result
from agent.fleet.results.structs import Error, Printed, Texts, about
from agent.model.method import Method
from agent.model.plan import Plan, Skip
from agent.model.state import ConfigModel


class Planned(Printed, frozen=True, kw_only=True):
    """What a push would do to one router."""

    device: str
    address: Annotated[str | None, about("host:port as it was reached; a push reaches it as its inventory says")]
    release: str | None
    trustpoint: Annotated[str, about("the one that the root goes to")]
    asked: Annotated[Method, about("the method that was asked for")]
    result: Annotated[
        str,
        about(
            "skipped: nothing is possible; failed: it could not be read, so a push leaves it alone",
            enum=["planned", "nothing-to-do", "skipped", "failed"],
        ),
    ]
    method: Annotated[Method | None, about("the method that does it; null where nothing is done")]
    config_model: ConfigModel
    fallbacks: Annotated[
        tuple[Method, ...], about("the methods that may follow one that is refused or brings no certificate")
    ]
    steps: Annotated[Texts, about("one line each: + added, - removed, > an action, # a remark, blank for context")]
    state: Annotated[str | None, about("which of the states it was made from, by the digest", pattern="^[0-9a-f]{64}$")]
    error: Annotated[Error | None, about("why nothing is possible, or it could not be read")]


def planned(result: Result, trustpoint: str, asked: Method) -> Planned:
    """What a plan run found of one router, for its *trustpoint* and the method that was *asked* for."""
    made, error = result.plan, objects.failure(result.error)
    if isinstance(made, Skip):
        error = Error(made.kind, made.reason, made.hint)
    steps = lines(made) if isinstance(made, Plan) else ()
    done = made if isinstance(made, Plan) and made else None
    return Planned(
        device=result.device,
        address=result.address,
        release=result.release,
        trustpoint=trustpoint,
        asked=asked,
        result=result.word,
        method=done.method if done else None,
        config_model=ConfigModel.NONE if made is None else made.config_model,
        fallbacks=done.fallbacks if done else (),
        steps=steps,
        state=digest(result.basis) if result.basis is not None else None,
        error=error,
    )


def lines(made: Plan) -> tuple[str, ...]:
    """The steps of *made* line by line, without what was tried ahead of them."""
    return tuple(line for step in made.steps for line in step.diff())


@dataclass(frozen=True, slots=True)
class Approved:
    """What a plan file says of one router.

    Attributes:
        basis: the state that it was made from; None where the router could not be read.
        replan: whether it is planned anew where that state is another by now.
        begun: whether the run that goes by the file has written to the router before: what differs may be its own.
    """

    planned: Planned
    basis: Basis | None = None
    replan: bool = False
    begun: bool = False
