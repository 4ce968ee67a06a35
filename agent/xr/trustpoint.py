"""Trustpoints: their configuration in three models or as CLI text, and their CA certificate.

It is authenticated by rpc ``ca-authenticate`` of crypto-act, removed by its ``ca-clear-certificates``, and read in
crypto-cepki-oper.
YANG paths: ``/crypto/ca/trustpoint/trustpoints/trustpoint`` (um-crypto-cfg),
``/crypto-ca|crypto-cepki/certificate-authority/trustpoints/trustpoint`` (crypto-cepki-cfg), ``/cli`` (cli-cfg),
``/crypto-certificate-authority/trustpoints/trustpoint`` (crypto-cepki-oper).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

from agent.model.errors import SchemaError
from agent.model.pki.certificate import Certificate, Evidence, normal_hex, normal_serial
from agent.model.pki.names import DistinguishedName
from agent.model.state import ConfigModel, Enrollment, EnrollmentKind, TrustpointConfig
from agent.netconf import operations
from agent.netconf.payload import NETCONF_NS, Element, Payload, parse, payload_of, qname, rendered, rendered_once
from agent.netconf.pending import Reply
from agent.netconf.query import Query
from agent.netconf.session import Session
from agent.netconf.yang.schema import Schema
from agent.xr.cli import show
from agent.xr.tree import Tree, entries, queried, readable, text

ACT = "Cisco-IOS-XR-crypto-act"
OPER = "Cisco-IOS-XR-crypto-cepki-oper"
_OPERATION = qname(NETCONF_NS, "operation")
_OPER_TRUSTPOINT = "/crypto-certificate-authority/trustpoints/trustpoint"
_OPER_CERTIFICATE = f"{_OPER_TRUSTPOINT}/certificate-authority-certificate"
_TRUSTPOINT = {
    ConfigModel.UM_CRYPTO: ("/crypto/ca/trustpoint/trustpoints/trustpoint", "trustpoint-name"),
    ConfigModel.CEPKI_CRYPTO_CA: ("/crypto-ca/certificate-authority/trustpoints/trustpoint", "name"),
    ConfigModel.CEPKI_CRYPTO_CEPKI: ("/crypto-cepki/certificate-authority/trustpoints/trustpoint", "name"),
}


def config_models(schema: Schema) -> list[ConfigModel]:
    """The models by which this device's trustpoints can be configured, best first."""
    found = [model for model, (path, _) in _TRUSTPOINT.items() if model.module and schema.has(model.module, path)]
    return [*found, ConfigModel.CLI] if schema.has(str(ConfigModel.CLI.module), "/cli") else found


def enrollments(schema: Schema, model: ConfigModel) -> frozenset[EnrollmentKind]:
    """The enrollments *model* can set on this device."""
    if model is ConfigModel.UM_CRYPTO:
        path = f"{_TRUSTPOINT[model][0]}/enrollment"
        kinds = (EnrollmentKind.TERMINAL, EnrollmentKind.URL, EnrollmentKind.LOCAL)
        return frozenset(kind for kind in kinds if schema.has(str(model.module), f"{path}/{kind.value}"))
    if model is ConfigModel.CLI:
        # The text says nothing of what the release takes; `local` is as old as the rpc's file-path.
        local = [EnrollmentKind.LOCAL] if takes_file(schema) else []
        return frozenset((EnrollmentKind.TERMINAL, EnrollmentKind.URL, *local))
    if model in _TRUSTPOINT and schema.has(str(model.module), f"{_TRUSTPOINT[model][0]}/enrollment/url"):
        # The native model has one leaf: `terminal` in it is assumed to be terminal enrollment (H4).
        return frozenset((EnrollmentKind.TERMINAL, EnrollmentKind.URL))
    return frozenset()


def config_query(
    schema: Schema, model: ConfigModel, name: str, *, datastore: str = "running"
) -> Query[TrustpointConfig]:
    """The configuration of trustpoint *name* in *datastore*; no value: it is not configured."""
    module = model.module
    if module is None:
        return Query("trustpoint configuration", missing="no model of this device carries trustpoint configuration")

    def decode(data: Element) -> TrustpointConfig | None:
        tree = schema.decode(data, module=module)
        return _in_text(tree, name) if model is ConfigModel.CLI else _in_list(tree, model, name)

    key = {} if model is ConfigModel.CLI else {"name": name}
    return Query(
        what=f"trustpoint {name} ({datastore})",
        source=schema.source(module),
        subtree=partial(rendered_once, _template("filter", model), **key),
        decode=decode,
        config=True,
        datastore=datastore,
    )


def _template(purpose: str, model: ConfigModel) -> str:
    return f"{purpose}-trustpoint.{model.value.replace(':', '.')}"


def _edit(model: ConfigModel, **values: str | bool | None) -> Payload:
    return rendered(_template("edit", model), **values)


