"""`alignc lsp`: the language server, on stdin and stdout."""

from __future__ import annotations

import argparse
import importlib.util

from ..terminal import say


def lsp(args: argparse.Namespace) -> int:
    """Serve until the editor says goodbye; 2 if what it needs is not installed."""
    if importlib.util.find_spec("pygls") is None:
        say("error: the language server needs pygls: pip install 'aligncompiler[lsp]'")
        return 2
    from ..server.server import make_server

    make_server().start_io()
    return 0
