"""The same job as tasks of other orchestrators, over the sessions that they own."""
