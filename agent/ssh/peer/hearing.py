"""What an SSH server says in the clear, up to the algorithms it offers, in whatever pieces it comes."""

from __future__ import annotations

from functools import lru_cache

from agent.ssh.peer.negotiation import CIPHER, HOST_KEY, KEX, MAC, Offer

LARGEST = 1 << 16
"""Bytes that a server may say up to the end of its KEXINIT; real ones need some 2,000."""
_LONGEST_PACKET = 35_000  # RFC 4253 section 6.1
_VERSIONS = (b"SSH-2.0-", b"SSH-1.99-")
_COOKIE, _LISTS = 16, 10
_MARKS = ("ext-info-s", "kex-strict-s-v00@openssh.com")  # said among the key exchanges (RFC 8308), and none
_DISCONNECT, _IGNORE, _DEBUG, _KEXINIT = 1, 2, 4, 20


class NotSSH(ValueError):
    """What no SSH server says; the message tells why."""


class Hearing:
    """What a server says up to its algorithms (RFC 4253 sections 4.2, 6 and 7.1), in whatever pieces it comes.

    Attributes:
        banner: the lines ahead of its identification; version: that, empty where it has not come yet.
        ended: the words by which the server ended the connection in place of an offer.
    """

    def __init__(self) -> None:
        self.banner: list[str] = []
        self.version = ""
        self.ended = ""
        self._held = bytearray()
        self._looked_at = self._count = 0

    def feed(self, data: bytes) -> Offer | None:
        """Take what came next; the offer, once it is whole.

        Raises:
            NotSSH: no SSH server says that.
            ConnectionResetError: the server said that it ends the connection.
        """
        self._held += data
        self._count += len(data)
        offer = None
        if self.version or self._identified():
            offer = self._offered()
        if offer is None and self._count > LARGEST:
            raise NotSSH(f"more than {LARGEST:,} bytes without its algorithms")
        return offer

    def _identified(self) -> bool:
        """Whether its identification has come; the lines up to it are taken away."""
        while (end := self._held.find(b"\n", self._looked_at)) >= 0:
            line = bytes(self._held[:end]).removesuffix(b"\r")
            del self._held[: end + 1]
            self._looked_at = 0
            _as_text(line)
            if not line.startswith(b"SSH-"):
                self.banner.append(_text(line))
                continue
            if not line.startswith(_VERSIONS):
                raise NotSSH("it speaks another version of SSH than 2.0")
            self.version = _text(line)
            return True
        _as_text(self._held[self._looked_at :])
        self._looked_at = len(self._held)
        return False

    def _offered(self) -> Offer | None:
        while (payload := self._packet()) is not None:
            kind = payload[0]
            if kind == _KEXINIT:
                kex, host_keys, _, ciphers, _, macs, *_ = _name_lists(payload[1 + _COOKIE :])
                lists = {KEX.name: kex, HOST_KEY.name: host_keys, CIPHER.name: ciphers, MAC.name: macs}
                return Offer(self.version, lists)
            if kind == _DISCONNECT:
                self.ended = _text(_string(payload, 5)[0])
                raise ConnectionResetError("the server ended it")
            if kind not in (_IGNORE, _DEBUG):
                raise NotSSH(f"message {kind} ahead of its algorithms")
        return None

    def _packet(self) -> bytes | None:
        """The payload of the next packet, which nothing encrypts yet; None where it is not whole."""
        if len(self._held) < 5:
            return None
        length, padding = int.from_bytes(self._held[:4]), self._held[4]
        if not padding + 1 < length <= _LONGEST_PACKET:
            raise NotSSH("it says a packet of an impossible length")
        if len(self._held) < 4 + length:
            return None
        payload = bytes(self._held[5 : 4 + length - padding])
        del self._held[: 4 + length]
        return payload


def _as_text(data: bytes | bytearray) -> None:
    if 0 in data:
        raise NotSSH("it says what is no text")


@lru_cache(maxsize=64)
def _name_lists(named: bytes) -> tuple[tuple[str, ...], ...]:
    """The ten lists of a KEXINIT, behind its cookie; the same for all servers that say the same."""
    at, lists = 0, []
    for _ in range(_LISTS):
        names, at = _string(named, at)
        lists.append(tuple(found for name in names.split(b",") if name and (found := _text(name)) not in _MARKS))
    return tuple(lists)


def _string(payload: bytes, at: int) -> tuple[bytes, int]:
    begin = at + 4
    end = begin + int.from_bytes(payload[at:begin])
    if end > len(payload) or begin > len(payload):
        raise NotSSH("it says a message that is cut off")
    return payload[begin:end], end


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