def _in_list(tree: Tree, model: ConfigModel, name: str) -> TrustpointConfig | None:
    path, key = _TRUSTPOINT[model]
    entry = _named(entries(tree, path), key, name)
    return None if entry is None else TrustpointConfig(name, _enrollment(entry), entry)


def _in_text(tree: Tree, name: str) -> TrustpointConfig | None:
    """The trustpoint in the configuration as CLI text; no text tells nothing: not every release gives it (H31)."""
    shown = text(tree, "cli")
    if shown is None:
        raise SchemaError("cli-cfg gives no configuration to read here")
    return show.trustpoint_config(shown, name)


def config_edit(
    schema: Schema, model: ConfigModel, name: str, enrollment: Enrollment, *, replaces: Enrollment | None = None
) -> Payload:
    """The content of ``<config>`` that gives trustpoint *name* its enrollment, checked against the device's model.

    Raises:
        SchemaError: the device's model does not allow it.
    """
    kind = enrollment.kind
    if model is ConfigModel.UM_CRYPTO:
        # One url over another is a merge of the leaf; removing it as well would name the leaf twice.
        old = replaces.kind if replaces and replaces.kind is not kind else None
        body = _edit(
            model,
            name=name,
            terminal=kind is EnrollmentKind.TERMINAL,
            local=kind is EnrollmentKind.LOCAL,
            url=enrollment.url,
            remove_terminal=old is EnrollmentKind.TERMINAL,
            remove_url=old is EnrollmentKind.URL,
            remove_local=old is EnrollmentKind.LOCAL,
        )
    elif model is ConfigModel.CLI:
        body = _edit(model, text=_lines(name, enrollment, replaces))
    elif model in _TRUSTPOINT and kind in (EnrollmentKind.TERMINAL, EnrollmentKind.URL):
        body = _edit(model, name=name, url=enrollment.url or "terminal")
    else:
        raise SchemaError(f"{model.value} cannot set '{enrollment.cli}'")
    schema.validate(body, module=str(model.module))
    return body


def config_undo(schema: Schema, model: ConfigModel, name: str, enrollment: Enrollment, *, whole: bool) -> Payload:
    """The content of ``<config>`` that takes *enrollment* from trustpoint *name* again, or the trustpoint as a *whole*.

    Raises:
        SchemaError: the device's model does not allow it.
    """
    if model is ConfigModel.CLI:
        body = _edit(model, text="\n".join(undo_lines(name, enrollment, whole=whole)) + "\n")
    else:
        edit = parse(config_edit(schema, model, name, enrollment))
        key = _TRUSTPOINT[model][1]
        entry = next(element.getparent() for element in edit.iter("{*}" + key))
        if entry is None:
            raise AssertionError("a list entry has a parent")
        gone = [entry] if whole else [leaf for holder in entry.iter("{*}enrollment") for leaf in holder]
        for element in gone:
            element.set(_OPERATION, "remove")
        for setting in [child for child in entry if not str(child.tag).endswith("}" + key)] if whole else ():
            entry.remove(setting)
        body = payload_of(edit)
    schema.validate(body, module=str(model.module))
    return body


def undo_lines(name: str, enrollment: Enrollment, *, whole: bool) -> list[str]:
    """The lines one would type for the same."""
    return [f"no crypto ca trustpoint {name}"] if whole else [f"crypto ca trustpoint {name}", _unset(enrollment)]


def _unset(enrollment: Enrollment) -> str:
    return f" no {'enrollment url' if enrollment.kind is EnrollmentKind.URL else enrollment.cli}"


def evidence(schema: Schema) -> Evidence:
    """The best by which this device's models, else its CLI, can prove a certificate."""
    proofs = {
        "certificate-data": Evidence.PEM,
        "finger-print": Evidence.FINGERPRINT,
        "subject": Evidence.SUBJECT_VALIDITY,
    }
    shown = (kind for leaf, kind in proofs.items() if schema.has(OPER, f"{_OPER_CERTIFICATE}/{leaf}"))
    return next(shown, Evidence.CONSOLE)


def _lines(name: str, enrollment: Enrollment, replaces: Enrollment | None) -> str:
    """The lines one would type.

    Raises:
        SchemaError: a name or URL would bring a line of its own.
    """
    lines = [f"crypto ca trustpoint {name}", f" {enrollment.cli}", "!"]
    if replaces is not None and replaces.kind is not enrollment.kind:
        lines.insert(1, _unset(replaces))
    if any(not line.isprintable() for line in lines):
        raise SchemaError("a name or URL that is not one line cannot be configured", hint="nothing was sent")
    return "\n".join(lines) + "\n"


def can_authenticate(schema: Schema) -> bool:
    """Whether rpc ``ca-authenticate`` is there (6.2.1 and later)."""
    return schema.has(ACT, "/ca-authenticate/input/server-name")


def takes_file(schema: Schema) -> bool:
    """Whether rpc ``ca-authenticate`` takes ``file-path`` (25.2.1 and later)."""
    return schema.has(ACT, "/ca-authenticate/input/file-path")


