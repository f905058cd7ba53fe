"""Columns of scores."""

import numpy as np

from runtime.fault import Skip
from runtime.scores import AT_ONCE, Scores, by_rule


def test_a_rule_is_asked_a_few_rows_at_a_time_and_its_skips_keep_their_place():
    asked = []

    def rule(rows):
        asked.append(len(rows))
        return [Skip("odd") if row["n"] % 2 else {"score": row["n"] / 2, "half": 0.5} for row in rows]

    found = by_rule(rule, [{"n": n} for n in range(AT_ONCE + 3)], ("half",))
    assert asked == [AT_ONCE, 3]
    assert found[AT_ONCE] == {"score": AT_ONCE / 2, "half": 0.5}
    assert found[1] == found[AT_ONCE + 1] == Skip("odd")
    assert found.known().sum() == AT_ONCE // 2 + 2
    assert len(list(found)) == len(found) == AT_ONCE + 3


def test_scores_read_by_figure():
    found = Scores({"score": np.array([1.0, 2.0])}, {})
    assert found.score.tolist() == [1.0, 2.0]
    assert list(found) == [{"score": 1.0}, {"score": 2.0}]
