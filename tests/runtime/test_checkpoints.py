"""Pieces of a stage: computed once, kept in files, held in memory only until they are."""

import pytest

from runtime.checkpoints import Checkpoints
from runtime.store import Store

KEY = "a" * 40


@pytest.fixture
def attempt(tmp_path):
    """A new attempt at the same stage, and the list of what it computes."""
    store = Store(tmp_path / "store")

    def begin(minutes=1000.0):
        found = Checkpoints(store, KEY, store.making(KEY), minutes, first=True)
        found.begin()
        computed = []

        def piece(number, series="answers"):
            return found.piece(series, [number], lambda: computed.append(number) or [number, f"text {number}"])

        return found, piece, computed

    return begin


def test_a_piece_is_computed_once_and_held_only_until_it_is_written(attempt):
    found, piece, computed = attempt()
    assert [piece(n) for n in (1, 2, 1)] == [[1, "text 1"], [2, "text 2"], [1, "text 1"]] and computed == [1, 2]
    assert piece(1, "scores") == [1, "text 1"] and computed == [1, 2, 1], "each series has its own"
    assert len(found.fresh) == 3 and not found.pieces
    found.flush()
    assert not found.fresh and len(found.pieces) == 3
    assert piece(2) == [2, "text 2"] and computed == [1, 2, 1], "it is asked for again, and read"
    assert not found.fresh


def test_the_next_attempt_reads_what_was_written_file_after_file(attempt):
    first, piece, _ = attempt()
    for number in range(6):
        piece(number)
        if number % 2:
            first.flush()
    second, piece, computed = attempt()
    assert [piece(n) for n in range(7)] == [[n, f"text {n}"] for n in range(7)] and computed == [6]
    assert len(set(second.pieces.values())) == 3 and len(second.opened[1]) == 2, "of the files one is in memory"
    third, piece, computed = attempt(minutes=0)
    assert piece(8) and piece(9) and not third.fresh, "what is due is written, and held no more"


def test_a_file_of_pieces_that_is_damaged_is_computed_again(attempt):
    found, piece, computed = attempt()
    piece(1)
    found.flush()
    [shard] = set(found.pieces.values())
    shard.write_text(shard.read_text().replace("text", "test"))
    assert piece(1) == [1, "text 1"] and computed == [1, 1], "in the same attempt"
    _, piece, computed = attempt()
    assert piece(1) == [1, "text 1"] and computed == [1] and not shard.exists(), "and in the next, which puts it aside"
