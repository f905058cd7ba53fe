"""The grammar shared by every word of the language: specs, fields with roles, references, output types.

A *spec* is a frozen pydantic model that says one thing about an experiment. A spec that makes an artifact (a dataset, a model, a
stage) becomes a node of the plan and is named by a `Ref` where it is used; a spec that makes none (an objective, a rule) is a plain
value and is inlined where it is used. Nothing here knows which kinds exist: that is `registry.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pydantic

Role = Literal["semantic", "runtime", "cosmetic"]

# A row kind and the row kinds that every such row also is. Columns are in ROW_COLUMNS.
ROW_IMPLIES: dict[str, tuple[str, ...]] = {
    "text": (),
    "prompts": (),
    "demonstrations": ("prompts",),
    "problems": ("prompts",),
    "preferences": ("prompts",),
    "completions": ("prompts", "demonstrations"),
    "ratings": ("prompts", "demonstrations", "completions"),
}
ROW_COLUMNS: dict[str, tuple[str, ...]] = {
    "text": ("text",),
    "prompts": ("prompt",),
    "demonstrations": ("prompt", "completion"),
    "problems": ("prompt", "answer"),
    "preferences": ("prompt", "chosen", "rejected"),
    "completions": ("prompt", "completion"),
    "ratings": ("prompt", "completion", "score"),
}


@dataclass(frozen=True, slots=True)
class Output:
    """What a node of the plan makes: an artifact kind, and for a dataset the kinds of its rows and the columns it carries beside theirs.

    The column `*` stands for columns that only the file knows.
    """

    artifact: str
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def all_rows(self) -> frozenset[str]:
        """The row kinds of this dataset with everything they imply."""
        return frozenset(self.rows) | {implied for row in self.rows for implied in ROW_IMPLIES[row]}

    def has_column(self, name: str) -> bool:
        """Whether a row may carry this column, as far as is known before the data is read."""
        return name in self.columns or "*" in self.columns or any(name in ROW_COLUMNS[row] for row in self.all_rows)

    def __str__(self) -> str:
        return f"{self.artifact} of {' and '.join(self.rows)}" if self.rows else self.artifact


@dataclass(frozen=True, slots=True)
class Needs:
    """What a field accepts: artifact kinds and, for datasets, at least one of these row kinds."""

    artifacts: tuple[str, ...]
    rows: tuple[str, ...] = ()

    def met_by(self, output: Output) -> bool:
        if output.artifact not in self.artifacts:
            return False
        return output.artifact != "dataset" or not self.rows or bool(output.all_rows.intersection(self.rows))

    def __str__(self) -> str:
        names = [f"dataset of {' or '.join(self.rows)}" if a == "dataset" and self.rows else a for a in self.artifacts]
        return " or ".join(names)


class Ref:
    """A typed reference to a node of the plan, for example `stages.sft`, with what that node makes."""

    __slots__ = ("output", "to")

    def __init__(self, to: str, output: Output) -> None:
        self.to = to
        self.output = output

    def __repr__(self) -> str:
        return f"${{{self.to}}}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and other.to == self.to

    def __hash__(self) -> int:
        return hash(self.to)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a spec says about itself that cannot be: the diagnostic code, the field to point at, and a way out."""

    code: str
    field: str
    message: str
    help: tuple[str, ...] = ()


class Spec(pydantic.BaseModel):
    """One statement of the language; frozen, closed to unknown keys, checked strictly."""

    model_config = pydantic.ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True, arbitrary_types_allowed=True, protected_namespaces=()
    )

    def check(self) -> Iterator[Problem]:
        """Yield what is wrong with the meaning of this statement, given only itself and the types of its references."""
        yield from ()


class Kind(Spec):
    """A spec chosen by its `kind` among the members of one family.

    Class variables state what the kind needs and makes, so that no other code asks which kind it is:
    `family` is the folder of its implementation in the runtime, `version` moves when the meaning of the implementation changes,
    `random` says that the result depends on the seed, `numeric` that it depends on the numerics class (device and precision).
    """

    family: ClassVar[str] = ""
    version: ClassVar[int] = 1
    random: ClassVar[bool] = False
    numeric: ClassVar[bool] = False

    @property
    def tag(self) -> str:
        return str(getattr(self, "kind"))  # noqa: B009  every concrete kind declares `kind: Literal[...]`

    @property
    def draws(self) -> bool:
        """Whether this very statement draws random numbers."""
        return self.random

    def output(self) -> Output | None:
        """What the plan gets from this kind as a node, or None for a value that is inlined."""
        return None


def field(default: Any = ..., *, role: Role = "semantic", unit: str = "", path: bool = False, says: str = "", **constraints: Any) -> Any:
    """Declare a field: its default, its role in cache keys, its unit, and pydantic's constraints (`gt`, `le`, ...).

    `path` marks a text that names a file or folder, written relative to the file it stands in; its content, not its name, enters keys.
    `says` puts the constraints in words where pydantic's are not for people.
    """
    extra: dict[str, Any] = {"role": role, "unit": unit, "path": path, "says": says}
    return pydantic.Field(default, json_schema_extra=extra, **constraints)


def extra_of(info: pydantic.fields.FieldInfo) -> dict[str, Any]:
    """The role, unit and path marks that `field` put on a declared field."""
    extra = info.json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {"role": "semantic", "unit": "", "path": False, "says": ""}


class Range(Spec):
    """A range of whole numbers, both ends included."""

    min: int = field(unit="count", ge=0)
    """Smallest value."""
    max: int = field(unit="count", ge=0)
    """Largest value."""

    def check(self) -> Iterator[Problem]:
        if self.max < self.min:
            yield Problem("S405", "max", f"`max` is {self.max}, below `min` {self.min}", ("exchange the two numbers",))
