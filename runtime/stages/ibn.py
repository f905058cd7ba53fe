"""Generalisation over an induced Bayesian network."""

from __future__ import annotations

import json
from functools import partial
from itertools import count as numbers

from aligncompiler.spec.theory import Ibn

from ..information import designs
from ..information.account import Account
from ..information.bias import Bias
from ..information.bounds import theory
from ..information.distances import DISTANCES, logistic_variance
from ..information.study import Design, Study
from ..registry import Bound, implements
from ..work import TABLE_FILE, Work


@implements(Ibn)
def ibn(
    work: Work,
    *,
    structure: Bound,
    comparisons: tuple[int, ...],
    label_scale: float,
    distance: str,
    roots: tuple[int, ...] | str,
    margin: float,
    pool: tuple[int, ...],
    repetitions: int,
    pilot: int,
    sources: int,
    confidence: float,
) -> None:
    """Write `table.json`: for each number of comparisons the mean distance of every design, and the ratio of the chain's to every other's, with
    intervals over draws, the bounds and rates of the paper beside them; and the same as plots over the number of comparisons.
    """
    bias: Bias = structure()
    variance = logistic_variance(label_scale)
    known = {count: theory(bias, variance, margin, count) for count in comparisons}
    kinds = [
        Design("chain", designs.chain, dict.fromkeys(comparisons, (bias.responses,))),
        Design("tree", partial(designs.tree, margin=margin), {n: (known[n].bounds["tree"].at,) if isinstance(roots, str) else roots for n in comparisons}),
        Design("pool", designs.chain, dict.fromkeys(comparisons, pool)),
    ]
    kinds = [design for design in kinds if all(design.candidates.values())]
    done, total = numbers(1), sum(design.draws(repetitions, pilot) for design in kinds)
    study = Study(bias, variance, DISTANCES[distance], sources, work.seed, pilot, repetitions, work.keep("distances"))
    found = study.run(kinds, lambda: work.progress.update(next(done), total))
    account = Account(found, known, bias.information, confidence)
    tables = account.tables()
    chosen = [{"comparisons": n, **{name: found[n, name].size for name in account.designs[1:]}} for n in comparisons]
    whole = {"tables": tables, "plots": account.plots(), "chosen": chosen, "samples": [], "confidence": confidence}
    (work.folder / TABLE_FILE).write_text(json.dumps(whole, indent=1), encoding="utf-8")
    work.facts["tables"] = tables
    for n in comparisons:
        work.summary[f"chain/tree at {n:,}"] = account.ratio(n, "tree").value
        work.summary |= {f"{name} at {n:,}": found[n, name].size for name in account.designs[1:]}
