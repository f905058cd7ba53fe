"""The stage: what it writes, what it takes from where, and that it goes on where it was interrupted."""

import json

import pytest

from aligncompiler.spec.structure import Hierarchy, Star
from aligncompiler.spec.theory import Ibn
from runtime.intervals import estimate
from runtime.registry import bind
from runtime.work import TABLE_FILE

HIERARCHY = Hierarchy(responses=256, information=1000.0, alpha=0.3)


def run(work, **fields):
    spec = Ibn(**{"structure": HIERARCHY, "comparisons": (20, 80), "roots": (4, 16), "pool": (40,), "pilot": 2, "repetitions": 5} | fields)
    bind(spec, {})(work)
    return json.loads((work.folder / TABLE_FILE).read_text())


def table(whole, name):
    return {(line["role"], line["model"]): line for line in next(t for t in whole["tables"] if t["name"] == name)["lines"]}


def test_every_size_has_distances_and_ratios_with_intervals_and_both_regimes_beside_them(make_work):
    whole = run(make_work())
    assert [t["name"] for t in whole["tables"]] == ["distance at 20", "ratio at 20", "distance at 80", "ratio at 80"]
    distances, ratios = table(whole, "distance at 80"), table(whole, "ratio at 80")
    measured = [distances["model", name] for name in ("chain", "tree", "pool")]
    assert all(line["low"] < line["value"] < line["high"] and line["n"] == 5 for line in measured)
    assert distances["baseline", "before any comparison"]["value"] == pytest.approx(1000.0)
    assert {("bound", "chain bound"), ("bound", "tree bound"), ("rate", "chain rate, regime 1"), ("rate", "tree rate, regime 2")} <= set(distances)
    assert {("model", "chain/tree"), ("model", "chain/pool"), ("bound", "bounds"), ("rate", "rates, regime 1"), ("rate", "rates, regime 2")} <= set(ratios)
    assert ratios["rate", "rates, regime 1"]["value"] == pytest.approx(
        distances["rate", "chain rate, regime 1"]["value"] / distances["rate", "tree rate, regime 1"]["value"]
    )


def test_a_structure_without_a_stated_rate_has_no_rates_in_its_tables(make_work):
    from aligncompiler.spec.structure import Path

    whole = run(make_work(), structure=Path(responses=256, information=10.0), roots="bound", pilot=0)
    assert {line["role"] for t in whole["tables"] for line in t["lines"]} == {"model", "baseline", "bound"}


def test_more_comparisons_bring_responses_nearer(make_work):
    whole = run(make_work(), comparisons=(10, 100, 1000), repetitions=10)
    for name in ("chain", "tree"):
        values = [table(whole, f"distance at {n:,}")["model", name]["value"] for n in (10, 100, 1000)]
        assert 1000 > values[0] > values[1] > values[2] > 0


def test_the_plot_holds_the_figures_of_the_tables(make_work):
    whole = run(make_work())
    lines = {line["label"]: line for line in whole["plots"][0]["lines"]}
    assert set(lines) == {"chain", "tree", "pool", "chain bound", "tree bound"}
    assert lines["chain"]["y"] == [table(whole, f"distance at {n}")["model", "chain"]["value"] for n in (20, 80)]
    assert lines["tree bound"]["low"] is None and lines["tree"]["low"] < lines["tree"]["y"]


def test_the_size_is_chosen_on_draws_of_its_own(make_work):
    """The figures of the size that is taken are those it has when it is the only one: the draws that chose it are not among them."""
    several = run(make_work())
    for at in several["chosen"]:
        n, size = at["comparisons"], at["tree"]
        alone = run(make_work(), roots=(size,), pilot=0)
        assert table(alone, f"distance at {n}")["model", "tree"] == table(several, f"distance at {n}")["model", "tree"]


def test_the_bound_names_the_number_of_roots_if_the_spec_says_so(make_work):
    from runtime.information.bounds import theory
    from runtime.structures.hierarchy import hierarchy

    whole = run(make_work(), roots="bound", pool=(), pilot=0, label_scale=2.0)
    bias = hierarchy(responses=256, information=1000.0, alpha=0.3, decay="power")
    variance = 4 * 3.289868133696453
    assert whole["chosen"] == [{"comparisons": n, "tree": theory(bias, variance, 0.1, n).bounds["tree"].at} for n in (20, 80)]


def test_a_further_size_changes_no_other_figure_and_another_seed_changes_all(make_work):
    one, more, other = run(make_work(), comparisons=(20,)), run(make_work(), comparisons=(20, 50)), run(make_work(seed=1), comparisons=(20,))
    assert table(one, "distance at 20") == table(more, "distance at 20")
    assert table(one, "distance at 20")["model", "chain"]["value"] != table(other, "distance at 20")["model", "chain"]["value"]


def test_a_ratio_is_the_geometric_mean_over_pairs_of_draws(make_work):
    work = make_work()
    kept = []
    work.checkpoints = type("Kept", (), {"piece": staticmethod(lambda series, what, compute: (kept.append((what, compute())), kept[-1][1])[1])})()
    whole = run(work, comparisons=(20,), roots=(4,), pool=(), pilot=0)
    drawn = {name: [value for what, value in kept if what[2] == name] for name in ("chain", "tree")}
    product = 1.0
    for chain, tree in zip(drawn["chain"], drawn["tree"], strict=True):
        product *= chain / tree
    assert table(whole, "ratio at 20")["model", "chain/tree"]["value"] == pytest.approx(product ** (1 / 5))
    assert table(whole, "distance at 20")["model", "chain"]["low"] == pytest.approx(estimate(drawn["chain"], range(5), 0.95, signed=True).low)


def test_resistance_is_less_than_the_shortest_path_on_the_same_draws(make_work):
    by_path, by_all = (run(make_work(), comparisons=(200,), distance=d, sources=256) for d in ("shortest", "resistance"))
    assert table(by_all, "distance at 200")["model", "chain"]["value"] < table(by_path, "distance at 200")["model", "chain"]["value"]


def test_in_a_star_nothing_but_the_number_of_comparisons_matters_while_they_are_few(make_work):
    """No cluster is tighter than another, so a tree whose leaves are all different is a chain."""
    whole = run(make_work(), structure=Star(responses=2048, information=100.0), comparisons=(20,), roots=(30,), pool=(), pilot=0, repetitions=20)
    line = table(whole, "ratio at 20")["model", "chain/tree"]
    assert abs(line["value"] - 1) < 0.01


def test_progress_counts_every_draw_to_its_total(make_work):
    work = make_work()
    run(work)
    assert [done for done, _, _ in work.progress.said] == list(range(1, 39)), "2 sizes x (3 designs x 5 draws + 2 candidates x 2 pilots)"
    assert {total for _, total, _ in work.progress.said} == {38}


def test_the_estimate_is_of_a_small_table_and_no_network():
    found = Ibn(structure=HIERARCHY, comparisons=(20, 80)).estimate(None).figures()
    assert found["flops"].value == 0 == found["memory"].value and 8_000 < found["disk"].value < 50_000
