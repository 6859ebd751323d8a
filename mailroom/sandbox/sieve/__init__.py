"""Sieve scripts (RFC 5228) as far as a server looks at them when they are put there."""
