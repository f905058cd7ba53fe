"""Why a stage has to run: the field that changed since the nearest earlier artifact, and its line.

Every artifact keeps the pre-image of its key, value by value. A stage that is to run is compared with the artifact that is most like it;
where they differ in the key of an input, that input is compared with what the artifact was made from, and so on to the root.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..diagnostic import Place
from ..ir import Plan, Stage
from ..spec.base import Ref
from ..store.artifacts import Index, preimage
from ..store.inputs import shown
from .difference import ABSENT, at, differences, hashed, said, written

COMPARISONS = 50_000  # in one plan; a stage is compared with at least LEAST artifacts
LEAST = 8


@dataclass(frozen=True, slots=True)
class Past:
    """An artifact to compare with."""

    key: str
    manifest: Mapping[str, Any] = field(repr=False)
    image: frozenset[tuple[str, Any]] = field(repr=False)
    when: str = ""

    @property
    def id(self) -> str:
        return str(self.manifest.get("id", ""))

    @property
    def experiment(self) -> str:
        return str(self.manifest.get("experiment", ""))


@dataclass(frozen=True, slots=True)
class Cause:
    """One root of a change: a field of a stage (of the experiment where `stage` is empty) that is `now` this and was `then` that.

    `what` is `value`, `reference`, `content`, `seed`, `numerics`, `version`, `name`, `new`, `gone` or `damaged`; `default` says that nobody wrote
    the value, so that `place` is the statement around it.
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
    def where(self) -> str:
        return f" ({'default; ' if self.default else ''}{self.place})" if self.place else " (default)" if self.default else ""

    def sentence(self) -> str:
        """The cause in words, without the artifact that is compared with."""
        return SENTENCES.get(self.what, CHANGED).format(field=self.field, now=said(self.now), then=said(self.then), where=self.where)

    def short(self) -> str:
        """A few words for a table."""
        return self.sentence() if self.what in SENTENCES else f"{self.field} {said(self.then)} -> {said(self.now)}{self.where}"


