"""What the nouns take from the machine they are on: its clock, its files, and what ships with the package."""
