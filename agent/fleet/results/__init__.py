"""What came of a router: live, as kept records, and as the objects of JSON."""
