"""What a chart is told of its answer: the question, where the rows come from, and what they were restricted to."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.charts import ChartContext
from app.survey_table import SurveyTable

NAMES_TOLD = 4
TOTAL = "Total"


def chart_context(document: Mapping[str, Any], provenance: Mapping[str, Any], table: SurveyTable) -> ChartContext:
    """Return what is told above and below a chart.

    Parameters
    ----------
    document: that of a job that is done
    provenance: where its figures come from, empty where that is not known
    table: the table of now, for what the provenance does not tell
    """
    source = provenance.get("table") or {"source": table.report.source, "modelled": table.report.modelled}
    return ChartContext(
        question=provenance.get("question", ""),
        source=source["source"],
        years=tuple(year for year in provenance.get("years", ()) if isinstance(year, int)),
        modelled=source["modelled"],
        abbreviations={place.name: place.abbreviation for place in table.locations if place.abbreviation},
        selection=tuple(_selection(document["data"], provenance.get("filters", {}))),
    )


def _selection(data: Any, filters: Mapping[str, Any]) -> Iterator[str]:
    """Give what the rows were restricted to, but for what the answer itself tells."""
    strata = filters.get("stratification", ())
    if strata and not _tells_strata(data) and any(stratum["category"] != TOTAL for stratum in strata):
        yield f"{strata[0]['category']}: {_named([stratum['value'] for stratum in strata])}"
    if filters.get("exclude"):
        yield f"Without {_named(filters['exclude'])}"
    if filters.get("suppressed"):
        yield "Without rows marked as suppressed"


def _tells_strata(data: Any) -> bool:
    """Tell whether the strata are a part of the answer."""
    first = data[0] if isinstance(data, list) and data else data
    return bool({"stratum", "category", "groups", "a"} & set(first))


def _named(names: list[str]) -> str:
    more = f" and {len(names) - NAMES_TOLD} more" if len(names) > NAMES_TOLD else ""
    return ", ".join(names[:NAMES_TOLD]) + more
