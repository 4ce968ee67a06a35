"""The ways in which a root comes onto a router."""
