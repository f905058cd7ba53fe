"""Why a stage has to run: the field that changed since its last artifact, and its line.

Every artifact keeps the pre-image of its key, value by value. A stage that is to run is compared with the artifact that it left last;
where they differ in the key of an input, that input is compared with what the artifact was made from, and so on to the root.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..diagnostic import Place
from ..ir import Plan, Stage
from ..spec.base import Ref
from ..store.artifacts import Index
from ..store.inputs import shown
from .difference import ABSENT, aligned, at, differences, hashed, written
from .past import History, Past, is_key, stamp
from .reason import Cause, Reason

OUT = Path("runs")


def reasons(plan: Plan, store: Path, out: Path = OUT) -> dict[str, Reason]:
    """Id of a stage -> why it is cached or has to run. Reads every manifest of the store once, if anything has to run; and the records of runs
    in `out`, if an artifact is missing."""
    asked = Question(plan, Index(store), out)
    return {stage.id: asked.reason(stage) for stage in plan.stages}


class Question:
    """Asks of one plan and one store why stages have to run; what was found is kept."""

    def __init__(self, plan: Plan, index: Index, out: Path) -> None:
        self.plan = plan
        self.index = index
        self.history = History(plan, index, out)
        self.own: dict[tuple[str, str], tuple[tuple[Cause, ...], tuple[tuple[Stage, Past], ...]]] = {}
        self.whole: dict[tuple[str, str], tuple[Cause, ...]] = {}
        self.named: dict[tuple[int, str, str, str], tuple[Any, Any]] = {}

    def reason(self, stage: Stage) -> Reason:
        key, index = stage.key, self.index
        if key in index.keys and not index.lacks(key):
            run = (index.manifest(key) or {}).get("run")
            return Reason(stage.id, True, since=stamp(index, key), run=run if isinstance(run, str) else "")
        lost = self.lost(stage)
        if lost is not None:
            return Reason(stage.id, False, (lost,))
        past = self.history.own(stage)
        if past is not None:
            return Reason(stage.id, False, self.causes(stage, past))
        near = self.history.nearest(stage)
        differs = () if near is None else tuple(replace(cause, past=None) for cause in self.causes(stage, near))
        return Reason(stage.id, False, (Cause("new", stage.id, "", None, None, stage.place()),), nearest=near, differs=differs)

    def lost(self, stage: Stage) -> Cause | None:
        """What became of the artifact of this very key; None if it is there, or if nothing is known of one."""
        key, place = stage.key, stage.place()
        if key in self.index.keys:
            lack = self.index.lacks(key)
            return Cause("damaged", stage.id, "", f"{key[:8]} {lack}", None, place) if lack else None
        if key in self.index.aside:
            return Cause("damaged", stage.id, "", f"{key[:8]} was damaged and put aside", None, place)
        proof = self.history.evidence(key)
        return Cause("gone", stage.id, "", key[:8], proof, place) if proof else None

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
            roots = {cause.root: cause for cause in own}
            for input, theirs in inputs:
                for cause in self.whole.get((input.id, theirs.key), ()):
                    if not (cause.stage == supplied(one.base, input) and any(same(cause, mine) for mine in own)):
                        roots.setdefault(cause.root, cause)
            self.whole[name] = tuple(roots.values())
        return self.whole[stage.id, past.key]

    def compared(self, stage: Stage, past: Past) -> tuple[tuple[Cause, ...], tuple[tuple[Stage, Past], ...]]:
        """The causes in the statement of a stage itself, and the inputs that differ, each with the artifact that was read then."""
        name = (stage.id, past.key)
        if name not in self.own:
            own: list[Cause] = []
            inputs: list[tuple[Stage, Past]] = []
            then = aligned(stage.preimage, past.preimage, stage.spec, past.manifest.get("spec"))
            for dotted in differences(stage.preimage, then.image):
                was = then.was(dotted)
                if any(is_key(image.get(dotted)) for image in (stage.preimage, then.image)):
                    self.reference(stage, past, dotted, was, own, inputs)
                else:
                    own += [replace(cause, past=past) for cause in self.field(stage, past, dotted, was)]
            if len(own) + len(inputs) > 1:  # a pass put it there because of another field
                own = [c for c in own if c.field != "reference" or "reference" in stage.places or not derived(stage, past, c)]
            if not own and not inputs:
                own.append(Cause("rule", stage.id, "", None, None, stage.place(), past=past))
            self.own[name] = (tuple(own), tuple({(input.id, old.key): (input, old) for input, old in inputs}.values()))
        return self.own[name]

    def reference(self, stage: Stage, past: Past, dotted: str, was: str, own: list[Cause], inputs: list[tuple[Stage, Past]]) -> None:
        """A field that names an input, and its name then: another reference than then is a cause, the same one is followed."""
        known = (id(stage.spec), past.key, dotted, was)  # the stages of a sweep share their specs
        if known not in self.named:
            self.named[known] = (at(stage.spec, dotted), at(past.manifest.get("spec"), was))
        ref, before = self.named[known]
        if not isinstance(ref, Ref) or not isinstance(before, Mapping) or "ref" not in before:
            place, default = written(stage, dotted)
            own.append(Cause("reference", stage.id, was if ref is ABSENT else dotted, ref, before, place, default and ref is not ABSENT, past))
            return
        input, inside = self.plan[stage.source(ref)], before.get("inside", "")
        old = self.history.read_as(past.preimage[was])
        same_name = ref.to == before["ref"] or (ref.to == f"{stage.base}.reference" and before["ref"] == f"{past.base}.reference")
        moved = old is not None and input.key not in self.index.keys and self.history.renamed(input, old)
        if ref.inside != inside or not (same_name or moved):
            own.append(Cause("reference", stage.id, dotted, ref, before, written(stage, dotted)[0], past=past))
            return
        old = old or (None if input.key in self.index.keys else self.history.own(input))
        if old is None:
            own.append(self.lost(input) or Cause("other", input.id, "", None, None, input.place()))
        else:
            inputs.append((input, old))

    def field(self, stage: Stage, past: Past, dotted: str, was: str) -> Iterator[Cause]:
        """The causes behind one field of a pre-image, and its name then, that names no input; none where it is other only because another field is."""
        now, then = stage.preimage.get(dotted, ABSENT), past.preimage.get(was, ABSENT)
        bare = dotted.rpartition("#")[0]
        place, default = written(stage, bare or dotted)
        if dotted == "seed#":
            yield from self.seed(stage, past)
        elif dotted == "numerics#":
            if ABSENT not in (now, then):
                names = ("accelerator", "precision")
                pairs = zip(names, *(str(value).partition("-")[::2] for value in (now, then)), strict=True)
                yield from (Cause("numerics", "", f"engine.{n}", a, b, *self.head(f"engine.{n}")) for n, a, b in pairs if a != b)
        elif dotted.endswith("#content"):
            yield Cause("content", stage.id, bare, f"sha256 {str(now)[:8]} of `{shown(str(at(stage.spec, bare)))}`", f"sha256 {str(then)[:8]}", place)
        elif dotted.endswith("#name"):
            yield Cause("value", stage.id, f"the name of {bare}", now, then, place)
        elif dotted.endswith("#"):
            statement = bare.rpartition(".")[0]
            what = bare.rpartition(".")[2]
            kind = at(stage.spec, f"{statement}.kind") if statement else stage.spec.tag
            family = "" if statement else f"{stage.spec.family.removesuffix('s')} "
            yield Cause("version", "", f"the {what} of {family}{kind}", now, then, stage.place(statement))
        else:
            given, before = at(stage.spec, dotted), at(past.manifest.get("spec"), was)
            if dotted.endswith(".kind") and ABSENT in (given, before):  # a statement that only one of them has
                dotted, was = dotted.removesuffix(".kind"), was.removesuffix(".kind")
                given, before = at(stage.spec, dotted), at(past.manifest.get("spec"), was)
            elif isinstance(given, str) and hashed(now):
                given = shown(given)
            if given is ABSENT or given != before:
                yield Cause("value", stage.id, was if given is ABSENT else dotted, given, before, place, default and given is not ABSENT)

    def head(self, dotted: str) -> tuple[Place | None, bool]:
        """Where a key above the declarations was written; if nowhere, the first line of the spec."""
        places = self.plan.places
        return (places[dotted], False) if dotted in places else (places.get(""), True)

    def seed(self, stage: Stage, past: Past) -> Iterator[Cause]:
        """The seed of a stage follows from that of the experiment and from its own name; a manifest keeps both."""
        now, then = self.plan.seeds.get(stage.id, self.plan.seed), past.manifest.get("experiment_seed", ABSENT)
        if past.base and past.base != stage.base:
            yield Cause("name", stage.id, "", stage.base, past.base, stage.place())
        if now != then:
            place, default = (stage.places["seed#"], False) if "seed#" in stage.places else self.head("seed")
            yield Cause("seed", "", "seed", now, then, place, default)


# ---- the stage that a pass supplies, whose fields are those of the stage that reads it


def supplied(base: str, input: Stage) -> str:
    """The id of an input if it was supplied for the stage of this name; else nothing that is an id."""
    return input.id if input.base == f"{base}.reference" else "-"


def derived(stage: Stage, past: Past, cause: Cause) -> bool:
    """Whether a cause is that a supplied stage is, or was, read."""
    now = cause.now.to if isinstance(cause.now, Ref) else ""
    then = cause.then.get("ref") if isinstance(cause.then, Mapping) else ""
    return now == f"{stage.base}.reference" or then == f"{past.base}.reference"


def same(one: Cause, other: Cause) -> bool:
    return (one.place, one.now, one.then) == (other.place, other.now, other.then)


def matching(plan: Plan, name: str) -> Sequence[str]:
    """Ids of the stages that a person means by a name: with or without `stages.`, with or without the cell of a sweep."""
    wanted = {name, f"stages.{name}"}
    return [stage.id for stage in plan.stages if stage.id in wanted or stage.base in wanted]


def pending(found: Iterable[Reason]) -> list[Reason]:
    return [reason for reason in found if not reason.cached]
