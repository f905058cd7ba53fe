"""Implementations of the family `models`, one kind a file."""
