"""A real Cyrus on loopback."""
