"""The account's mail and contacts in memory: one truth for both protocols. Speaks neither."""
