"""Which names code uses, and which functions it reaches, without running it."""

import sys
from dataclasses import dataclass
from functools import cache, cached_property
from types import ModuleType

import pytest

from runtime.reach import loaded, mentioned, methods, names, reached


def code(function):
    return function.__code__


def nested(*, used, inside, captured, unused, assigned):
    assigned = used
    return [assigned for _ in range(3) if inside], lambda: captured


def shadowed(*, width):
    def inner(width):
        return width

    return inner


def test_a_parameter_is_read_where_it_is_loaded_here_or_in_a_function_inside():
    everything = {"used", "inside", "captured", "unused"}
    assert loaded(code(nested), everything) == {"used", "inside", "captured"}


def test_a_module_that_was_loaded_twice_is_read_alike():
    again = code(nested).replace()  # equal to the first, and not the same
    assert again == code(nested) and again is not code(nested)
    assert loaded(code(nested), {"used"}) == loaded(again, {"used"}) == {"used"}


def test_another_variable_of_the_same_name_is_no_read():
    assert loaded(code(shadowed), {"width"}) == set()


def test_generators_and_their_conditions_are_read():
    def rows(*, count, share):
        yield from (n for n in range(count) if n < share)

    assert loaded(code(rows), {"count", "share"}) == {"count", "share"}


def test_names_are_attributes_and_globals_and_mentions_are_variables_too():
    def of(batch):
        return [row.text for row in batch.rows]

    assert "rows" in names(code(of)) and "batch" not in names(code(of)) and {"rows", "batch", "row"} <= mentioned(code(of))


def test_what_a_dataclass_generates_is_no_method():
    @dataclass(frozen=True)
    class Size:
        wide: int

        @property
        def area(self):
            return self.wide

        @cached_property
        def volume(self):
            return self.wide

        @classmethod
        def of(cls):
            return cls(1)

        @staticmethod
        @cache
        def one():
            return 1

    assert {m.__name__ for m in methods(Size)} == {"area", "volume", "of", "one"}


SOURCE = """
from functools import lru_cache
from typing import Any

def start(first: "Holder", size):
    return helper(size) + TABLE[size]() + outside.far(size) + (lambda: deep())()

@lru_cache
def helper(size): return size

def member(): return 0
TABLE = {1: member}

def deep():
    from reachable.later import late
    return late()

class Holder:
    def method(self): return only_by_the_class()

def only_by_the_class(): return 1
def never(): return 0
"""


@pytest.fixture
def package(monkeypatch):
    """A package of three modules that are not files."""
    made = {name: ModuleType(name) for name in ("reachable", "reachable.near", "reachable.later", "reachable.outside")}
    for name, module in made.items():
        module.__package__ = "reachable"
        monkeypatch.setitem(sys.modules, name, module)
    exec("def late(): return 2\ndef later(): return 3", vars(made["reachable.later"]))
    exec("def far(x): return x\ndef farther(x): return x", vars(made["reachable.outside"]))
    made["reachable.near"].outside = made["reachable.outside"]
    exec(compile(SOURCE, "near.py", "exec"), vars(made["reachable.near"]))
    return made["reachable.near"]


def test_reach_follows_calls_caches_tables_modules_types_and_imports_in_the_body(package):
    found = {function.__name__ for function in reached(package.start)}
    assert found == {"start", "helper", "member", "far", "deep", "late", "method", "only_by_the_class"}


def test_reach_ends_where_other_packages_begin(package):
    import json

    package.helper = json.dumps
    assert "dumps" not in {function.__name__ for function in reached(package.start)}
