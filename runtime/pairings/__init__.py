"""Implementations of the family `pairings`, one kind a file."""
