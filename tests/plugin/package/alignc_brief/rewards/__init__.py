"""Implementations of the family `rewards`, one kind a file."""
