"""Versions of what touches the numbers, for manifests."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from aligncompiler.spec.registry import used_plugins

NAMES = ("aligncompiler", "torch", "lightning", "transformers", "tokenizers", "datasets", "peft", "numpy", "pyarrow", "regex", "math-verify", "sympy")


@cache
def versions() -> dict[str, str]:
    """Package -> version, with Python and the machine; plug-ins are listed where a plan has kinds that are not ours."""
    found = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for name in NAMES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found | {plugin.distribution: plugin.version for plugin in used_plugins()}
