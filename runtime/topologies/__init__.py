"""Implementations of the family `topologies`, one kind a file."""
