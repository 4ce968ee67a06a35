# Copyright: the authors of xr-agent
# Apache License 2.0 (see LICENSE of xr-agent)
"""The documentation of an action plugin; nothing here runs on a router."""

from __future__ import annotations

DOCUMENTATION = r"""
module: xr_trust_info
short_description: Say whether an IOS XR router has the root certificate that smart licensing needs
version_added: 0.1.0
description:
  - Reads trustpoint, trustpool, licensing state, release and log of a router over NETCONF, and over the CLI where no
    model shows them, and judges by a field notice whether it is affected, with reasons and deadlines.
  - It changes nothing. That a router is affected is no failure of the task.
extends_documentation_fragment:
  - xr_agent.trust.router
options:
  notices:
    description:
      - Folders with the field notices to judge by. With several, each has its own root.
      - FN72290, which comes with xr-agent, where this is left out.
    type: list
    elements: path
    default: []
attributes:
  check_mode:
    description: Does the same in check mode.
    support: full
  diff_mode:
    description: There is no difference to show.
    support: none
seealso:
  - module: xr_agent.trust.xr_trust_root
"""

EXAMPLES = r"""
- name: See which routers lack the root
  xr_agent.trust.xr_trust_info:
  register: seen

- name: Stop where nothing could be told
  ansible.builtin.assert:
    that: seen.verdict != "unknown"
    fail_msg: "{{ seen.reasons | join('; ') }}"

- name: Judge by a notice of one's own
  xr_agent.trust.xr_trust_info:
    notices: [notices/root-of-2030]
"""

RETURN = r"""
device:
  description: The host, as the inventory calls it.
  returned: always
  type: str
  sample: r1
verdict:
  description: C(affected), C(not-affected), C(remedied) or C(unknown).
  returned: always
  type: str
  sample: affected
reasons:
  description: What the verdict rests on.
  returned: always
  type: list
  elements: str
  sample:
    - the trustpool does not list IdenTrust Commercial Root CA 1
warnings:
  description: What concerns the router whatever the verdict. Among the reasons, too. Ansible shows them as warnings.
  returned: where there are any
  type: list
  elements: str
deadlines:
  description:
    - When licensing goes through its states by the field notice, in UTC, under C(comm_failed),
      C(authorization_expired) and C(unregistered). Empty where the last contact is not known.
  returned: always
  type: dict
  sample:
    authorization_expired: "2027-01-12T23:38:05Z"
persistent:
  description: Of a remedied router whether the root outlives a reload. Null where no source says.
  returned: always
  type: bool
error:
  description:
    - Why the router could not be read, with C(kind), C(message) and C(hint), which says what to do next. Null where it
      was.
  returned: always
  type: dict
msg:
  description: The host and what was found, or what is wrong and what to do next, in one line.
  returned: always
  type: str
"""
