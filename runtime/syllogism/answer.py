"""An answer, a proof and a verdict, as JSON or as plain sentences: written by the dataset, read by the reward.

JSON   {"steps":[{"premises":["all a are b","no b are c"],"conclusion":"no a are c"}],"answer":"true"}
text   all a are b and no b are c, so no a are c. the answer is true.

Reading never fails: what cannot be read is left out and the answer is marked as not well formed. Left out: repairing
almost-JSON and looking for an answer inside other text; both would pay for a format that was not asked for.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from runtime.syllogism.derivation import Step
from runtime.syllogism.proposition import parse, verbalise

VERDICTS = ("true", "false", "unknown")
_STEP_KEYS = {"premises", "conclusion"}
_ANSWER_KEYS = {"steps", "answer"}
_VERDICT = re.compile(r"the answer is (true|false|unknown)")


@dataclass(frozen=True)
class Answer:
    """What could be read of an answer.

    steps: the steps that are readable statements, in order; verdict: the final word, None where there is none;
    well_formed: whether the whole text keeps to the format.
    """

    steps: tuple[Step, ...]
    verdict: str | None
    well_formed: bool


_UNREADABLE = Answer((), None, False)


def write_answer(steps: Iterable[Step], verdict: str, *, response: str) -> str:
    """Write a proof and a verdict in the response mode "json" or "text"."""
    spoken = [([verbalise(premise) for premise in step.premises], verbalise(step.conclusion)) for step in steps]
    if response == "json":
        body = [{"premises": premises, "conclusion": conclusion} for premises, conclusion in spoken]
        return json.dumps({"steps": body, "answer": verdict}, separators=(",", ":"))
    sentences = [f"{' and '.join(premises)}, so {conclusion}." for premises, conclusion in spoken]
    return " ".join([*sentences, f"the answer is {verdict}."])


def read_answer(text: str, *, response: str) -> Answer:
    """Read an answer in the response mode "json" or "text"; any text whatsoever is accepted."""
    return _read_json(text) if response == "json" else _read_text(text)


def _read_json(text: str) -> Answer:
    try:
        found = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
    # A number of thousands of digits and a duplicate key are ValueErrors; deep nesting exhausts the parser's stack.
    except (ValueError, RecursionError):
        return _UNREADABLE
    if not isinstance(found, dict):
        return _UNREADABLE
    verdict = _verdict(found.get("answer"))
    listed = found.get("steps")
    steps = [_step(item) for item in listed] if isinstance(listed, list) else [None]
    readable = tuple(step for step in steps if step is not None)
    return Answer(readable, verdict, set(found) == _ANSWER_KEYS and verdict is not None and None not in steps)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is written twice")
    return found


def _verdict(word: object) -> str | None:
    return word if isinstance(word, str) and word in VERDICTS else None


def _step(item: object) -> Step | None:
    if not isinstance(item, dict) or set(item) != _STEP_KEYS or not isinstance(item["premises"], list):
        return None
    return _step_from_texts([*item["premises"], item["conclusion"]])


def _step_from_texts(texts: list[Any]) -> Step | None:
    statements = [parse(text) if isinstance(text, str) else None for text in texts]
    if len(statements) != 3 or None in statements:
        return None
    first, second, conclusion = statements
    return Step((first, second), conclusion)


def _read_text(text: str) -> Answer:
    sentences = text.strip().lower().split(".")
    ends = sentences.pop() == "" and bool(sentences)
    found = _VERDICT.fullmatch(sentences.pop().strip()) if sentences else None
    steps: list[Step | None] = []
    for sentence in sentences:
        premises, _, conclusion = sentence.partition(", so ")
        steps.append(_step_from_texts([*premises.split(" and "), conclusion]))
    readable = tuple(step for step in steps if step is not None)
    return Answer(readable, found.group(1) if found else None, ends and found is not None and None not in steps)
