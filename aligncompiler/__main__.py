"""`python -m aligncompiler` is `alignc`."""

from .cli import start

start()
