"""A `null` that drops nothing: what to say of it."""

from __future__ import annotations

from ..diagnostic import Place, Report
from ..tree import Node
from .suggest import nearest


def report_idle(owner: Node, path: tuple[str, ...], place: Place, report: Report) -> None:
    """Report that there is nothing at a path that `null` could drop; `owner` is what holds the last key of it."""
    near = nearest(path[-1], owner.value)
    meant = [f"did you mean `{'.'.join([*path[:-1], near[0]])}`?"] if near else []
    also = [(owner.dropped[path[-1]].place, "dropped here already")] if path[-1] in owner.dropped else []
    text = f"`{'.'.join(path)}` is null, which drops what is declared there, but nothing is"
    report.add("C209", text, place, path=path, help=meant or ("remove the key",), also=also)
