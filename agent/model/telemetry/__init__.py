"""What is told of the work to logs and traces: the run, router and step that it is of."""
