"""What a plan was made from, as a plan file keeps it: all of a router's state that it depends on, and nothing else.

What changes by itself is no part of it: clocks, free space, times of contact, counters, log messages.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from agent.fleet.results import objects
from agent.fleet.results.observed import Certificate, PoolCertificate
from agent.fleet.results.structs import Printed, about
from agent.model.method import Method
from agent.model.pki.certificate import Evidence
from agent.model.state import ConfigModel, EnrollmentKind, PoolEntry, ReadBy, RegistrationState, State


class Configured(Printed, frozen=True, kw_only=True):
    """The configuration of the trustpoint."""

    name: str
    read: Annotated[bool, about("whether the router showed its configuration")]
    enrollment: Annotated[str | None, about("the configuration line; null where there is no such trustpoint")]
    settings: Annotated[dict[str, Any] | None, about("the configuration as the model decodes it, secrets masked")]


class Pooled(PoolCertificate, frozen=True, kw_only=True):
    """One certificate of the trustpool."""

    trustpoint: Annotated[str | None, about("the trustpoint whose certificate it is, where the list says so")] = None


class Models(Printed, frozen=True, kw_only=True):
    """What the models of the router allow, by what it announces."""

    config_model: ConfigModel
    authenticate: bool
    file_path: Annotated[bool, about("whether rpc ca-authenticate takes one")]
    clear_certificates: bool
    import_url: bool
    import_clean: bool
    longest_url: Annotated[int | None, about("the most characters of an import's URL")]
    longest_source: Annotated[int | None, about("the most characters of what the router copies")]
    copy: bool
    delete: bool
    lists_files: bool
    shows_space: bool
    renew_auth: bool
    register_token: bool
    candidate: bool
    validate: bool
    enrollments: tuple[EnrollmentKind, ...]
    methods: tuple[Method, ...]
    trustpoint_state: ReadBy
    licensing_state: ReadBy
    evidence: Evidence


class Basis(Printed, frozen=True, kw_only=True):
    """The state of a router, as far as a plan depends on it."""

    release: str | None
    trustpoint: Configured
    certificate: Annotated[Certificate | None, about("the CA certificate of the trustpoint; null where it shows none")]
    certificate_read: Annotated[bool, about("whether the router was asked for it and answered")]
    trustpool: Annotated[tuple[Pooled, ...] | None, about("null where it was not read, since nothing needs it")]
    registered: Annotated[bool | None, about("whether licensing is registered; null where that is not shown")]
    policy_based: Annotated[bool | None, about("whether it is Smart Licensing Using Policy")]
    cli: Annotated[bool, about("whether the CLI over SSH was at hand, as far as it was tried")]
    models: Models


def basis(state: State) -> Basis:
    """What of *state* a plan depends on; equal for two readings between which nothing of that changed."""
    config, shown, licence = state.config.value, state.certificate.value, state.licensing.value
    access, pool = state.access, state.trustpool.value
    enrollments = tuple(sorted(access.enrollments, key=lambda kind: kind.value))
    settings = None if config is None else json.loads(json.dumps(objects.decoded(config.settings), sort_keys=True))
    known = licence is not None and licence.registration is not None
    return Basis(
        release=state.release,
        trustpoint=Configured(
            name=state.trustpoint,
            read=state.config.answered,
            enrollment=config.enrollment.cli if config else None,
            settings=settings,
        ),
        certificate=None if shown is None else objects.certificate_object(shown),
        certificate_read=state.certificate.answered,
        trustpool=None if pool is None else tuple(sorted(map(_pooled, pool), key=_order)),
        registered=licence.registration is RegistrationState.COMPLETE if licence and known else None,
        policy_based=licence.policy_based if licence else None,
        cli=state.cli is None,
        models=objects.made(access, Models, enrollments=enrollments),
    )


def digest(found: Basis) -> str:
    """SHA-256 of *found* in lower-case hex, by which a plan file names it."""
    text = json.dumps(objects.plain(found), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _pooled(entry: PoolEntry) -> Pooled:
    shown = objects.certificate_object(entry.certificate)
    return Pooled(**shown.members(), origin=entry.origin, trustpoint=entry.trustpoint)


def _order(one: Pooled) -> str:
    """By content, since no source says that a router lists them in one order."""
    return json.dumps(objects.plain(one), sort_keys=True)
