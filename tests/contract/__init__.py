"""One suite for mail, address book and whole cycles, run on the sandbox and on real Cyrus."""
