"""Implementations of the family `adapters`, one kind a file."""
