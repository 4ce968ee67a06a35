"""Sessions of an orchestrator that opens its ncclient ``Manager`` only when asked for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lxml.etree import XMLSyntaxError
from ncclient import NCClientError
from ncclient.transport.errors import AuthenticationError, SSHUnknownHostError
from paramiko import SSHException

from agent.model.device import Device
from agent.model.errors import ConnectError, HostKeyError, SSHAuthenticationError
from agent.model.text import neutralise
from agent.netconf.session import Session

_NO_KEY = "no acceptable host key"


def borrow(open_manager: Callable[[], Any], device: Device) -> Session:
    """A session over the ``Manager`` that *open_manager* gives; *device* says how messages call it.

    Raises:
        ConnectError, HostKeyError, SSHAuthenticationError: ncclient could not open it, by what failed.
    """
    try:
        manager = open_manager()
    except SSHUnknownHostError as error:
        raise HostKeyError(
            f"ncclient refused its host key, MD5 {error.fingerprint}",
            device=device.name,
            hint="compare it with the router's, then add it to ~/.ssh/known_hosts with ssh-keyscan",
        ) from error
    except AuthenticationError as error:
        raise SSHAuthenticationError(
            f"the device refused the login: {_said(error)}",
            device=device.name,
            hint="check user, key and password in the inventory",
        ) from error
    except (NCClientError, SSHException, XMLSyntaxError, EOFError, OSError) as error:
        said = _said(error)
        raise ConnectError(f"{device.address}: {said}", device=device.name, hint=_hint(said)) from error
    session = Session.over(manager, device=device.name)
    session.address = device.address
    return session


def _said(error: Exception) -> str:
    """Its text on one line: what ncclient says of a lost session has the bytes that came before."""
    return neutralise(" ".join(str(error).split())) or type(error).__name__


def _hint(said: str) -> str:
    if _NO_KEY in said:
        return "ncclient cannot use an ssh-rsa entry of known_hosts: add the router's other keys with ssh-keyscan"
    return "check the address, and 'ssh server netconf port 830' and 'netconf-yang agent ssh' on the router"
