"""Values as they would be written in a spec, on one line or on several."""

from __future__ import annotations

from typing import Any

import yaml

from .spec.codec import is_ref
from .tree import scalar


class Writer(yaml.SafeDumper):
    """Writes what our own reader reads back: PyYAML would leave the text `1e5` unquoted, which YAML 1.2 takes for a number."""


def quoted(writer: Writer, text: str) -> yaml.Node:
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=None if isinstance(scalar(text), str) else "'")


Writer.add_representer(str, quoted)


def flow(value: Any) -> str:
    """A value on one line of YAML."""
    return yaml.dump(value, Dumper=Writer, default_flow_style=True, allow_unicode=True, width=10**6).removesuffix("...\n").strip()


def written(value: Any) -> Any:
    """The JSON form of a spec with its references in the form they are written in."""
    if isinstance(value, dict):
        return "${" + ".".join(value.values()) + "}" if is_ref(value) else {k: written(v) for k, v in value.items()}
    return [written(v) for v in value] if isinstance(value, list) else value
