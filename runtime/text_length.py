"""The length of a text without a tokenizer."""

from __future__ import annotations


def text_length(text: str, unit: str) -> int:
    """Characters of Unicode, or words, which end at white space."""
    return len(text) if unit == "characters" else len(text.split())
