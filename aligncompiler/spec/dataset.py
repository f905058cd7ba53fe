"""Datasets: rows of a declared kind, from files, from the hub, or generated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from .base import COMMIT, HUB_NAME, ROW_COLUMNS, Kind, Output, Problem, Range, Spec, field

if TYPE_CHECKING:
    from .cost import Estimate, Survey


class Dataset(Kind):
    """Rows of one or more kinds. `shortcuts` names columns with shallow features, for baselines; `answer_columns` those of an answer."""

    family: ClassVar[str] = "datasets"
    shortcuts: ClassVar[tuple[str, ...]] = ()
    answer_columns: ClassVar[tuple[str, ...]] = ()

    def source(self) -> tuple[object, ...]:
        """What two datasets have in common if they may hold the same rows."""
        return (self.tag,)

    def split_by(self) -> tuple[object, ...]:
        """What the hash of a row is taken of; shares of the hash range are comparable only where this agrees."""
        return (self.tag,)

    def overlaps(self, other: Dataset) -> bool:
        """Whether a row may be in both: the same source, and shares of the hash range that meet."""
        a, b = getattr(self, "between", (0.0, 1.0)), getattr(other, "between", (0.0, 1.0))
        apart = self.split_by() == other.split_by() and (a[1] <= b[0] or b[1] <= a[0])
        return self.source() == other.source() and not apart


class FileRows(Dataset):
    """Rows read from a file (jsonl, json, parquet or csv; gzip is read as it is) or from the Hugging Face hub.

    `whole` names a column whose presence says that a record of the source is one row; empty where it always is. `hashes` names the columns, as we call
    them, from which comes what is hashed: the first one, or where the source has none, the others.
    """

    rows: ClassVar[str] = ""
    whole: ClassVar[str] = ""
    hashes: ClassVar[tuple[str, ...]] = ("prompt", "messages")
    extra_columns: ClassVar[tuple[str, ...]] = ()

    file: str | None = field(None, path=True)
    """File to read."""
    hub: str | None = field(None, **HUB_NAME)
    """Name of a dataset on the Hugging Face hub; needs `revision`."""
    revision: str | None = field(None, **COMMIT)
    """Commit of the hub repository."""
    subset: str | None = field(None)
    """Configuration of the hub dataset."""
    split: str | None = field(None)
    """Split of the hub dataset; needed with `hub`."""
    columns: Mapping[str, str] = field({})
    """Our column name -> the column's name in the source."""
    between: tuple[float, float] = field((0.0, 1.0), unit="share of the hash range")
    """Keep the rows whose hash (of the prompt, or of the text) falls in [lower, upper): a split that never moves a row, and is the same whatever kind of rows a
    file is read as."""
    limit: int | None = field(None, unit="rows", ge=1)
    """Keep at most this many rows, the first ones. Where a record of the source makes several, such as all pairs of the answers to a question, it stays
    whole: the rows end before the first record that does not fit."""

    def source(self) -> tuple[object, ...]:
        return (self.file, self.hub, self.subset, self.split)

    def split_by(self) -> tuple[object, ...]:
        """All kinds but texts hash what the source asks, so of the columns only those matter that it may stand in: the first, where it is said to be there."""
        may = self.hashes[:1] if self.hashes[0] in self.columns else self.hashes
        return (self.hashes[0], tuple((name, self.columns[name]) for name in may if name in self.columns))

    def check(self) -> Iterator[Problem]:
        yield from check_between(self.between)
        given = [name for name in ("file", "hub") if getattr(self, name) is not None]
        if len(given) != 1:
            said = "both are given" if given else "neither is given"
            yield Problem("M505", "kind", f"a dataset of {self.rows} takes exactly one of `file`, `hub`; {said}", rivals=tuple(given))
        for name in ("revision", "split"):
            if self.hub is not None and getattr(self, name) is None:
                yield Problem("M506", "hub", f"`hub: {self.hub}` names no `{name}`", (f"add `{name}: ...`, so that a later run reads the same rows",))
        for name in ("revision", "split", "subset"):
            if self.hub is None and getattr(self, name) is not None:
                yield Problem("M507", name, f"`{name}` has a meaning only beside `hub`")
        known = (*ROW_COLUMNS[self.rows], *self.extra_columns)
        for name in self.columns:
            if name not in known:
                yield Problem("M509", f"columns.{name}", f"rows of {self.rows} have no column `{name}`", (f"columns of {self.rows}: {', '.join(known)}",))

    def output(self) -> Output:
        return Output("dataset", (self.rows,), ("*",), answer_columns=self.answer_columns)

    def rows_of(self, record: str) -> int:
        """How many rows a record of the source makes, given one as it stands there."""
        return 1

    def estimate(self, ask: Survey) -> Estimate:
        """At most as many rows as the file has records, for some may be unusable; about a share of them where the hash decides."""
        from .cost import FILE_BYTES, UNKNOWN, Estimate, about, at_most, exact

        found = ask.lines(self.file) if self.file is not None else None
        share = self.between[1] - self.between[0]
        rows = mean = longest = UNKNOWN
        if found is not None:
            some = share < 1 or self.limit is not None
            mean, longest = about(found.bytes) if some else at_most(found.bytes), at_most(found.longest)
            if self.columns.get(self.whole, self.whole) in found.first:
                each = self.rows_of(found.first)
                rows = at_most(found.count) if (share, each) == (1, 1) else about(found.count * share * each)
        rows = rows if self.limit is None else rows.least(self.limit)
        disk = (rows * mean * 0.45 + FILE_BYTES).rough()  # Parquet packs text to about half and less
        return Estimate(rows, flops=exact(0), memory=exact(0), disk=disk, row_bytes=mean, longest_bytes=longest)


