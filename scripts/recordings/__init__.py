"""The corpus of recordings in ``tests/recordings``: what is in it, and how one is added."""
