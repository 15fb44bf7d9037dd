"""Six questions in plain words, each with the address of its answer over one table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from app.errors import InvalidRequestError
from app.planner import Planner
from app.queries.form_fields import address_of, fields_of
from app.table.facts import survey_facts
from app.table.question import QuestionData
from app.table.stratification import TOTAL
from app.table.survey_table import SurveyTable

OBESITY = "Q036"  # the question that an empty form starts with, if the table has it
COMPANION = "Q047"  # what it is correlated with, if the table has that
STATES = ("Ohio", "Utah")  # examples, if the table has them
CATEGORIES = ("Income", "Education")  # the first that the table has is the example


@dataclass(frozen=True, slots=True)
class Lead:
    """A question in plain words, what it takes as an example, and the address of its answer."""

    label: str
    note: str
    address: str


def first_question(table: SurveyTable) -> QuestionData:
    """Return the question that an empty form starts with."""
    return next((data for data in table.questions if data.question.id == OBESITY), table.questions[0])


def latest_years(data: QuestionData, table: SurveyTable, category: str | None = None) -> tuple[int, ...]:
    """Return the first and the last year of the latest period that a question has figures of; empty without years.

    Parameters
    ----------
    category: only figures of the strata of this category
    """
    chosen = data.cells.rows > 0
    if category is not None:
        codes = set(table.categories[category].values())
        chosen = chosen & [code in codes for code in data.cells.strata.tolist()]
    latest = int(data.cells.periods[chosen].max(initial=-1))
    return (table.periods[latest].first, table.periods[latest].last) if latest >= 0 else ()


def measured(data: QuestionData) -> dict[str, str]:
    """Return the fields of a body that name a question, with its value type and response if it has several."""
    about = data.question
    fields = {"question": about.id or about.text}
    if about.name != about.text:
        fields |= {name: text for name in ("value_type", "response") if (text := getattr(about, name))}
    return fields


def in_years(years: tuple[int, ...]) -> dict[str, Any]:
    """Return the field of a body that restricts it to some years; none for no years."""
    return {"years": dict(zip(("from", "to"), years, strict=True))} if years else {}


def leads_over(table: SurveyTable) -> list[Lead]:
    """Return the questions that this table can answer."""
    return [*_leads(table), Lead("Everything about one state", "every question beside the nation", "/places")]


def _leads(table: SurveyTable) -> Iterator[Lead]:
    """Yield a lead for each kind of question, with the first of its bodies that the table can answer."""
    planner, data = Planner(table), first_question(table)
    subject = _short(data)
    about, latest = measured(data), in_years(latest_years(data, table))
    state, other = _states(table)
    pair = {**about, **latest, "between": {"location": [state, other]}}
    wanted = [
        ("Where is it highest?", f"{subject} by state", "estimate", [{**about, **latest}]),
        ("How has my state changed?", f"{subject} in {state}, for example", "trend", [{**about, "state": state}]),
        ("How do two states differ?", f"{state} and {other}, for example", "compare", [pair]),
        (
            "Which groups differ most?",
            f"{subject}, for example by income",
            "disparity",
            list(_disparities(data, table)),
        ),
        ("What goes together?", f"{subject} and another question", "correlate", list(_pairs(data, table))),
    ]
    for label, note, statistic, bodies in wanted:
        body = next((body for body in bodies if _is_answered(planner, statistic, body)), None)
        if body is not None:
            yield Lead(label, note, address_of(fields_of(statistic, body)))


def _short(data: QuestionData) -> str:
    known = survey_facts().find_question(data.question.text, data.question.id)
    return known.short if known else data.question.text


def _states(table: SurveyTable) -> tuple[str, str]:
    names = [name for code, name in enumerate(table.location_names) if code != table.national_code]
    first, second, *_ = [*(name for name in STATES if name in names), *names, *table.location_names, ""]
    return first, second


def _disparities(data: QuestionData, table: SurveyTable) -> Iterator[dict[str, Any]]:
    categories = [*(name for name in CATEGORIES if name in table.categories), *table.categories]
    for category in categories:
        if category != TOTAL:
            years = in_years(latest_years(data, table, category))
            yield {**measured(data), **years, "stratification": {"category": category}}


def _pairs(data: QuestionData, table: SurveyTable) -> Iterator[dict[str, Any]]:
    others = sorted(
        (each for each in table.questions if each is not data), key=lambda each: each.question.id != COMPANION
    )
    for other in others:
        named = {f"other_{name}": text for name, text in measured(other).items()}
        for years in (in_years(latest_years(data, table)), {}):
            yield {**measured(data), **named, **years}


def _is_answered(planner: Planner, statistic: str, body: Mapping[str, Any]) -> bool:
    try:
        planner.plan(statistic, orjson.dumps(body))
    except InvalidRequestError:
        return False
    return True