def check_between(between: tuple[float, float]) -> Iterator[Problem]:
    if 0 < between[1] - between[0] < 0.001:
        yield Problem("S405", "between", f"`between` is [{between[0]}, {between[1]}]; a share below 0.001 leaves next to nothing")
    if not 0 <= between[0] < between[1] <= 1:
        yield Problem("S405", "between", f"`between` is [{between[0]}, {between[1]}]; it takes [lower, upper] with 0 <= lower < upper <= 1")


class Text(FileRows):
    """Plain text, one document a row."""

    kind: Literal["text"] = "text"
    rows: ClassVar[str] = "text"
    hashes: ClassVar[tuple[str, ...]] = ("text",)


class Prompts(FileRows):
    """Prompts without answers."""

    kind: Literal["prompts"] = "prompts"
    version: ClassVar[int] = 2  # 2: an answer at the end of `messages` is no part of the prompt
    rows: ClassVar[str] = "prompts"
    extra_columns: ClassVar[tuple[str, ...]] = ("messages",)


class Demonstrations(FileRows):
    """Prompts with an answer to imitate: `prompt, completion`, or `messages` that end with the assistant."""

    kind: Literal["demonstrations"] = "demonstrations"
    version: ClassVar[int] = 2  # 2: a `prompt` beside `messages` is hashed
    rows: ClassVar[str] = "demonstrations"
    extra_columns: ClassVar[tuple[str, ...]] = ("messages",)


class Problems(FileRows):
    """Prompts with a reference answer to check against."""

    kind: Literal["problems"] = "problems"
    version: ClassVar[int] = 3  # 2: an answer at the end of `messages` is no part of the prompt; 3: answers that are numbers in plain decimals
    rows: ClassVar[str] = "problems"
    extra_columns: ClassVar[tuple[str, ...]] = ("messages",)


class Preferences(FileRows):
    """Pairs of answers, one chosen and one rejected.

    Accepted as they are: `prompt, chosen, rejected` as text or message lists; `chosen, rejected` that share their prompt as a prefix;
    ranked lists `prompt, completions: [{rank, completion}]`; lists `chosen: [...]` and `rejected: [...]`, of which all pairs are made, with the
    places of both answers in `chosen_version` and `rejected_version`; an optional `margin`. A prompt may be an `instruction` and an `input` to it.
    """

    kind: Literal["preferences"] = "preferences"
    version: ClassVar[int] = 3  # 2: `limit` cuts no list of answers; 3: `messages` without a `prompt` are hashed
    rows: ClassVar[str] = "preferences"
    whole: ClassVar[str] = "chosen"
    hashes: ClassVar[tuple[str, ...]] = ("prompt", "messages", "instruction", "input", "chosen", "rejected", "completions")
    answer_columns: ClassVar[tuple[str, ...]] = ("chosen", "rejected", "margin", "agreement", "chosen_version", "rejected_version")
    extra_columns: ClassVar[tuple[str, ...]] = ("margin", "completions", "instruction", "input")

    votes: tuple[str, ...] = field(())
    """Columns of annotators: 1 for the answer in `chosen`, 2 for the one in `rejected`, 0 for neither. The answer with more votes becomes the chosen
    one, and `agreement` the share of all votes that it has; rows without a majority are skipped."""

    def check(self) -> Iterator[Problem]:
        yield from super().check()
        if len(set(self.votes)) < len(self.votes):
            yield Problem("S405", "votes", "`votes` names a column twice")

    def rows_of(self, record: str) -> int:
        """Lists of chosen and of rejected answers make all pairs of one with the other."""
        import json

        try:
            answers = [json.loads(record)[self.columns.get(name, name)] for name in ("chosen", "rejected")]
        except (ValueError, KeyError, TypeError):
            return 1
        return len(answers[0]) * len(answers[1]) if all(isinstance(one, list) and one and isinstance(one[0], str) for one in answers) else 1


