"""Files that a person gives: a collector's log, as it is or packed."""
