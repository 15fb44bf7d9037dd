"""What the form offers: all of it from the registry of statistics and from what the table holds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from app.errors import InvalidRequestError
from app.pages.form_fields import STRATUM_SEPARATOR, Fields, address_of, fields_of
from app.planner import Planner
from app.statistics import STATISTICS, Statistic
from app.table.survey_table import NATION, Question, SurveyTable

OBESITY = "Q036"  # the question that the form begins with, where the table has it
FIRST_STATISTIC = "estimate"


@dataclass(frozen=True, slots=True)
class StatisticChoice:
    """A statistic as the form offers it: what it is, the fields that it takes, and those that it needs."""

    name: str
    label: str
    takes: Sequence[str]
    needs: Sequence[str]


@dataclass(frozen=True, slots=True)
class Example:
    """Something that can be asked of this table: what it is, and the address of the page that asks it."""

    label: str
    address: str


@dataclass(frozen=True, slots=True)
class Choices:
    """What the form offers over one table. ``strata`` are the values of its list, with their names, by category."""

    statistics: Sequence[StatisticChoice]
    questions: Sequence[Question]
    places: Sequence[str]
    years: Sequence[int]
    strata: Mapping[str, Sequence[tuple[str, str]]]
    examples: Sequence[Example]
    first: Mapping[str, Sequence[str]]


@lru_cache(maxsize=1)
def choices_over(table: SurveyTable) -> Choices:
    """Return what the form offers over a table. Worked out once for each."""
    return Choices(
        statistics=[_choice(statistic) for statistic in STATISTICS.values()],
        questions=[data.question for data in table.questions],
        places=[location.name for location in table.locations],
        years=table.report.years,
        strata={
            category: [(f"{category}{STRATUM_SEPARATOR}{name}", name) for name in names]
            for category, names in table.categories.items()
        },
        examples=list(_examples(table)),
        first=_first_fields(table),
    )


def takes(statistic: str) -> frozenset[str]:
    """Return the fields that a statistic takes, none for one that there is not."""
    found = STATISTICS.get(statistic)
    return frozenset(found.body.model_fields) if found else frozenset()


def label_of(statistic: Statistic) -> str:
    """Return what a statistic is, as a heading."""
    text = statistic.summary.removeprefix("Return ").rstrip(".")
    return text[:1].upper() + text[1:]


def _choice(statistic: Statistic) -> StatisticChoice:
    fields = statistic.body.model_fields
    needs = [name for name, field in fields.items() if field.is_required()]
    return StatisticChoice(statistic.name, label_of(statistic), list(fields), needs)


def _examples(table: SurveyTable) -> Iterator[Example]:
    """Give the registry's example of each statistic that can be asked of this table."""
    planner = Planner(table)
    for name, statistic in STATISTICS.items():
        try:
            planner.plan(name, orjson.dumps(statistic.example))
        except InvalidRequestError:
            continue
        yield Example(label_of(statistic), address_of(fields_of(name, statistic.example)))


def _first_fields(table: SurveyTable) -> Mapping[str, Sequence[str]]:
    """Return what the form is filled in with before anything is asked."""
    texts = {data.question.id: data.question.text for data in table.questions}
    question = texts.get(OBESITY) or table.questions[0].question.text
    nation = NATION if table.national_code is not None else table.locations[0].name
    return {"statistic": [FIRST_STATISTIC], "question": [question], "state": [nation], "by": ["location"]}


QUESTION_FIELDS = ("question", "other_question")
FILTER_FIELDS = ("from", "to", "years", "locations", "exclude", "best", "suppressed")


def form_values(table: SurveyTable, fields: Fields) -> dict[str, Any]:
    """Return what the template of the form is filled in with.

    Those are ``choices``, ``fields``, ``asked`` (whether anything was), ``taken`` (the fields that the statistic takes)
    and ``filtered`` (whether there are filters, so that they are shown at once).
    """
    choices = choices_over(table)
    asked = bool(fields.get("statistic"))
    fields = fields if asked else {**choices.first, **fields}
    texts = {question.id: question.text for question in choices.questions if question.id}
    named = {name: [texts.get(text, text) for text in fields.get(name, ())] for name in QUESTION_FIELDS}
    return {
        "choices": choices,
        "fields": {**fields, **named},
        "asked": asked,
        "taken": takes(fields["statistic"][0]),
        "filtered": any(any(fields.get(name, ())) for name in FILTER_FIELDS),
    }
