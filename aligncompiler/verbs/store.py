"""`alignc store`: list finished artifacts, verify their checksums, delete what no run uses."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..diagnostic import Report
from ..ir import artifact_folder
from ..passes.key_stages import key_of
from ..planning.table import short
from ..render import counted, refusal
from ..store.artifacts import Index, complaint, contents, damage, preimage, size, unchanged
from ..store.collect import Collected, collect, unknown
from ..store.run_folder import Run, runs_in
from ..terminal import paint_for, print_json, print_report, say

EXTRA = "was not stored with it: its manifest does not name it"


def store(args: argparse.Namespace) -> int:
    """Do what is asked; 1 if the store or the runs cannot be read, if an artifact is damaged, or if it is not known what may be deleted."""
    report = Report()
    root = Path(args.store)
    fault = complaint(root)
    if root.is_dir() and not (root / "artifacts").is_dir():
        fault = fault or f"`{root}` is no store: it has no folder `artifacts`"
    if fault:
        report.add("P605", fault, None, help=("name the folder of a store with `--store`",))
        return refuse(report, args)
    if args.action != "gc" and (args.dry_run or args.all):
        say("error: `--dry-run` and `--all` go with `alignc store gc`")
        if args.json:
            print_json(refusal(report))
        return 2
    if not root.exists():
        say(f"there is no store at `{args.store}` yet; `alignc run SPEC` makes it")
    try:
        actions = {"list": list_, "verify": verify, "gc": gc}
        return actions[args.action](args, report)
    except OSError as error:
        report.add("P605", f"the store `{args.store}` failed: {error}", None, help=("check that it may be read and written",))
        return refuse(report, args)


def refuse(report: Report, args: argparse.Namespace, **more: Any) -> int:
    print_report(report)
    if args.json:
        print_json(more | refusal(report))
    return 1


def human(count: int) -> str:
    """A number of bytes for a person, as the table of `alignc plan` writes it."""
    return f"{short(count, ' ')}B"


def runs_of(args: argparse.Namespace) -> list[Run]:
    out = Path(args.out)
    return runs_in(out, with_keys=True) if out.is_dir() else []


# ---- list


def list_(args: argparse.Namespace, report: Report) -> int:
    """A line an artifact, the newest first."""
    index = Index(Path(args.store))
    users: dict[str, list[str]] = {}
    for run in runs_of(args):
        for key in run.keys or ():
            users.setdefault(key, []).append(run.folder.name)
    rows = [entry(index, key, users.get(key, [])) for key in sorted(index.keys)]
    rows.sort(key=lambda row: (row["created"], row["key"]), reverse=True)
    if args.json:
        print_json({"artifacts": rows, "bytes": sum(row["bytes"] for row in rows)})
        return 0
    cells = [
        (
            row["key"][:12],
            row["kind"] or "-",
            row["id"] or "-",
            row["experiment"] or "-",
            human(row["bytes"]),
            row["created"][:16].replace("T", " "),
            row["problem"] or ", ".join(row["runs"]) or "no run",
        )
        for row in rows
    ]
    head = ("key", "kind", "stage", "experiment", "size", "made", "used by")
    widths = [max(len(row[i]) for row in (head, *cells)) for i in range(len(head))]
    paint = paint_for(sys.stdout)
    for row in (head, *cells) if cells else ():
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        print(paint(line, "bold") if row is head else line)
    say(f"{counted(len(rows), 'artifact')}, {human(sum(row['bytes'] for row in rows))}")
    return 0


def entry(index: Index, key: str, users: list[str]) -> dict[str, Any]:
    """What is known of an artifact, as data."""
    manifest = index.manifest(key) or {}
    told = {name: manifest[name] if isinstance(manifest.get(name), str) else "" for name in ("kind", "id", "experiment")}
    problem = index.lacks(key)
    when = index.created(key).isoformat(timespec="seconds")
    return {"key": key, **told, "bytes": size(artifact_folder(index.store, key)), "created": when, "runs": sorted(users), "problem": problem}


# ---- verify


def faults(index: Index, key: str) -> Iterator[tuple[str, str]]:
    """(file, what is wrong with it) in one artifact, its manifest included."""
    manifest = index.manifest(key)
    if manifest is None:
        yield "manifest.json", "is missing or cannot be read"
        return
    if not unchanged(manifest):
        yield "manifest.json", "has another checksum than it says"
        return
    image = preimage(manifest)
    if not image or key_of(image) != key:
        yield "manifest.json", "does not belong to this key"
    folder = artifact_folder(index.store, key)
    files = manifest.get("files", {})
    yield from damage(folder, files)
    yield from ((name, EXTRA) for name in contents(folder) if name not in files)


def verify(args: argparse.Namespace, report: Report) -> int:
    """Read every file of every artifact and compare it with its checksum."""
    index = Index(Path(args.store))
    damaged = []
    for key in sorted(index.keys):
        for name, fault in faults(index, key):
            folder = artifact_folder(index.store, key)
            help = f"delete `{folder}`; the next run that needs it makes it again"
            if fault == EXTRA:
                help = f"remove `{folder / name}`: a program that reads the whole folder would take it up; a run does not look for such files"
            report.add("P616", f"artifact {key[:12]}: `{name}` {fault}", None, path=(key, name), help=(help,))
            damaged.append({"key": key, "file": name, "problem": fault})
    if damaged:
        return refuse(report, args, verified=len(index.keys), damaged=damaged)
    if args.json:
        print_json({"verified": len(index.keys), "damaged": []})
    else:
        say(f"{paint_for(sys.stderr)('ok', 'help')}  {counted(len(index.keys), 'artifact')}: every file has its checksum")
    return 0


# ---- gc


def gc(args: argparse.Namespace, report: Report) -> int:
    """Delete what no run refers to; refuse where that cannot be known, or where it is everything and nobody said so."""
    root = Path(args.store)
    if not root.exists():
        return told(Collected((), (), 0), args)
    if not Path(args.out).is_dir():
        text = f"there is no folder `{args.out}`, so it is not known which artifacts are in use"
        report.add("P617", text, None, help=("name the folder of your runs with `--out`; where there never were any, an empty folder",))
        return refuse(report, args)
    runs = runs_of(args)
    for run in unknown(runs):
        text = f"the run folder `{run.folder}` does not say which artifacts it uses ({run.status})"
        report.add("P617", text, None, help=("remove the folder if you do not need it",))
    if not any(run.keys for run in runs) and not args.all:
        text = f"no run in `{args.out}` refers to an artifact, so everything in the store would be deleted"
        report.add("P617", text, None, help=("name the folder of your runs with `--out`, or say `--all` to delete everything that no run in progress uses",))
    if report.errors:
        return refuse(report, args)
    return told(collect(root, runs, args.dry_run), args)


def told(done: Collected, args: argparse.Namespace) -> int:
    verb = "would be deleted" if args.dry_run else "deleted"
    if args.json:
        gone = [{"key": one.key, "folder": str(one.folder), "why": one.why, "bytes": one.bytes} for one in done.rubbish]
        print_json({"deleted": gone, "bytes": done.bytes, "dry_run": args.dry_run, "spared": list(done.spared), "kept": done.kept})
        return 0
    for one in done.rubbish:
        print(f"{one.key[:12]}  {human(one.bytes).rjust(9)}  {one.why}")
    spared = f"; {len(done.spared)} spared, which a process holds" if done.spared else ""
    say(f"{counted(len(done.rubbish), 'folder')} {verb}, {human(done.bytes)}{' freed' if not args.dry_run else ''}; {done.kept} kept{spared}")
    return 0
