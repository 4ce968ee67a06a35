"""Plan files: what a push would do to each router, for somebody to approve; and a push that does just that."""
