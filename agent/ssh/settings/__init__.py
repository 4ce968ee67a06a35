"""What an SSH connection is made with, before there is one: the SSH configuration, host keys, the user's own keys."""
