"""The grammar shared by every word of the language: specs, fields with roles, references, output types.

A *spec* is a frozen pydantic model that says one thing about an experiment. A spec that makes an artifact (a dataset, a model, a
stage) becomes a node of the plan and is named by a `Ref` where it is used; a spec that makes none (an objective, a rule) is a plain
value and is inlined where it is used. Nothing here knows which kinds exist: that is `registry.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import pydantic

if TYPE_CHECKING:
    from .cost import Estimate, Survey

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
    "trees": ("prompts", "demonstrations", "completions"),
}
ROW_COLUMNS: dict[str, tuple[str, ...]] = {
    "text": ("text",),
    "prompts": ("prompt",),
    "demonstrations": ("prompt", "completion"),
    "problems": ("prompt", "answer"),
    "preferences": ("prompt", "chosen", "rejected"),
    "completions": ("prompt", "completion"),
    "ratings": ("prompt", "completion", "score"),
    "trees": ("prompt", "completion", "segments", "path"),
}

OF_ANSWERS = tuple(dict.fromkeys(name for row in ("ratings", "trees", "preferences") for name in ROW_COLUMNS[row] if name != "prompt"))


@dataclass(frozen=True, slots=True)
class Output:
    """What a node of the plan makes: an artifact kind; what it speaks of; for a dataset the kinds of its rows; and what it holds.

    `columns` are those that a dataset carries beside the columns of its row kinds, or the figures that a scorer gives beside `score`;
    `*` stands for columns that only the file knows. `context` is the longest sequence in tokens that a network reads, None where only its
    files know. `space` is what prompts and answers (or observations and actions) are made of, from
    the general to the special: `text`, `text/tokens`, `control/cartpole`. `holds` names the parts that may be referred to by themselves,
    for example the checkpoints of a training run; the artifact kind `list` is its parts and nothing else. A scorer may tell several `attributes`, and
    how unsure it is: `uncertainty` says what that figure is made of; it may have several `members`, which may be `whole` models; `weights` names the parts of
    it that may be trained by themselves. Figures of its standard deviations are `hollow` while these say nothing: since nothing has trained them, or since
    the objective `collapsed` drove them to zero; and so are the columns of rows that it labelled.
    `answer_columns` are those of a dataset that speak of an answer and not of its prompt, beside those of its row kinds; `labelled` those that a reward wrote
    beside `score`, which go when another one scores the answers.
    """

    artifact: str
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    space: str = "text"
    holds: tuple[tuple[str, Output], ...] = ()
    context: int | None = None
    attributes: tuple[str, ...] = ()
    uncertainty: str = ""
    members: int = 1
    whole: bool = False
    weights: tuple[str, ...] = ()
    hollow: tuple[str, ...] = ()
    collapsed: str = ""
    answer_columns: tuple[str, ...] = ()
    labelled: tuple[str, ...] = ()

    def inside(self, path: str) -> Output | None:
        """The part at a dotted path, or None if there is none; the empty path is the whole."""
        name, _, rest = path.partition(".")
        part = self if not path else dict(self.holds).get(name)
        return part if part is None or not rest else part.inside(rest)

    def parts(self) -> Iterator[str]:
        """The dotted path of everything that is held, at any depth."""
        for name, part in self.holds:
            yield from (name, *(f"{name}.{inner}" for inner in part.parts()))

    @property
    def all_rows(self) -> frozenset[str]:
        """The row kinds of this dataset with everything they imply."""
        return frozenset(self.rows) | {implied for row in self.rows for implied in ROW_IMPLIES[row]}

    @property
    def answered(self) -> bool:
        """Whether a row is an answer, or two, to its prompt: a prompt stands as often as it has answers."""
        return not self.all_rows.isdisjoint(("demonstrations", "preferences"))

    @property
    def prompt_columns(self) -> tuple[str, ...]:
        """The columns that speak of the prompt: what new answers to it carry, and pairs of answers. The prompt itself is left out."""
        named = (*(name for row in self.rows for name in ROW_COLUMNS[row]), *self.columns)
        return tuple(dict.fromkeys(name for name in named if name != "prompt" and not self.of_answers(name)))

    def of_answers(self, name: str) -> bool:
        """Whether a column is known to speak of the answer that a row holds."""
        return name in (*OF_ANSWERS, *self.answer_columns)

    def scored_by(self, reward: Output) -> Output:
        """These answers with the scores of a reward that gives such figures, its `columns`, and without those of another one."""
        kinds = tuple(row for row in self.rows if row not in ("completions", "ratings"))
        columns, own = ((*(name for name in names if name not in self.labelled), *reward.columns) for names in (self.columns, self.answer_columns))
        scored = Output("dataset", ("ratings", *kinds), columns, answer_columns=tuple(dict.fromkeys(own)), labelled=reward.columns)
        return replace(scored, hollow=reward.hollow, collapsed=reward.collapsed)

    def has_column(self, name: str) -> bool:
        """Whether a row may carry this column, as far as is known before the data is read."""
        return name in self.columns or "*" in self.columns or any(name in ROW_COLUMNS[row] for row in self.all_rows)

    def __str__(self) -> str:
        if self.artifact == "list":
            return f"list of {len(self.holds)}, a {self.holds[0][1]} each" if self.holds else "list of none"
        name = self.artifact if self.space.startswith("text") else f"{self.artifact} over {self.space}"
        return f"{name} of {' and '.join(self.rows)}" if self.rows else name

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Output:
        """The output that `dataclasses.asdict` gave; what an artifact of an earlier version does not say is as by default."""
        holds = tuple((name, Output.from_json(part)) for name, part in data["holds"])
        lists = {name: tuple(data[name]) for name in ("rows", "columns", "attributes", "weights", "hollow", "answer_columns", "labelled") if name in data}
        return Output(**{**data, **lists, "holds": holds})


@dataclass(frozen=True, slots=True)
class Needs:
    """What a field accepts: artifact kinds, for datasets at least one of these row kinds, all of these columns, and this space or
    one below it (empty: any)."""

    artifacts: tuple[str, ...]
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    space: str = "text"

    def met_by(self, output: Output) -> bool:
        if output.artifact not in self.artifacts or (self.space and not f"{output.space}/".startswith(f"{self.space}/")):
            return False
        right_rows = output.artifact != "dataset" or not self.rows or bool(output.all_rows.intersection(self.rows))
        return right_rows and all(output.has_column(name) for name in self.columns)

    def __str__(self) -> str:
        names = [f"dataset of {' or '.join(self.rows)}" if a == "dataset" and self.rows else a for a in self.artifacts]
        of = "" if self.space.startswith("text") else f" over {self.space}"
        giving = f" with {', '.join(f'`{c}`' for c in self.columns)}" if self.columns else ""
        return " or ".join(names) + of + giving


class Ref:
    """A typed reference to a node of the plan, for example `stages.sft`, or to a part that it holds (`inside`), with what that is."""

    __slots__ = ("inside", "output", "to")

    def __init__(self, to: str, output: Output, inside: str = "") -> None:
        self.to = to
        self.output = output
        self.inside = inside

    @property
    def path(self) -> str:
        """The node and the part: `stages.sft.checkpoints.3`."""
        return f"{self.to}.{self.inside}" if self.inside else self.to

    def __repr__(self) -> str:
        return f"${{{self.path}}}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and (other.to, other.inside) == (self.to, self.inside)

    def __hash__(self) -> int:
        return hash((self.to, self.inside))


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a spec says about itself that cannot be: the diagnostic code, the field to point at, and a way out.

    `rivals` are given fields that exclude each other: of these the one is pointed at that was written last.
    """

    code: str
    field: str
    message: str
    help: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()


