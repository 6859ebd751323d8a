"""Changes one place of the code at a time, and sees whether a test notices: `python -m tests.mutation`."""
