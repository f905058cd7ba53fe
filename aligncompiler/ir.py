"""The plan: a typed, frozen DAG of stages, with JSON both ways. It is all that the runtime gets to see of a spec.

A stage is anything that makes an artifact: a dataset to load or generate, a model to build or load, a step of the experiment. Stages
stand in an order in which each comes after what it reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .diagnostic import Place
from .spec.base import Kind, Output
from .spec.codec import dump, refs, restore, restore_spec
from .spec.experiment import Engine

FORMAT = "alignc-plan/1"


@dataclass(frozen=True)
class Stage:
    """One node of the plan.

    `places` maps a dotted field path to where it was written ("" is the stage itself); `files` maps the path fields to the hash of what
    they name; `preimage` is what `key` is the hash of; `why` says which pass added a stage that nobody wrote.
    """

    id: str
    spec: Kind
    output: Output
    places: Mapping[str, Place] = field(default_factory=dict)
    seed: int = 0
    files: Mapping[str, str] = field(default_factory=dict)
    preimage: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    why: str = ""

    @property
    def reads(self) -> tuple[str, ...]:
        """Ids of the stages that this one reads, each once."""
        return tuple(dict.fromkeys(ref.to for ref in refs(self.spec)))

    def place(self, dotted: str = "") -> Place | None:
        """Where a field was written, or the nearest statement around it that was."""
        while dotted and dotted not in self.places:
            dotted = dotted.rpartition(".")[0]
        return self.places.get(dotted)


@dataclass(frozen=True)
class Plan:
    """What to make, in order."""

    name: str
    spec_file: str
    stages: tuple[Stage, ...]
    engine: Engine
    seed: int = 0
    description: str = ""
    cites: tuple[str, ...] = ()

    def __getitem__(self, id: str) -> Stage:
        return next(stage for stage in self.stages if stage.id == id)

    def map(self, stages: Mapping[str, Stage]) -> Plan:
        """The plan with some stages exchanged for others of the same id."""
        return replace(self, stages=tuple(stages.get(s.id, s) for s in self.stages))

    def ancestors(self, id: str) -> set[str]:
        """Ids of everything that a stage reads, directly or not."""
        found: set[str] = set()
        todo = list(self[id].reads)
        while todo:
            if (next_id := todo.pop()) not in found:
                found.add(next_id)
                todo += self[next_id].reads
        return found

    def to_json(self) -> dict[str, Any]:
        def stage(s: Stage) -> dict[str, Any]:
            plain = {"id": s.id, "family": s.spec.family, "spec": dump(s.spec), "output": asdict(s.output), "reads": list(s.reads), "seed": s.seed}
            rest = {"files": dict(s.files), "key": s.key, "why": s.why, "preimage": dict(s.preimage)}
            return plain | rest | {"places": {k: asdict(v) for k, v in s.places.items()}}

        head = {"format": FORMAT, "name": self.name, "description": self.description, "cites": list(self.cites), "spec_file": self.spec_file, "seed": self.seed}
        return head | {"engine": dump(self.engine), "stages": [stage(s) for s in self.stages]}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Plan:
        assert data["format"] == FORMAT, f"this runtime reads {FORMAT}, not {data['format']}"
        outputs = {s["id"]: Output.from_json(s["output"]) for s in data["stages"]}

        def stage(s: Mapping[str, Any]) -> Stage:
            places = {k: Place(**v) for k, v in s["places"].items()}
            spec = restore(s["family"], s["spec"], outputs)
            return Stage(s["id"], spec, outputs[s["id"]], places, s["seed"], s["files"], s["preimage"], s["key"], s["why"])

        engine = restore_spec(Engine, data["engine"], outputs)
        assert isinstance(engine, Engine)
        stages = tuple(stage(s) for s in data["stages"])
        return Plan(data["name"], data["spec_file"], stages, engine, data["seed"], data["description"], tuple(data["cites"]))


def write_plan(plan: Plan, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(plan.to_json(), indent=1), encoding="utf-8")


def read_plan(path: Path) -> Plan:
    return Plan.from_json(json.loads(path.read_text(encoding="utf-8")))


MANIFEST = "manifest.json"


def artifact_folder(store: Path, key: str) -> Path:
    """Where the store keeps the artifact of a key; it is complete if and only if its manifest is there."""
    return store / "artifacts" / key[:2] / key


def read_manifest(store: Path, key: str) -> dict[str, Any] | None:
    """The manifest of a finished artifact whose files are all there, or None. What is in them is checked when they are read."""
    folder = artifact_folder(store, key)
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and all((folder / name).is_file() for name in found.get("files", ())) else None
