"""Fuzzing of everything that reads the network."""
