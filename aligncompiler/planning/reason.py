"""Why a stage has to run, as values and in words; what many stages have in common is said once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..diagnostic import Place
from ..render import counted
from .difference import ABSENT, said, spot
from .past import Past

NAMED = 3  # stages that stand on a cause, before they are only counted


@dataclass(frozen=True, slots=True)
class Cause:
    """One root of a change: a field of a stage (of the experiment where `stage` is empty) that is `now` this and was `then` that.

    `what` is `value`, `reference`, `content`, `seed`, `numerics`, `version`, `name`, `rule`, `other`, `new`, `gone` or `damaged`; `default`
    says that nobody wrote the value, so that `place` is the statement around it.
    """

    what: str
    stage: str
    field: str
    now: Any
    then: Any
    place: Place | None
    default: bool = False
    past: Past | None = None

    @property
    def root(self) -> tuple[str, str, bool]:
        """What makes two causes one: stage and field; an item that is no longer in a list is not the one that is there now."""
        return self.stage, self.field, self.now is ABSENT

    @property
    def where(self) -> str:
        return f" ({'default; ' if self.default else ''}{spot(self.place)})" if self.place else " (default)" if self.default else ""

    def sentence(self) -> str:
        """The cause in words, without the artifact that is compared with."""
        if self.now is ABSENT:
            return f"{self.field} is not there any more{self.where}, was {said(self.then)}"
        now, then = (value if self.what in PROSE else said(value) for value in (self.now, self.then))
        return SENTENCES.get(self.what, CHANGED).format(field=self.field, now=now, then=then, where=self.where)

    def short(self) -> str:
        """A few words for a table."""
        return self.sentence() if self.what in SENTENCES else f"{self.field} {said(self.then)} -> {said(self.now)}{self.where}"


CHANGED = "{field} is {now}{where}, was {then}"
SENTENCES = {
    "new": "not in the store{where}",
    "gone": "its artifact {now} is no longer in the store{where}; {then}",
    "damaged": "its artifact {now}{where}",
    "other": "it is another artifact now, and that of then is no longer in the store{where}",
    "rule": "this version of alignc makes its key in another way{where}",
    "content": "the content of {field} is {now}{where}, was {then}",
    "name": "its name, from which its random numbers follow, is {now}{where}, was {then}",
}
PROSE = ("gone", "damaged", "content")


@dataclass(frozen=True, slots=True)
class Reason:
    """What is known of a stage: cached `since` when and by which run, or to run for these causes.

    A stage that has no past of its own may be compared with `nearest`, an artifact of its kind; it `differs` from that in these fields.
    """

    id: str
    cached: bool
    causes: tuple[Cause, ...] = ()
    since: str = ""
    run: str = ""
    nearest: Past | None = None
    differs: tuple[Cause, ...] = ()

    def lines(self) -> list[str]:
        """A sentence a cause, each root once."""
        return [self.line(cause) for cause in self.causes]

    def line(self, cause: Cause) -> str:
        past = cause.past
        if past is None:
            return self.prefixed(cause)
        known = past.id in ("", cause.stage or self.id)
        return f"{self.prefixed(cause)} in the artifact {past.key[:8]}{'' if known else f' ({past.id} of {past.experiment})'} of {past.when}"

    def prefixed(self, cause: Cause) -> str:
        return cause.sentence() if cause.stage in ("", self.id) else f"because {cause.stage} changed: {cause.sentence()}"

    def brief(self) -> str:
        """The reason in a few words: for the table of `plan`."""
        if self.cached:
            return f"cached since {self.since}"
        first = self.causes[0]
        more = f", and {len(self.causes) - 1} more" if len(self.causes) > 1 else ""
        return f"{'' if first.stage in ('', self.id) else f'{first.stage}: '}{first.short()}{more}"

    def text(self) -> str:
        """The whole answer of `alignc why` for one stage."""
        if self.cached:
            return f"{self.id} is cached: made {self.since}{f' by {self.run}' if self.run else ''}"
        lines = self.lines()
        if self.nearest is not None:
            past = self.nearest
            lines.append(f"the nearest artifact of its kind is {past.key[:8]} ({past.id} of {past.experiment}) of {past.when}; there")
            lines += [f"  {self.prefixed(cause)}" for cause in self.differs]
            return "\n".join([f"{self.id} runs: {lines[0]}", *(f"  {line}" for line in lines[1:])])
        return f"{self.id} runs: {lines[0]}" if len(lines) == 1 else "\n".join([f"{self.id} runs:", *(f"  {line}" for line in lines)])


# ---- what many stages have in common


def base(id: str) -> str:
    return id.partition("[")[0]


Shared = Sequence[tuple[Reason, Cause]]  # the stages that have a root in common, each with the cause in its own words


def folded(found: Iterable[Reason]) -> list[str]:
    """Each root once, in the words of the first stage that has it, and how many other stages run for it; roots of the same stages stand together,
    as do the cells of a sweep.
    """
    roots: dict[tuple[Any, ...], list[tuple[Reason, Cause]]] = {}
    for reason in found:
        for cause in reason.causes:
            roots.setdefault((cause.what, base(cause.stage), *cause.root[1:]), []).append((reason, cause))
    blocks: dict[tuple[Any, ...], list[Shared]] = {}
    for root in roots.values():
        first, cause = owner(root)
        blocks.setdefault((first.id, cause.stage == "", *(reason.id for reason, _ in root)), []).append(root)
    return [line for block in blocks.values() for line in told(block)]


def owner(root: Shared) -> tuple[Reason, Cause]:
    """The stage whose field it is, else the first."""
    return next(((r, c) for r, c in root if c.stage in ("", r.id)), root[0])


def told(block: Sequence[Shared]) -> list[str]:
    """The lines of roots that the same stages have: first the stage whose fields they are, then who else runs for them."""
    first, cause = owner(block[0])
    sentences = [first.line(owner(root)[1]) for root in block]
    lines = [f"{first.id} runs: {sentences[0]}"] if len(block) == 1 else [f"{first.id} runs:", *(f"  {sentence}" for sentence in sentences)]
    others = [r.id for r, _ in block[0] if r is not first]
    cells = [id for id in others if base(id) == base(first.id)]
    rest = [id for id in others if base(id) != base(first.id)]
    if cells:
        alike = all(c.sentence() == owner(root)[1].sentence() for root in block for r, c in root if base(r.id) == base(first.id))
        lines.append(f"  and {counted(len(cells), 'other cell')} of it{'' if alike else ', each with its own value'}")
    if rest:
        run = f"run for {'it' if len(block) == 1 else 'them'} too"
        verb = run if cause.stage == "" else "that stand on it" if len(rest) > 1 else "that stands on it"
        lines.append(f"  and {counted(len(rest), 'stage')} {verb}: {', '.join(rest[:NAMED])}{', ...' if len(rest) > NAMED else ''}")
    return lines


# ---- as data


def as_json(reason: Reason) -> dict[str, Any]:
    """The published form of a reason."""

    def place(p: Place | None) -> dict[str, Any] | None:
        return None if p is None else {"file": p.file, "line": p.line, "col": p.col}

    def past(p: Past | None) -> dict[str, Any] | None:
        return None if p is None else {"key": p.key, "id": p.id, "experiment": p.experiment, "when": p.when}

    def plain(value: Any) -> Any:
        return value if isinstance(value, str | int | float | bool | None) else said(value)

    def row(c: Cause, line: str) -> dict[str, Any]:
        told = {"what": c.what, "stage": c.stage, "field": c.field, "now": plain(c.now), "then": plain(c.then), "default": c.default}
        return told | {"place": place(c.place), "past": past(c.past), "text": line}

    causes = [row(c, reason.line(c)) for c in reason.causes]
    near = None if reason.nearest is None else {"past": past(reason.nearest), "differs": [row(c, reason.line(c)) for c in reason.differs]}
    return {"id": reason.id, "cached": reason.cached, "since": reason.since or None, "run": reason.run or None, "causes": causes, "nearest": near}
