"""The last check before work begins: every field of the plan is read by the code that carries it out, so nothing declared is ignored.

It looks at the code, without running it. A field of a kind must be a keyword parameter of the implementation, and be loaded in its body.
A field of a statement inside a kind (a budget, a range) must be loaded as an attribute. Where the implementation does nothing with the
statement but take attributes of it, it must be among these; where it hands the statement on, the implementation or a function that it
reaches, in the runtime or in its own package, must load an attribute of this name, and name the field that holds it or have a parameter
of its type.

So what is reported is read by nobody, unless by a name that is computed (`getattr`). Not seen: what becomes of a value once it is loaded (`_ = width`
counts as read), and, once a statement is handed on, whose attribute it is: one of the same name counts, of another statement of that type
or of anything else in those functions.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any

from aligncompiler.ir import Plan, Stage
from aligncompiler.spec.base import Kind, Spec
from aligncompiler.spec.registry import home_of, singular, tag_of
from aligncompiler.spec.slot import Slot, slots
from aligncompiler.store.artifacts import read_manifest

from .fault import Fault
from .reach import chains, loaded, mentioned, methods, names, reached, types_of
from .registry import implementation

WHOLE = {"model_dump", "model_fields"}  # attributes through which a statement is read as a whole
ANYTHING = {"Any", "object"}


def lower(plan: Plan, store: Path) -> Iterator[tuple[Stage, Fault]]:
    """What would be ignored, or cannot be carried out, in the stages that are still to be made."""
    for stage in plan.stages:
        if read_manifest(store, stage.key) is None:
            yield from ((stage, fault) for fault in faults_in(stage.spec))
            if getattr(stage.spec, "sampler", "") == "vllm" and find_spec("vllm") is None:
                from .decoding.vllm_engine import absent

                yield stage, absent()


def faults_in(spec: Kind) -> Iterator[Fault]:
    """What would be ignored, or cannot be carried out, in a spec and every kind inside it; each at its dotted path."""
    for path, cls in kinds_in(spec):
        for fault in faults_of(cls):
            yield Fault(fault.code, fault.message, ".".join(filter(None, (path, fault.field))), fault.help)


def kinds_in(value: Any, path: str = "") -> Iterator[tuple[str, type[Kind]]]:
    """(dotted path, class) of every kind inside a value, itself included."""
    if isinstance(value, Kind):
        yield path, type(value)
    inside: Mapping[Any, Any] = {}
    if isinstance(value, Spec):
        inside = {name: getattr(value, name) for name in type(value).model_fields}
    elif isinstance(value, tuple):
        inside = dict(enumerate(value))
    elif isinstance(value, Mapping):
        inside = value
    for name, one in inside.items():
        yield from kinds_in(one, f"{path}.{name}" if path else str(name))


@cache
def faults_of(cls: type[Kind]) -> tuple[Fault, ...]:
    """What is wrong with the implementation of a kind; each fault points at the field that would be ignored, or at the kind."""
    name = f"{singular(cls.family)} `{tag_of(cls)}`"
    home = f"{home_of(cls)}.{cls.family}.{tag_of(cls)}"
    where = (f"its implementation is the function `{tag_of(cls)}` of `{home}`, marked `@implements({cls.__name__})`",)
    try:
        function = inspect.unwrap(implementation(cls))
    except Exception as error:  # noqa: BLE001  the module may be a stranger's, and raise anything when it is imported
        text = str(error).partition("\n")[0]
        return (Fault("P621", f"{name} cannot be carried out here: {type(error).__name__}: {text}", "kind", where),)
    if not isinstance(function, FunctionType) or (function.__module__, function.__name__) != (home, tag_of(cls)):
        return (Fault("P621", f"{name} is implemented by `{function.__module__}.{function.__qualname__}`", "kind", where),)
    fields = set(cls.model_fields) - {"kind"}
    parameters = inspect.signature(function).parameters.values()
    loose = [p.name for p in parameters if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) or p.default is not p.empty]
    taken = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    faults = [Fault("P621", f"the implementation of {name} has `{p}` open: fields are keyword parameters without defaults", "kind", where) for p in loose]
    faults += [Fault("P621", f"the implementation of {name} wants `{p}`, which is no field of it", "kind", where) for p in sorted(taken - fields - set(loose))]
    read = loaded(function.__code__, taken)
    ignored = [n for n in cls.model_fields if n in fields and n not in read]
    for path, statement in statements(cls):
        if not any(f"{path}.".startswith(f"{outer}.") for outer in ignored):  # of what is ignored as a whole no more is said
            taken_here = attributes(cls, path, function)
            missing = unread(statement, path, function) if taken_here is None else [n for n in statement.model_fields if n not in taken_here]
            ignored += [f"{path}.{inner}" for inner in missing]
    return (*faults, *(ignored_field(name, field, home) for field in ignored))


def ignored_field(name: str, field: str, home: str) -> Fault:
    text = f"`{field}` of {name} is read by nobody, so it would have no effect"
    return Fault("P613", text, field, (f"let `{home}` read it, or remove the field from the language",))


def statements(cls: type[Spec]) -> Iterator[tuple[str, type[Spec]]]:
    """(dotted path, class) of every statement without a kind inside a statement, at any depth."""

    def inside(slot: Slot | None) -> Iterator[type[Spec]]:
        if slot is not None:
            yield from (slot.nested,) if slot.nested else ()
            yield from inside(slot.items)
            yield from inside(slot.values)

    for name, slot in slots(cls).items():
        for one in inside(slot):
            yield name, one
            yield from ((f"{name}.{path}", deeper) for path, deeper in statements(one))


def attributes(cls: type[Spec], path: str, function: FunctionType) -> set[str] | None:
    """The fields of the statement at `path` that `function` takes, if it does nothing else with the statement; None if it may."""
    steps = tuple(path.split("."))
    statement = cls
    for name in steps:
        nested = slots(statement)[name].nested
        if nested is None:
            return None  # several statements in a list or a mapping
        statement = nested
    used = chains(function.__code__, steps[0])
    if used is None or any(chain == steps[1:][: len(chain)] for chain in used):
        return None  # it is handed on
    taken = {chain[len(steps) - 1] for chain in used if chain[: len(steps) - 1] == steps[1:]}
    return taken if taken <= set(statement.model_fields) else None  # a method of it reads what it likes


def unread(statement: type[Spec], path: str, function: FunctionType) -> list[str]:
    """Fields of a statement that nothing reads which `function` reaches.

    A function can read it if it names the field that holds it, or may be given it: a parameter is of this type, or of any.
    """
    holder = path.rpartition(".")[2]
    read: set[str] = set()
    for one in reached(function):
        typed = types_of(one)
        if holder in mentioned(one.__code__) or statement.__name__ in typed or typed & ANYTHING:
            read |= names(one.__code__)
    own = [method for base in statement.__mro__ if issubclass(base, Spec) and base is not Spec for method in methods(base)]
    called = [method for method in own if method.__name__ in read and method.__name__ not in vars(Spec)]
    read = read.union(*(names(method.__code__) for method in called))
    return [] if read & WHOLE else [name for name in statement.model_fields if name not in read]
