"""One push at a time to a router from this machine, and what a push left unfinished there."""
