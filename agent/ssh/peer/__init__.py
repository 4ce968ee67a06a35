"""The other end of an SSH connection: what it is there for, what it offers and asks, and what its words mean."""
