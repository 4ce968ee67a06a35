"""Certificates: the anchor that is wanted, bundles of them, what a device shows of one, and their names."""
