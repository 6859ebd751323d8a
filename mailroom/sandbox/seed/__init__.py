"""The mail and contacts of the demo's account."""