CHANGED = "{field} is {now}{where}, was {then}"
SENTENCES = {
    "new": "never made before{where}",
    "damaged": "its artifact {now}{where}",
    "gone": "it is another artifact now, and that of then is no longer in the store{where}",
    "content": "the content of {field} is {now}{where}, was {then}",
    "name": "its name, from which its random numbers follow, is {now}{where}, was {then}",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """What is known of a stage: cached `since` when and by which run, or to run for these causes."""

    id: str
    cached: bool
    causes: tuple[Cause, ...] = ()
    since: str = ""
    run: str = ""

    def lines(self) -> list[str]:
        """A sentence a cause, each root once."""
        return [self.line(cause) for cause in self.causes]

    def line(self, cause: Cause) -> str:
        prefix = f"because {cause.stage} {'is new' if cause.what == 'new' else 'changed'}: " if cause.stage not in ("", self.id) else ""
        past = cause.past
        if past is None:
            return prefix + cause.sentence()
        known = past.id in ("", cause.stage or self.id)
        return f"{prefix}{cause.sentence()} in the artifact {past.key[:8]}{'' if known else f' ({past.id} of {past.experiment})'} of {past.when}"

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
        return f"{self.id} runs: {lines[0]}" if len(lines) == 1 else "\n".join([f"{self.id} runs:", *(f"  {line}" for line in lines)])


def reasons(plan: Plan, store: Path) -> dict[str, Reason]:
    """Id of a stage -> why it is cached or has to run. Reads every manifest of the store once, if anything has to run."""
    asked = Question(plan, Index(store))
    return {stage.id: asked.reason(stage) for stage in plan.stages}


class Question:
    """Asks of one plan and one store why stages have to run; what was found is kept."""

    def __init__(self, plan: Plan, index: Index) -> None:
        self.plan = plan
        self.index = index
        self.own: dict[tuple[str, str], tuple[tuple[Cause, ...], tuple[tuple[Stage, Past], ...]]] = {}
        self.whole: dict[tuple[str, str], tuple[Cause, ...]] = {}
        self.named: dict[tuple[int, str, str], tuple[Any, Any]] = {}

    def reason(self, stage: Stage) -> Reason:
        key, index = stage.key, self.index
        place = stage.place()
        if key in index.keys:
            lack = index.lacks(key)
            if not lack:
                run = (index.manifest(key) or {}).get("run")
                return Reason(stage.id, True, since=stamp(index, key), run=run if isinstance(run, str) else "")
            return Reason(stage.id, False, (Cause("damaged", stage.id, "", f"{key[:8]} {lack}", None, place),))
        if key in index.aside:
            return Reason(stage.id, False, (Cause("damaged", stage.id, "", f"{key[:8]} was damaged and put aside", None, place),))
        past = self.nearest(stage)
        causes = (Cause("new", stage.id, "", None, None, place),) if past is None else self.causes(stage, past)
        return Reason(stage.id, False, causes)

    # ---- the artifact to compare with

    @cached_property
    def pasts(self) -> dict[str, Past]:
        """Every artifact that can be compared with, the newest first."""
        manifests = ((key, self.index.manifest(key)) for key in self.index.keys)
        found = [Past(key, m, frozenset(image.items()), stamp(self.index, key)) for key, m in manifests if m is not None and (image := preimage(m))]
        return {past.key: past for past in sorted(found, key=lambda p: (p.when, p.key), reverse=True)}

    @cached_property
    def groups(self) -> dict[tuple[str, ...], list[Past]]:
        """The artifacts by experiment and id, by experiment and id without the cell, and by kind."""
        found: dict[tuple[str, ...], list[Past]] = {}
        for past in self.pasts.values():
            named = (past.experiment, past.id)
            image = past.manifest["preimage"]
            for group in {named, (past.experiment, past.id.partition("[")[0], ""), (str(image.get("family")), str(image.get("kind")), "", "")}:
                found.setdefault(group, []).append(past)
        return found

    @cached_property
    def limit(self) -> int:
        pending = sum(stage.key not in self.index.keys for stage in self.plan.stages)
        return max(LEAST, COMPARISONS // max(1, pending))

    def nearest(self, stage: Stage) -> Past | None:
        """The artifact most like a stage, the newer of equals: of this name in this experiment, with or without the cell of a sweep; else one
        of its kind that has at least half of its pre-image and is not the past of another stage that the spec declares now.
        """
        if not self.pasts:
            return None
        name, image = self.plan.name, stage.preimage
        for group in ((name, stage.id), (name, stage.base, "")):
            others = [past for past in self.groups.get(group, ())[: self.limit] if past.key != stage.key]
            if others:
                return max(others, key=lambda past: len(past.image & image.items())) if len(others) > 1 else others[0]
        kind = self.groups.get((str(image.get("family")), stage.spec.tag, "", ""), ())[: self.limit]
        free = [p for p in kind if p.key != stage.key and not (p.experiment == name and self.declared(p.id.partition("[")[0]))]
        likest = max(free, key=lambda past: len(past.image & image.items()), default=None)
        return likest if likest is not None and 2 * len(likest.image & image.items()) >= len(image) else None

    # ---- what differs

    def causes(self, stage: Stage, past: Past) -> tuple[Cause, ...]:
        """The roots of all differences between a stage and an artifact, each once. Without recursion: a chain of stages may be longer than the stack."""
        todo = [(stage, past)]
        open_: set[tuple[str, str]] = set()
        while todo:
            one, other = todo[-1]
            name = (one.id, other.key)
            own, inputs = self.compared(one, other)
            left = [pair for pair in inputs if (pair[0].id, pair[1].key) not in self.whole] if name not in open_ else []
            open_.add(name)
            if left:
                todo += left
                continue
            todo.pop()
            roots = {(cause.stage, cause.field): cause for cause in own}
            for input, theirs in inputs:
                for cause in self.whole.get((input.id, theirs.key), ()):
                    roots.setdefault((cause.stage, cause.field), cause)
            self.whole[name] = tuple(roots.values())
        return self.whole[stage.id, past.key]

    def compared(self, stage: Stage, past: Past) -> tuple[tuple[Cause, ...], tuple[tuple[Stage, Past], ...]]:
        """The causes in the statement of a stage itself, and the inputs that differ, each with the artifact that was read then."""
        name = (stage.id, past.key)
        if name not in self.own:
            own: list[Cause] = []
            inputs: list[tuple[Stage, Past]] = []
            then = past.manifest["preimage"]
            for dotted in differences(stage.preimage, then):
                keys = [image.get(dotted) for image in (stage.preimage, then)]
                if any(isinstance(key, str) and key.startswith("key:") for key in keys):
                    self.reference(stage, past, dotted, own, inputs)
                else:
                    own += [replace(cause, past=past) for cause in self.field(stage, past, dotted)]
            if not own and not inputs:
                own.append(Cause("gone", stage.id, "", None, None, stage.place()))
            self.own[name] = (tuple(own), tuple({(input.id, old.key): (input, old) for input, old in inputs}.values()))
        return self.own[name]

    def reference(self, stage: Stage, past: Past, dotted: str, own: list[Cause], inputs: list[tuple[Stage, Past]]) -> None:
        """A field that names an input: another reference than then is a cause, the same one is followed."""
        known = (id(stage.spec), past.key, dotted)  # the stages of a sweep share their specs
        if known not in self.named:
            self.named[known] = (at(stage.spec, dotted), at(past.manifest.get("spec"), dotted))
        ref, before = self.named[known]
        if not isinstance(ref, Ref) or not isinstance(before, Mapping) or "ref" not in before:
            now = ref if not isinstance(ref, Ref) else repr(ref)
            own.append(Cause("reference", stage.id, dotted, now, before, *written(stage, dotted), past))
            return
        input = self.plan[stage.source(ref)]
        old = self.past_of(past.manifest["preimage"][dotted])
        same = (ref.to, ref.inside) == (before["ref"], before.get("inside", ""))
        renamed = not same and ref.inside == before.get("inside", "") and old is not None and not self.declared(before["ref"]) and self.alike(input, old)
        if not same and not renamed:
            own.append(Cause("reference", stage.id, dotted, repr(ref), said(before), written(stage, dotted)[0], past=past))
            return
        old = old or self.nearest(input)
        if old is None:
            own.append(Cause("gone", input.id, "", None, None, input.place()))
        else:
            inputs.append((input, old))

    def past_of(self, value: str) -> Past | None:
        """The artifact whose key stands in a pre-image as `key:...`, if the store still has it."""
        return self.pasts.get(value.removeprefix("key:").partition("/")[0])

    def declared(self, base: str) -> bool:
        return base in self.bases

    @cached_property
    def bases(self) -> frozenset[str]:
        return frozenset(stage.base for stage in self.plan.stages)

    def alike(self, stage: Stage, past: Past) -> bool:
        image = past.manifest["preimage"]
        return (image.get("family"), image.get("kind")) == (stage.preimage.get("family"), stage.preimage.get("kind"))

    def field(self, stage: Stage, past: Past, dotted: str) -> Iterator[Cause]:
        """The causes behind one field of a pre-image that names no input."""
        now, then = (image.get(dotted, ABSENT) for image in (stage.preimage, past.manifest["preimage"]))
        bare = dotted.rpartition("#")[0]
        place, default = written(stage, bare or dotted)
        if dotted == "seed#":
            yield from self.seed(stage, past)
        elif dotted == "numerics#":
            names = ("accelerator", "precision")
            pairs = zip(names, *(str(value).partition("-")[::2] for value in (now, then)), strict=True)
            yield from (Cause("numerics", "", f"engine.{n}", a, b, *self.head(f"engine.{n}")) for n, a, b in pairs if a != b)
        elif dotted.endswith("#content"):
            yield Cause("content", stage.id, bare, f"sha256 {str(now)[:8]} of `{shown(str(at(stage.spec, bare)))}`", f"sha256 {str(then)[:8]}", place)
        elif dotted.endswith("#"):
            statement = bare.rpartition(".")[0]
            what = bare.rpartition(".")[2]
            kind = at(stage.spec, f"{statement}.kind") if statement else stage.spec.tag
            family = "" if statement else f"{stage.spec.family.removesuffix('s')} "
            yield Cause("version", "", f"the {what} of {family}{kind}", now, then, stage.place(statement))
        else:
            given, before = at(stage.spec, dotted), at(past.manifest.get("spec"), dotted)
            if isinstance(given, str) and hashed(now):
                given = shown(given)
            yield Cause("value", stage.id, dotted, now if given is ABSENT else given, then if before is ABSENT else before, place, default)

    def head(self, dotted: str) -> tuple[Place | None, bool]:
        """Where a key above the declarations was written; if nowhere, the first line of the spec."""
        places = self.plan.places
        return (places[dotted], False) if dotted in places else (places.get(""), True)

    def seed(self, stage: Stage, past: Past) -> Iterator[Cause]:
        """The seed of a stage follows from that of the experiment and from its own name; a manifest keeps both."""
        now, then = self.plan.seeds.get(stage.id, self.plan.seed), past.manifest.get("experiment_seed", ABSENT)
        before = past.id.partition("[")[0]
        if before and before != stage.base:
            yield Cause("name", stage.id, "", stage.base, before, stage.place())
        if now != then:
            place, default = (stage.places["seed#"], False) if "seed#" in stage.places else self.head("seed")
            yield Cause("seed", "", "seed", now, then, place, default)


def stamp(index: Index, key: str) -> str:
    return index.created(key).strftime("%Y-%m-%d %H:%M")


def as_json(reason: Reason) -> dict[str, Any]:
    """The published form of a reason."""

    def place(p: Place | None) -> dict[str, Any] | None:
        return None if p is None else {"file": p.file, "line": p.line, "col": p.col}

    def past(p: Past | None) -> dict[str, Any] | None:
        return None if p is None else {"key": p.key, "id": p.id, "experiment": p.experiment, "when": p.when}

    def plain(value: Any) -> Any:
        return value if isinstance(value, str | int | float | bool | None) else said(value)

    causes = [
        {"what": c.what, "stage": c.stage, "field": c.field, "now": plain(c.now), "then": plain(c.then), "default": c.default}
        | {"place": place(c.place), "past": past(c.past), "text": line}
        for c, line in zip(reason.causes, reason.lines(), strict=True)
    ]
    return {"id": reason.id, "cached": reason.cached, "since": reason.since or None, "run": reason.run or None, "causes": causes}


def matching(plan: Plan, name: str) -> Sequence[str]:
    """Ids of the stages that a person means by a name: with or without `stages.`, with or without the cell of a sweep."""
    wanted = {name, f"stages.{name}"}
    return [stage.id for stage in plan.stages if stage.id in wanted or stage.base in wanted]


def pending(found: Iterable[Reason]) -> list[Reason]:
    return [reason for reason in found if not reason.cached]
