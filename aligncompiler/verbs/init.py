"""`alignc init`: a spec to start from."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from ..diagnostic import Report
from ..load import load, read_text
from ..package_data import data_folder
from ..terminal import print_json, say
from ..words.suggest import did_you_mean


def init(args: argparse.Namespace) -> int:
    """Copy one of the specs that come with alignc, with those it extends; never over a file that is there and says something else."""
    folder = data_folder("specs")
    known = {str(p.relative_to(folder).with_suffix("")): p for p in sorted(folder.rglob("*.yaml"))}
    if args.list:
        print_json(list(known)) if args.json else print("\n".join(known))
        return 0
    if args.source not in known:
        say(f"error: there is no spec `{args.source}` ({'; '.join(did_you_mean(args.source, known, 'specs')) or 'none came with it'})")
        return 2
    target = Path(args.path)
    files = {target: known[args.source], **{target.parent / path.name: path for path in parents(known[args.source])}}
    try:
        for path, source in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            text = read_text(source, args.source, Report())
            if path != target and path.is_file() and path.read_text(encoding="utf-8") == text:
                continue
            target = path
            with path.open("x", encoding="utf-8") as stream:
                stream.write(text)
    except FileExistsError:
        say(f"error: `{target}` exists already; name another file, or remove it first")
        return 2
    except OSError as error:
        say(f"error: `{target}` cannot be written: {error.strerror}")
        return 2
    target, *beside = files
    if args.json:
        print_json({"wrote": str(target)} | ({"parents": list(map(str, beside))} if beside else {}))
    else:
        also = "".join(f", and `{path}`, which it extends" for path in beside)
        print(f"wrote {target}{also}. Next: `alignc check {target}`, `alignc run {target}`")
    return 0


def parents(spec: Path) -> Iterator[Path]:
    """The spec that a spec extends, and what that extends in turn; they lie beside it."""
    extends = load(spec, Report()).value.get("extends")
    if extends is not None:
        yield spec.parent / extends.value
        yield from parents(spec.parent / extends.value)
