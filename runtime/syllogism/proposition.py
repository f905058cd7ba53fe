"""A categorical statement about two terms, its contradictory, and its English.

Left out: singular terms ("Socrates is a man") and compound terms; the moods speak of neither.
"""

import re
from typing import NamedTuple

FORMS = ("A", "E", "I", "O")
_ENGLISH = {
    "A": "all {} are {}",
    "E": "no {} are {}",
    "I": "some {} are {}",
    "O": "some {} are not {}",
}
_CONTRADICTORY = {"A": "O", "O": "A", "E": "I", "I": "E"}
_STATEMENT = re.compile(r"(all|no|some) ([a-z]+) (are not|are|is) ([a-z]+)")
_FORM_OF_WORDS = {
    ("all", "are"): "A",
    ("no", "are"): "E",
    ("no", "is"): "E",
    ("some", "are"): "I",
    ("some", "are not"): "O",
}


class Proposition(NamedTuple):
    """One statement: A "all X are Y", E "no X are Y", I "some X are Y", O "some X are not Y"."""

    form: str
    subject: str
    predicate: str

    @property
    def terms(self) -> frozenset[str]:
        """The two terms, in no order."""
        return frozenset((self.subject, self.predicate))


def contradictory(statement: Proposition) -> Proposition:
    """Return the statement that is true exactly when this one is false: A against O, E against I."""
    return statement._replace(form=_CONTRADICTORY[statement.form])


def normal(statement: Proposition) -> Proposition:
    """Return one fixed spelling of a statement: E and I convert, so their terms are put in order; A and O do not."""
    if statement.form in "EI" and statement.predicate < statement.subject:
        return Proposition(statement.form, statement.predicate, statement.subject)
    return statement


def verbalise(statement: Proposition) -> str:
    """Write a statement as an English clause without a full stop."""
    return _ENGLISH[statement.form].format(statement.subject, statement.predicate)


def parse(text: str) -> Proposition | None:
    """Read one English clause, or return None where it is not one.

    Accepts exactly what `verbalise` writes and "no X is Y", in any letter case.
    """
    match = _STATEMENT.fullmatch(text.strip().lower())
    if match is None:
        return None
    quantity, subject, verb, predicate = match.groups()
    form = _FORM_OF_WORDS.get((quantity, verb))
    if form is None or "not" in (subject, predicate):
        return None
    return Proposition(form, subject, predicate)
