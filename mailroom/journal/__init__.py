"""The journal: what Mailroom did, kept in the account for the person and for taking it back."""
