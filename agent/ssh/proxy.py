"""A ``ProxyCommand`` of ssh_config(5), which stands for the way to a device, and what it says where it fails."""

from __future__ import annotations

import os
import socket
import subprocess
from tempfile import TemporaryFile

from agent.model.local import program
from agent.model.local.user import variables
from agent.model.masking.text import neutralise

_MOST_SAID = 4096


class ProxyCommand:
    """A command that runs until it is closed, with the other end of *sock* as its stdin and stdout.

    It is run by the user's shell as with ssh(1), which puts "exec" in front: then "exec nc" and "cd / && nc" fail.
    asyncssh's own would take its stderr for SSH's bytes, and end with it: ssh(1) closes all but the first three files.
    """

    def __init__(self, command: str) -> None:
        """Begin *command*, its tokens replaced.

        Raises:
            OSError: there is no such shell.
        """
        shell = os.environ.get("SHELL") or "/bin/sh"
        # A bash with a socket for its stdin takes that for rshd's, and reads ~/.bashrc, unless a shell is around it.
        environment = {"SHLVL": "1", **variables()}
        self._stderr = TemporaryFile(prefix="xr-agent-proxy-")  # noqa: SIM115 - close() closes it
        self.sock, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - it is the user's own, its tokens are checked
                [shell, "-c", command],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._stderr,
                env=environment,
                start_new_session=True,
            )
        except BaseException:
            self.sock.close()
            self._stderr.close()
            raise
        finally:
            theirs.close()
        self.sock.setblocking(False)

    def failure(self) -> str | None:
        """How it ended where it failed, which is to be asked when its stdout has ended; None where it did not."""
        try:
            status = self._process.wait(program.PATIENCE)
        except subprocess.TimeoutExpired:
            return None
        return program.ended(status) if status else None

    def says(self) -> str:
        """The last line that it wrote to stderr."""
        file = self._stderr.fileno()
        said = os.pread(file, _MOST_SAID, max(0, os.fstat(file).st_size - _MOST_SAID))
        lines = said.decode("utf-8", "replace").split("\n")
        return next((neutralise(line).strip() for line in reversed(lines) if line.strip()), "nothing")

    def close(self) -> None:
        """End it with all that it began."""
        program.kill(self._process)  # that of sudo(8), which is another user's, ends with what it reads
        self._stderr.close()
