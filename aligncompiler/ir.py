"""The plan: a typed, frozen DAG of stages, with JSON both ways. It is all that the runtime gets to see of a spec.

A stage is anything that makes an artifact: a dataset to load or generate, a model to build or load, a step of the experiment. Stages
stand in an order in which each comes after what it reads.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .diagnostic import Place
from .spec.base import Kind, Output, Ref
from .spec.codec import MISFITS, UnknownKind, dump, refs, restore, restore_spec
from .spec.experiment import Engine
from .tree import shortened

FORMAT = "alignc-plan/1"


class NotAPlan(ValueError):
    """A file that holds no plan which this version can read; the message says what it holds instead."""


@dataclass(frozen=True)
class Stage:
    """One node of the plan.

    `places` maps a dotted field path to where it was written ("" is the stage itself); `files` maps the path fields to the hash of what
    they name; `preimage` is what `key` is the hash of; `why` says which pass added a stage that nobody wrote. In a sweep, `links` maps what
    a reference names to the id of the stage that it means in this cell. `names` maps the dotted path of a reward that stands in the spec as a value to
    the name that it was declared by. It counts for the key of a stage that tells names (`Kind.tells_names`), and for no other.
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
    links: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def base(self) -> str:
        """The id without the cell of a sweep: as the spec names the stage."""
        return self.id.partition("[")[0]

    def source(self, ref: Ref) -> str:
        """Id of the stage that a reference leads to."""
        return self.links.get(ref.to, ref.to)

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """Ids of the stages that this one reads, each once."""
        return tuple(dict.fromkeys(self.source(ref) for ref in refs(self.spec)))

    def to_json(self) -> dict[str, Any]:
        plain = {"id": self.id, "family": self.spec.family, "spec": dump(self.spec), "output": asdict(self.output), "reads": list(self.reads)}
        rest = {"seed": self.seed, "files": dict(self.files), "key": self.key, "why": self.why, "preimage": dict(self.preimage)}
        return plain | rest | {"links": dict(self.links), "names": dict(self.names), "places": {k: asdict(v) for k, v in self.places.items()}}

    def place(self, dotted: str = "") -> Place | None:
        """Where a field was written, or the nearest statement around it that was."""
        while dotted and dotted not in self.places:
            dotted = dotted.rpartition(".")[0]
        return self.places.get(dotted)


@dataclass(frozen=True)
class Cell:
    """One cell of a sweep: its name, the values of its axes as they were written, which stage of the plan is which stage of the spec, and the
    seed of the experiment in it."""

    name: str
    values: Mapping[str, Any]
    stages: Mapping[str, str]
    seed: int = 0


@dataclass(frozen=True)
class Plan:
    """What to make, in order. The stages of a sweep are those of all its cells, each once.

    `places` maps `seed`, `engine.accelerator`, ... to where they were written, and "" to the first line of the spec.
    """

    name: str
    spec_file: str
    stages: tuple[Stage, ...]
    engine: Engine
    seed: int = 0
    description: str = ""
    cites: tuple[str, ...] = ()
    cells: tuple[Cell, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)

    @cached_property
    def seeds(self) -> Mapping[str, int]:
        """Id of a stage -> seed of the experiment that it belongs to, where that is not `seed`."""
        return {id: cell.seed for cell in self.cells for id in cell.stages.values()}

    @cached_property
    def by_id(self) -> Mapping[str, Stage]:
        return {stage.id: stage for stage in self.stages}

    def __getitem__(self, id: str) -> Stage:
        return self.by_id[id]

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
        head = {"format": FORMAT, "name": self.name, "description": self.description, "cites": list(self.cites), "spec_file": self.spec_file, "seed": self.seed}
        places = {k: asdict(v) for k, v in self.places.items()}
        cells = [asdict(cell) for cell in self.cells]
        return head | {"engine": dump(self.engine), "stages": [s.to_json() for s in self.stages], "cells": cells, "places": places}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Plan:
        if data["format"] != FORMAT:
            raise NotAPlan(f"its format is `{data['format']}`; this version reads `{FORMAT}`")
        outputs = {s["id"]: Output.from_json(s["output"]) for s in data["stages"]}

        def stage(s: Mapping[str, Any]) -> Stage:
            places = {k: Place(**v) for k, v in s["places"].items()}
            try:
                spec = restore(s["family"], s["spec"], outputs | {name: outputs[id] for name, id in s["links"].items()})
            except MISFITS as error:
                error.add_note(s["id"])
                raise
            return Stage(s["id"], spec, outputs[s["id"]], places, s["seed"], s["files"], s["preimage"], s["key"], s["why"], s["links"], s["names"])

        try:
            engine = restore_spec(Engine, data["engine"], outputs)
        except MISFITS as error:
            error.add_note("engine")
            raise
        assert isinstance(engine, Engine)
        stages = tuple(stage(s) for s in data["stages"])
        head = (data["name"], data["spec_file"], stages, engine, data["seed"], data["description"], tuple(data["cites"]))
        return Plan(*head, tuple(Cell(**c) for c in data["cells"]), {k: Place(**v) for k, v in data["places"].items()})


def write_plan(plan: Plan, path: Path, beside: Mapping[str, Any] | None = None) -> None:
    """Write a plan as a whole or not at all; `beside` is kept in the same file and is no part of the plan."""
    path.parent.mkdir(parents=True, exist_ok=True)
    making = path.parent / f"{path.name}.{os.getpid()}.part"
    try:
        making.write_text(json.dumps(plan.to_json() | dict(beside or {}), indent=1), encoding="utf-8")
        os.replace(making, path)
    finally:
        making.unlink(missing_ok=True)


def read_plan(path: Path) -> Plan:
    """The plan in a file. Raises NotAPlan if it holds none, OSError if it cannot be read."""
    return plan_from(read_json(path))


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises NotAPlan if there is none, OSError if the file cannot be read."""
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise NotAPlan(f"it is not JSON: {str(error) or 'nested too deep'}") from None
    if not isinstance(data, dict) or "format" not in data:
        raise NotAPlan("it is JSON, but has no `format`")
    return data


def plan_from(data: Mapping[str, Any]) -> Plan:
    """The plan in JSON data of any origin. Raises NotAPlan, or UnknownKind where a plug-in is missing."""
    try:
        return Plan.from_json(data)
    except (NotAPlan, UnknownKind):
        raise
    except MISFITS as error:
        raise NotAPlan(misfit(error)) from error


def misfit(error: Exception) -> str:
    """What does not fit, by its path in the plan, as the notes of the error tell it."""
    steps = list(reversed(getattr(error, "__notes__", [])))
    told = str(error).partition("\n")[0]
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        steps += [str(step) for step in first["loc"]]
        told = f"is {shortened(json.dumps(first['input'], default=str))}: {first['msg']}"
    elif isinstance(error, KeyError):
        told = f"lacks `{error.args[0]}`"
    stage, *path = steps or [""]
    where = f"`{stage}`: `{'.'.join(path)}` " if path else f"`{stage}`: " if stage else "it "
    return where + (told or "is not of its type")


MANIFEST = "manifest.json"


def artifact_folder(store: Path, key: str) -> Path:
    """Where the store keeps the artifact of a key; it is complete if and only if its manifest is there."""
    return store / "artifacts" / key[:2] / key
