"""The key of a stage: a hash of everything that can change its result, and of nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..diagnostic import Report
from ..ir import Plan, Stage
from ..spec.base import Ref
from ..spec.codec import leaves


def key_stages(plan: Plan, report: Report) -> Plan:
    """The plan with keys: sha256 of (kinds and their versions, semantic fields, keys of what it reads, content of files, names that it tells,
    seed, numerics)."""
    keyed: dict[str, Stage] = {}
    semantic: dict[int, list[tuple[str, Any, bool]]] = {}  # by the identity of the spec: the stages of a sweep share them
    for stage in plan.stages:
        if id(stage.spec) not in semantic:
            semantic[id(stage.spec)] = [(".".join(path), value, is_path) for path, value, role, is_path in leaves(stage.spec) if role == "semantic"]
        image = preimage(plan, stage, keyed, semantic[id(stage.spec)])
        keyed[stage.id] = replace(stage, preimage=image, key=key_of(image))
    return plan.map(keyed)


def key_of(image: Mapping[str, Any]) -> str:
    """The key that a pre-image gives: 40 hexadecimal digits of the sha256 of its JSON form."""
    text = json.dumps(image, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def preimage(plan: Plan, stage: Stage, keyed: dict[str, Stage], semantic: list[tuple[str, Any, bool]]) -> dict[str, Any]:
    """Dotted path -> value of what the key is made from; kept beside the artifact, to tell later what changed."""
    image: dict[str, Any] = {"family": stage.spec.family}
    for dotted, value, is_path in semantic:
        if isinstance(value, Ref):
            image[dotted] = f"key:{keyed[stage.source(value)].key}" + (f"/{value.inside}" if value.inside else "")
        elif value is not None:
            image[dotted] = value if not is_path else f"sha256:{stage.files[dotted]}"
    for dotted, digest in stage.files.items():
        image[f"{dotted}#content"] = digest
    for dotted, name in stage.names.items() if stage.spec.tells_names else ():
        image[f"{dotted}#name"] = name
    if stage.spec.draws:
        image["seed#"] = stage.seed
    if stage.spec.computes:
        image["numerics#"] = f"{plan.engine.accelerator}-{plan.engine.precision}"
    return image
