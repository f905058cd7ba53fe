"""Where the two worlds meet: a spec class of the language and the function that carries it out.

The implementation of a kind lies in `<family>/<kind>.py` of the runtime, or of the plug-in that adds it, is named like the kind, and is
marked `@implements(Spec)`. Its keyword-only parameters are exactly the spec's fields, without defaults (those live in the spec); what
comes before them is what its family passes at call time. `bind` fills the keywords: nested statements become bound functions, references
become artifacts. Because every field arrives as a keyword, and `lowering.py` holds that every keyword is read, nothing that is declared
can be ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any, TypeVar

from aligncompiler.spec.base import Kind, Ref, Spec
from aligncompiler.spec.registry import home_of, tag_of

F = TypeVar("F", bound=Callable[..., Any])
IMPLEMENTATIONS: dict[type[Kind], Callable[..., Any]] = {}
NO_NAMES: Mapping[str, str] = MappingProxyType({})


def implements(cls: type[Kind]) -> Callable[[F], F]:
    """Mark a function as the implementation of a kind."""

    def mark(function: F) -> F:
        assert cls not in IMPLEMENTATIONS, f"{cls.__name__} is implemented twice"
        IMPLEMENTATIONS[cls] = function
        return function

    return mark


def implementation(cls: type[Kind]) -> Callable[..., Any]:
    """The implementation of a kind, imported when it is first wanted."""
    if cls not in IMPLEMENTATIONS:
        import_module(f"{home_of(cls)}.{cls.family}.{tag_of(cls)}")
    return IMPLEMENTATIONS[cls]


@dataclass(frozen=True)
class Bound:
    """An implementation with its fields filled in; `spec` tells what it needs and gives, `name` how it was declared, if it was."""

    spec: Kind
    function: Callable[..., Any]
    fields: Mapping[str, Any]
    name: str = ""

    @property
    def called(self) -> str:
        """The name that it was declared by, or its kind."""
        return self.name or self.spec.tag

    def __call__(self, *args: Any) -> Any:
        return self.function(*args, **self.fields)


def bind(spec: Kind, artifacts: Mapping[str, Any], names: Mapping[str, str] = NO_NAMES, path: str = "") -> Bound:
    """The implementation of a spec with every field filled in; `artifacts` maps the ids of references to what they stand for, `names` the dotted paths of
    what was declared by a name to this."""
    fields = {name: bound_value(getattr(spec, name), artifacts, names, f"{path}{name}") for name in type(spec).model_fields if name != "kind"}
    return Bound(spec, implementation(type(spec)), fields, names.get(path.rstrip("."), ""))


def bound_value(value: Any, artifacts: Mapping[str, Any], names: Mapping[str, str] = NO_NAMES, path: str = "") -> Any:
    if isinstance(value, Ref):
        return artifacts[value.to].inside(value.inside) if value.inside else artifacts[value.to]
    if isinstance(value, Kind):
        return bind(value, artifacts, names, f"{path}.")
    if isinstance(value, Spec):
        return value.model_copy(update={name: bound_value(getattr(value, name), artifacts, names, f"{path}.{name}") for name in type(value).model_fields})
    if isinstance(value, Mapping):
        return {name: bound_value(v, artifacts, names, f"{path}.{name}") for name, v in value.items()}
    return tuple(bound_value(v, artifacts, names, f"{path}.{place}") for place, v in enumerate(value)) if isinstance(value, tuple) else value
