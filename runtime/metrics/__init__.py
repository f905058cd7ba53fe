"""Implementations of the family `metrics`, one kind a file."""
