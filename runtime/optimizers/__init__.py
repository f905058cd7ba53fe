"""Implementations of the family `optimizers`, one kind a file."""
