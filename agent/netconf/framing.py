"""Message framing of NETCONF over SSH: end-of-message for base:1.0, chunks for base:1.1 (RFC 6242 section 4)."""

from __future__ import annotations

import re

from agent.model.errors import ProtocolError

END_OF_MESSAGE = b"]]>]]>"
END_OF_CHUNKS = b"\n##\n"
LARGEST_MESSAGE = 64 * 2**20
_LARGEST_CHUNK = 4294967295
_LONGEST_HEADER = len(b"\n#4294967295\n")
_HEADER = re.compile(rb"\n#(?:#|([1-9][0-9]{0,9}))\n")


def frame(message: bytes, *, chunked: bool) -> bytes:
    """*message* as it goes on the wire."""
    if chunked:
        return b"\n#%d\n%b%b" % (len(message), message, END_OF_CHUNKS)
    return message + END_OF_MESSAGE


class FrameReader:
    """Takes bytes as they come and gives whole messages; work is linear in the bytes, memory bounded by *limit*.

    It starts with end-of-message framing, as hello always has; set ``chunked`` once both hellos announced base:1.1.
    """

    def __init__(self, limit: int = LARGEST_MESSAGE) -> None:
        self.chunked = False
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0
        self._message = bytearray()

    @property
    def pending(self) -> int:
        """Bytes of a message that has begun and not ended; white space between messages does not count."""
        return len(self._message) + len(self._buffer.strip())

    def feed(self, data: bytes) -> None:
        """Add bytes from the wire; take the messages with :meth:`next`."""
        self._buffer += data

    def next(self) -> bytes | None:
        """The next whole message, or None until more bytes come.

        Raises:
            ProtocolError: the framing is broken or a message grows over the limit; the stream cannot be resumed.
        """
        return self._next_chunked() if self.chunked else self._next_delimited()

    def _next_delimited(self) -> bytes | None:
        end = self._buffer.find(END_OF_MESSAGE, self._searched)
        if end < 0:
            self._bound(len(self._buffer))
            self._searched = max(0, len(self._buffer) - len(END_OF_MESSAGE) + 1)
            return None
        message = bytes(self._buffer[:end])
        del self._buffer[: end + len(END_OF_MESSAGE)]
        self._searched = 0
        return message

    def _next_chunked(self) -> bytes | None:
        while (header := self._header()) is not None:
            start, size = header
            if size == 0:
                del self._buffer[:start]
                message = bytes(self._message)
                self._message.clear()
                return message
            self._bound(len(self._message) + size)
            if len(self._buffer) < start + size:
                return None
            self._message += self._buffer[start : start + size]
            del self._buffer[: start + size]
        return None

    def _header(self) -> tuple[int, int] | None:
        """Where the chunk's data begins and how long it is; size 0 stands for end-of-chunks; None if incomplete."""
        found = _HEADER.match(self._buffer)
        if found is None and not self._message:
            # Some devices end a line between messages; only the newline that belongs to the header is left.
            blanks = len(self._buffer) - len(self._buffer.lstrip())
            del self._buffer[: max(0, blanks - 1)]
            found = _HEADER.match(self._buffer)
        if found is None:
            self._see_that_one_may_come()
            return None
        if found[1] is None:
            if not self._message:
                raise ProtocolError("an end-of-chunks without any chunk")
            return found.end(), 0
        size = int(found[1])
        if size > _LARGEST_CHUNK:
            raise ProtocolError(f"broken chunk size: {found[1]!r}")
        return found.end(), size

    def _see_that_one_may_come(self) -> None:
        """Refuse what is no beginning of a chunk's header."""
        head = bytes(self._buffer[:_LONGEST_HEADER])
        if not self._message and not head.strip():
            return
        if not b"\n#".startswith(head[:2]):
            raise ProtocolError(f"broken chunk framing: {head!r}", hint="the peer does not speak base:1.1")
        end = head.find(b"\n", 2)
        if end >= 0:
            raise ProtocolError(f"broken chunk size: {head[2:end]!r}")
        if len(head) >= _LONGEST_HEADER:
            raise ProtocolError(f"broken chunk header: {head!r}")

    def _bound(self, size: int) -> None:
        if size > self._limit:
            raise ProtocolError(
                f"a message of more than {self._limit} bytes", hint="narrow what is asked for, or check the device"
            )
