"""What a router said, as a file: the form of a recording, writing it and reading it."""
