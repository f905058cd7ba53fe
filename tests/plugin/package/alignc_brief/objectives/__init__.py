"""Implementations of the family `objectives`, one kind a file."""
