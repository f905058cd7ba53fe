"""What lies in a store of finished artifacts: manifests, checksums, who uses what. The runtime writes it through here, the verbs read it.

artifacts/ab/abcd.../   an artifact under its key: its files, and manifest.json with the sha256 of each of them and of itself
making/abcd...          an artifact that is being made
resume/abcd...          what is kept of it meanwhile, to go on from (`resume.py`)
damaged/abcd...         one whose files no longer have their checksums, put aside; damaged checkpoints too
locks/abcd....lock      held by the process that makes the artifact
using/X.json, X.lock    the keys of a run in progress; the lock is held as long as the run lives
trash/                  what is being deleted
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from ..ir import MANIFEST, Plan, Stage, artifact_folder
from ..spec.codec import dump

FIRST_FORMAT, FORMAT = "alignc-artifact/1", "alignc-artifact/2"
CHECKSUM = "checksum"
KEY_LENGTH = 40
GC_LOCK = "locks/gc.lock"
HEX = frozenset("0123456789abcdef")


def is_key(name: str) -> bool:
    """Whether a file name is a key."""
    return len(name) == KEY_LENGTH and HEX.issuperset(name)


def file_hash(path: Path) -> str:
    """sha256 of a file, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def contents(folder: Path) -> list[str]:
    """The files of an artifact but its manifest, relative to its folder, sorted."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p != folder / MANIFEST)


def described(plan: Plan, stage: Stage, run: str) -> dict[str, Any]:
    """What a manifest says of the stage that an artifact was made for, and of the run folder that it was made in."""
    whole = stage.to_json()
    kept = {name: whole[name] for name in ("spec", "output", "reads", "seed", "preimage", "files")}
    where = {"run": run, "experiment": plan.name, "experiment_seed": plan.seeds.get(stage.id, plan.seed), "engine": dump(plan.engine)}
    return {"kind": stage.spec.tag, **where, **kept}


def write_manifest(folder: Path, id: str, key: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Write the manifest of a finished folder, with the checksums of every file and of itself, and the time; what was written."""
    files = {name: file_hash(folder / name) for name in contents(folder)}
    created = datetime.now(UTC).isoformat(timespec="seconds")
    whole = {**manifest, "format": FORMAT, "id": id, "key": key, "created": created, "files": files}
    whole[CHECKSUM] = checksum(whole)
    (folder / MANIFEST).write_text(json.dumps(whole, indent=1, ensure_ascii=False), encoding="utf-8")
    return whole


