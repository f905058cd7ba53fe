"""Turn scored answers into preference pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import takewhile
from random import Random

from aligncompiler.spec.answering import SCORES, SHARED, UNSURE, Pair
from aligncompiler.spec.base import ROW_COLUMNS
from aligncompiler.spec.reward import UNCERTAINTY

from ..candidates import Candidates
from ..decoding.noise import stream_number
from ..distinct_prompts import NAMING, Name, name_of, names_of
from ..fault import Fault, Skip
from ..inner_answers import InnerAnswers
from ..registry import Bound, implements
from ..row_file import Rows
from ..rows import Row
from ..scoring import figures_of, reward_rows
from ..store import Artifact
from ..work import Work, load_rows

Member = tuple[int, tuple[float, ...]]  # number of a row, and its figures
IN_TREES = {"segments", "path"}  # columns of answers that are leaves of trees


@implements(Pair)
def pair(work: Work, *, completions: Artifact, reward: Bound | Artifact | str, rule: Bound) -> None:
    """Write one row per pair: the prompt's columns, `chosen`, `rejected`, `chosen_score`, `rejected_score`, and of a reward that tells how unsure it is
    `chosen_uncertainty`, `rejected_uncertainty`; where answers are leaves of trees also `shared_prefix`, `rest_chosen`, `rest_rejected`, `lca_depth`.

    Prompts of which no pair comes are counted, by the reason. `words a pair` is what is to be read to compare the two, what they share once.
    """
    leaves = load_rows(completions)
    names = tuple(dict.fromkeys(("score", *rule.spec.reads, *told(reward, leaves.columns))))
    rows = InnerAnswers(leaves) if rule.spec.inner else leaves
    groups: dict[Name, list[Member]] = {}
    for number, (name, figures) in enumerate(scored(work, reward, rows, completions, names)):
        if figures is None:
            work.skipped["no score"] += 1
        else:
            groups.setdefault(name, []).append((number, figures))
    whole = partial(candidates, work.seed, names, len(leaves))
    totals: Counter[str] = Counter()
    work.save_rows(counted(work.usable(pairs(rows, groups, rule, whole, completions.facts["answer_columns"])), totals))
    work.facts["answer_columns"] = [*ROW_COLUMNS["preferences"][1:], *SCORES, *UNSURE, *SHARED]
    work.summary |= {"prompts": len(groups), "words a pair": totals["words"] / totals["pairs"]}


def words_of(row: Row) -> int:
    """Words of both answers of a pair, those of what they share once."""
    texts = ("shared_prefix", "rest_chosen", "rest_rejected") if "shared_prefix" in row else ("chosen", "rejected")
    return sum(len(row[name].split()) for name in texts)


def counted(rows: Iterator[Row], totals: Counter[str]) -> Iterator[Row]:
    """The pairs as they pass by; their number and their words are added to `totals`."""
    for row in rows:
        totals.update(pairs=1, words=words_of(row))
        yield row


def told(reward: Bound | Artifact | str, columns: Sequence[str]) -> tuple[str, ...]:
    """`uncertainty`, if the reward has such a figure."""
    return (UNCERTAINTY,) if UNCERTAINTY in (columns if isinstance(reward, str) else figures_of(reward)) else ()


def scored(
    work: Work, reward: Bound | Artifact | str, rows: Rows | InnerAnswers, completions: Artifact, names: tuple[str, ...]
) -> Iterator[tuple[Name, tuple[float, ...] | None]]:
    """The prompt of each answer, and its figures of these names; None where it has no score."""
    if isinstance(reward, str):
        labels = load_rows(completions, columns=(*NAMING, *names))
        for missing in sorted({*names} - {*labels.columns}):
            raise Fault("P603", f"the rows have no column `{missing}`", "completions", ("name a `reward`, or put a `label` stage between",))
        for row in labels:
            yield name_of(row), None if row["score"] is None else tuple(row[name] for name in names)
        return
    prompts = rows.names() if isinstance(rows, InnerAnswers) else names_of(load_rows(completions, columns=NAMING))
    for name, score in zip(prompts, reward_rows(reward, rows, work.device, work.progress.update, work.keep), strict=True):
        yield name, None if isinstance(score, Skip) else tuple(score[figure] for figure in names)


def candidates(seed: int, names: tuple[str, ...], num_leaves: int, name: Name, members: Sequence[Member], answers: Sequence[Row]) -> Candidates:
    """What a rule chooses from; of all rows the first `num_leaves` are whole answers."""
    return Candidates(
        {figure: [figures[place] for _, figures in members] for place, figure in enumerate(names)},
        [answer["completion"] for answer in answers],
        [tuple(answer["path"]) for answer in answers if set(answer) >= IN_TREES],
        [number < num_leaves for number, _ in members],
        Random(stream_number(seed, next(part for part in name if part is not None))),
    )


def pairs(rows: Sequence[Row], groups: dict[Name, list[Member]], rule: Bound, whole: Callable[..., Candidates], own: list[str]) -> Iterator[Row | Skip]:
    """The pairs of each group, which is given by the numbers of its rows and their figures: only one group of rows is held."""
    for name, members in groups.items():
        answers = [rows[number] for number, _ in members]
        chosen_from = whole(name, members, answers)
        found = [(b, w) for b, w in rule(chosen_from) if answers[b]["completion"] != answers[w]["completion"]]
        if not found:
            yield Skip(unpaired(chosen_from, answers))
        for better, worse in found:
            good, bad = answers[better], answers[worse]
            prompt = {k: v for k, v in good.items() if k not in own}
            figures = {figure: chosen_from.figures[figure] for figure in ("score", UNCERTAINTY) if figure in chosen_from.figures}
            scores = {f"{side}_{figure}": values[place] for side, place in (("chosen", better), ("rejected", worse)) for figure, values in figures.items()}
            yield prompt | {"chosen": good["completion"], "rejected": bad["completion"]} | scores | (common(good, bad) if set(good) >= IN_TREES else {})


def unpaired(candidates: Candidates, answers: Sequence[Row]) -> str:
    """Why a rule took no pair of these answers."""
    if len(set(candidates.figures["score"])) == 1:
        return "prompt whose answers score the same"
    return "prompt whose answers are the same" if len({row["completion"] for row in answers}) == 1 else "prompt of whose answers the rule takes no pair"


def common(good: Row, bad: Row) -> Row:
    """The deepest node that two answers come from, told by the texts of segments: siblings that say the same are one. In two trees that is the prompt."""
    same_tree = good["path"][0] == bad["path"][0]
    alike = list(takewhile(lambda both: both[0] == both[1], zip(good["segments"], bad["segments"], strict=False))) if same_tree else []
    rests = {f"rest_{name}": "".join(row["segments"][len(alike) :]) for name, row in (("chosen", good), ("rejected", bad))}
    return {"shared_prefix": "".join(segment for segment, _ in alike), **rests, "lca_depth": len(alike)}
