"""Comparisons that anyone can run: each prints a table, and with ``--json`` one object of named numbers."""
