"""The language: every word that a user may write."""