def checksum(manifest: Mapping[str, Any]) -> str:
    """sha256 of what a manifest says, but for this checksum."""
    told = json.loads(json.dumps({name: value for name, value in manifest.items() if name != CHECKSUM}))
    return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def unchanged(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest has the checksum that it was written with; the first format has none."""
    return manifest.get(CHECKSUM) == checksum(manifest) if manifest.get("format") != FIRST_FORMAT else CHECKSUM not in manifest


def damage(folder: Path, files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(file, what is wrong with it) of every file that is not as the manifest says."""
    for name, digest in files.items():
        path = folder / name
        try:
            if not path.is_file():
                yield name, "is missing"
            elif file_hash(path) != digest:
                yield name, "has another checksum than its manifest says"
        except OSError as error:
            yield name, f"cannot be read: {error.strerror}"


def sound_manifest(data: Any) -> bool:
    """Whether JSON data is a manifest whose files can be looked for."""
    files = data.get("files", {}) if isinstance(data, dict) else None
    return isinstance(files, dict) and all(isinstance(digest, str) and inside(name) for name, digest in files.items())


def manifest_in(folder: Path) -> dict[str, Any] | None:
    """The manifest in the folder of an artifact if it can be read, whether or not its files are there."""
    try:
        found = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if sound_manifest(found) else None


def lacking(folder: Path, manifest: Mapping[str, Any]) -> str:
    """The first file of a manifest that is not there; empty if all are. Checksums are not looked at."""
    return next((name for name in manifest.get("files", ()) if not (folder / name).is_file()), "")


def read_manifest(store: Path, key: str) -> dict[str, Any] | None:
    """The manifest of a finished artifact whose files are all there, or None: what `cached` means. Their content is checked when a run reads them."""
    folder = artifact_folder(store, key)
    found = manifest_in(folder)
    return None if found is None or lacking(folder, found) else found


def preimage(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The pre-image that a manifest keeps; empty if it keeps none that is one."""
    found = manifest.get("preimage")
    return found if isinstance(found, dict) and all(isinstance(value, str | int | float | bool | None) for value in found.values()) else {}


def inside(name: str) -> bool:
    """Whether a relative path of a manifest stays in the folder of its artifact."""
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts and path.parts != ()


def created(folder: Path, manifest: Mapping[str, Any]) -> datetime:
    """When an artifact was finished, in local time; for one that does not say, the date of its manifest."""
    try:
        return datetime.fromisoformat(manifest["created"]).astimezone()
    except (KeyError, TypeError, ValueError):
        path = folder / MANIFEST
        return datetime.fromtimestamp((path if path.exists() else folder).stat().st_mtime).astimezone()


def size(folder: Path) -> int:
    """Bytes of all files below a folder; links are not followed."""
    total = 0
    for root, _, names in os.walk(folder):
        total += sum((Path(root) / name).lstat().st_size for name in names)
    return total


class Index:
    """The artifacts of a store, listed once and read when they are first asked for. A store that is not there yet is empty."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.read: dict[str, dict[str, Any] | None] = {}

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys under which there is a folder, whole or not, or a link to one, which a run reads as well."""
        return frozenset(listing(self.store / "artifacts", links=True))

    @cached_property
    def aside(self) -> frozenset[str]:
        """The keys whose artifacts were found damaged and put aside."""
        return frozenset(key for name in names_in(self.store / "damaged") if is_key(key := name.partition("-")[0]))

    def manifest(self, key: str) -> dict[str, Any] | None:
        """The manifest of a key if it can be read, whether or not its files are there."""
        if key not in self.read:
            self.read[key] = manifest_in(artifact_folder(self.store, key)) if key in self.keys else None
        return self.read[key]

    def lacks(self, key: str) -> str:
        """What keeps an artifact from being used: empty if its manifest and all its files are there. Checksums are not looked at."""
        manifest = self.manifest(key)
        if manifest is None:
            return "has no manifest that can be read" if key in self.keys else "is not there"
        name = lacking(artifact_folder(self.store, key), manifest)
        return f"lacks its file `{name}`" if name else ""

    def created(self, key: str) -> datetime:
        """When an artifact was finished, in local time."""
        return created(artifact_folder(self.store, key), self.manifest(key) or {})


def names_in(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def listing(artifacts: Path, links: bool = False) -> Iterator[str]:
    """The keys of folders two levels below; whatever else lies there is not ours. Without `links`, as for deleting, only of real folders."""
    for short in names_in(artifacts):
        if len(short) == 2 and HEX.issuperset(short) and (artifacts / short).is_dir() and (links or not (artifacts / short).is_symlink()):
            with os.scandir(artifacts / short) as entries:
                yield from (e.name for e in entries if is_key(e.name) and e.name[:2] == short and e.is_dir(follow_symlinks=links))


def complaint(store: Path) -> str:
    """Why a path cannot be a store; empty if it can, or is not there yet."""
    try:
        if store.exists() and not store.is_dir():
            return f"`{store}` is a file; a store is a folder"
        for folder in (store, store / "artifacts"):
            if folder.exists():
                os.listdir(folder)
    except OSError as error:
        return f"the store `{store}` cannot be read: {error.strerror}"
    return ""


def unmade(store: Path) -> str:
    """Why the folder of a store cannot be made where there is none yet; empty if it is there now."""
    try:
        store.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return f"the store `{store}` cannot be made: {error.strerror}"
    return ""


def lock_of(store: Path, key: str) -> Path:
    """The lock that is held while the artifact of a key is made or deleted."""
    return store / "locks" / f"{key}.lock"


# ---- locks; `filelock` is imported here alone, since it takes a tenth of a second


def try_lock(path: Path, wait: float = 0.0) -> Callable[[], None] | None:
    """Hold a lock file: the function that gives it back, as it is also when nobody keeps that function; or None if another process holds it.

    A dead process holds nothing.
    """
    import filelock

    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=wait)
    except filelock.Timeout:
        return None
    return lock.release


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file; whoever else wants it waits."""
    import filelock

    with filelock.FileLock(path):
        yield


@contextmanager
def using(store: Path, keys: Iterable[str]) -> Iterator[None]:
    """Say that a run uses these artifacts, so that none of them is deleted meanwhile. Waits for a deletion that is going on."""
    folder = store / "using"
    folder.mkdir(parents=True, exist_ok=True)
    name = os.urandom(16).hex()
    with locked(folder / f"{name}.lock"):
        with locked(store / GC_LOCK):
            (folder / f"{name}.json").write_text(json.dumps(sorted(keys)), encoding="utf-8")
        try:
            yield
        finally:
            (folder / f"{name}.json").unlink(missing_ok=True)
            (folder / f"{name}.lock").unlink(missing_ok=True)


def in_use(store: Path) -> frozenset[str]:
    """The keys of all runs in progress; what a killed run left is removed. For who holds the lock of deletions."""
    found: set[str] = set()
    for name in names_in(store / "using"):
        claim, lock = store / "using" / name, store / "using" / f"{name.removesuffix('.json')}.lock"
        if claim.suffix != ".json":
            continue
        release = try_lock(lock)
        if release is None:
            found.update(json.loads(claim.read_text(encoding="utf-8")))
        else:
            claim.unlink(missing_ok=True)
            lock.unlink(missing_ok=True)
            release()
    return frozenset(found)
