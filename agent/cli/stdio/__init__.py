"""What becomes of stdout and stderr: nobody reads, not every character can be written, a machine reads."""
