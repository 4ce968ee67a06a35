"""Sessions of an orchestrator that opens its ncclient ``Manager`` only when asked for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lxml.etree import XMLSyntaxError
from ncclient import NCClientError
from ncclient.transport.errors import AuthenticationError, SSHUnknownHostError
from paramiko import SSHException

from agent.model.address import at_port
from agent.model.device import Device
from agent.model.errors import ConnectError, HostKeyError, SSHAuthenticationError
from agent.model.masking.text import neutralise
from agent.netconf.session import Session

_RSA = "ncclient cannot use an ssh-rsa entry of known_hosts: add the router's other keys with ssh-keyscan"
_DSS = "pip install 'paramiko<4', or do without hostkey_b64 (and on ncclient 0.6.15 without key_filename)"
_PORT = "check the address, and 'ssh server netconf port 830' and 'netconf-yang agent ssh' on the router"


def borrow(open_manager: Callable[[], Any], device: Device) -> Session:
    """A session over the ``Manager`` that *open_manager* gives; *device* says how messages call it.

    Raises:
        ConnectError, HostKeyError, SSHAuthenticationError: ncclient could not open it, by what failed.
    """
    try:
        manager = open_manager()
    except SSHUnknownHostError as error:
        hint = "compare it with the router's, then add it with ssh-keyscan; if it changed, find out why first"
        said = f"its host key, MD5 {error.fingerprint}{at_port(device.port)}, is not in known_hosts"
        raise HostKeyError(said, device=device.name, hint=hint) from error
    except AuthenticationError as error:
        said, hint = f"the device refused the login: {_said(error)}", "check user, key and password in the inventory"
        raise SSHAuthenticationError(said, device=device.name, hint=hint, refused=True) from error
    except (NCClientError, SSHException, XMLSyntaxError, EOFError, OSError) as error:
        said = _said(error)
        hint = _RSA if "no acceptable host key" in said else _PORT
        raise ConnectError(device.placed(said), device=device.name, hint=hint) from error
    except (AttributeError, KeyError) as error:
        trap = _trap(error)
        if trap is None:
            raise
        raise ConnectError(trap[0], device=device.name, hint=trap[1]) from error
    session = Session.over(manager, device=device.name)
    session.address = device.address
    return session


def _said(error: Exception) -> str:
    """Its text on one line: what ncclient says of a lost session has the bytes that came before."""
    return neutralise(" ".join(str(error).split())) or type(error).__name__


def _trap(error: AttributeError | KeyError) -> tuple[str, str] | None:
    """What is wrong and what to do, where it is one of the ways in which ncclient does not fit a newer paramiko."""
    if isinstance(error, KeyError) and error.args == ("ssh-rsa",):
        return "it shows an RSA host key, which ncclient did not agree on", _RSA
    if isinstance(error, AttributeError) and error.name == "DSSKey":
        return "ncclient below 0.7 reads this key with paramiko.DSSKey, which paramiko 4 no longer has", _DSS
    return None
