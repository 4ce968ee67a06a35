"""What is kept: the journal, its history, leases, and what a push began and has not ended."""