class Completions(FileRows):
    """Answers of a policy, one a row.

    Accepted as they are: `prompt, completion` with an optional `label` (unpaired feedback), and step-wise `prompt, completions, labels`, null for a step
    without a label.
    """

    kind: Literal["completions"] = "completions"
    version: ClassVar[int] = 2  # 2: steps without a label
    rows: ClassVar[str] = "completions"
    whole: ClassVar[str] = "prompt"
    extra_columns: ClassVar[tuple[str, ...]] = ("label", "labels", "completions")

    attributes: Mapping[str, str] = field({})
    """Attribute of an answer -> the source's column with its rating, `scores.overall` for what stands inside of a mapping; each becomes a column of numbers,
    null where there is none."""

    @property
    def answer_columns(self) -> tuple[str, ...]:  # type: ignore[override]  # they have the names of the attributes
        return ("completion", "score", "steps", "step_labels", *self.attributes)

    def output(self) -> Output:
        return Output("dataset", (self.rows,), ("*", *self.attributes), answer_columns=self.answer_columns)

    def check(self) -> Iterator[Problem]:
        yield from super().check()
        for name in self.attributes:
            if name in ("prompt", "completion", "score", "steps", "step_labels", *self.extra_columns):
                yield Problem("S405", f"attributes.{name}", f"an attribute cannot be called `{name}`, which is another column of these rows")


class Trees(FileRows):
    """Answers that share beginnings, one leaf of a tree a row.

    Accepted: `prompt, segments`, a list of texts that make up the answer one after the other. Answers to one prompt whose segments begin alike come
    from the same nodes; a `path` (number of the tree, then of the child at each depth) tells nodes with equal texts apart. An optional `label` is a score.
    """

    kind: Literal["trees"] = "trees"
    rows: ClassVar[str] = "trees"
    whole: ClassVar[str] = "segments"
    answer_columns: ClassVar[tuple[str, ...]] = ("completion", "score", "segments", "path")
    extra_columns: ClassVar[tuple[str, ...]] = ("label",)


class Deduction(Dataset):
    """Multi-step syllogisms with a machine score for every step (MuseD, arXiv:2410.09528), generated backwards from the conclusion."""

    kind: Literal["deduction"] = "deduction"
    shortcuts: ClassVar[tuple[str, ...]] = ("form_count",)
    count: int = field(unit="prompts", ge=1)
    """Number of prompts to generate."""
    leaves: Range
    """Number of premises that the conclusion needs; n leaves take n - 1 steps."""
    tree: Literal["random", "balanced", "chain"] = field("random")
    """Shape of the derivation."""
    moods: Literal[15, 24] = field(15, unit="moods")
    """15 valid moods without existential import, 24 with it."""
    question: Literal["judgment", "proof", "both"] = field("both")
    """Decide whether a claim follows, derive a given goal, or half of each."""
    labels: tuple[Literal["true", "false", "unknown"], ...] = field(("true", "false", "unknown"))
    """Answers that judgment questions may have."""
    distractors: Range = field(Range(min=0, max=1))
    """Number of premises that the conclusion does not need."""
    attach: Literal["fresh", "path"] = field("fresh")
    """Distractors speak of terms of their own, or of terms of the derivation (labels are checked again)."""
    names: Literal["virtual", "greek", "real"] = field("virtual")
    """Terms are invented nouns, Greek letters, or real nouns."""
    response: Literal["json", "text"] = field("json")
    """Form of the answer."""
    gap_rate: float = field(0.0, unit="probability", ge=0, le=1)
    """Share of the demonstrated proofs that leave one step out, as people do; the answer stays right."""
    between: tuple[float, float] = field((0.0, 1.0), unit="share of the hash range")
    """Keep derivations whose hash falls in [lower, upper): two datasets with disjoint ranges never share a derivation."""
    seed: int = field(0)
    """Seed of the generator; not moved by the seed of the experiment, so that repeats share their data."""

    def check(self) -> Iterator[Problem]:
        yield from check_between(self.between)
        if self.leaves.min < 2:
            yield Problem("S405", "leaves.min", f"`leaves.min` is {self.leaves.min}; a deduction has at least 2 leaves")
        if self.question == "proof" and set(self.labels) != {"true", "false", "unknown"}:
            yield Problem("M507", "labels", "`labels` has a meaning only for judgment questions")
        if self.question != "proof" and {"true", "false"} <= set(self.labels) and self.distractors.max == 0:
            text = "without distractors, counting the forms of the premises tells true claims from false ones"
            yield Problem("M508", "distractors.max", text, ("allow at least one: `distractors: {min: 0, max: 1}`",))
        if not self.labels:
            yield Problem("S405", "labels", "`labels` is empty; name at least one of true, false, unknown")

    def output(self) -> Output:
        return Output("dataset", ("problems", "demonstrations"), ("problem", "question", "guessable", "label", "leaves", "form_count", "tree"))

    def estimate(self, ask: Survey) -> Estimate:
        """Exactly `count` rows, each another prompt. Bytes are linear in premises: fitted to generated rows, within a third."""
        from .cost import FILE_BYTES, Estimate, about, exact

        leaves, others = ((r.min + r.max) / 2 for r in (self.leaves, self.distractors))
        text, longest = about(110 * leaves + 25 * others), about(130 * self.leaves.max + 30 * self.distractors.max + 30)
        disk = about(self.count * (35 + 50 * leaves + 15 * others) + 4500) + FILE_BYTES
        rows = exact(self.count)
        return Estimate(rows, flops=exact(0), memory=exact(0), disk=disk, row_bytes=text, longest_bytes=longest, answers=exact(1))