class Spec(pydantic.BaseModel):
    """One statement of the language; frozen, closed to unknown keys, checked strictly."""

    model_config = pydantic.ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True, arbitrary_types_allowed=True, protected_namespaces=()
    )

    def check(self) -> Iterator[Problem]:
        """Yield what is wrong with the meaning of this statement, given only itself and the types of its references."""
        yield from ()

    def canonical(self) -> Mapping[str, Any]:
        """Field -> its default, where what was written says the same: a word such as `context` stands for a value. Keys are made from it."""
        return {}


def incomplete(cls: type[Spec], values: Mapping[str, Any], unknown: Iterable[str]) -> Spec:
    """A statement of which only these values are known; to read an unknown field raises AttributeError."""
    made = cls.model_construct(**values)
    for name in unknown:
        vars(made).pop(name, None)
    return made


def problems(statement: Spec, unknown: Iterable[str]) -> Iterator[Problem]:
    """What is wrong with a statement, as far as it can be told without its unknown fields."""
    try:
        yield from statement.check()
    except AttributeError:
        if not unknown:
            raise


class Kind(Spec):
    """A spec chosen by its `kind` among the members of one family.

    Class variables state what the kind needs and makes, so that no other code asks which kind it is:
    `family` is the folder of its implementation in the runtime, `version` moves when the meaning of the implementation changes,
    `random` says that the result depends on the seed, `numeric` that it depends on the numerics class (device and precision): that a
    network computes, for weights that are only drawn, loaded or copied are the same on every device and in every precision. `counts` names
    what its progress is counted in; `tells_names`, that the names of rewards stand in what it makes.
    """

    family: ClassVar[str] = ""
    version: ClassVar[int] = 1
    random: ClassVar[bool] = False
    numeric: ClassVar[bool] = False
    parallel: ClassVar[bool] = False
    tells_names: ClassVar[bool] = False
    counts: ClassVar[str] = "rows"

    @property
    def tag(self) -> str:
        return str(getattr(self, "kind"))  # noqa: B009  every concrete kind declares `kind: Literal[...]`

    @property
    def draws(self) -> bool:
        """Whether this very statement draws random numbers."""
        return self.random

    @property
    def computes(self) -> bool:
        """Whether this very statement computes what device and precision can change."""
        return self.numeric

    @property
    def calls(self) -> str:
        """The installed distribution whose code this very statement names, with its version; empty where it names none."""
        return ""

    def output(self) -> Output | None:
        """What the plan gets from this kind as a node, or None for a value that is inlined."""
        return None

    def estimate(self, ask: Survey) -> Estimate:
        """What this takes and makes as a node, computed from what it reads; all is unknown where a kind does not say."""
        from .cost import Estimate

        return Estimate()


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


# Constraints of texts that name things on the hub: a name, never a path; a commit, which cannot move as a branch can.
HUB_NAME: dict[str, Any] = {
    "pattern": r"^\w[\w.-]*(/\w[\w.-]*)?$",
    "says": "should be a name on the hub such as `Qwen/Qwen2.5-0.5B`; a local one goes to `folder` or `file`",
}
COMMIT: dict[str, Any] = {"pattern": r"^[0-9a-f]{7,40}$", "says": "should be a commit, 7 to 40 hexadecimal digits; a branch can move"}


class Range(Spec):
    """A range of whole numbers, both ends included."""

    min: int = field(unit="count", ge=0)
    """Smallest value."""
    max: int = field(unit="count", ge=0)
    """Largest value."""

    def check(self) -> Iterator[Problem]:
        if self.max < self.min:
            yield Problem("S405", "max", f"`max` is {self.max}, below `min` {self.min}", ("exchange the two numbers",))
