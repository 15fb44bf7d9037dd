"""Changes between two versions of the table as records with names, and in words."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from app.table.cells import TIE_DECIMALS, Codes
from app.table.facts import survey_facts
from app.table.question import Question
from app.table.stratification import EVERYBODY
from app.versions.changes import KINDS, Comparison, Figures, Kind

Year = Annotated[int | str | None, Field(description="a span such as 2011-2013 for rows that cover several years")]
RECORDS_AT_A_TIME = 2000
EM_DASH = "\N{EM DASH}"


@dataclass(frozen=True, slots=True)
class CellFigures:
    """What a version says about a cell; a figure that it does not have is null."""

    value: float | None
    low: float | None
    high: float | None
    sample_size: int | None
    suppressed: bool
    footnote: str | None
    rows: Annotated[int, Field(description="above 1 where the table has several rows for one cell")]


@dataclass(frozen=True, slots=True)
class CellChange:
    """A cell that differs between two versions; ``old`` or ``new`` is null if that version lacks it."""

    rank: Annotated[int, Field(description="its place among all changes, from 1")]
    kind: Kind
    question: str
    question_id: str | None
    response: str | None
    value_type: str | None
    unit: str
    standardized: bool
    year: Year
    location: str | None
    category: str | None
    stratum: str | None
    difference: Annotated[float | None, Field(description="new less old value")]
    old: CellFigures | None
    new: CellFigures | None


@dataclass(frozen=True, slots=True)
class ChangeCount:
    """How many cells of a question and a year differ, and by how much their values do at most."""

    question: str
    question_id: str | None
    response: str | None
    value_type: str | None
    standardized: bool
    year: Year
    changed: int
    added: int
    removed: int
    largest: Annotated[float | None, Field(description="largest absolute difference of a value")]


def counts_of(comparison: Comparison) -> list[ChangeCount]:
    """Return the changes of a comparison counted by question and year."""
    return [
        ChangeCount(
            **_measure(count.question),
            standardized=count.standardized,
            year=count.period.label if count.period is not None else None,
            changed=count.changed,
            added=count.added,
            removed=count.removed,
            largest=count.largest or None,
        )
        for count in comparison.counts
    ]


def change_records(comparison: Comparison, places: Codes) -> Iterator[CellChange]:
    """Yield the changes at some places, with names. Makes a few thousand at a time, so memory stays small."""
    for start in range(0, places.size, RECORDS_AT_A_TIME):
        yield from _records(comparison, places[start : start + RECORDS_AT_A_TIME])


def _records(comparison: Comparison, places: Codes) -> Iterator[CellChange]:
    changes = comparison.changes.take(places)
    keys = changes.keys
    names = zip(
        *(column.tolist() for column in (places, keys.kinds, keys.questions, keys.standardized, keys.periods)),
        *(column.tolist() for column in (keys.locations, keys.strata, changes.differences())),
        strict=True,
    )
    sides = (_figures(comparison, figures) for figures in (changes.old, changes.new))
    for (place, kind, question, standardized, period, location, stratum, difference), old, new in zip(
        names, *sides, strict=True
    ):
        years = comparison.period(period)
        group = comparison.strata[stratum] if stratum >= 0 else None
        yield CellChange(
            rank=place + 1,
            kind=KINDS[kind],
            **_measure(comparison.questions[question]),
            unit=comparison.questions[question].unit,
            standardized=standardized,
            year=years.label if years is not None else None,
            location=comparison.locations[location] if location >= 0 else None,
            category=group.category if group is not None else None,
            stratum=group.name if group is not None else None,
            difference=_known(difference),
            old=old,
            new=new,
        )


def _measure(question: Question) -> dict[str, Any]:
    return {
        "question": question.text,
        "question_id": question.id,
        "response": question.response,
        "value_type": question.value_type,
    }


def _figures(comparison: Comparison, figures: Figures) -> Iterator[CellFigures | None]:
    columns = (figures.values, figures.low, figures.high, figures.respondents)
    numbers = zip(*(column.tolist() for column in columns), strict=True)
    others = zip(figures.suppressed.tolist(), figures.footnotes.tolist(), figures.rows.tolist(), strict=True)
    for (value, low, high, respondents), (suppressed, footnote, rows) in zip(numbers, others, strict=True):
        text = comparison.footnotes[footnote] if footnote >= 0 else None
        size = None if np.isnan(respondents) else int(respondents)
        known = CellFigures(_known(value), _known(low), _known(high), size, suppressed, text, rows)
        yield known if rows else None


def _known(number: float) -> float | None:
    return None if np.isnan(number) else number


# In words


def sentence(comparison: Comparison) -> str:
    """Sum up: ``2 cells changed (largest: Ohio 2019, Adult obesity: 34.8 to 35.8), 9 added, 0 removed``."""
    totals = comparison.totals
    if not comparison.size:
        return "no cell differs"
    cells = "1 cell" if totals["changed"] == 1 else f"{totals['changed']:,} cells"
    return f"{cells} changed{_largest(comparison)}, {totals['added']:,} added, {totals['removed']:,} removed"


def _largest(comparison: Comparison) -> str:
    first = next(change_records(comparison, np.arange(min(comparison.size, 1))), None)
    if first is None or not first.difference:
        return ""
    cell = f"{place_words(first)}, {question_words(first)}"
    return f" (largest: {cell}: {side_words(first.old)} to {side_words(first.new)})"


def place_words(change: CellChange) -> str:
    """Name the place, year and group of a cell, such as ``Ohio 2019, Female``."""
    place = " ".join(str(part) for part in (change.location, change.year) if part is not None)
    group = "" if change.stratum in EVERYBODY else change.stratum
    return ", ".join(part for part in (place, group) if part)


def question_words(change: CellChange | ChangeCount) -> str:
    """Name a question in a few words if they are known, with its response, and whether its figures are standardised."""
    known = survey_facts().questions.get(change.question)
    parts = (known.short if known else change.question, change.response, "standardised" if change.standardized else "")
    return ", ".join(part for part in parts if part)


def side_words(figures: CellFigures | None) -> str:
    """Return the value of one version, or why there is none."""
    if figures is None:
        return EM_DASH
    return "suppressed" if figures.value is None else number_words(figures.value)


def limits_words(figures: CellFigures | None) -> str:
    """Return the limits of one version; an empty text without limits."""
    if figures is None or figures.low is None or figures.high is None:
        return ""
    return f"{number_words(figures.low)} to {number_words(figures.high)}"


def number_words(value: float, sign: str = "") -> str:
    """Return a figure as it is published, to tenths; one with more digits, such as a mean, with six.

    Parameters
    ----------
    sign: ``+`` to write the sign of a positive figure too
    """
    is_tenths = math.isclose(value, round(value, 1), abs_tol=10.0**-TIE_DECIMALS)
    return f"{value:{sign}.1f}" if is_tenths else f"{value:{sign}.6g}"
