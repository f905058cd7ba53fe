"""`alignc init`: a spec to start from."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..diagnostic import Report
from ..load import read_text
from ..package_data import data_folder
from ..terminal import print_json, say
from ..words.suggest import did_you_mean


def init(args: argparse.Namespace) -> int:
    """Copy one of the specs that come with alignc; never over a file that is there."""
    folder = data_folder("specs")
    known = {str(p.relative_to(folder).with_suffix("")): p for p in sorted(folder.rglob("*.yaml"))}
    if args.list:
        print_json(list(known)) if args.json else print("\n".join(known))
        return 0
    if args.source not in known:
        say(f"error: there is no spec `{args.source}` ({'; '.join(did_you_mean(args.source, known, 'specs')) or 'none came with it'})")
        return 2
    target = Path(args.path)
    text = read_text(known[args.source], args.source, Report())
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        say(f"error: `{target}` exists already; name another file, or remove it first")
        return 2
    except OSError as error:
        say(f"error: `{target}` cannot be written: {error.strerror}")
        return 2
    if args.json:
        print_json({"wrote": str(target)})
    else:
        print(f"wrote {target}. Next: `alignc check {target}`, `alignc run {target}`")
    return 0
