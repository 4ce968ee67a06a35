"""Peers that were not written here: paramiko's shell and SFTP, netmiko's XR driver, stock ncclient."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paramiko
from lxml import etree
from ncclient import manager

from agent.simulator import Device
from tests.support import Lab

NS = "http://cisco.com/ns/yang/Cisco-IOS-XR-"
BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"


@contextmanager
def netconf(lab: Lab, device: Device) -> Iterator[Any]:
    """Stock ncclient."""
    with manager.connect(
        host="127.0.0.1",
        port=device.port,
        username=lab.simulator.username,
        password=lab.simulator.password,
        hostkey_verify=False,
        allow_agent=False,
        look_for_keys=False,
        timeout=10,
    ) as connected:
        yield connected


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
        self._channel = channel
        self._channel.settimeout(10)

    def until(self, pattern: str = r"CPU0:\S+#") -> str:
        """What is printed up to *pattern* at the very end."""
        seen = ""
        while not re.search(rf"(?:{pattern})\s*\Z", seen):
            data = self._channel.recv(4096)
            if not data:
                raise EOFError(seen)
            seen += data.decode()
        return seen.replace("\r\n", "\n")

    def type(self, text: str) -> None:
        """Send *text* as it is."""
        self._channel.sendall(text.encode())

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


def rpc(module: str, operation: str, **leaves: str) -> etree._Element:
    """The body of an rpc; an underscore in a leaf's name stands for a hyphen."""
    body = etree.Element(f"{{{NS}{module}}}{operation}")
    for name, value in leaves.items():
        etree.SubElement(body, f"{{{NS}{module}}}{name.replace('_', '-')}").text = value
    return body
