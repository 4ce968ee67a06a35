"""The job on one device: observe → assess → plan → apply → verify; and poll, which watches the result."""
