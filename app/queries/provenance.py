"""The provenance of a result: the table, the filters, how many rows were used, and which were left out."""

from typing import Any

from app.queries.caveats import caveats_of
from app.queries.query import Filters, Query, select
from app.table.dataset import dataset_of
from app.table.survey_table import SurveyTable

NAME = "health-statistics-server"
VERSION = "0.1.0"  # the project file has the same; a test compares them


def provenance_of(table: SurveyTable, statistic: str, query: Query) -> dict[str, Any]:
    """Return the provenance of a result, JSON-ready.

    The rows that were used and those that were left out add up to all rows of the question, suppressed ones included.
    When a result rests on two selections, ``other`` describes the second.
    """
    main, *others = (_selected(table, question, filters) for question, filters in query.selections)
    other = {"other": others[0]} if others else {}
    return {
        "statistic": statistic,
        "server": {"name": NAME, "version": VERSION},
        "table": _table(table),
        **main,
        **other,
        "notes": caveats_of(table, query),
    }


def _table(table: SurveyTable) -> dict[str, Any]:
    """Describe the version of the table; nothing here changes when the same content is read again."""
    report, dataset = table.report, dataset_of(table.report)
    return {
        "id": table.id,
        "title": dataset.title,
        "publisher": dataset.publisher,
        "dataset_id": dataset.id,
        "vintage": {"last_year": dataset.last_year, "first_loaded": dataset.first_loaded},
        "source": report.source,
        "sha256": report.sha256,
        "loaded_at": report.loaded_at,
        "modelled": report.modelled,
    }


def _selected(table: SurveyTable, question: int, filters: Filters) -> dict[str, Any]:
    """Describe which rows of one question were used."""
    selection = select(table, question, filters, needs_value=False)
    about = table.questions[question].question
    suppressed = int(selection.cells.suppressed_rows.sum())
    left_out = [{"reason": item.reason, "rows": item.rows} for item in selection.left_out]
    if suppressed:
        left_out.append({"reason": "suppressed, without a value", "rows": suppressed})
    periods = [table.periods[code] for code in set(selection.cells.periods.tolist()) if code >= 0]
    return {
        "question": about.text,
        "value_type": about.value_type,
        "unit": about.unit,
        "response": about.response,
        "limits_scale": table.questions[question].limits_scale,
        "filters": _named(table, filters),
        "years": sorted({period.label for period in periods}, key=str),
        "rows_used": int(selection.cells.rows.sum()),
        "left_out": left_out,
    }


def _named(table: SurveyTable, filters: Filters) -> dict[str, Any]:
    """Return the filters that are set, with full names instead of codes."""
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
    if filters.standardized:
        named["standardize"] = "age"
    return named
