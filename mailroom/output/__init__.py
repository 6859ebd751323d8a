"""What people and log collectors see: tables, log lines, and no secret in either."""
