"""A policy that reads prompts once and continues them, and what it wrote, many nodes side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from transformers import DynamicCache

from ..networks import Policy
from ..tokens import Encoder
from .batch import SharedBatch, order, stands_on
from .clauses import Clauses
from .drawing import Drawing
from .expanded import ExpandedBatch
from .front import Front, Recorder, Replay, Take
from .matrices import Matrices
from .node import ALIGNED, Node, Trunk, Why
from .noise import mix, stream_number
from .probe import shares_prompts
from .stopping import Stops

TOKENS_AT_ONCE = 16384  # of prompts, padding included, in one pass
PLAIN = Drawing(1.0)
DONE_SHARE = 8  # finished rows leave the batch when they are one of this many
DONE_SHARE_RECORDED = 2  # the same where the steps that follow have to be recorded anew
WORTH_RECORDING = 6  # steps; recording one takes about as long as two


@dataclass(frozen=True, slots=True)
class Course:
    """How one continuation is written, where each has a way of its own: its temperature, above 0; most tokens; and the clauses that a segment has at least,
    after which it ends, 0 where it goes on."""

    temperature: float
    max_new_tokens: int
    min_clauses: int = 0


@dataclass(slots=True)
class Row:
    """One continuation that is being written."""

    number: int
    parent: Node
    path: tuple[int, ...]
    stream: int
    start: int  # tokens of its context when it began
    before: int  # tokens below the root when it began
    room: int  # tokens it may become long
    course: Course | None
    above: list[int]  # tokens of its answer that stand above it, where it ends with a clause
    tokens: list[int] = field(default_factory=list)
    logp: float = 0.0


@dataclass
class Decoder:
    """Reads prompts and continues nodes.

    A row's noise depends on its stream, its depth below the root and the token alone, and its logits on its own context, so an answer does
    not depend on what is written beside it. What does depend on it is rounding: matrix products of another shape differ in the last digits
    of float32 (about 1e-6 of a logit), and where the two best candidates are as close as that, the other one may be taken.
    """

    policy: Policy
    encoder: Encoder
    rows_at_once: int = 256

    def __post_init__(self) -> None:
        self.model = self.policy.eval().model
        self.matrices = Matrices(self.model)
        self.shares = shares_prompts(self.model, self.encoder.context)
        self.record: Callable[[Take], Take] | None = Recorder(self.model.device) if self.model.device.type == "cuda" else None

    @torch.no_grad()
    def prefill(self, prompts: Sequence[Sequence[int]]) -> list[Node]:
        """A root for every prompt, given by its tokens; equal prompts are read once. Each must leave room for a token."""
        assert all(0 < len(prompt) < self.encoder.context for prompt in prompts)
        roots = [Node(None, tuple(prompt), "", 0.0, "prompt", 0, (number,)) for number, prompt in enumerate(prompts)]
        self.read(roots)
        return roots

    def read(self, nodes: Sequence[Node]) -> None:
        """Make each node a trunk: read its whole context but the last token."""
        if not self.shares:
            return
        places: dict[tuple[int, ...], list[Node]] = {}
        for node in nodes:
            places.setdefault(tuple(node.context[:-1]), []).append(node)
        contexts = sorted(places, key=len)
        start = 0
        for end in range(1, len(contexts) + 1):
            if end < len(contexts) and (end + 1 - start) * len(contexts[end]) <= TOKENS_AT_ONCE:
                continue
            trunk = self.read_side_by_side(contexts[start:end])
            for index, context in enumerate(contexts[start:end]):
                for node in places[context]:
                    node.trunk = (trunk, index)
            start = end

    def read_side_by_side(self, contexts: Sequence[tuple[int, ...]]) -> Trunk:
        """Keys and values of some contexts. Padding stands on the right, where nothing attends to it."""
        width = max(1, *map(len, contexts))
        if self.model.device.type != "cpu":
            width = min(width + -width % ALIGNED, self.encoder.context)
        ids_GP = torch.tensor([[*context, *[self.encoder.pad] * (width - len(context))] for context in contexts], device=self.model.device)
        cache = DynamicCache()
        with self.matrices.at_work():
            self.model.base_model(input_ids=ids_GP, past_key_values=cache, use_cache=True)
        return Trunk.of_cache(cache, list(map(len, contexts)))

    def extend(
        self,
        nodes: Sequence[Node],
        count: int | Sequence[int] = 1,
        *,
        max_new_tokens: int,
        drawing: Drawing = PLAIN,
        stop: Sequence[str] = (),
        seed: int = 0,
        streams: Sequence[int] | None = None,
        keep: bool | Literal["ended"] = True,
        tell: Callable[[int, int], None] = lambda done, total: None,
        courses: Sequence[Course] | None = None,
        clauses: Clauses | None = None,
    ) -> list[list[Node]]:
        """`count` children of each node (or as many as it says for each), of at most `max_new_tokens` tokens, in the order of the nodes.

        A child is longer than it by nothing: it ends with the end token, with the first of the texts `stop` that its own text holds, or
        where the context is full. `streams` are the numbers of the children's random streams, one for each; left out, they are hashes
        of (`seed`, the child's path). Noise goes by depth: a node continued in its own stream becomes what it had become without a
        break. `keep` false forgets keys, values and log-probabilities of the children (`logp` is 0); `ended` keeps those of ended ones too,
        for beginnings of them to be continued. `courses`, one for each child, stand in place of `max_new_tokens` and of the temperature, if
        that is not 0; `clauses` tell where a segment may end.
        """
        counts = [count] * len(nodes) if isinstance(count, int) else list(count)
        assert not any(node.ended for node in nodes), "an ended node has no children"
        rows = []
        for node, many in zip(nodes, counts, strict=True):
            start, before = len(node.context), node.depth
            for child in range(many):
                path = (*node.path, child)
                stream = stream_number(seed, *path) if streams is None else streams[len(rows)]
                course = None if courses is None else courses[len(rows)]
                room = min(max_new_tokens if course is None else course.max_new_tokens, self.encoder.context - start)
                above = node.context[start - before :] if course is not None and course.min_clauses else []
                rows.append(Row(len(rows), node, path, stream, start, before, room, course, above))
        made: dict[int, Node] = {}
        stops = Stops(self.encoder.tokenizer, stop)
        for group in self.side_by_side(rows):
            for row, child in self.write(group, drawing, stops, clauses, keep):
                made[row.number] = child
                tell(len(made), len(rows))
        children = iter(made[number] for number in range(len(rows)))
        return [[next(children) for _ in range(many)] for many in counts]

    def side_by_side(self, rows: Sequence[Row]) -> Iterator[list[Row]]:
        """Rows to be written at once: those on one prompt together."""
        lost = [node for node in dict.fromkeys(row.parent for row in rows) if self.shares and stands_on(node) is None]
        with torch.no_grad():
            self.read(lost)
        sorted_rows = [rows[i] for i in order([row.parent for row in rows])] if self.shares else list(rows)
        for start in range(0, len(rows), self.rows_at_once):
            yield sorted_rows[start : start + self.rows_at_once]

    @torch.no_grad()
    def write(self, rows: list[Row], drawing: Drawing, stops: Stops, clauses: Clauses | None, keep: bool | Literal["ended"]) -> Iterator[tuple[Row, Node]]:
        """Write one batch, token by token; a row comes with its node when it is finished."""
        front = self.front(rows, drawing, bool(keep))
        batch = front.batch
        replay = Replay(front, batch, self.record) if isinstance(batch, SharedBatch) and batch.fixed and self.record is not None else None
        share = DONE_SHARE if replay is None else DONE_SHARE_RECORDED
        done = [False] * len(rows)
        with batch.at_work(), self.matrices.at_work():
            while rows:
                found = front.take() if replay is None else replay.take()
                logp = [0.0] * len(rows) if found is None else found.tolist()
                for place, (row, token) in enumerate(zip(rows, front.token_R.tolist(), strict=True)):
                    if done[place]:
                        continue
                    row.logp += logp[place]
                    child = self.grown(row, token, stops, clauses)
                    if child is None:
                        continue
                    done[place] = True
                    if keep == "ended" or (keep and not child.ended):
                        child.segment = batch.segment(place, len(child.tokens), int(child.why == "end"))
                    yield row, child
                if sum(done) * share >= len(rows):
                    left = [place for place, finished in enumerate(done) if not finished]
                    rows, done = [rows[place] for place in left], [False] * len(left)
                    if rows:
                        front.keep(left)
                        if replay is not None:
                            replay.forget()
        if replay is not None and replay.refused is not None:  # so would all others be
            self.record = None

    def front(self, rows: Sequence[Row], drawing: Drawing, scored: bool) -> Front:
        """Where the rows begin."""
        device, parents = self.model.device, [row.parent for row in rows]
        batch: SharedBatch | ExpandedBatch
        if self.shares:
            fixed = self.record is not None and max(row.room for row in rows) >= WORTH_RECORDING
            batch = SharedBatch(self.model, parents, self.encoder.context, fixed)
        else:
            batch = ExpandedBatch(self.model, parents, self.encoder.pad)
        return Front(
            batch,
            drawing,
            self.encoder.context,
            token_R=torch.tensor([parent.tokens[-1] for parent in parents], device=device),
            position_R=torch.tensor([row.start - 1 for row in rows], device=device),
            step_R=torch.tensor([row.before for row in rows], device=device),
            stream_R=mix(torch.tensor([row.stream for row in rows], device=device)),
            heat_R=None if rows[0].course is None else torch.tensor([row.course.temperature for row in rows if row.course is not None], device=device),
            scored=scored,
        )

    def grown(self, row: Row, token: int, stops: Stops, clauses: Clauses | None) -> Node | None:
        """Add a token to a row; its node, if that finishes it."""
        why: Why
        stop_at = None
        if token == self.encoder.end:
            why = "end"
        else:
            row.tokens.append(token)
            stop_at = stops.found(row.tokens)
            least = row.course.min_clauses if row.course is not None else 0
            whole = len(row.tokens) >= row.room
            closed = stop_at is None and not whole and bool(least) and clauses is not None and clauses.close(row.above, row.tokens, least)
            if stop_at is None and not whole and not closed:
                return None
            full = row.start + len(row.tokens) >= self.encoder.context
            why = "stop" if stop_at is not None else "clause" if closed else "context" if full else "length"
        return Node(row.parent, tuple(row.tokens), stops.decode(row.tokens), row.parent.logp + row.logp, why, row.stream, row.path, stop_at)
