"""A sequence seen through a function, which is asked anew each time: nothing is held but the sequence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

S = TypeVar("S")
T = TypeVar("T")


class Mapped(Sequence[T], Generic[S, T]):
    def __init__(self, of: Sequence[S], make: Callable[[S], T]) -> None:
        self.of = of
        self.make = make

    def __len__(self) -> int:
        return len(self.of)

    def __iter__(self) -> Iterator[T]:
        return map(self.make, self.of)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return list(map(self.make, self.of[index])) if isinstance(index, slice) else self.make(self.of[index])
