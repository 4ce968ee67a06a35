"""What an SSH connection is made with, before there is one: ssh_config, known hosts, keys, a router's addresses."""
