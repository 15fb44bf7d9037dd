"""The words around a chart, over real results: the restrictions of the rows come from the provenance."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from app.charts import chart_of
from app.charts.context import chart_context
from app.charts.words import SUBTITLE_CHARS, wrapped
from app.findings import finding_of, title_of
from app.findings.words import year_span
from app.services import Services
from support.chart_documents import cell
from support.small_survey import OBESITY

MALE = {"category": "Gender", "value": "Male"}


@pytest.mark.parametrize(
    ("body", "restrictions"),
    [
        ({"by": ["location"], "stratification": MALE}, ["Gender: Male"]),
        ({"by": ["location"], "stratification": MALE, "locations": ["Ohio", "Utah"]}, ["Gender: Male"]),
        ({"by": [], "stratification": MALE, "locations": ["Ohio"]}, ["Gender: Male"]),  # the title names Ohio
        ({"by": ["location", "category", "stratum"]}, []),
        (
            {"by": ["location"], "stratification": MALE, "exclude": ["Ohio", "Utah", "Texas", "Maine", "Iowa"]},
            ["Gender: Male", "Without Iowa, Maine, Ohio, Texas, and 1 more"],
        ),
        (
            {"by": ["location"], "stratification": MALE, "suppressed": "exclude"},
            ["Gender: Male", "Without rows marked as suppressed"],
        ),
    ],
)
def test_a_chart_of_a_result_with_provenance_describes_its_restrictions_in_words(
    services: Services, body: dict[str, Any], restrictions: list[str]
) -> None:
    job = services.submit("estimate", orjson.dumps({"question": OBESITY, **body}))
    services.wait([job], 10)
    document = orjson.loads(services.store.document(job).content)
    context = chart_context("estimate", document, document["provenance"], services.ingestor.table)
    title = chart_of("estimate", document, context)["title"]
    finding = wrapped(finding_of("estimate", document["data"], document["provenance"]), SUBTITLE_CHARS)
    assert finding
    assert title["subtitle"] == [*finding, OBESITY, *restrictions]
    assert " ".join(title["text"]) == title_of("estimate", document["data"], document["provenance"])
    untitled = chart_of("estimate", document, replace(context, titled=False)).get("title", {})
    assert untitled.get("text", []) == restrictions
    assert "subtitle" not in untitled


def test_a_chart_of_compared_groups_does_not_list_them_above(services: Services) -> None:
    strata = [{"category": "Gender", "value": name} for name in ("Female", "Male")]
    sides = [cell(30.0, category="Gender", stratum=each["value"]) for each in strata]
    other = {**sides[1], "difference": 1.0, "p_adjusted": 0.5}
    document = {"data": {"across": "stratum", "reference": sides[0], "others": [other], "comparisons": 1}}
    provenance = {"question": OBESITY, "years": [2021], "filters": {"stratification": strata}}
    context = chart_context("compare_all", document, provenance, services.ingestor.table)
    assert context.restrictions == ()


def test_a_chart_of_two_years_names_both_in_its_source(services: Services) -> None:
    sides = {side: {**cell(30.0), "location": "Ohio", "years": [year]} for side, year in (("a", 2021), ("b", 2011))}
    document = {
        "data": {**sides, "dimension": "year", "difference": {"value": 0.0, "low": -1.0, "high": 1.0, "p_value": 1.0}}
    }
    provenance = {"question": OBESITY, "years": [2021], "other": {"question": OBESITY, "years": [2011]}}
    context = chart_context("compare", document, provenance, services.ingestor.table)
    assert context.years == (2011, 2021)


@pytest.mark.parametrize(
    ("years", "text"),
    [
        ([], ""),
        ([2019], "2019"),
        ([2021, 2020], "2020, 2021"),
        ([2011, 2012, 2013], "2011 to 2013"),
        ([2011, 2013, 2014], "2011, 2013, 2014"),
        (["2011", "2012", "2013"], "2011 to 2013"),
        (["2011-2013", 2014], "2011-2013, 2014"),
    ],
)
def test_years_are_a_span_unless_one_is_missing(years: list[int | str], text: str) -> None:
    assert year_span(years) == text
