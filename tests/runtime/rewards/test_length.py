"""How long an answer is."""

from runtime.rewards.length import length


def test_characters_are_those_of_unicode_and_words_end_at_white_space():
    rows = [{"completion": text} for text in ("", "naïve\u00a0café", " a\tb\n c ", "😀")]
    assert [s["score"] for s in length(rows, unit="characters")] == [0, 10, 8, 1]
    assert [s["score"] for s in length(rows, unit="words")] == [0, 2, 3, 1]
