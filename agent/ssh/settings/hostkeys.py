"""Host keys: known_hosts, a pinned key, or new keys stored on request; anything else is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from agent.model.address import at_port
from agent.model.device import HostKeys
from agent.model.errors import HostKeyError, InputError
from agent.ssh.settings.knownhosts import Place, Recorded, Taken, append, known_files, recorded, revoked_keys

log = logging.getLogger(__name__)

_RSA = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")


class HostKeyCheck:
    """The judgement over one host's key: what to prefer in the key exchange, and whether the key shown is right.

    Attributes:
        alias: ``HostKeyAlias``, whom a host certificate has to be for as well; None where there is none.
    """

    def __init__(
        self,
        policy: HostKeys,
        host: str,
        port: int,
        *,
        device: str,
        files: Sequence[Path] = (),
        global_files: Sequence[Path] = (),
        revoked: Path | None = None,
        alias: str | None = None,
    ) -> None:
        """*files* are the user's, of which the first takes new keys; ``known_hosts`` of *policy* stands for them.

        *alias* is ``HostKeyAlias``, by which the host is known instead of its name and port; *revoked* is
        ``RevokedHostKeys``.

        Raises:
            InputError: one of the files is there and cannot be read.
        """
        self._policy = policy
        self._device = device
        own = [policy.known_hosts] if policy.known_hosts is not None else list(files)
        self.alias = alias
        self._new = next(iter(own), None)
        self._files = (*own, *global_files)
        self._place = at_port(port)
        self._name = alias.lower() if alias else host if port == 22 else f"[{host}]:{port}"
        held = known_files(self._files)
        self._known = recorded(self._name, held)
        # As OpenSSH does: an entry without the port vouches for a key, but does not make another one a changed key.
        known = bool(self._known.keys)
        self._portless = recorded(host, held, marked=known) if not alias and port != 22 else Recorded()
        self._revoked: dict[bytes, Place | Path] = {**self._portless.revoked, **self._known.revoked}
        if revoked is not None:
            self._revoked.update(dict.fromkeys(revoked_keys(revoked), revoked))

    @property
    def authorities(self) -> bool:
        """Whether a certificate of an authority is taken for this host's key."""
        return bool(self._authorities)

    def verify_authority(self, kind: str, blob: bytes) -> None:
        """Accept the authority that certified the key shown, of algorithm *kind* and wire form *blob*, or refuse it.

        Raises:
            HostKeyError: it is not one for this host, or is revoked.
        """
        if (kind, blob) in self._authorities and blob not in self._revoked:
            return
        why = (
            f"is revoked in {self._revoked[blob]}"
            if blob in self._revoked
            else "is not one for it in any known-hosts file"
        )
        raise HostKeyError(
            f"the authority of its host certificate, {kind} {self._shown(blob)}, {why}",
            device=self._device,
            hint="a line '@cert-authority HOSTS KEY' makes it one",
        )

    def algorithms(self, offered: Sequence[str]) -> tuple[str, ...]:
        """*offered* host key algorithms, those that fit the keys on record first; an RSA key fits RSA-SHA2 as well."""
        kinds = [kind for kind, _ in (*self._known.keys, *self._portless.keys)]
        if self._policy.pinned:
            kinds = [kind] if (kind := _pinned_kind(self._policy.pinned)) else []
        wanted = [name for kind in kinds for name in (_RSA if kind == "ssh-rsa" else (kind,))]
        first = [name for name in dict.fromkeys(wanted) if name in offered]
        return (*first, *(name for name in offered if name not in first))

    def verify(self, kind: str, blob: bytes) -> None:
        """Accept the key shown, of algorithm *kind* and wire form *blob*, or refuse it.

        Raises:
            HostKeyError: the key is not the pinned one, is revoked, differs from the recorded one, or is unknown and
                new keys are not accepted.
        """
        shown = self._shown(blob)
        self.see_not_revoked(blob)
        if self._policy.pinned is not None:
            if not _is_pinned(self._policy.pinned, blob):
                raise HostKeyError(
                    f"its host key {shown} is not the pinned one",
                    device=self._device,
                    hint="check the device; if its key was changed on purpose, pin the new one",
                )
            return
        known = self._known.keys
        if (kind, blob) in known or (kind, blob) in self._portless.keys:
            return
        if known:
            raise self._changed(kind, shown, next(iter(known.values())))
        self._unknown(kind, blob, shown)

    def see_not_revoked(self, blob: bytes) -> None:
        """Refuse a key that is revoked, also one that an authority certified.

        Raises:
            HostKeyError: it is.
        """
        if blob in self._revoked:
            said = f"its host key {self._shown(blob)} is revoked in {self._revoked[blob]}"
            hint = "see who may hold that key, and make a new key on the host"
            raise HostKeyError(said, device=self._device, hint=hint)

    @property
    def _authorities(self) -> dict[tuple[str, bytes], Place]:
        if self._policy.pinned is not None:
            return {}
        return self._known.authorities or self._portless.authorities

    def _shown(self, blob: bytes) -> str:
        return f"{fingerprint(blob)}{self._place}"

    def _unknown(self, kind: str, blob: bytes, shown: str) -> None:
        broken = next(iter((*self._known.broken, *self._portless.broken)), None)
        if broken is not None:
            raise HostKeyError(
                f"its host key {kind} {shown} cannot be compared: {broken}, is for it and cannot be read",
                device=self._device,
                hint="compare the key with the host's own, then mend or remove that line",
            )
        if not self._policy.accept_new:
            looked_in = [str(path) for path in self._files if path == self._new or os.path.lexists(path)]
            raise HostKeyError(
                f"its host key {kind} {shown} is not in {', '.join(looked_in) or 'any file of known hosts'}",
                device=self._device,
                hint="compare it with the host's own, then add it with ssh-keyscan or --accept-new-host-keys",
            )
        self._store(kind, blob)

    def _changed(self, kind: str, shown: str, place: Place | None) -> HostKeyError:
        path = place.path if place else self._new
        return HostKeyError(
            f"its host key changed: {kind} {shown} is not the key in {place or path}",
            device=self._device,
            hint=f"somebody may be in between; if the change was on purpose: ssh-keygen -R '{self._name}' -f {path}",
        )

    def _store(self, kind: str, blob: bytes) -> None:
        name_one = "name a writable file with --known-hosts"
        if self._new is None or str(self._new).startswith("~"):
            raise HostKeyError("there is no file to store its new host key in", device=self._device, hint=name_one)
        try:
            if not append(self._new, self._name, kind, blob):
                return
        except Taken:
            raise self._changed(kind, self._shown(blob), None) from None
        except OSError as error:
            raise HostKeyError(
                f"its new host key could not be stored in {self._new}: {error.strerror}",
                device=self._device,
                hint=name_one,
            ) from error
        shown = f"{kind} {fingerprint(blob)} of {self._name}"
        log.warning("%s: stored new host key %s in %s", self._device, shown, self._new)


def fingerprint(blob: bytes) -> str:
    """The SHA-256 fingerprint as OpenSSH prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _is_pinned(pinned: str, blob: bytes) -> bool:
    if pinned.startswith("SHA256:"):
        return hmac.compare_digest(pinned.rstrip("="), fingerprint(blob))
    return _pinned_blob(pinned) == blob


def _pinned_blob(pinned: str) -> bytes:
    try:
        return base64.b64decode(pinned.split()[1], validate=True)
    except (IndexError, ValueError) as error:
        raise InputError(
            "the pinned host key cannot be read", hint="SHA256:… as ssh-keygen -l prints it, or 'ssh-ed25519 AAAA…'"
        ) from error


def _pinned_kind(pinned: str) -> str | None:
    return None if pinned.startswith("SHA256:") else pinned.split()[0]
