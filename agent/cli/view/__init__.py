"""What is printed: tables, progress, the live view of a run, logs."""
