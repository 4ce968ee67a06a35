"""Whom: entries of inventories in their formats, filtered, each a target."""
