"""SSH to a router: who answers there, host keys, the connection, a command's channel, and SFTP."""
