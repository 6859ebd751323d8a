"""Benchmarks: what a cycle costs, in requests, seconds and memory. `python -m tests.bench` runs them."""
