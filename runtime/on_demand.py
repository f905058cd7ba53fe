"""Sequences whose items are made each time they are asked for, so that a million rows are no million Python objects."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

S = TypeVar("S")
T = TypeVar("T")


class OnDemand(Sequence[T]):
    """What is made of a number is said by `item`, and how many there are by `__len__`."""

    @abstractmethod
    def item(self, index: int) -> T:
        """The item of this number, which is at least 0 and below the length."""

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> Any:
        found = range(len(self))[index]
        return list(map(self.item, found)) if isinstance(found, range) else self.item(found)


class Mapped(OnDemand[T], Generic[S, T]):
    """A sequence seen through a function; nothing is held but the sequence."""

    def __init__(self, of: Sequence[S], make: Callable[[S], T]) -> None:
        self.of = of
        self.make = make

    def __len__(self) -> int:
        return len(self.of)

    def __iter__(self) -> Iterator[T]:
        return map(self.make, self.of)

    def item(self, index: int) -> T:
        return self.make(self.of[index])
