"""What changes certificates, the trustpool, files and the registration: the same for an rpc and for the CLI.

Texts of refusals are the simulator's own unless a docstring names where they were seen.
"""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Mapping

from lxml import etree

from agent.model.errors import InputError
from agent.model.pki.anchor import TrustAnchor
from agent.simulator.datastores.rpcerrors import Refusal
from agent.simulator.device.bundles import certificates
from agent.simulator.device.simdevice import Device

_LARGEST_FETCH = 1 << 24
_TMP = "/tmp"  # noqa: S108 - the simulated router's

Output = Mapping[str, object] | None


async def perform(device: Device, operation: str, body: etree._Element) -> Output:
    """An rpc of the device's modules; its output, None for ``<ok/>``."""

    def leaf(name: str) -> str:
        return (body.findtext(f"{{*}}{name}") or "").strip()

    match operation:
        case "ca-authenticate":
            await authenticate(device, leaf("server-name"), leaf("file-path"))
        case "ca-clear-certificates":
            clear(device, leaf("server-name"))
        case "ca-trustpool-import-url" | "ca-trustpool-import-url-clean":
            await import_bundle(device, leaf("url"), clean=operation.endswith("clean"))
        case "copy":
            return {"response": await copy(device, body)}
        case "delete":
            return {"response": delete(device, leaf("name"))}
        case "renew-auth" | "renew-id":
            return _status(device.state.renew(device.draw("contact")))
        case "register-id-token":
            return _status(device.state.register(leaf("id-token"), force=leaf("force") == "true"))
        case _:
            raise Refusal("operation-not-supported")
    return None


async def authenticate(device: Device, name: str, path: str) -> None:
    """rpc ca-authenticate, with *path* for ``file-path``.

    Under terminal enrollment it does what the persona says (H1); under url enrollment with http it fetches the
    certificate (H2).
    No other certificate is replaced by it; no source says what a router does with one (H71).
    """
    enrollment = device.enrollment(name)
    if enrollment is None:
        raise Refusal("operation-failed", "Trustpoint not found")
    if path and enrollment != "local":
        raise Refusal("operation-failed", "A file path needs enrollment local")
    if enrollment == "local":
        _install(device, name, _from_file(device, path), enrollment)
    elif enrollment == "terminal":
        if device.persona.terminal_rpc == "refused":
            raise Refusal("operation-not-supported", "Operation not supported for terminal enrollment")
        if device.persona.terminal_rpc == "installs":
            _install(device, name, device.persona.installs, enrollment)
    elif enrollment.startswith("http://"):
        _install(device, name, await fetch_certificate(enrollment), enrollment)


def _install(device: Device, name: str, pem: str, enrollment: str) -> None:
    if device.state.certificates.get(name, pem) != pem:
        raise Refusal("operation-failed", f"Trustpoint {name} holds another CA certificate")
    device.state.install(name, pem, enrollment)


def _from_file(device: Device, path: str) -> str:
    if not path:
        raise Refusal("operation-failed", "Enrollment local needs a file path")
    try:
        return TrustAnchor.from_pem(device.disk.use(path)).pem
    except OSError as error:
        raise Refusal("operation-failed", f"{path}: {error.strerror}") from error
    except InputError as error:
        raise Refusal("operation-failed", f"{path}: not a CA certificate in PEM") from error


def clear(device: Device, name: str) -> None:
    """Remove the certificates of a trustpoint (H16)."""
    if device.state.certificates.pop(name, None) is None:
        raise Refusal("operation-failed", f"Trustpoint {name} holds no certificates")
    device.state.lasting.discard(name)
    device.state.clears += 1


async def import_bundle(device: Device, url: str, *, clean: bool = False) -> None:
    """Import a bundle into the trustpool.

    Every import is kept beside those before, with *clean* in place of them. A local path must be below /tmp (H8).
    """
    if device.persona.imports == "refused":
        raise Refusal("operation-failed", "Trustpool import failed")
    data = await asyncio.to_thread(_download, url) if url.startswith("http://") else _local(device, url)
    try:
        brought = certificates(data)
    except InputError as error:
        raise Refusal("operation-failed", f"{url}: no certificates in it") from error
    if device.persona.imports == "ok-without-certificates":
        return
    if clean:
        device.state.trustpool.clear()
    device.state.trustpool.append(brought)
    device.state.imports += 1


def _local(device: Device, url: str) -> bytes:
    if not url or "://" in url:
        raise Refusal("operation-failed", f"{url or 'no URL'}: the simulator fetches http:// only")
    if not device.disk.path(url).startswith(f"{_TMP}/") or not url.startswith("/"):
        raise Refusal("operation-failed", f"{url}: a local import takes a file below /tmp only")
    try:
        return device.disk.use(url)
    except OSError as error:
        raise Refusal("operation-failed", f"{url}: {error.strerror}") from error


async def copy(device: Device, body: etree._Element) -> str:
    """rpc copy, on the router or from a server; what it says of it.

    A server's file is named as in public examples: its file system ``http:``, its name ``//host/path``; or
    ``http://host/`` and ``path``. In which VRF, where one is given that there is, changes nothing here.
    """

    def place(which: str) -> str:
        system, name = (body.findtext(f"{{*}}{which}{part}") or "" for part in ("filesystem", "name"))
        system, name = system.strip(), name.strip()
        return f"{system}{name}" if name.startswith("//") else f"{system.rstrip('/')}/{name.lstrip('/')}"

    source, destination = place("source"), place("destination")
    vrf = (body.findtext("{*}vrf") or "").strip()
    if vrf and vrf not in device.persona.vrfs:
        raise Refusal("operation-failed", f"copy: VRF {vrf} is not configured")
    _reached(device, destination)
    try:
        if "://" not in source:
            return f"{device.disk.copy(source, destination)} bytes copied"
        if not source.startswith("http://"):
            raise Refusal("operation-failed", f"{source}: the simulator fetches http:// only")
        data = await asyncio.to_thread(_download, source)
        return f"{device.disk.put(data, destination, source.rpartition('/')[2])} bytes copied"
    except OSError as error:
        raise Refusal("operation-failed", f"copy of {source}: {error.strerror}") from error


def delete(device: Device, name: str) -> str:
    """rpc delete; what it says of it."""
    _reached(device, name)
    if "kept" in device.disk.faults:
        return "Delete operation successful"
    try:
        device.disk.remove(name)
    except OSError as error:
        raise Refusal("operation-failed", f"delete of {name}: {error.strerror}") from error
    return "Delete operation successful"


def _reached(device: Device, name: str) -> None:
    """Refuse /tmp where rpcs do not reach it."""
    if device.disk.path(name).startswith(_TMP) and not device.persona.copy_reaches_tmp:
        raise Refusal("operation-failed", "Invalid file system")


async def fetch_certificate(url: str) -> str:
    """The PEM at *url*, as a router fetches it for ``enrollment url``."""
    try:
        return TrustAnchor.from_pem(await asyncio.to_thread(_download, url)).pem
    except InputError as error:
        raise Refusal("operation-failed", f"Download failed, HTTP returned an error: {error}") from error


def _download(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - http only, checked by the caller
            found: bytes = answer.read(_LARGEST_FETCH)
            return found
    except (urllib.error.URLError, OSError) as error:
        raise Refusal("operation-failed", f"Download failed, HTTP returned an error: {error}") from error


def _status(code: str) -> Output:
    """The output of a licensing action."""
    status = "success" if code == "success" else "failed"
    return {"response": {"operation-status": status, "return-code": code}}