class Spread(Spec):
    """Standard deviations of the surest and of the most doubtful ratings."""

    min: float = field(0.2, unit="that of the attributes", ge=0)
    """Of answers that say what they say."""
    max: float = field(1.0, unit="that of the attributes", ge=0)
    """Of answers that begin with `perhaps`; the same as `min` makes ratings equally certain everywhere (the control)."""


class RatedText(Dataset):
    """Answers of invented words with known attributes, rated with noise whose spread depends on the answer: what a scorer says can be held to the truth.

    Every word has a value in every attribute, standard normal and the same in all datasets of this kind; an attribute of an answer of n words is the
    sum of theirs over the square root of n, and `gold` a fixed positive mixture of the attributes. A rating is the attribute plus noise of standard
    deviation `noise.min`, or `noise.max` where the answer begins with `perhaps`; `rated` is the mixture of the ratings.
    """

    kind: Literal["rated_text"] = "rated_text"
    count: int = field(unit="prompts", ge=1)
    """Number of prompts."""
    answers: int = field(4, unit="answers per prompt", ge=1)
    """Number of answers to each prompt."""
    names: tuple[str, ...] = field(("helpfulness", "correctness", "coherence", "complexity", "verbosity"))
    """Attributes; each is a column with the rating, and `true_<name>` one with the attribute itself."""
    words: Range = field(Range(min=3, max=8))
    """Length of an answer in words."""
    vocabulary: int = field(64, unit="words", ge=2)
    """Number of words that answers are drawn from."""
    skew: float = field(0.0, unit="1", ge=0)
    """The word of rank r is as frequent as r to the power of -skew (Zipf's law near 1): rare words are learned badly. 0 makes all alike."""
    unseen: bool = field(False)
    """Draw from another vocabulary of the same size, with none of the words of this one: rows out of the distribution."""
    noise: Spread = field(Spread())
    """Standard deviation of ratings."""
    doubtful: float = field(0.5, unit="probability", ge=0, le=1)
    """Share of the answers that begin with `perhaps`."""
    between: tuple[float, float] = field((0.0, 1.0), unit="share of the hash range")
    """Keep prompts whose hash falls in [lower, upper): two datasets with disjoint ranges never share a prompt."""
    seed: int = field(0)
    """Seed of the generator; not moved by the seed of the experiment, so that repeats share their data."""

    @property
    def answer_columns(self) -> tuple[str, ...]:  # type: ignore[override]  # they have the names of the attributes
        return ("completion", "gold", "rated", "noise", *self.names, *(f"true_{name}" for name in self.names))

    def check(self) -> Iterator[Problem]:
        yield from check_between(self.between)
        if not self.names or len(set(self.names)) < len(self.names):
            yield Problem("S405", "names", "`names` lists at least one attribute, and none twice")
        for name in self.names:
            if name in ("prompt", "completion", "gold", "rated", "noise", "score") or name.startswith("true_"):
                yield Problem("S405", "names", f"an attribute cannot be called `{name}`, which is another column of these rows")
        if self.words.min < 1:
            yield Problem("S405", "words.min", "an answer has at least one word")

    def output(self) -> Output:
        return Output("dataset", ("completions",), self.answer_columns[1:], answer_columns=self.answer_columns)

    def estimate(self, ask: Survey) -> Estimate:
        """Exactly `count` prompts with `answers` rows each; words have about six letters, and columns 8 bytes a number."""
        from .cost import FILE_BYTES, Estimate, about, exact

        rows = exact(self.count * self.answers)
        text = about(30 + 7 * (self.words.min + self.words.max) / 2)
        disk = (rows * (40 + 8 * (3 + 2 * len(self.names))) + FILE_BYTES).rough()
        return Estimate(
            rows, flops=exact(0), memory=exact(0), disk=disk, row_bytes=text, longest_bytes=about(40 + 7 * self.words.max), answers=exact(self.answers)
        )
