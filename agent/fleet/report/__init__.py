"""What is shown of a run: HTML, JUnit, JSON and CSV."""
