"""Implementations of the family `gates`, one kind a file."""
