"""What a command says of itself: its help in groups, its exit codes, what a shell may complete; and what was given."""
