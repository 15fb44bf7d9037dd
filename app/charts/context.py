"""The text around a chart: question, source, years, and the restrictions of the rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from app.errors import join_first
from app.findings import finding_of, title_of
from app.findings.words import place_words
from app.table.facts import Direction, survey_facts
from app.table.question import PERCENT, question_name
from app.table.stratification import TOTAL
from app.table.survey_table import SurveyTable

Theme = Literal["light", "dark"]
PictureWidth = Literal["wide", "narrow"]

MAX_NAMES = 4


@dataclass(frozen=True, slots=True)
class ChartContext:
    """Where a result comes from, for the lines above and below its chart.

    Parameters
    ----------
    question: the question's full text, with its response and value type
    source: the name of the table
    years: the labels of the rows' years; empty if unknown
    modelled: whether the table is modelled data
    abbreviations: the abbreviation of each location by its name, in addition to CDC's
    unit: the unit of the question's values
    best: the good end of the scale; None if unknown
    restrictions: what the rows were restricted to, a line each, such as ``Age (years): 18 - 24``
    title: the title of the result; by default one of its data alone
    finding: its numbers in a sentence; by default the drawing says them in words of its own
    titled: whether title, finding and question stand above the chart, which a page may say itself
    width: of the picture that is drawn; None for a chart as wide as its place, whose text fits a page of 360 pixels
    year: that a map of several years shows; by default the last one
    """

    question: str
    source: str
    years: tuple[int | str, ...] = ()
    modelled: bool = False
    abbreviations: Mapping[str, str] = field(default_factory=dict)
    unit: str = PERCENT
    best: Direction | None = None
    restrictions: tuple[str, ...] = ()
    title: str = ""
    finding: str = ""
    titled: bool = True
    width: PictureWidth | None = None
    year: str | None = None


def chart_context(
    statistic: str, document: Mapping[str, Any], provenance: Mapping[str, Any], table: SurveyTable
) -> ChartContext:
    """Return the context of a finished job's chart.

    Parameters
    ----------
    statistic: its name
    document: the job's result document
    provenance: where its figures come from; empty if unknown
    table: the table that it was computed over, for what the provenance lacks
    """
    source = provenance.get("table") or {"source": table.report.source, "modelled": table.report.modelled}
    known = survey_facts().find_question(provenance.get("question", ""), None)
    return ChartContext(
        question=_question(provenance),
        source=source["source"],
        years=_years(provenance),
        modelled=source["modelled"],
        abbreviations={place.name: place.abbreviation for place in table.locations if place.abbreviation},
        unit=provenance.get("unit", PERCENT),
        best=known.best if known else None,
        restrictions=tuple(_restrictions(document["data"], provenance.get("filters", {}))),
        title=title_of(statistic, document["data"], provenance),
        finding=finding_of(statistic, document["data"], provenance) if provenance else "",
    )


def _years(provenance: Mapping[str, Any]) -> tuple[int | str, ...]:
    """Return the years of all rows; those of a comparison of years are of either side."""
    years = {year for part in (provenance, provenance.get("other") or {}) for year in part.get("years", ())}
    return tuple(sorted(years, key=str))


def _question(provenance: Mapping[str, Any]) -> str:
    """Return the question with its response and value type, as far as the provenance names them."""
    measure = [provenance.get(name) for name in ("response", "value_type")]
    return question_name(provenance.get("question", ""), *measure)


def _restrictions(data: Any, filters: Mapping[str, Any]) -> Iterator[str]:
    """Describe the filters that the chart does not show by itself. The footer has the years."""
    first = data[0] if isinstance(data, list) and data else data
    strata = filters.get("stratification", ())
    shows_strata = bool({"stratum", "category", "groups", "a"} & set(first)) or first.get("across") == "stratum"
    if not shows_strata and any(stratum["category"] != TOTAL for stratum in strata):
        yield f"{strata[0]['category']}: {join_first([stratum['value'] for stratum in strata], MAX_NAMES)}"
    if filters.get("locations") and isinstance(data, list) and "location" not in first:
        yield join_first(filters["locations"], MAX_NAMES)
    if filters.get("exclude"):
        yield f"Without {join_first([place_words(name) for name in filters['exclude']], MAX_NAMES)}"
    if filters.get("suppressed"):
        yield "Without rows marked as suppressed"
    if filters.get("standardize"):
        yield "Standardised by age"
