"""The nouns of Mailroom, and what triage asks of a mail store and an address book."""
