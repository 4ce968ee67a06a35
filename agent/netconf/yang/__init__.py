"""Which model a device has, what it allows, and what a reply says by it."""
