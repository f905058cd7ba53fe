"""What a store and the records of runs tell of the past: which artifacts a stage can be compared with, and which were made and are gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ..ir import Plan, Stage
from ..store.artifacts import Index, names_in, preimage
from ..store.run_folder import read_summary

COMPARISONS = 50_000  # in one plan; a stage is compared with at least LEAST artifacts
LEAST = 8


@dataclass(frozen=True, slots=True)
class Past:
    """An artifact to compare with."""

    key: str
    manifest: Mapping[str, Any] = field(repr=False)
    image: frozenset[tuple[str, Any]] = field(repr=False)
    when: str = ""

    @property
    def id(self) -> str:
        return str(self.manifest.get("id", ""))

    @property
    def base(self) -> str:
        """The id without the cell of a sweep."""
        return self.id.partition("[")[0]

    @property
    def experiment(self) -> str:
        return str(self.manifest.get("experiment", ""))

    @property
    def preimage(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.manifest["preimage"]
        return found


class History:
    """The artifacts of a store as the past of one plan."""

    def __init__(self, plan: Plan, index: Index, out: Path) -> None:
        self.plan = plan
        self.index = index
        self.out = out
        self.bases = frozenset(stage.base for stage in plan.stages)

    @cached_property
    def pasts(self) -> dict[str, Past]:
        """Every artifact that can be compared with, the newest first."""
        manifests = ((key, self.index.manifest(key)) for key in self.index.keys)
        found = [Past(key, m, frozenset(image.items()), stamp(self.index, key)) for key, m in manifests if m is not None and (image := preimage(m))]
        return {past.key: past for past in sorted(found, key=lambda p: (p.when, p.key), reverse=True)}

    @cached_property
    def groups(self) -> dict[tuple[str, ...], list[Past]]:
        """The artifacts by experiment and id, by experiment and id without the cell, and by kind."""
        found: dict[tuple[str, ...], list[Past]] = {}
        for past in self.pasts.values():
            image = past.preimage
            for group in {(past.experiment, past.id), (past.experiment, past.base, ""), (str(image.get("family")), str(image.get("kind")), "", "")}:
                found.setdefault(group, []).append(past)
        return found

    @cached_property
    def limit(self) -> int:
        pending = sum(stage.key not in self.index.keys for stage in self.plan.stages)
        return max(LEAST, COMPARISONS // max(1, pending))

    def read_as(self, value: str) -> Past | None:
        """The artifact whose key stands in a pre-image as `key:...`, if the store still has it."""
        return self.pasts.get(value.removeprefix("key:").partition("/")[0])

    def own(self, stage: Stage) -> Past | None:
        """The artifact of this stage of this experiment that is most like it, the newer of equals: of this id, with or without the cell of a
        sweep, or of a name that the stage had before.
        """
        name = self.plan.name
        for group in ((name, stage.id), (name, stage.base, "")):
            found = self.likest(stage, self.groups.get(group, ()))
            if found is not None:
                return found
        return self.likest(stage, (past for past in self.of_kind(stage) if self.renamed(stage, past)))

    def nearest(self, stage: Stage) -> Past | None:
        """For a stage without a past of its own: the artifact of its kind that is most like it and has at least half of its pre-image, of this
        experiment before others. It is no past of another stage that the spec declares now.
        """
        free = [past for past in self.of_kind(stage) if not (past.experiment == self.plan.name and past.base in self.bases)]
        image = stage.preimage
        near = [past for past in free if 2 * len(past.image & image.items()) >= len(image)]
        return self.likest(stage, (p for p in near if p.experiment == self.plan.name)) or self.likest(stage, near)

    def of_kind(self, stage: Stage) -> list[Past]:
        return self.groups.get((str(stage.preimage.get("family")), stage.spec.tag, "", ""), [])[: self.limit]

    def likest(self, stage: Stage, found: Iterable[Past]) -> Past | None:
        others = [past for past, _ in zip((p for p in found if p.key != stage.key), range(self.limit), strict=False)]
        image = stage.preimage
        return max(others, key=lambda past: len(past.image & image.items())) if len(others) > 1 else others[0] if others else None

    def renamed(self, stage: Stage, past: Past) -> bool:
        """Whether an artifact is of this very stage under another name: of a name that the experiment does not have any more, and but for the
        seed, which follows from the name, and for what is read, of the same pre-image.
        """
        if past.experiment != self.plan.name or past.base in self.bases or past.preimage.keys() != stage.preimage.keys():
            return False
        return all(then == stage.preimage[name] or name == "seed#" or (is_key(then) and is_key(stage.preimage[name])) for name, then in past.preimage.items())

    # ---- what is gone

    @cached_property
    def readers(self) -> dict[str, Past]:
        """Key -> an artifact that was made from that of this key."""
        found: dict[str, Past] = {}
        for past in self.pasts.values():
            for value in past.preimage.values():
                if is_key(value):
                    found.setdefault(value.removeprefix("key:").partition("/")[0], past)
        return found

    @cached_property
    def runs(self) -> dict[str, str]:
        """Key -> the folder of a run that had its artifact, by the records of runs."""
        found: dict[str, str] = {}
        for name in names_in(self.out):
            stages = (read_summary(self.out / name) or {}).get("stages")
            for one in stages if isinstance(stages, list) else ():
                if isinstance(one, dict) and isinstance(one.get("key"), str):
                    found[one["key"]] = str(self.out / name)
        return found

    def evidence(self, key: str) -> str:
        """What proves that an artifact which is not in the store was made; empty if nothing here does."""
        if key in self.runs:
            return f"{self.runs[key]} had it"
        reader = self.readers.get(key)
        return f"{reader.key[:8]} ({reader.id} of {reader.experiment}) was made from it" if reader is not None else ""


def is_key(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("key:")


def stamp(index: Index, key: str) -> str:
    return index.created(key).strftime("%Y-%m-%d %H:%M")
