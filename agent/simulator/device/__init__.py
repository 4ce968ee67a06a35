"""One device: its configuration together with certificates, licensing, files, and what a test does to it.

Faults, other sessions and what was left unanswered belong here, as does what NETCONF and the CLI do alike; how either
of them says it does not.
"""
