"""What a chart is told beside the answer that it shows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from app.table.survey_table import SurveyTable

Theme = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class ChartContext:
    """Where an answer comes from, for titles and the lines under the chart.

    Parameters
    ----------
    question: the question's full text
    source: the name of the table
    years: the years that the rows are of; empty where they are not known
    modelled: whether the table is modelled data
    abbreviations: the abbreviation of each location by its name; those that CDC uses are known without
    selection: what the rows were restricted to, a line each, such as ``Age (years): 18 - 24``
    """

    question: str
    source: str
    years: tuple[int, ...] = ()
    modelled: bool = False
    abbreviations: Mapping[str, str] = field(default_factory=dict)
    selection: tuple[str, ...] = ()


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
