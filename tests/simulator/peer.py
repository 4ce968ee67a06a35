"""Peers that were not written here: paramiko's shell and SFTP, netmiko's XR driver, stock ncclient."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import paramiko
from lxml import etree
from ncclient import NCClientError, manager

from agent.simulator import Device
from tests.support import Lab

NS = "http://cisco.com/ns/yang/Cisco-IOS-XR-"
BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"


def connected(lab: Lab, device: Device) -> Any:
    """Stock ncclient, connected."""
    return manager.connect(
        host="127.0.0.1",
        port=device.port,
        username=lab.simulator.username,
        password=lab.simulator.password,
        hostkey_verify=False,
        allow_agent=False,
        look_for_keys=False,
        timeout=60,
    )


@contextmanager
def netconf(lab: Lab, device: Device) -> Iterator[Any]:
    """Stock ncclient."""
    with connected(lab, device) as client:
        yield client


@contextmanager
def ssh(lab: Lab, device: Device) -> Iterator[paramiko.SSHClient]:
    """Stock paramiko on the SSH port, its host key checked."""
    with paramiko.SSHClient() as client:
        client.load_host_keys(str(lab.known_hosts))
        client.connect(
            "127.0.0.1",
            device.ssh_port,
            lab.simulator.username,
            lab.simulator.password,
            allow_agent=False,
            look_for_keys=False,
        )
        yield client


class Screen:
    """A terminal at the CLI."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self.channel = channel
        self.channel.settimeout(10)

    def until(self, pattern: str = r"CPU0:\S+#") -> str:
        """What is printed up to *pattern* at the very end."""
        seen = ""
        while not re.search(rf"(?:{pattern})\s*\Z", seen):
            data = self.channel.recv(4096)
            if not data:
                raise EOFError(seen)
            seen += data.decode()
        return seen.replace("\r\n", "\n")

    def type(self, text: str) -> None:
        """Send *text* as it is."""
        self.channel.sendall(text.encode())

    def send(self, line: str, pattern: str = r"CPU0:\S+#") -> str:
        """Type a line; what is printed up to *pattern*."""
        self.type(f"{line}\n")
        return self.until(pattern)


@contextmanager
def screen(lab: Lab, device: Device) -> Iterator[Screen]:
    """The CLI with nothing switched off but the pager."""
    with ssh(lab, device) as client:
        opened = Screen(client.invoke_shell())
        opened.until()
        opened.send("terminal length 0")
        yield opened


class Neighbour:
    """Another client at a device, by stock ncclient; the same verbs as :class:`agent.simulator.OtherSession` has.

    It raises ncclient's ``RPCError`` where the server refuses.
    """

    def __init__(self, client: Any, device: Device) -> None:
        self._netconf, self._device = client, device
        self.session_id: str = client.session_id

    def lock(self, target: str = "candidate") -> None:
        """Lock a datastore."""
        self._netconf.lock(target)

    def unlock(self, target: str = "candidate") -> None:
        """Give the lock back."""
        self._netconf.unlock(target)

    def edit(self, name: str, enrollment: str, error_option: str | None = None) -> None:
        """Put a trustpoint into the candidate, or give it another enrollment."""
        home = self._device.home
        self._edit(home.edit(name, home.enroll(enrollment)), error_option)

    def remove(self, name: str) -> None:
        """Take a trustpoint out of the candidate."""
        self._edit(self._device.home.edit(name, remove=True))

    def discard(self) -> None:
        """Discard the candidate's changes, whoever made them."""
        self._netconf.discard_changes()

    def commit(self) -> None:
        """Commit the candidate, whoever edited it."""
        self._send("commit")

    def commit_on_trial(
        self, timeout: float = 600.0, persist: str | None = None, persist_id: str | None = None
    ) -> None:
        """Commit the candidate until *timeout* seconds of the device's clock have passed."""
        self._send("commit", confirmed="", confirm_timeout=f"{timeout:.0f}", persist=persist, persist_id=persist_id)

    def confirm(self, persist: str) -> None:
        """Confirm a commit on trial, by its persist-id."""
        self._send("commit", persist_id=persist)

    def cancel(self, persist: str | None = None) -> None:
        """Take a commit on trial back; without *persist* it must be this session's own."""
        self._send("cancel-commit", persist_id=persist)

    def authenticate(self, name: str) -> None:
        """rpc ca-authenticate; what it brings is the persona's."""
        self._netconf.dispatch(rpc("crypto-act", "ca-authenticate", server_name=name))

    def clear(self, name: str) -> None:
        """rpc ca-clear-certificates."""
        self._netconf.dispatch(rpc("crypto-act", "ca-clear-certificates", server_name=name))

    def kill(self, session: str) -> None:
        """End another session, and with it its locks."""
        self._netconf.kill_session(session)

    def end(self) -> None:
        """End this session by close-session."""
        self._netconf.close_session()

    def begin_commit(self) -> None:
        """Send a commit without waiting for its answer."""
        self._netconf.async_mode = True
        self._send("commit")

    def break_off(self) -> None:
        """End the connection without a word."""
        self._netconf._session.close()

    @property
    def capabilities(self) -> list[str]:
        """What the hello announced."""
        return list(self._netconf.server_capabilities)

    def get(self, top: str, namespace: str) -> etree._Element:
        """The data of a get of one top-level node."""
        data: etree._Element = self._netconf.get(("subtree", etree.Element(f"{{{namespace}}}{top}"))).data
        return data

    def _edit(self, edit: etree._Element, error_option: str | None = None) -> None:
        body = etree.Element(f"{{{BASE}}}edit-config")
        etree.SubElement(etree.SubElement(body, f"{{{BASE}}}target"), f"{{{BASE}}}candidate")
        if error_option is not None:  # ncclient's own edit_config sends none that was not announced
            etree.SubElement(body, f"{{{BASE}}}error-option").text = error_option
        etree.SubElement(body, f"{{{BASE}}}config").append(edit)
        self._netconf.dispatch(body)

    def _send(self, operation: str, **leaves: str | None) -> None:
        body = etree.Element(f"{{{BASE}}}{operation}")
        for name, value in leaves.items():
            if value is not None:
                etree.SubElement(body, f"{{{BASE}}}{name.replace('_', '-')}").text = value
        self._netconf.dispatch(body)


@contextmanager
def neighbour(lab: Lab, device: Device) -> Iterator[Neighbour]:
    """Another client, connected; its session may have been ended meanwhile."""
    client = connected(lab, device)
    try:
        yield Neighbour(client, device)
    finally:
        if client.session_id in device.sessions:
            with suppress(NCClientError):
                client.close_session()
        else:  # which ncclient may not have noticed yet: it would wait a minute for the answer
            client._session.close()


def rpc(module: str, operation: str, **leaves: str) -> etree._Element:
    """The body of an rpc; an underscore in a leaf's name stands for a hyphen."""
    body = etree.Element(f"{{{NS}{module}}}{operation}")
    for name, value in leaves.items():
        etree.SubElement(body, f"{{{NS}{module}}}{name.replace('_', '-')}").text = value
    return body
