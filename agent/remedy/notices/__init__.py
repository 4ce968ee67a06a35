"""Field notices: one file each, and the reading of them."""
