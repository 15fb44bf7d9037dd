"""The form in which a request is recorded: what it means over a table, and no longer than the table makes it."""

from typing import Any

from app.queries.bodies import QuestionBody, Stratification
from app.table.survey_table import SurveyTable


def canonical_body(body: QuestionBody, table: SurveyTable) -> bytes:
    """Return a valid body as short JSON that means the same over the table.

    ``locations`` and ``exclude`` hold full names, once each and sorted. A list of years is sorted too, and holds only
    years of the table. A category and a stratum have the table's names. Defaults are left out. Other fields hold a name
    of the table each, and stay as they are.
    """
    shorter: dict[str, Any] = {
        field: tuple(sorted({table.location_names[table.location_code(name)] for name in names}))
        for field in ("locations", "exclude")
        if (names := getattr(body, field)) is not None
    }
    if isinstance(body.years, tuple):
        shorter["years"] = _years(body.years, table)
    if body.stratification is not None:
        shorter["stratification"] = _stratification(body.stratification, table)
    if shorter:
        body = body.model_copy(update=shorter)
    return body.model_dump_json(exclude_defaults=True, by_alias=True).encode()


def _stratification(wanted: Stratification, table: SurveyTable) -> Stratification:
    if wanted.value is None:
        return Stratification(category=table.category_name(wanted.category))
    (code,) = table.strata_codes(wanted.category, wanted.value)
    return Stratification(category=table.strata[code].category, value=table.strata[code].name)


def _years(years: tuple[int, ...], table: SurveyTable) -> tuple[int, ...]:
    """Return the years that the table has; all of them if it has none, because a list must not be empty."""
    known = {year for period in table.periods for year in range(period.first, period.last + 1)}
    return tuple(sorted(known.intersection(years) or set(years)))
