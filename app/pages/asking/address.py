"""The address of a page is its question: what it asks and the form cannot show is an error that names it."""

from typing import get_args

from app.errors import InvalidRequestError, join_first, quoted
from app.queries.bodies import Dimension, used_fields
from app.queries.form_fields import FIRST_YEAR, LAST_YEAR, PARSERS, Fields
from app.statistics import STATISTICS
from app.statistics.registry import ChartKind
from app.table.lookup import unknown_name

THEMES = ("light", "dark")
KIND, THEME, SORT, YEAR, FILTER = "kind", "theme", "sort", "year", "filter"
PAGE_FIELDS = frozenset({KIND, THEME, SORT, YEAR, FILTER})  # how an answer is shown, not what is asked
BODY_FIELDS = {FIRST_YEAR: "years", LAST_YEAR: "years", "a": "between", "b": "between"}  # where names differ
SEVERAL = frozenset({"by"})  # fields that an address may have several times
OFFERED = {  # the values of fields that have boxes or lists of their own
    "by": ("", *get_args(Dimension)),
    "suppressed": ("include", "exclude"),
    "standardize": ("age",),
    KIND: get_args(ChartKind),
    THEME: THEMES,
}


def form_fields() -> frozenset[str]:
    """Return the names of the form's fields."""
    bodies = (used_fields(statistic.body) for statistic in STATISTICS.values())
    return frozenset({"statistic", *PARSERS, *BODY_FIELDS}).union(*bodies)


def check_address(fields: Fields) -> None:
    """Check that the form can show all that an address asks. Names of the table are checked when the job is planned.

    Raises
    ------
    InvalidRequestError: it cannot; the reason names the field or its value
    """
    check_fields(fields, form_fields() | PAGE_FIELDS)
    (statistic, *_) = _filled(fields, "statistic") or [""]
    if not statistic:
        return
    taken = used_fields(STATISTICS[statistic].body)
    for name in fields.keys() - PAGE_FIELDS - {"statistic"}:
        if _filled(fields, name) and BODY_FIELDS.get(name, name) not in taken:
            raise InvalidRequestError(f"{statistic} does not take the field {quoted(name)}; leave it out")


def check_fields(fields: Fields, known: frozenset[str]) -> None:
    """Check the names of fields, how often they are there, and the values of those with a list of their own.

    Raises
    ------
    InvalidRequestError: as ``check_address``
    """
    for name, texts in fields.items():
        if name not in known and any(texts):
            raise InvalidRequestError(f"unknown field {quoted(name)}; the fields are {', '.join(sorted(known))}")
        if len(set(texts)) > 1 and name not in SEVERAL:
            raise InvalidRequestError(f"the field {quoted(name)} has several values; name one", name)
        wrong = [text for text in _filled(fields, name) if text not in OFFERED.get(name, (text,))]
        if wrong:
            offered = join_first([text for text in OFFERED[name] if text], len(OFFERED[name]))
            raise InvalidRequestError(f"{name} cannot be {quoted(wrong[0])}; choose one of {offered}", name)
    for name in _filled(fields, "statistic"):
        if name not in STATISTICS:
            hint = f"the statistics are {', '.join(STATISTICS)}"
            raise unknown_name("statistic", name, STATISTICS, hint, "statistic")


def _filled(fields: Fields, name: str) -> list[str]:
    return [text.strip() for text in fields.get(name, ()) if text.strip()]
