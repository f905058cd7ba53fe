"""The names of a spec: what is declared, what a reference leads to, and what to say of one that leads nowhere."""

from __future__ import annotations

import re
from collections.abc import Collection

from .diagnostic import Place, Report
from .fixes import replacing
from .spec.composed import COMPOSED
from .spec.experiment import Experiment
from .spec.registry import DECLARED, singular
from .tree import Node, references, shortened
from .words.suggest import listed, nearest

MAX_GUESSED = 100  # references that lead nowhere, each compared with every name

WORDS = (*Experiment.model_fields, *COMPOSED)


class Names:
    """The declarations of a tree. `dangling` is what references that lead nowhere may have meant.

    `strays` are declarations at the top of the spec, outside of their section, which is a fault reported elsewhere.
    """

    def __init__(self, root: Node, report: Report) -> None:
        self.root = root
        self.report = report
        self.dangling: set[str] = set()
        self.missed = 0
        self.lost = self.unreadable()
        self.strays = {word for word, node in root.value.items() if word not in WORDS and node.is_map and "kind" in node.value}

    def unreadable(self) -> set[str]:
        """Sections that do not say what is declared, which is a fault reported elsewhere: nothing is said of what they should declare."""
        meant = {near for word in self.root.value if word not in WORDS for near in nearest(word, WORDS)[:1]}
        written = {family: self.root.value.get(family) for family in DECLARED}
        return {family for family, node in written.items() if (family in meant if node is None else not node.is_map)}

    def malformed(self, node: Node, path: tuple[str, ...]) -> None:
        """Report a text that holds `${` but is no reference."""
        self.dangling.add("*")
        meant = self.called(re.sub(r"[\s${}]", "", node.value))
        example = "a reference is a whole value such as `${models.base}`; texts are not filled in"
        help = didyou(meant) or (("an experiment reads no environment; write the value out, or give it by `--set`",) if "env:" in node.value else (example,))
        fixes = [replacing(self.report, node.place, meant[0])] if len(meant) == 1 else []
        self.report.add("R305", f"`{shortened(node.value)}` is no reference", node.place, path=path, help=help, fixes=fixes)

    def of(self, family: str) -> Collection[str]:
        node = self.root.value.get(family) if family in DECLARED else None
        return node.value if node is not None and node.is_map else ()

    def called(self, word: str) -> list[str]:
        """References to what is declared under this name."""
        return [f"${{{f}.{n}}}" for f in DECLARED for n in self.of(f) if word in (n, f"{f}.{n}")]

    def split(self, text: str) -> tuple[str, str, str]:
        """`stages.sft.checkpoints.1` -> (`stages`, `sft`, `checkpoints.1`): the longest name that is declared, and the part of it; no name if there is none."""
        family, *steps = text.split(".")
        cut = next((c for c in range(len(steps), 0, -1) if ".".join(steps[:c]) in self.of(family)), 0)
        return family, ".".join(steps[:cut]), ".".join(steps[cut:])

    def target(self, text: str, node: Node, path: tuple[str, ...]) -> tuple[tuple[str, str], str] | None:
        """(family, name) of the declaration that a reference leads to, and the part of it; otherwise the problem is reported."""
        family, name, part = self.split(text)
        if name:
            return (family, name), part
        if family in self.lost or part.partition(".")[0] in self.strays:
            return None
        self.missed += 1
        if self.missed > MAX_GUESSED:
            self.dangling.add(family if family in DECLARED else "*")
            text = f"there is no {singular(family)} `{part}`" if family in DECLARED and part else f"`{node.value}` names nothing"
            self.report.add("R301", text, node.place, path=path, help=("nothing is suggested for so many; mend the first ones, and check again",))
            return None
        others = [f"${{{f}.{n}}}" for f in DECLARED for n in self.of(f) if n == (part or family)]
        if family in DECLARED and part:
            options = [f"${{{family}.{n}}}" for n in nearest(part, self.of(family))] or others
            help = didyou(options) or self.in_rounds(family, part) or self.listing(family)
            text = f"there is no {singular(family)} `{part}`"
        elif family == "round":
            options, help = [], ("outside of it, also in `start`, name what it made as `${rounds.LOOP.NAME}`",)
            text = f"`{node.value}` has a meaning only in the declarations of a round and in `next`"
        else:
            meant = nearest(family, (*DECLARED, "vars", "rounds"))
            if part and meant and meant[0] in self.lost:
                return None
            near = [f"${{{n}.{part}}}" for n in meant if part in self.of(n)]
            every = {f"{f}.{n}": f"${{{f}.{n}}}" for f in DECLARED for n in self.of(f)}
            options = near or others or [every[n] for n in nearest(text, every)] or [f"${{{n}.{part}}}" for n in meant if n not in DECLARED and part]
            help = didyou(options) or (f"a reference starts with one of {', '.join((*DECLARED, 'rounds', 'vars'))}",)
            text = f"`{node.value}` names nothing"
        fixes = [replacing(self.report, node.place, options[0])] if len(options) == 1 and self.called(options[0][2:-1]) else []
        self.dangling.update((family if family in DECLARED else "*", *options))
        self.report.add("R301", text, node.place, path=path, help=help, fixes=fixes, also=self.dropped(family, part, node.place))
        return None

    def in_rounds(self, family: str, name: str) -> tuple[str, ...]:
        """How to name what is declared under this name in a loop."""
        copy = next((one for one in self.of(family) if one.rpartition(".")[2] == name), "")
        loop = ".".join(step for step in copy.split(".") if not step.isdigit())
        return (f"it is made in rounds: name it `${{rounds.{loop}}}`, and inside of the same round `${{round.{name}}}`",) if copy else ()

    def dropped(self, family: str, name: str, place: Place) -> list[tuple[Place, str]]:
        """Where what a reference at a place names was dropped, with a label; none if it was not."""
        section = self.root.value.get(family, self.root)
        gone = self.root.dropped.get(family) or section.dropped.get(name)
        if gone is None:
            return []
        return [(gone.place, "dropped here" if gone.place.file == place.file else f"dropped in {gone.place.file}")]

    def listing(self, family: str) -> tuple[str, ...]:
        names = listed(self.of(family))
        return (f"declared {family}: {names}",) if names else (f"the spec declares no {family}",)

    def warn_unused(self) -> None:
        """Declarations that nothing names, by the text alone: a faulty statement uses what it names. Stages are wanted for themselves.

        A reference that leads nowhere may have meant any declaration of its family, so these stay unmentioned.
        """
        used = {self.split(text)[:2] for text in references(self.root)}
        for family in DECLARED:
            for name in self.of(family):
                meant = {"*", family, f"${{{family}.{name}}}"} & self.dangling
                if family != "stages" and (family, name) not in used and not meant:
                    text = f"{singular(family)} `{name}` is not used"
                    self.report.add("R306", text, self.root.value[family].keys[name], path=(family, name))


def didyou(options: list[str]) -> tuple[str, ...]:
    return ("did you mean " + " or ".join(f"`{o}`" for o in options) + "?",) if options else ()
