"""The outline of a spec: its sections, and in each what it declares."""

from __future__ import annotations

from lsprotocol import types

from ..spec.composed import COMPOSED
from ..spec.registry import DECLARED
from ..tree import Node
from .analysis import Source
from .locate import value_at
from .mentions import loop_of


def outline(source: Source) -> list[types.DocumentSymbol]:
    """One symbol a key at the top; sections hold their declarations, loops their stages."""
    return [symbol(source, (word,)) for word in source.root.value]


def symbol(source: Source, path: tuple[str, ...]) -> types.DocumentSymbol:
    """The symbol of a key, with those of what it holds where that has names."""
    node, above = value_at(source.root, path), value_at(source.root, path[:-1])
    assert node is not None and above is not None
    start, end = source.text.span(above.keys[path[-1]])
    names = list(node.value) if holds_names(path) and node.is_map else []
    return types.DocumentSymbol(
        name=path[-1],
        detail=detail(node),
        kind=types.SymbolKind.Namespace if names else types.SymbolKind.Object if node.is_map else types.SymbolKind.Property,
        range=source.text.range(start, max(end, last(source, node))),
        selection_range=source.text.range(start, end),
        children=[symbol(source, (*path, name)) for name in names],
    )


def holds_names(path: tuple[str, ...]) -> bool:
    """Whether what stands in a mapping is shown: sections do, and in rounds loops and their sections."""
    rest = path[2 * len(loop_of(path)) :]
    return rest == () or (len(rest) == 1 and rest[0] in (*DECLARED, *COMPOSED))


def detail(node: Node) -> str | None:
    """The kind of a declaration, or a plain value."""
    if node.is_map:
        kind = node.value.get("kind")
        return kind.value if kind is not None and isinstance(kind.value, str) else None
    return str(node.value) if isinstance(node.value, str | int | float) else None


def last(source: Source, node: Node) -> int:
    """The offset at which a value ends."""
    inner = list(node.value.values()) if node.is_map else node.value if node.is_list else []
    own = source.text.span(node.place)[1]
    return max([own, *(last(source, one) for one in inner), *(source.text.span(key)[1] for key in node.keys.values())])
