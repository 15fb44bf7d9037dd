"""Mistakes at their fields of the form: plain words, and buttons that put another value into the field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode

from app.errors import InvalidRequestError, ServiceError
from app.pages.asking.address import form_fields
from app.queries.form_fields import FIRST_YEAR, LAST_YEAR, LIST_SEPARATOR, STRATUM_SEPARATOR, Fields

CORRECT = "correct"  # the name of the buttons; the value of one is a form field with its new text, as in an address
SIDES = ("a", "b")
LISTS = frozenset({"locations", "exclude"})


@dataclass(frozen=True, slots=True)
class Correction:
    """A button: its label, and its value."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake in one field of the form.

    Parameters
    ----------
    field: the field's name, and its id in the page
    is_empty: whether the field is empty, so that the corrections are choices
    """

    field: str
    words: str
    is_empty: bool
    corrections: Sequence[Correction]


def mistake_of(error: ServiceError, fields: Fields) -> Mistake | None:
    """Return what an error says about a field of the form, None if it is not about one."""
    if not isinstance(error, InvalidRequestError):
        return None
    name = _form_field(error.field, fields)
    if name not in form_fields():
        return None
    text = next(iter(fields.get(name, ())), "").strip()
    names = (FIRST_YEAR, LAST_YEAR) if name == FIRST_YEAR and error.field == "years" else (name,)
    corrections = [
        Correction(each, urlencode({each_name: _put(each, text, error.field) for each_name in names}))
        for each in error.suggestions
    ]
    return Mistake(name, error.words, not text, corrections)


def corrected(fields: Fields) -> Fields:
    """Return the fields of a form with the correction whose button was pressed, if one was."""
    correction: Mapping[str, Sequence[str]] = parse_qs(next(iter(fields.get(CORRECT, ())), ""))
    return {name: texts for name, texts in fields.items() if name != CORRECT} | dict(correction)


def _form_field(path: str, fields: Fields) -> str:
    """Return the form's field for a path in a request body."""
    name, *within = path.split(".")
    if name == "between" and len(within) == 2:
        return SIDES[int(within[1])]
    if name == "years" and not any(fields.get(name, ())):
        return LAST_YEAR if within == ["to"] else FIRST_YEAR
    return name


def _put(value: str, text: str, path: str) -> str:
    """Return a field's text with a value instead of the part that a path names."""
    name, *within = path.split(".")
    if name in LISTS and within:
        parts = [part.strip() for part in text.split(LIST_SEPARATOR) if part.strip()]
        return f"{LIST_SEPARATOR} ".join([*parts[: int(within[0])], value, *parts[int(within[0]) + 1 :]])
    if name == "stratification":
        category, _, stratum = text.partition(STRATUM_SEPARATOR)
        return STRATUM_SEPARATOR.join(filter(None, (value, stratum) if within == ["category"] else (category, value)))
    return value
