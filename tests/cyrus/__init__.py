"""A real Cyrus IMAP server for the tests: mail over JMAP, contacts over CardDAV."""
