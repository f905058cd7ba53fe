"""Misspell every word of the language in its place and see whether the compiler suggests the right one: `python tests/properties/check_typos.py`.

For every key of every statement, every kind and every word of a choice, typos of one edit are written into a spec that is otherwise right;
what counts is the first word that the message suggests. A typo that is itself a word of this place is left out and counted. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from typos import typos

from aligncompiler.compile import compile_spec
from aligncompiler.diagnostic import Diagnostic
from aligncompiler.spec.base import Kind, Needs, Spec
from aligncompiler.spec.composed import COMPOSED
from aligncompiler.spec.experiment import Experiment
from aligncompiler.spec.registry import DECLARED, kinds, tag_of
from aligncompiler.spec.slot import Slot, slots

BASE = {
    "alignc": "v1",
    "name": "example",
    "models": "{base: {kind: causal_lm, architecture: {family: llama, hidden_size: 64, num_layers: 2, num_heads: 4, context: 512}, "
    "tokenizer: {kind: bpe, data: ${datasets.puzzles}, vocab_size: 600}}}",
    "datasets": "{puzzles: {kind: deduction, count: 500, leaves: {min: 2, max: 4}}, pairs: {kind: preferences, file: a.jsonl}, "
    "answers: {kind: completions, file: a.jsonl}}",
    "rewards": "{steps: {kind: deduction_steps}, judge: {kind: scalar, backbone: ${models.base}}}",
    "objectives": "{plain: {kind: sft}}",
    "stages": "{sft: {kind: train, model: ${models.base}, data: ${datasets.puzzles}, objective: ${objectives.plain}, budget: {steps: 10}, "
    "optimizer: {kind: adamw, learning_rate: 1e-3}}}",
    "vars": "{size: {type: int, default: 4, doc: a number}}",
    "profiles": "{smoke: {stages.sft.budget.steps: 1}}",
    "rounds": "{loop: {count: 2, start: {policy: ${stages.sft}}, stages: {more: {kind: sample, policy: ${round.policy}, prompts: ${datasets.puzzles}, "
    "count: ${vars.size}, max_new_tokens: 9}}, next: {policy: ${round.policy}}}}",
    "sweep": "{axes: {seed: [0, 1]}}",
}
REFERENCES = {
    "${models.base}": ("policy", ()),
    "${datasets.puzzles}": ("dataset", ("problems", "demonstrations", "prompts")),
    "${datasets.answers}": ("dataset", ("completions", "demonstrations", "prompts")),
    "${datasets.pairs}": ("dataset", ("preferences", "prompts")),
    "${rewards.judge}": ("scorer", ()),
}


@dataclass(frozen=True)
class Spelling:
    """A word in its place: the group it is counted in, the text before and after it, and the words that may stand there."""

    group: str
    word: str
    before: str
    after: str
    allowed: frozenset[str]


def reference(needs: Needs) -> str:
    fits = (
        text for text, (made, rows) in REFERENCES.items() if made in needs.artifacts and (made != "dataset" or not needs.rows or set(rows) & set(needs.rows))
    )
    return next(fits, "${models.base}")


def value(slot: Slot) -> str:
    """A text that a field takes, or nearly so: its range is not looked at."""
    if slot.needs is not None:
        return reference(slot.needs)
    if slot.family is not None:
        cls = next(iter(kinds(slot.family.family).values()))
        return f"{{kind: {tag_of(cls)}{''.join(f', {k}: {v}' for k, v in required(cls).items())}}}"
    if slot.nested is not None:
        return f"{{{', '.join(f'{k}: {v}' for k, v in required(slot.nested).items())}}}"
    if slot.items is not None:
        return f"[{', '.join([value(slot.items)] * (slot.length or 1))}]"
    if slot.values is not None:
        return f"{{a: {value(slot.values)}}}"
    return str(slot.choices[0]) if slot.choices else "word" if str in slot.scalars else "true" if bool in slot.scalars else "4"


def required(cls: type[Spec]) -> dict[str, str]:
    return {name: value(slots(cls)[name]) for name, info in cls.model_fields.items() if name != "kind" and info.is_required()}


def homes(cls: type[Spec], before: str, after: str, known: set[type[Spec]]) -> Iterator[tuple[type[Spec], str, str]]:
    """Every statement that can stand inside one whose braces are open between the texts, itself included, with the texts around its own inside; those
    that are known are left out, for rewards stand inside of rewards to any depth."""
    if cls in known:
        return
    known.add(cls)
    yield cls, before, after
    for name, slot in slots(cls).items():
        if cls is Experiment and name in DECLARED:
            continue
        others = "".join(f"{k}: {v}, " for k, v in (({"kind": tag_of(cls)} if issubclass(cls, Kind) else {}) | required(cls)).items() if k != name)
        item = slot.items or slot.values or slot
        opened, closed = ("[", "]") if slot.items else ("{a: ", "}") if slot.values else ("", "")
        for inner in [item.nested] if item.nested else kinds(item.family.family).values() if item.family else ():
            yield from homes(inner, f"{before}{others}{name}: {opened}{{", f"}}{closed}{after}", known)


def whole(changed: dict[str, str]) -> tuple[str, str]:
    """The base spec around a section whose text holds `@@`, cut in two there."""
    text = "".join(f"{key}: {value}\n" for key, value in (BASE | changed).items())
    before, after = text.split("@@")
    return before, after


def statements() -> Iterator[tuple[type[Spec], str, str]]:
    """Every statement of the language once, in a place where it may stand."""
    known: set[type[Spec]] = set()
    tops: list[tuple[type[Spec], str, str]] = [(Experiment, "", "".join(f"{k}: {v}\n" for k, v in BASE.items()))]
    for family in DECLARED:
        for cls in kinds(family).values():
            tops.append((cls, *whole({family: BASE[family][:-1] + ", probe: {@@}}"})))
    for top, before, after in tops:
        yield from homes(top, before, after, known) if top is not Experiment else [(top, before, after)]
    for name, slot in slots(Experiment).items():
        if slot.nested is not None and slot.nested not in known:
            known.add(slot.nested)
            yield (slot.nested, *whole({name: "{@@}"}))


def keys() -> Iterator[Spelling]:
    """Every key of every statement."""
    for cls, before, after in statements():
        allowed = frozenset((*slots(cls), *(COMPOSED if cls is Experiment else ())))
        if cls is Experiment:
            for word in allowed:
                b, a = "", "".join(f"{k}: {v}\n" for k, v in BASE.items() if k != word)
                yield Spelling(
                    "keys", word, b, f": {BASE.get(word) or value(slots(cls)[word])}\n{a}" if word in slots(cls) or word in BASE else ": x\n" + a, allowed
                )
            continue
        for word, slot in slots(cls).items():
            rest = ({"kind": tag_of(cls)} if issubclass(cls, Kind) else {}) | required(cls)
            written = ", ".join(f"{k}: {v}" for k, v in rest.items() if k != word)
            said = tag_of(cls) if word == "kind" else value(slot)
            yield Spelling("keys", word, f"{before}{written}{', ' if written else ''}", f": {said}{after}", allowed)


def composed_keys() -> Iterator[Spelling]:
    """The keys of rounds, of a sweep and of a variable."""
    places = {"rounds": BASE["rounds"], "sweep": BASE["sweep"], "vars": BASE["vars"]}
    extra = {
        "over": "[{a: 1}]",
        "next": "{a: ${round.a}}",
        "zip": "[{seed: [1, 2]}]",
        "skip": "[{seed: 1}]",
        "add": "[{seed: 4}]",
        "doc": "text",
        "axes": "{seed: [1, 2]}",
    }
    for section, text in places.items():
        inside = COMPOSED[section].inside
        for word in inside:
            found = re.search(rf"(?<=[{{ ]){word}(?=: )", text)
            if found:
                before, after = whole({section: text[: found.start()] + "@@" + text[found.end() :]})
            else:
                cut = len(text) - (1 if section == "sweep" else 2)
                before, after = whole({section: f"{text[:cut]}, @@: {extra.get(word, '{}')}{text[cut:]}"})
            yield Spelling("keys", word, before, after, frozenset(inside))


def kind_names() -> Iterator[Spelling]:
    """Every kind, as the value of `kind`."""
    for cls, before, after in statements():
        if issubclass(cls, Kind):
            rest = "".join(f", {k}: {v}" for k, v in required(cls).items())
            yield Spelling("kinds", tag_of(cls), f"{before}kind: ", f"{rest}{after}", frozenset(kinds(cls.family)))


def choices() -> Iterator[Spelling]:
    """Every word of a choice, as the value of its key."""
    for cls, before, after in statements():
        for name, slot in slots(cls).items():
            item = slot.items or slot
            for word in (c for c in item.choices if isinstance(c, str) and name != "kind" and cls is not Experiment):
                rest = "".join(f", {k}: {v}" for k, v in (({"kind": tag_of(cls)} if issubclass(cls, Kind) else {}) | required(cls)).items() if k != name)
                opened, closed = ("[", "]") if slot.items else ("", "")
                yield Spelling("choices", word, f"{before}{name}: {opened}", f"{closed}{rest}{after}", frozenset(map(str, item.choices)))


def names() -> Iterator[Spelling]:
    """The parts of references."""
    extra = {"stages": BASE["stages"][:-1] + ", pairs: {kind: pair, completions: ${datasets.answers}, reward: ${rewards.steps}}}"}
    text = "".join(f"{key}: {value}\n" for key, value in (BASE | extra).items())
    for family, name in (("models", "base"), ("datasets", "puzzles"), ("rewards", "steps"), ("objectives", "plain"), ("vars", "size")):
        before, found, after = text.partition(f"${{{family}.{name}}}")
        assert found
        yield Spelling("references", name, f"{before}${{{family}.", f"}}{after}", frozenset({name}))
        yield Spelling("references", family, f"{before}${{", f".{name}}}{after}", frozenset({*DECLARED, "vars", "rounds", "round"}))


def suggested(found: list[Diagnostic], column: int, line: int) -> str:
    """The first word that is suggested where the typo stands."""
    here = [
        d for d in found if d.primary is not None and d.primary.place.line == line and d.primary.place.col <= column < max(d.primary.place.end_col, column + 1)
    ]
    here = [d for d in here if d.primary is not None and d.primary.place.end_col > column]
    for d in here:
        if d.fixes:
            return d.fixes[0].text.strip("\"'")
        words = re.findall(r"`([^`]*)`", d.help[0]) if d.help else []
        if words and d.help[0].startswith("did you mean"):
            return words[0]
    return here[0].help[0] if here and here[0].help else "nothing is said here"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--count", type=int, default=20, help="typos of each word; 0 for all")
    options.add_argument("--failures", action="store_true", help="list what was not suggested")
    args = options.parse_args()
    os.chdir(tempfile.mkdtemp(prefix="typos"))
    tally: dict[str, Counter[str]] = {}
    classes: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    failures: list[str] = []
    words = [*keys(), *composed_keys(), *kind_names(), *choices(), *names()]
    for spelling in words:
        group = tally.setdefault(spelling.group, Counter())
        group["words"] += 1
        line = spelling.before.count("\n") + 1
        column = len(spelling.before) - (spelling.before.rfind("\n") + 1) + 1
        for cls, typo in typos(spelling.word, args.seed, args.count or None):
            if typo in spelling.allowed:
                group["left out: another word of this place"] += 1
                continue
            Path("spec.yaml").write_text(f"{spelling.before}{typo}{spelling.after}", encoding="utf-8")
            first = suggested(compile_spec(Path("spec.yaml"), static=True).report.diagnostics, column, line)
            right = spelling.word in (first, *re.split(r"[${}.]+", first)) if spelling.group == "references" else first == spelling.word
            group["typos"] += 1
            group["right"] += right
            if spelling.group == "keys":
                classes[cls] += 1
                missed[cls] += not right
            if not right:
                failures.append(f"{spelling.group} {cls}: {typo} for {spelling.word} -> {first[:100]}")
    shares = {name: group | {"share": round(group["right"] / group["typos"], 4)} for name, group in tally.items()}
    by_class = {cls: {"typos": count, "right": count - missed[cls], "share": round(1 - missed[cls] / count, 4)} for cls, count in classes.items()}
    print(json.dumps({"seed": args.seed} | shares | {"classes of keys": by_class} | ({"failures": failures} if args.failures else {}), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
