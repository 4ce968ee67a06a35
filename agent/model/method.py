"""The methods by which a certificate gets into a device."""

from __future__ import annotations

from enum import Enum


class Method(Enum):
    """How a certificate gets into a device; TRUSTPOOL alone is sure to outlast a reload.

    TRUSTPOOL needs a bundle, FILE rpc ca-authenticate with ``file-path``, RPC the same rpc with terminal or url
    enrollment, DIALOG the CLI over SSH. ``remedy/methods/registry`` has the order in which ``auto`` prefers them.
    """

    AUTO = "auto", ""
    TRUSTPOOL = "trustpool", "trustpool import"
    FILE = "file", "ca-authenticate"
    RPC = "rpc", "ca-authenticate"
    DIALOG = "dialog", "dialog"

    action: str
    """What an outcome's steps call what may bring the root."""

    def __new__(cls, word: str, action: str = "") -> Method:
        """The word is the value; *action* stands beside it."""
        made = object.__new__(cls)
        made._value_, made.action = word, action
        return made


class Storage(Enum):
    """A file system of the router, and the folder in which SFTP shows it (H11; of disk0: unconfirmed, H12)."""

    HARDDISK = "harddisk:"
    DISK0 = "disk0:"

    @property
    def folder(self) -> str:
        """The folder as SFTP and the router's own shell name it."""
        return {"harddisk:": "/misc/disk1", "disk0:": "/misc/scratch"}[self.value]
