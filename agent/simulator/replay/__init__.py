"""A recording served in a router's place: what was asked is found by its meaning, and answered as it was then."""
