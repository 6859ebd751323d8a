"""Apache James, a mail server that other people run, for the tests."""
