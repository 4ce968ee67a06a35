"""What is kept of runs: the journal and its history, and that one process at a time carries a run out."""
