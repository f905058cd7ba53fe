"""Which functions code reaches, and which names it uses: read from code objects, nothing is run.

What is not seen: functions that are only found by a computed name, and calls through values that were made at run time.
"""

from __future__ import annotations

import dis
import inspect
import itertools
import re
from collections.abc import Iterator
from functools import cache, cached_property
from importlib import import_module
from importlib.util import resolve_name
from types import CodeType, FunctionType, ModuleType
from typing import Any

CACHED = type(cache(len))


@cache
def inner(code: CodeType) -> tuple[CodeType, ...]:
    """A code object with those of the functions inside it."""
    return (code, *(deeper for one in code.co_consts if isinstance(one, CodeType) for deeper in inner(one)))


def names(code: CodeType) -> set[str]:
    """Attributes and globals that code uses."""
    return {name for one in inner(code) for name in one.co_names}


def mentioned(code: CodeType) -> set[str]:
    """Names of any sort that code uses."""
    return names(code).union(*(one.co_varnames + one.co_freevars for one in inner(code)))


def loaded(code: CodeType, parameters: set[str]) -> set[str]:
    """The parameters that the body of a function loads, in the functions inside it too."""
    found: set[str] = set()
    for depth, one in enumerate(inner(code)):  # not `one is code`: equal code of another function may stand in for this one
        known = set(one.co_freevars if depth else one.co_varnames) & parameters
        for step in dis.get_instructions(one) if known else ():
            if step.opname.startswith("LOAD_") and "CLOSURE" not in step.opname and "CLEAR" not in step.opname:
                found |= known.intersection(step.argval if isinstance(step.argval, tuple) else (step.argval,))
    return found


@cache
def chains(code: CodeType, parameter: str) -> frozenset[tuple[str, ...]] | None:
    """The attributes that are taken of a parameter wherever it is loaded: `size.wide + size.deep.low` gives (wide), (deep, low), and `f(size)` ().

    None if the parameter is assigned to, so that its name stands for other things too.
    """
    found = set()
    for depth, one in enumerate(inner(code)):
        steps = [step for step in dis.get_instructions(one) if step.opname not in ("EXTENDED_ARG", "NOP")]
        for number, step in enumerate(steps if parameter in (one.co_freevars if depth else one.co_varnames) else ()):
            named = step.argval if isinstance(step.argval, tuple) else (step.argval,)
            if parameter not in named or not step.opname.startswith(("LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF", "STORE_", "DELETE_")):
                continue
            if not step.opname.startswith("LOAD_"):
                return None
            taken = itertools.takewhile(lambda one: one.opname in ("LOAD_ATTR", "LOAD_METHOD"), steps[number + 1 :])
            found |= {() for name in named[:-1] if name == parameter}
            found |= {tuple(one.argval for one in taken)} if named[-1] == parameter else set()
    return frozenset(found)


def types_of(function: FunctionType) -> set[str]:
    """Words of the types of the parameters; `Any` for one without a type."""
    code = function.__code__
    parameters = [n for n in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount] if n not in ("self", "cls")]
    given = [function.__annotations__.get(name, "Any") for name in parameters]
    return {word for one in given for word in re.findall(r"\w+", one if isinstance(one, str) else f"{one!s} {getattr(one, '__name__', '')}")}


@cache
def reached(function: FunctionType) -> tuple[FunctionType, ...]:
    """The function and all that it may call, in the runtime and in its own package, as far as names lead."""
    roots = frozenset({"runtime", root(function)})
    found: dict[int, FunctionType] = {}
    todo = [function]
    while todo:
        one = todo.pop()
        if id(one) not in found:
            found[id(one)] = one
            used = names(one.__code__) | types_of(one)
            near = [one.__globals__[name] for name in used if name in one.__globals__]
            near += [*captured(one), *imported(one, roots)]
            todo += [callee for value in near for callee in functions(value, roots, used)]
    return tuple(found.values())


def root(value: Any) -> str:
    """The package at the top of what something is defined in."""
    return str(getattr(value, "__module__", "")).partition(".")[0]


def captured(function: FunctionType) -> Iterator[Any]:
    """What a function holds of the one around it, as far as it is there yet."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            continue


def imported(function: FunctionType, roots: frozenset[str]) -> Iterator[Any]:
    """What the body of a function imports from the packages that are looked at."""
    for code in inner(function.__code__):
        if dis.opmap["IMPORT_NAME"] not in code.co_code[::2]:
            continue
        steps = list(dis.get_instructions(code))
        for number, step in enumerate(steps):
            if step.opname == "IMPORT_NAME":
                level, wanted = steps[number - 2].argval, steps[number - 1].argval
                name = resolve_name("." * level + step.argval, function.__globals__.get("__package__") or "")
                if name.partition(".")[0] in roots:
                    module = import_module(name)
                    yield from (getattr(module, one, None) for one in wanted) if wanted else (module,)


def plain(value: Any) -> FunctionType | None:
    """The function under what it is wrapped in: a decorator, a cache, a property, a class method."""
    if isinstance(value, property):
        value = value.fget
    elif isinstance(value, cached_property):
        value = value.func
    elif isinstance(value, classmethod | staticmethod):
        value = value.__func__
    found = inspect.unwrap(value) if isinstance(value, FunctionType | CACHED) else value
    return found if isinstance(found, FunctionType) else None


def functions(value: Any, roots: frozenset[str], used: set[str]) -> Iterator[FunctionType]:
    """The functions that a value stands for: itself, the methods of a class, the members of a table, what is used of a module."""
    function = plain(value)
    if function is not None:
        yield from (function,) if root(function) in roots else ()
    elif isinstance(value, type):
        for base in value.__mro__ if root(value) in roots else ():
            yield from methods(base) if root(base) in roots else ()
    elif isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            yield from functions(one, roots, used) if isinstance(one, FunctionType | type) else ()
    elif isinstance(value, ModuleType) and value.__name__.partition(".")[0] in roots:
        for name in used & set(vars(value)):
            yield from functions(vars(value)[name], roots, used) if not isinstance(vars(value)[name], ModuleType) else ()


@cache
def methods(cls: type) -> tuple[FunctionType, ...]:
    """The functions in the body of a class. What a dataclass generates touches every field, and does not count."""
    found = [function for function in map(plain, vars(cls).values()) if function is not None]
    return tuple(function for function in found if function.__code__.co_filename != "<string>")
