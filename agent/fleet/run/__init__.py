"""How: the job of one router, the runner over many, executors, batches, rates."""
