"""agent/ssh: how a router is reached over SSH, and with what."""
