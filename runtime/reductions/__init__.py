"""Implementations of the family `reductions`, one kind a file."""
