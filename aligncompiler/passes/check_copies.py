"""A copy of a file under another name is the same rows: training and evaluation must not read both."""

from __future__ import annotations

from ..diagnostic import Report
from ..ir import Plan, Stage
from ..spec.dataset import Dataset
from .check_splits import report_shared


def check_copies(plan: Plan, report: Report) -> Plan:
    """Report every stage that measures on a file whose bytes are those of a file that was trained on, as `check_splits` does by name."""
    return report_shared(plan, report, by_content)


def by_content(test: Stage, train: Stage) -> str:
    mine, theirs = named_by_content(test), named_by_content(train)
    known = isinstance(test.spec, Dataset) and isinstance(train.spec, Dataset) and test.spec.overlaps(train.spec)
    return f"a copy of `{train.id}`" if mine.overlaps(theirs) and not known else ""


def named_by_content(stage: Stage) -> Dataset:
    """The dataset with every file called by the hash of what is in it."""
    assert isinstance(stage.spec, Dataset)
    return stage.spec.model_copy(update={name: digest for name, digest in stage.files.items() if name in type(stage.spec).model_fields})
