"""CardDAV (RFC 6352) on the account in memory."""
