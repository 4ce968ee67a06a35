"""Devices on loopback: the SSH connections, ports and SFTP, and the one thread that serves them all."""
