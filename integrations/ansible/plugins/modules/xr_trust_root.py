# Copyright: the authors of xr-agent
# Apache License 2.0 (see LICENSE of xr-agent)
"""The documentation of an action plugin; nothing here runs on a router."""

from __future__ import annotations

DOCUMENTATION = r"""
module: xr_trust_root
short_description: Give an IOS XR router the root certificate that smart licensing needs, and prove it
version_added: 0.1.0
description:
  - Configures the trustpoint over NETCONF, brings the root in, reads it back, and renews the licence authorization.
    Where no certificate could be proven, the trustpoint is restored.
  - A router that has the root already is left as it is.
  - In check mode it says what it would do. The router is read for that, and nothing is changed.
extends_documentation_fragment:
  - xr_agent.trust.router
options:
  method:
    description: How the certificate gets in. V(auto) takes the first that the router allows, in this order.
    type: str
    choices: [auto, trustpool, file, rpc, dialog]
    default: auto
  bundle:
    description:
      - A bundle for an import into the trustpool, PKCS#7 or PEM, copied to the router for that while. Looked for as a
        file of the role or playbook.
    type: str
  bundle_url:
    description: Let the router fetch the bundle from here. With O(bundle) it is to be that one.
    type: str
  pem_url:
    description: Let the router copy the root for method V(file) from here, in place of SFTP.
    type: str
  fetch_vrf:
    description: The VRF in which it copies from O(pem_url) or O(bundle_url).
    type: str
  enrollment_url:
    description: Let the router fetch the certificate from here, in place of terminal enrollment.
    type: str
  then_trustpool:
    description: Import the bundle as well after a method that a reload undoes.
    type: bool
    default: false
  clean:
    description: Let the import drop all that was imported before.
    type: bool
    default: false
  storage:
    description: Where a file that the router shall read is put for that while.
    type: str
    choices: ['harddisk:', 'disk0:']
    default: 'harddisk:'
  token:
    description: Register an unregistered router with this token, once the root is proven. Keep it in a vault.
    type: str
  replace:
    description: Replace another enrollment of the trustpoint, and another certificate in it (25.3.1 and later).
    type: bool
    default: false
  discard_foreign:
    description: Discard uncommitted changes of somebody else.
    type: bool
    default: false
  renew:
    description: Renew the licence authorization afterwards, and wait for contact.
    type: bool
    default: true
  contact_wait:
    description: Seconds to wait for contact with the licensing server.
    type: float
    default: 60
  commit:
    description:
      - A confirmed commit is taken back by the router unless a second session confirms it. V(auto) takes it where it is
        offered.
    type: str
    choices: [auto, confirmed, plain]
    default: auto
  confirm_timeout:
    description: Seconds after which the router takes a commit back that nobody confirmed.
    type: int
    default: 120
  lock_wait:
    description: Seconds to wait for locks that others hold.
    type: float
    default: 60
  kill_lock_holder:
    description: End the session that holds a lock for longer than that.
    type: bool
    default: false
  rollback:
    description: Restore the trustpoint where no certificate could be proven, or keep what was committed.
    type: bool
    default: true
attributes:
  check_mode:
    description: Plans, and changes nothing.
    support: full
  diff_mode:
    description: Shows the lines of the plan.
    support: full
seealso:
  - module: xr_agent.trust.xr_trust_info
"""

EXAMPLES = r"""
- name: Bring the root, ten routers at a time, and stop where one fails
  hosts: xr
  gather_facts: false
  serial: 10
  max_fail_percentage: 0
  tasks:
    - name: The root is there, and outlives a reload
      xr_agent.trust.xr_trust_root:
        bundle: ios.p7b
        then_trustpool: true
      register: done

    - name: Say by what it is proven
      ansible.builtin.debug:
        msg: "{{ done.outcome }}, by {{ done.evidence }}"

# A router behind a bastion, its password in a vault:
# r1:
#   ansible_host: 192.0.2.1
#   ansible_user: ops
#   ansible_password: "{{ vault_ops_password }}"
#   ansible_connection: ansible.netcommon.netconf
#   ansible_ssh_common_args: -o ProxyJump=ops@bastion.example
"""

RETURN = r"""
device:
  description: The host, as the inventory calls it.
  returned: always
  type: str
  sample: r1
address:
  description: Host and port of NETCONF. Null where a variable was missing.
  returned: always
  type: str
  sample: 192.0.2.1:830
release:
  description: The release it runs. Null where it is not known.
  returned: always
  type: str
  sample: 7.4.1
outcome:
  description:
    - C(remedied) where the root was installed by this task, C(unchanged) where it was there already, C(skipped) where
      no method fits or no login was tried, C(failed), or C(unknown) where an answer was lost. Any but the first two
      fails the task.
  returned: not in check mode
  type: str
  sample: remedied
method:
  description: The method that was taken, or would be. Null where none was.
  returned: always
  type: str
  sample: rpc
config_model:
  description: The YANG module by which the trustpoint is configured.
  returned: always
  type: str
  sample: um-crypto-cfg
evidence:
  description: By what the certificate is known to be the root.
  returned: not in check mode
  type: str
  sample: fingerprint
persistent:
  description: Whether the certificate outlives a reload. Null where nothing was installed or no source says.
  returned: not in check mode
  type: bool
steps:
  description: Each step, with C(step), C(status) and C(detail).
  returned: not in check mode
  type: list
  elements: dict
retries:
  description: How often something was tried again.
  returned: not in check mode
  type: int
elapsed_s:
  description: Seconds that it took, without connecting and reading.
  returned: not in check mode
  type: float
changes:
  description: Whether anything is to be done.
  returned: in check mode
  type: bool
anchor:
  description: Which certificate is wanted.
  returned: in check mode
  type: dict
present:
  description: By what the root is known to be there already. Null where there is no plan.
  returned: in check mode
  type: str
fallbacks:
  description: The methods that are tried after this one is refused or brings no certificate.
  returned: in check mode
  type: list
  elements: str
tried:
  description: What was tried beside NETCONF, with C(way), C(works), C(detail) and C(hint).
  returned: in check mode
  type: list
  elements: dict
skip:
  description: Why there is no method to offer, with C(reason) and C(hint). Null where there is one.
  returned: in check mode
  type: dict
error:
  description:
    - Why nothing came of it, with C(kind), C(message) and C(hint), which says what to do next. Null where it went well.
  returned: always
  type: dict
diff:
  description: The lines of the plan under C(prepared).
  returned: where there is a plan
  type: dict
  sample:
    prepared: |
      + crypto ca trustpoint Trustpool
      +  enrollment terminal
changed:
  description: Whether the router was changed or may have been. In check mode whether it would be.
  returned: always
  type: bool
msg:
  description: The host and what came of it, or what is wrong and what to do next, in one line.
  returned: always
  type: str
"""
