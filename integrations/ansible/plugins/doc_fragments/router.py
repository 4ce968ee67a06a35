"""What the modules of this collection have in common: the router and the root, who wrote them and what they need."""

from __future__ import annotations


class ModuleDocFragment:
    """Options, notes and authors of both modules."""

    DOCUMENTATION = r"""
options:
  anchor:
    description:
      - The root to trust, a PEM file with one CA certificate, looked for as a file of the role or playbook.
      - IdenTrust Commercial Root CA 1, which comes with xr-agent, where this is left out.
    type: str
  trustpoint:
    description: The trustpoint it goes to.
    type: str
    default: Trustpool
  port:
    description:
      - The port of NETCONF.
      - Where it is left out it is C(ansible_port) if C(ansible_connection) is netconf, else 830.
    type: int
  ssh_port:
    description:
      - The port of the CLI and SFTP, for what NETCONF does not do.
      - Where it is left out it is C(ansible_port) if C(ansible_connection) is network_cli, else 22.
    type: int
  ssh:
    description: Whether the CLI and SFTP may be used.
    type: bool
    default: true
  jump:
    description:
      - The SSH host to go through, C([user@]host[:port]), or a list of them by commas.
      - Where it is left out C(ProxyJump) or C(ProxyCommand) of C(ansible_ssh_common_args) counts, else the SSH
        configuration.
    type: str
  ssh_config:
    description: An OpenSSH client configuration in place of F(~/.ssh/config) and F(/etc/ssh/ssh_config).
    type: path
  known_hosts:
    description: The host keys on record, in place of F(~/.ssh/known_hosts).
    type: path
  host_key:
    description: The only host key to accept, C(SHA256:...) as C(ssh-keygen -l) prints it, or C(ssh-ed25519 AAAA...).
    type: str
  accept_new_host_keys:
    description: Store the key of a router that has none on record. A changed key is refused all the same.
    type: bool
    default: false
  legacy_ssh:
    description: Offer SHA-1, CBC and DSS as well, for routers whose SSH has nothing better.
    type: bool
    default: false
  timeout:
    description: Seconds for one operation.
    type: float
    default: 60
  open_timeout:
    description: Seconds for opening the NETCONF session.
    type: float
    default: 30
  login_timeout:
    description: Seconds for the login, which slow AAA servers take.
    type: float
    default: 30
  connect_wait:
    description: Seconds for which a router that limits new sessions is tried again.
    type: float
    default: 120
  max_refused_logins:
    description:
      - After so many refusals of one credential without a success in between nothing more is tried with it, whatever
        the number of routers, forks and tasks of the run.
    type: int
    default: 3
  strict_models:
    description: Use a router's models only where they are known exactly.
    type: bool
    default: false
author:
  - The authors of xr-agent (!UNKNOWN)
requirements:
  - The Python package xr-trust-agent, in the Python that runs ansible-playbook
attributes:
  action:
    description: It runs on the controller. Nothing is copied to the router or run there.
    support: full
  async:
    description: Supports C(async).
    support: none
notes:
  - The router is C(ansible_host), else the name of the host. User, password, private key and its passphrase are
    C(ansible_user) (else C(remote_user)), C(ansible_ssh_pass), C(ansible_password) or C(ansible_netconf_password),
    C(ansible_ssh_private_key_file) and C(ansible_ssh_private_key_passphrase), in plain or from a vault. Without
    password and key, ssh-agent and the user's default keys are tried.
  - Any C(ansible_connection) will do, since none is opened. It says whose port C(ansible_port) is. With C(local) no
    process is started for it.
  - C(ansible_network_os) is iosxr where it is given.
  - Host keys are always checked. C(StrictHostKeyChecking=no) and C(host_key_checking) do not change that.
  - The end of the run by a signal, and C(timeout) of the task, finish or undo the step at hand.
  - A hint that names an option of the command line, such as C(--bundle FILE), means the option of that name here.
"""
