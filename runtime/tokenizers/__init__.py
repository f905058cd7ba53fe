"""Implementations of the family `tokenizers`, one kind a file."""
