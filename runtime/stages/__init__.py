"""Implementations of the family `stages`, one kind a file."""
