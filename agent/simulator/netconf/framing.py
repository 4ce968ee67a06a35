"""NETCONF framing as the server does it (RFC 6242), written apart from the agent's."""

from __future__ import annotations

import re

_CHUNK = re.compile(rb"\n#([1-9]\d{0,9}|#)\n")

END = b"]]>]]>"
"""What ends a message in the framing of base:1.0 (RFC 6242 section 4.3)."""


class FramingError(Exception):
    """The client's bytes are no NETCONF frames; the session ends."""


class Deframer:
    """Bytes in, messages out."""

    def __init__(self, *, chunked: bool = False) -> None:
        self.chunked = chunked
        self._held = b""
        self._parts: list[bytes] = []

    def messages(self, data: bytes) -> list[bytes]:
        """The messages that *data* completes."""
        self._held += data
        found = []
        while (message := self._chunks() if self.chunked else self._delimited()) is not None:
            found.append(message)
        return found

    def _delimited(self) -> bytes | None:
        message, mark, rest = self._held.partition(END)
        if not mark:
            return None
        self._held = rest
        return message

    def _chunks(self) -> bytes | None:
        while True:
            header = _CHUNK.match(self._held)
            if header is None:
                if len(self._held) > 13:
                    raise FramingError(self._held[:13])
                return None
            if header.group(1) == b"#":
                self._held = self._held[header.end() :]
                message, self._parts = b"".join(self._parts), []
                return message
            end = header.end() + int(header.group(1))
            if len(self._held) < end:
                return None
            self._parts.append(self._held[header.end() : end])
            self._held = self._held[end:]


def enframe(message: bytes, chunked: bool) -> bytes:
    """One message as it goes out; a long one in several chunks, as routers do."""
    if not chunked:
        return message + END
    pieces = [message[start : start + 32768] for start in range(0, len(message), 32768)]
    return b"".join(b"\n#%d\n%b" % (len(piece), piece) for piece in pieces) + b"\n##\n"


def unfinished(data: bytes, *, chunked: bool) -> bool:
    """Whether *data* is the beginning of a message, or what may be one, so that its reader waits for the rest."""
    try:
        return not Deframer(chunked=chunked).messages(data)
    except FramingError:
        return False
