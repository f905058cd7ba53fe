"""The key of a stage: a hash of everything that can change its result, and of nothing else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from ..diagnostic import Report
from ..ir import Plan, Stage
from ..spec.base import Ref
from ..spec.codec import leaves


def key_stages(plan: Plan, report: Report) -> Plan:
    """The plan with keys: sha256 of (kinds and their versions, semantic fields, keys of what it reads, content of files, seed, numerics)."""
    keyed: dict[str, Stage] = {}
    for stage in plan.stages:
        image = preimage(plan, stage, keyed)
        text = json.dumps(image, sort_keys=True, separators=(",", ":"), allow_nan=False)
        keyed[stage.id] = replace(stage, preimage=image, key=hashlib.sha256(text.encode()).hexdigest()[:40])
    return plan.map(keyed)


def preimage(plan: Plan, stage: Stage, keyed: dict[str, Stage]) -> dict[str, Any]:
    """Dotted path -> value of what the key is made from; kept beside the artifact, to tell later what changed."""
    image: dict[str, Any] = {"family": stage.spec.family}
    for path, value, role, is_path in leaves(stage.spec):
        dotted = ".".join(path)
        if role != "semantic":
            continue
        if isinstance(value, Ref):
            image[dotted] = f"key:{keyed[value.to].key}" + (f"/{value.inside}" if value.inside else "")
        elif value is not None:
            image[dotted] = value if not is_path else f"sha256:{stage.files[dotted]}"
    for dotted, digest in stage.files.items():
        image[f"{dotted}#content"] = digest
    if stage.spec.draws:
        image["seed#"] = stage.seed
    if stage.spec.numeric:
        image["numerics#"] = f"{plan.engine.accelerator}-{plan.engine.precision}"
    return image
