"""`alignc schema`: the JSON Schema of the language, for editors."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..schema import language_schema
from ..terminal import print_json, say


def schema(args: argparse.Namespace) -> int:
    """Print the schema, or write it to a file; 2 if that cannot be written."""
    made = language_schema()
    if args.output is None:
        print_json(made) if args.json else print(json.dumps(made, indent=1, ensure_ascii=False))
        return 0
    target = Path(args.output)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        say(f"error: `{target}` cannot be written: {error.strerror}")
        return 2
    print_json({"wrote": str(target)}) if args.json else say(f"wrote {target}")
    return 0
