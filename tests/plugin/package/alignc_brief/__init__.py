"""Kinds for alignc: the words in `spec.py`, what they do in a folder per family."""
