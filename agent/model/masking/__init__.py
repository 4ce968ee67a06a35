"""Text that may be shown: no secret in it shows, and nothing in it acts on a terminal."""
