"""Faults that a person can mend: raised where they are found, given their place in the spec where the stage is known."""

from __future__ import annotations

from dataclasses import dataclass


class Fault(Exception):
    """A fault of the input, not of the program: diagnostic code, the field to point at, and a way out. One that `passes` has its cause outside of the spec
    and its data, in a network or a stranger's function, and may not be there at the next attempt."""

    def __init__(self, code: str, message: str, field: str = "", help: tuple[str, ...] = (), passes: bool = False) -> None:
        super().__init__(message)
        self.passes = passes
        self.code = code
        self.message = message
        self.field = field
        self.help = help


@dataclass(frozen=True, slots=True)
class Skip:
    """Stands in a stream of rows for one that cannot be used; counted by its reason and reported."""

    reason: str
