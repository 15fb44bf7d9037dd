"""What the values of rows measure: their response, value type and unit, which make several questions of one text."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.table.question import PERCENT

Variant = tuple[str, str, str]  # the fields of VARIANT_COLUMNS, "" where empty

PERCENT_UNIT = re.compile(r"%|per\s?cent(age)?\b", re.IGNORECASE)
NO_PERCENTAGE = re.compile(r"\b(mean|median|average|rate|ratio|number|count)\b", re.IGNORECASE)
NOT_GIVEN = "not given"  # a value type or response that rows lack, where others of their question have several
NO_UNIT = re.compile(r"[\d\s.-]*")  # nothing, or a year as in some versions of CDC's table


@dataclass(frozen=True, slots=True, order=True)
class Measure:
    """What the values of some rows of a question measure; response and value type are None where the table has none."""

    response: str | None
    value_type: str | None
    unit: str


def unit_of(value_type: str, unit: str) -> str:
    """Return the unit of values: ``PERCENT``, or the table's own word.

    Without a unit, values are percentages unless their type says that they are not; then the type stands for the unit.
    """
    if PERCENT_UNIT.match(unit):
        return PERCENT
    if not NO_UNIT.fullmatch(unit):
        return unit
    return value_type if NO_PERCENTAGE.search(value_type) else PERCENT


def measures_of(variants: Sequence[Variant]) -> list[Measure]:
    """Return the measure of each variant of one question.

    An empty field means the only response or value type that the question has, as in a folder with versions of a table
    of which one lacks the column; if it has several, it is ``NOT_GIVEN``. Where a value type has several units, its
    name says which.
    """
    no_type, no_response = (_name_of_empty(variant[place] for variant in variants) for place in (0, 2))
    full = [(value_type or no_type, unit, response or no_response) for value_type, unit, response in variants]
    parts = [(response, value_type, unit_of(value_type, unit)) for value_type, unit, response in full]
    units: dict[tuple[str, str], set[str]] = {}
    for response, value_type, unit in parts:
        units.setdefault((response, value_type), set()).add(unit)
    return [
        Measure(response or None, _type_name(value_type, unit, len(units[response, value_type])), unit)
        for response, value_type, unit in parts
    ]


def _type_name(value_type: str, unit: str, units: int) -> str | None:
    if units > 1:
        return f"{value_type} ({unit})" if value_type else unit
    return value_type or None


def _name_of_empty(texts: Iterable[str]) -> str:
    """Return what an empty text among these means: the only other one, or a name of its own if there are several."""
    filled = set(texts) - {""}
    return filled.pop() if len(filled) == 1 else NOT_GIVEN if filled else ""
