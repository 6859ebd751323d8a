"""What the commands do; each takes what it needs and returns the process's exit code."""
