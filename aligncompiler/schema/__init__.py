"""The language as a JSON Schema for editors, generated from the classes of the language: draft-07, in the dialect of yaml-language-server.

Every statement is one definition, closed to unknown keys. A family looks at `kind` and adds the definition of that kind alone, so that an
editor offers the fields of this kind and no others. Each definition exists twice: once as it stands in a whole spec, and once as `part.`,
in which nothing is required, because a spec that `extends` another, a profile and a sweep say only what they change.

A schema sees one file and no meaning. What it cannot say (where a reference leads, what follows from two fields together, what a parent
holds) is said by `check`; a test holds that the two agree on all the rest.
"""

from __future__ import annotations

from typing import Any

from ..spec.composed import COMPOSED
from ..spec.experiment import Experiment
from ..spec.registry import DECLARED
from .composition import composed
from .statements import Schemas, section
from .words import first_paragraph

DIALECT = "http://json-schema.org/draft-07/schema#"


def language_schema() -> dict[str, Any]:
    """The schema of a spec file; equal languages give equal schemas, key order included."""
    schemas = Schemas()
    whole = schemas.named("spec", lambda: spec(schemas, part=False))
    child = schemas.named("part.spec", lambda: spec(schemas, part=True))
    return {
        "$schema": DIALECT,
        "title": "alignc spec",
        "description": first_paragraph(Experiment),
        "type": "object",
        "if": {"required": ["extends"]},
        "then": child,
        "else": whole,
        "definitions": dict(sorted(schemas.definitions.items())),
    }


def spec(schemas: Schemas, part: bool) -> dict[str, Any]:
    """What stands at the top of a file: the fields of an experiment, and the keys that composition reads and takes out."""
    made = schemas.statement(Experiment, part, "the spec", {family: section(schemas, family, part) for family in DECLARED})
    made["properties"] |= {word: {"title": word} | composed(schemas, word, part) for word in COMPOSED}
    runs = {"if": {"not": {"required": ["rounds"]}}, "then": {"required": ["stages"], "properties": {"stages": {"minProperties": 1, "doNotSuggest": True}}}}
    return made | ({} if part else runs)
