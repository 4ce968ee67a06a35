"""What a push does beside the configuration: upload a file, authenticate, verify, renew."""
