"""Implementations of the family `datasets`, one kind a file."""
