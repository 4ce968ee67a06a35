"""Before a push over an inventory: every router's plan, what bounds the run, and the question."""
