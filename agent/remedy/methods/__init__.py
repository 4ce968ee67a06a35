"""The methods by which a root comes onto a router, one class each."""
