"""Texts made from the language itself: what `explain` prints, and the page of errors."""
