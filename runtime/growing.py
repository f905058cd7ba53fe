"""Trees of answers: segments that branch, grown side by side from many prompts (arXiv:2402.10184, sections on data generation).

All segments of one depth are written in one batch, whosever tree they belong to, and keys and values of all that may be continued are kept, so nothing is read
twice. A node sees its elder siblings alone, so the trees are those that going depth first would give, and no tree depends on another: every
segment draws from a random stream of its own, a hash of (seed, prompt, place in the tree), as an answer of `generate.py` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from .decoding.clauses import Clauses
from .decoding.decoder import Course, Decoder
from .decoding.drawing import Drawing
from .decoding.node import Node
from .decoding.noise import stream_number
from .decoding.stopping import Stops
from .generate import Decoding

Tell = Callable[[int], None]
Kept = bool | Literal["ended"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What is asked of a tree; the fields are those of the language."""

    depth: int
    branching: int
    separator: str
    min_clauses: int | str
    per_depth: float
    similarity: float


@dataclass(frozen=True, slots=True)
class Leaf:
    """A whole answer: its text, its number of tokens, whether it ended by itself; the texts of its segments, which make up its own; and its path: the number of
    the tree, then of the child at each depth."""

    text: str
    tokens: int
    ended: bool
    segments: tuple[str, ...]
    path: tuple[int, ...]


@dataclass(eq=False)
class Branch:
    """A node of a tree: what was written, where it stands, the temperature it was written at, and its children so far."""

    node: Node
    prompt: int
    path: tuple[int, ...]
    temperature: float
    parent: Branch | None = None
    children: list[Branch] = field(default_factory=list)

    @property
    def depth(self) -> int:
        """Segments from the prompt to here."""
        return len(self.path) - 1

    @property
    def elders(self) -> list[Branch]:
        """The siblings that were there before."""
        return [] if self.parent is None else self.parent.children[: self.path[-1]]


def shared(a: Sequence[int], b: Sequence[int]) -> int:
    """Length of the longest common subsequence, by the bits of one whole number for all places of `a` (Hyyro 2004)."""
    where: dict[int, int] = {}
    for place, item in enumerate(a):
        where[item] = where.get(item, 0) | 1 << place
    full = (1 << len(a)) - 1
    free = full
    for item in b:
        here = free & where.get(item, 0)
        free = ((free + here) | (free - here)) & full
    return len(a) - free.bit_count()


def likeness(a: Sequence[int], b: Sequence[int]) -> float:
    """shared(a, b) / min(len(a), len(b)), between 0 and 1; 0 where one of them is empty."""
    return shared(a, b) / min(len(a), len(b)) if a and b else 0.0


