"""JMAP (RFC 8620, RFC 8621) on the account in memory."""
