"""`alignc completion`: the completion script of a shell, made by shtab from the parser of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import shtab

from ..cli import parser
from ..codes import CODES
from ..manual.topics import known
from ..package_data import data_folder
from ..terminal import print_json

SPEC = shtab.glob("*.yaml", "*.yml")
PATHS = {"spec": SPEC, "path": SPEC, "output": shtab.FILE, "store": shtab.DIRECTORY, "out": shtab.DIRECTORY}


def completion(args: argparse.Namespace) -> int:
    """Print the script, which the shell reads as `SHELLS` of the command line says."""
    script = shtab.complete(annotated(), args.shell)
    print_json({"shell": args.shell, "script": script}) if args.json else print(script)
    return 0


def annotated() -> argparse.ArgumentParser:
    """The parser, told which arguments are paths, and which words there are for those that name something that comes with alignc."""
    top = parser()
    topics = [name for names in known().values() for name in names]
    sources = sorted(str(p.relative_to(data_folder("specs")).with_suffix("")) for p in data_folder("specs").rglob("*.yaml"))
    words = {"topic": [*dict.fromkeys(topics), *CODES], "source": sources}
    for action in actions(top):
        kind: Any = PATHS.get(action.dest)
        if kind is not None:
            action.complete = kind  # type: ignore[attr-defined]  # how shtab is told
        elif action.dest in words:
            action.choices = words[action.dest]
    return top


def actions(one: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every argument of a parser and of its verbs."""
    for action in one._actions:  # argparse has no public way to list them
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from actions(verb)
