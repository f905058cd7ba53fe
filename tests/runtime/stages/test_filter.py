"""Rows that stay."""

import pytest

from aligncompiler.spec.selecting import Keep
from runtime.fault import Fault
from runtime.stages.filter import filter
from runtime.work import load_rows

ROWS = [{"prompt": f"p{n}", "completion": "c", "uncertainty": u, "length": 1.0} for n, u in enumerate([3.0, 1.0, None, 2.0, 1.0, 5.0])]


@pytest.fixture
def kept(make_work, dataset, finished):
    """The numbers of the rows that stay, and what is said of them."""

    def run(rows=ROWS, by=("uncertainty",), side="lowest", **keep):
        work = make_work()
        filter(work, data=dataset(rows), by=by, keep=Keep(**keep), side=side)
        return [int(row["prompt"][1:]) for row in load_rows(finished(work, "dataset"))], work

    return run


@pytest.mark.parametrize(
    ("keep", "side", "expected"),
    [
        ({"share": 1.0}, "lowest", [0, 1, 3, 4, 5]),
        ({"share": 0.2}, "lowest", [1]),
        ({"share": 0.5}, "lowest", [1, 3, 4]),
        ({"share": 0.4}, "highest", [0, 5]),
        ({"threshold": 2.0}, "lowest", [1, 3, 4]),
        ({"threshold": 3.0}, "highest", [0, 5]),
        ({"threshold": 1e300}, "lowest", [0, 1, 3, 4, 5]),
    ],
)
def test_rows_stay_by_share_or_by_threshold_in_their_order(kept, keep, side, expected):
    found, work = kept(side=side, **keep)
    assert found == expected
    assert work.skipped == {"no number in uncertainty": 1}


def test_several_columns_add_up(kept):
    rows = [{"prompt": f"p{n}", "completion": "c", "a": float(n), "b": float(-2 * n)} for n in range(4)]
    assert kept(rows, ("a", "b"), share=0.5)[0] == [2, 3]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
def test_the_share_is_the_nearest_number_of_rows(kept, share):
    rows = [{"prompt": f"p{n}", "completion": "c", "u": float(n % 3)} for n in range(17)]
    assert abs(len(kept(rows, ("u",), share=share)[0]) - share * 17) <= 0.5


def test_no_row_left_and_a_column_without_numbers_are_one_fault_each(kept):
    with pytest.raises(Fault):
        kept(threshold=-1.0)
    with pytest.raises(Fault, match="`completion` is 'c' in row 1, which is no number"):
        kept(by=("completion",), share=0.5)
    with pytest.raises(Fault, match="no column `sureness`"):
        kept(by=("sureness",), share=0.5)
