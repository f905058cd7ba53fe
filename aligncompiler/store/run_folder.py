"""The folder of a run: `plan.json`, `run.json` with how it stands, and a lock that is held by the process that carries the plan out.

`run.json` says `running` while it lasts; if nobody holds the lock then, the run was killed.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..diagnostic import Report
from .artifacts import is_key, try_lock

PLAN, SUMMARY, LOCK = "plan.json", "run.json", "run.lock"
PATIENCE = 1.0  # seconds: whoever only looks whether a run lives holds its lock for less


def read_summary(folder: Path) -> dict[str, Any] | None:
    """What `run.json` says, or None if it cannot be read."""
    try:
        found = json.loads((folder / SUMMARY).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Write `run.json` as a whole or not at all."""
    making = folder / f"{SUMMARY}.{os.getpid()}"
    making.write_text(json.dumps(summary, indent=1, ensure_ascii=False), encoding="utf-8")
    os.replace(making, folder / SUMMARY)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def begun(folder: Path, name: str, spec_file: str, planned: int) -> dict[str, Any]:
    """The head of every summary of a run that starts now in this process."""
    who = {"pid": os.getpid(), "host": socket.gethostname()}
    return {"run": str(folder), "name": name, "spec": spec_file, "started": now(), "planned": planned, **who}


def hold(folder: Path, report: Report) -> Callable[[], None] | None:
    """Take the lock of a run folder: the function that gives it back, to be kept until then; None, reported, if another process is in it."""
    release = try_lock(folder / LOCK, PATIENCE)
    if release is None:
        there = read_summary(folder) or {}
        who = f" (pid {there['pid']} on {there['host']})" if {"pid", "host"} <= there.keys() else ""
        help = ("wait for it, or stop it; what it finishes is kept and found again",)
        report.add("P614", f"another alignc{who} is running this plan in `{folder}`", None, help=help)
    return release


def alive(folder: Path) -> bool:
    """Whether a process holds the lock of a run folder."""
    if not (folder / LOCK).exists():
        return False
    try:
        release = try_lock(folder / LOCK)
    except OSError:  # a folder that may only be read: nobody here runs in it
        return False
    if release is not None:
        release()
    return release is None


@dataclass(frozen=True)
class Run:
    """One run folder as it stands. `keys` are those of its plan, None where neither file says them."""

    folder: Path
    name: str
    status: str
    when: datetime
    summary: Mapping[str, Any]
    keys: frozenset[str] | None


def runs_in(out: Path, with_keys: bool = False) -> list[Run]:
    """Every run folder, the newest first. `with_keys` also reads the plans, which takes longer. Raises OSError if `out` cannot be listed."""
    folders = [p for p in out.iterdir() if p.is_dir() and ((p / SUMMARY).exists() or (p / PLAN).exists())]
    return sorted((look(folder, with_keys) for folder in folders), key=lambda run: (run.when, run.name), reverse=True)


def look(folder: Path, with_keys: bool) -> Run:
    summary = read_summary(folder)
    told = summary or {}
    name = told["name"] if isinstance(told.get("name"), str) else folder.name.rpartition("-")[0] or folder.name
    try:
        when = datetime.fromisoformat(told["started"]).astimezone()
    except (KeyError, TypeError, ValueError):
        newest = max((p.stat().st_mtime for p in (folder / SUMMARY, folder / PLAN) if p.exists()), default=0.0)
        when = datetime.fromtimestamp(newest).astimezone()
    return Run(folder, name, status_of(folder, summary), when, told, keys_of(folder, told) if with_keys else None)


def status_of(folder: Path, summary: Mapping[str, Any] | None) -> str:
    """How a run stands, in a few words."""
    if summary is None:
        return "damaged: run.json cannot be read" if (folder / SUMMARY).exists() else "running" if alive(folder) else "not started"
    status = summary.get("status")
    if status == "running" and alive(folder):
        return "running"
    if status == "running" and crashed(folder):
        return "crashed"
    if status in ("running", "killed"):
        return f"killed at {summary['stage']}" if isinstance(summary.get("stage"), str) else "killed"
    if status == "failed":
        return f"failed at {summary['failed']}" if isinstance(summary.get("failed"), str) else "failed"
    return str(status) if isinstance(status, str) and whole(summary) else "damaged: run.json is not whole"


def whole(summary: Mapping[str, Any]) -> bool:
    """Whether a summary has stages, each with its id and its key, and nothing in it is of another type than a run writes."""
    stages = summary.get("stages")
    if not isinstance(stages, list) or not all(isinstance(s, dict) and isinstance(s.get("id"), str) and key_in(s) for s in stages):
        return False
    types = {"name": str, "report": str, "planned": int, "seconds": int | float}
    return all(isinstance(summary[name], type_) for name, type_ in types.items() if name in summary)


def key_in(stage: Mapping[str, Any]) -> bool:
    return isinstance(stage.get("key"), str) and is_key(stage["key"])


def crashed(folder: Path) -> bool:
    """Whether the last run left a report of an internal error."""
    crash = folder / "crash.txt"
    return crash.exists() and crash.stat().st_mtime >= (folder / SUMMARY).stat().st_mtime


def keys_of(folder: Path, summary: Mapping[str, Any]) -> frozenset[str] | None:
    """The keys that a run refers to, by its plan and its summary."""
    found: set[str] = set()
    readable = False
    for data in (summary, read_object(folder / PLAN)):
        stages = data.get("stages")
        if isinstance(stages, list) and all(isinstance(s, dict) and key_in(s) for s in stages):
            found.update(stage["key"] for stage in stages)
            readable |= data is not summary or data.get("status") == "complete"
    return frozenset(found) if readable else None


def read_object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
