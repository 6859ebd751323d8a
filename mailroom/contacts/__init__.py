"""What an address book is to Mailroom, whatever protocol it is reached by: its index, identities and view."""
