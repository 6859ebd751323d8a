"""The MAILROOM_ variables: which there are, and what they mean."""