class Grower:
    """Grows trees of one shape with one way to draw tokens. `tell` hears how many leaves there are more."""

    def __init__(self, decoder: Decoder, shape: Shape, decoding: Decoding, seed: int, tell: Tell) -> None:
        self.decoder = decoder
        self.shape = shape
        self.decoding = decoding
        self.seed = seed
        self.tell = tell
        self.drawing = Drawing(decoding.temperature, decoding.top_k, decoding.top_p)
        self.stops = Stops(decoder.encoder.tokenizer, decoding.stop)
        self.clauses = Clauses(self.stops, shape.separator)

    def roots(self, prompts: Sequence[Sequence[int]], places: Sequence[tuple[int, int]]) -> list[Branch]:
        """The prompt as the root of each tree; (number of the prompt, number of its tree) are its `places`. Equal prompts are read once."""
        distinct = list(dict.fromkeys(map(tuple, prompts)))
        nodes = dict(zip(distinct, self.decoder.prefill(distinct), strict=True))
        heat = self.decoding.temperature
        return [Branch(nodes[tuple(prompt)], row, (tree,), heat) for prompt, (row, tree) in zip(prompts, places, strict=True)]

    def least(self, roots: Sequence[Branch]) -> dict[Node, int]:
        """The least clauses of a segment, by the root."""
        distinct = list(dict.fromkeys(root.node for root in roots))
        if isinstance(self.shape.min_clauses, int):
            return dict.fromkeys(distinct, self.shape.min_clauses)
        limit, stop = self.decoding.max_new_tokens, self.decoding.stop
        found = self.decoder.extend(distinct, max_new_tokens=limit, drawing=Drawing(0.0), stop=stop, keep=False)
        texts = [node.text if node.stop_at is None else node.text[: node.stop_at] for (node,) in found]
        return {root: max(1, self.clauses.count(text) // self.shape.depth) for root, text in zip(distinct, texts, strict=True)}

    def temperature(self, branch: Branch) -> float:
        """That of the children: the parent's, or `decoding.temperature` less `per_depth` for each segment above them and some of it given back where the
        parent is like an elder sibling; the smaller of the two."""
        if branch.parent is None:
            return branch.temperature
        alike = max((likeness(branch.node.tokens, elder.node.tokens) for elder in branch.elders), default=0.0)
        return min(branch.temperature, self.decoding.temperature - self.shape.per_depth * branch.depth + self.shape.similarity * alike)

    def stream(self, branch: Branch, child: int) -> int:
        """Of a child by its number at its depth; at depth 1 the streams are those of answers that hang together in nothing."""
        number = branch.path[0]
        for place in (*branch.path[1:], child):
            number = number * self.shape.branching + place
        return stream_number(self.seed, branch.prompt, number, *([branch.depth] if branch.depth else []))

    def write(self, asked: Sequence[tuple[Branch, int]], least: Callable[[Branch], int], keep: Kept) -> list[list[Branch]]:
        """So many more children of each of these nodes: segments of at least so many clauses, or, for 0, what goes on to the end."""
        courses, streams, heats = [], [], []
        for branch, many in asked:
            heats.append(self.temperature(branch))
            courses += [Course(heats[-1], self.decoding.max_new_tokens - branch.node.depth, least(branch))] * many
            streams += [self.stream(branch, len(branch.children) + child) for child in range(many)]
        found = self.decoder.extend(
            [branch.node for branch, _ in asked],
            [many for _, many in asked],
            max_new_tokens=self.decoding.max_new_tokens,
            drawing=self.drawing,
            stop=self.decoding.stop,
            streams=streams,
            keep=keep,
            courses=courses,
            clauses=self.clauses,
        )
        made = []
        for (branch, _), nodes, heat in zip(asked, found, heats, strict=True):
            made.append([self.add(branch, node, heat) for node in nodes])
        return made

    def add(self, branch: Branch, node: Node, heat: float) -> Branch:
        child = Branch(node, branch.prompt, (*branch.path, len(branch.children)), heat, branch)
        branch.children.append(child)
        return child

    def dfs(self, roots: Sequence[Branch]) -> None:
        """Segment by segment: each of enough clauses branches, until an answer has `depth` segments; the last of them goes on to the end."""
        least = self.least(roots)
        going = list(roots)
        for level in range(1, self.shape.depth + 1):
            inner = level < self.shape.depth
            asked = [(branch, self.shape.branching) for branch in going]
            families = self.write(asked, lambda branch: least[branch.node.line[0]] if inner else 0, inner) if asked else []  # noqa: B023  called at once
            children = [child for family in families for child in family]
            going = [child for child in children if child.node.why == "clause"]
            self.tell(len(children) - len(going))

    def generic(self, roots: Sequence[Branch]) -> None:
        """Whole answers: `branching` from each prompt, and one from each later segment for each continuation that it lacks, cut into the segments that are
        missing below it."""
        going = list(roots)
        while going:
            asked = [(branch, self.shape.branching - len(branch.children)) for branch in going]
            written = [answer for family in self.write(asked, lambda branch: 0, "ended") for answer in family]
            going = [branch for answer in written for branch in self.cut(answer)]
            self.tell(len(written))

    def cut(self, answer: Branch) -> list[Branch]:
        """Put a line of segments in place of a whole answer; those that lack continuations."""
        node, parent = answer.node, answer.parent
        assert parent is not None, "a prompt is no answer"
        above = node.above
        start = len(self.stops.decode(above))
        text, _ = self.text_of(node)
        whole = [*above, *node.tokens]
        cuts = self.clauses.cuts(node.tokens, text[start:], self.shape.depth - parent.depth)
        ends = [len(self.stops.decode(whole[: len(above) + cut])) for cut in (*cuts, len(node.tokens))]
        all_text = self.stops.decode(whole)
        parts = node.parts(cuts, [all_text[begin:end] for begin, end in zip([start, *ends[:-1]], ends, strict=True)])
        if node.stop_at is not None:
            parts[-1].stop_at = len(parts[-1].text) - (len(node.text) - node.stop_at)
        parts[-1].free()
        answer.node = parts[0]
        made = [answer]
        for part in parts[1:]:
            made.append(self.add(made[-1], part, answer.temperature))
        return made[:-1]

    def text_of(self, node: Node) -> tuple[str, int]:
        """(text of the answer that ends with this node, tokens that it takes), without the stop text that ended it and what followed."""
        tokens = [*node.above, *node.tokens]
        text = self.stops.decode(tokens)
        if node.stop_at is None:
            return text, len(tokens)
        return self.stops.before(tokens, len(text) - (len(node.text) - node.stop_at))

    def leaves(self, root: Branch) -> list[Leaf]:
        """The answers of a tree, from the first child on."""
        if root.children:
            return [leaf for child in root.children for leaf in self.leaves(child)]
        text, count = self.text_of(root.node)
        ends, tokens = [0], []
        for node in root.node.line[1:-1]:
            tokens += node.tokens
            ends.append(len(self.stops.decode(tokens)))
        segments = tuple(text[start:end] for start, end in zip(ends, [*ends[1:], len(text)], strict=True))
        return [Leaf(text, count, root.node.why in ("end", "stop"), segments, root.path)]
