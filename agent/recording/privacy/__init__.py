"""What is nobody's business in a recording: where it stands, how it is spelled, and what takes its place."""
