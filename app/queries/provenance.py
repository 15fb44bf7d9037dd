"""Where the figures of an answer come from: which table, which filters, how many rows, and what was left out."""

from collections.abc import Iterable
from typing import Any

from app.queries.query import Filters, Query, select
from app.table.survey_table import SurveyTable


def provenance_of(table: SurveyTable, statistic: str, query: Query) -> dict[str, Any]:
    """Return the provenance of an answer, JSON-ready.

    Its rows are counted so that those used and those left out are all that the table has of the question, suppressed
    ones included. Where two sides or two questions are put together, ``other`` tells of the second.
    """
    parts = [_part(table, question, side) for question in query.questions for side in query.sides or (query.filters,)]
    other = {"other": parts[1]} if len(parts) > 1 else {}
    return {"statistic": statistic, "table": _table(table), **parts[0], **other}


def _table(table: SurveyTable) -> dict[str, Any]:
    report = table.report
    return {
        "source": report.source,
        "sha256": report.sha256,
        "loaded_at": report.loaded_at,
        "modelled": report.modelled,
    }


def _part(table: SurveyTable, question: int, filters: Filters) -> dict[str, Any]:
    """Tell which rows of one question were used."""
    selection = select(table, question, filters, needs_value=False)
    suppressed = int(selection.cells.suppressed_rows.sum())
    left_out = [{"reason": item.reason, "rows": item.rows} for item in selection.left_out]
    if suppressed:
        left_out.append({"reason": "suppressed, without a value", "rows": suppressed})
    return {
        "question": table.questions[question].question.text,
        "filters": _named(table, filters),
        "years": sorted({period.label for period in _periods(table, selection.cells.periods.tolist())}, key=str),
        "rows_used": int(selection.cells.rows.sum()),
        "left_out": left_out,
    }


def _periods(table: SurveyTable, codes: Iterable[int]) -> list[Any]:
    return [table.periods[code] for code in set(codes) if code >= 0]


def _named(table: SurveyTable, filters: Filters) -> dict[str, Any]:
    """Return the filters that are set, with full names in the place of codes."""
    named: dict[str, Any] = {}
    if filters.periods is not None:
        named["years"] = [table.periods[code].label for code in filters.periods]
    if filters.strata is not None:
        strata = [table.strata[code] for code in filters.strata]
        named["stratification"] = [{"category": stratum.category, "value": stratum.name} for stratum in strata]
    for name, codes in (("locations", filters.locations), ("exclude", filters.excluded)):
        if codes is not None:
            named[name] = [table.location_names[code] for code in codes]
    if not filters.footnoted:
        named["suppressed"] = "exclude"
    return named
