"""Implementations of the family `structures`, one kind a file."""