def authenticate_request(schema: Schema, name: str, file_path: str | None = None) -> Payload:
    """The body of rpc ca-authenticate for trustpoint *name*; *file_path* is a PEM file on the router.

    Raises:
        SchemaError: the device's model does not allow it.
    """
    body = rendered_once("rpc-ca-authenticate", server_name=name, file_path=file_path)
    schema.validate(body, module=ACT)
    return body


def authenticate(
    session: Session, name: str, file_path: str | None = None, *, behind: Callable[[Session], object] = lambda _: None
) -> Reply:
    """Ask the device to authenticate the CA of trustpoint *name*; ``<ok/>`` proves nothing, read the state back.

    *behind* as of :func:`agent.netconf.operations.action`.

    Raises:
        SchemaError, RPCError, OutcomeUnknown: as of :func:`authenticate_request` and
            :meth:`agent.netconf.session.Pending.result`.
    """
    body = authenticate_request(session.schema, name, file_path)
    return operations.action(session, body, operation="ca-authenticate", behind=behind)


def can_clear(schema: Schema) -> bool:
    """Whether rpc ``ca-clear-certificates`` is there (25.3.1 and later)."""
    return schema.has(ACT, "/ca-clear-certificates/input/server-name")


def clear_request(schema: Schema, name: str) -> Payload:
    """The body of rpc ca-clear-certificates for trustpoint *name*.

    Raises:
        SchemaError: the device's model does not allow it.
    """
    body = rendered_once("rpc-ca-clear-certificates", server_name=name)
    schema.validate(body, module=ACT)
    return body


def clear(session: Session, name: str, *, behind: Callable[[Session], object] = lambda _: None) -> Reply:
    """Remove every certificate that trustpoint *name* holds; ``<ok/>`` proves nothing.

    *behind* and errors as of :func:`authenticate`.
    """
    body = clear_request(session.schema, name)
    return operations.action(session, body, operation="ca-clear-certificates", behind=behind)


def certificate_query(schema: Schema, name: str) -> Query[Certificate]:
    """The CA certificate of trustpoint *name*; no value: the trustpoint shows none."""

    def read(tree: Tree) -> Certificate | None:
        entry = _named(entries(tree, _OPER_TRUSTPOINT), "name", name)
        shown = None if entry is None else entry.get("certificate-authority-certificate")
        return _certificate(shown, schema.source(OPER)) if isinstance(shown, Mapping) else None

    what, subtree, node = f"CA certificate of {name}", "filter-trustpoint-oper", (OPER, f"{_OPER_CERTIFICATE}/subject")
    return queried(schema, what, node, read, subtree, lacking="shows trustpoints", name=name)


def _certificate(shown: Tree, source: str) -> Certificate | None:
    """Nothing at all, or only empty leaves, is no certificate. How routers write the leaves is not known (H28).

    Raises:
        SchemaError: the best that would prove it cannot be read; a lesser proof does not outweigh it.
    """
    readable(shown, "certificate-data", "finger-print", "serial-num", "subject")
    serial, sha1 = text(shown, "serial-num") or "", text(shown, "finger-print") or ""
    subject, issuer, pem = text(shown, "subject"), text(shown, "issuer"), text(shown, "certificate-data")
    if not (subject or sha1 or pem):
        return None
    return Certificate(
        subject=DistinguishedName.parse(subject) if subject else None,
        issuer=DistinguishedName.parse(issuer) if issuer else None,
        not_before=_moment(shown.get("certificate-valid-from")),
        not_after=_moment(shown.get("certificate-expires-on")),
        serial=normal_serial(serial),
        sha1=normal_hex(sha1),
        pem=pem,
        source=source,
    )


def _enrollment(entry: Tree) -> Enrollment:
    shown = entry.get("enrollment")
    if not isinstance(shown, Mapping):
        return Enrollment(EnrollmentKind.NONE)
    readable(shown, "url")
    url = text(shown, "url")
    if "terminal" in shown or url == "terminal":
        return Enrollment(EnrollmentKind.TERMINAL)
    if "local" in shown:
        return Enrollment(EnrollmentKind.LOCAL)
    return Enrollment(EnrollmentKind.URL, url) if url else Enrollment(EnrollmentKind.NONE)


def _named(listed: list[Tree], key: str, name: str) -> Tree | None:
    """The entry of that name, or None.

    Raises:
        SchemaError: there is none, but one whose name cannot be read.
    """
    found = next((entry for entry in listed if entry.get(key) == name), None)
    for entry in () if found is not None else listed:
        readable(entry, key)
    return found


def _moment(seconds: object) -> datetime | None:
    """A time from unix seconds; 0 is what an absent certificate shows."""
    if not isinstance(seconds, int) or not 0 < seconds < 253402300800:
        return None
    return datetime.fromtimestamp(seconds, UTC)
