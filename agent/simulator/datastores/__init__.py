"""The configuration of a device: the YANG modules it is checked by, running and candidate, and what is kept in them.

Locks, commits and confirmed commits are here, and so is the rpc-error that refuses one; a session is only a name.
"""
