"""Field notices: a folder each, and the reading of them."""
