"""What the dashboard's form offers, read from the registry of statistics and from the table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from app.findings.words import year_span
from app.pages.asking.leads import Lead, first_question, latest_years, leads_over
from app.queries.bodies import used_fields
from app.queries.form_fields import STRATUM_SEPARATOR, Fields, own_fields
from app.statistics import STATISTICS, Statistic
from app.statistics.means import SIMPLE_MEANS
from app.table.facts import survey_facts
from app.table.question import Question, QuestionData
from app.table.stratum_order import category_order, stratum_order
from app.table.survey_table import SurveyTable
from app.versions.version import TableVersion

FIRST_STATISTIC = "estimate"
QUESTION_FIELDS = ("question", "other_question")
FIELDS_OF_PROGRAMS = frozenset({"comparisons"})  # of a batch
MEASURE_FIELDS = frozenset({"value_type", "response", "other_value_type", "other_response"})
PLURALS = {"location": "locations", "year": "years", "stratum": "groups"}
TABLES_REMEMBERED = 2
BETTER = {"min": "low values are better", "max": "high values are better"}
FILTER_FIELDS = ("locations", "exclude", "best", "suppressed", "standardize", "table", "as_of")


@dataclass(frozen=True, slots=True)
class StatisticChoice:
    """A statistic in the form: its label, the fields it takes, and those it requires; whether it is a simple mean."""

    name: str
    label: str
    is_mean: bool
    takes: Sequence[str]
    needs: Sequence[str]


@dataclass(frozen=True, slots=True)
class OwnField:
    """A field that only one statistic takes.

    Parameters
    ----------
    options: the values and the labels of its list; empty for a plain input
    """

    name: str
    label: str
    hint: str
    is_number: bool
    options: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class QuestionChoice:
    """A question in the form.

    Parameters
    ----------
    latest: the first and the last year of its latest figures; empty if these have no year
    categories: of the groups that it has figures of
    also: its short name and other words that people look for it by
    """

    question: Question
    latest: Sequence[int]
    categories: Sequence[str]
    also: str

    @property
    def about(self) -> str:
        """What the form says of the question: its id, its class, its years, and which values are better."""
        question = self.question
        better = BETTER.get(question.best or "")
        return " · ".join(filter(None, (question.id, question.class_name, year_span(question.years), better)))


@dataclass(frozen=True, slots=True)
class Choices:
    """What the form offers over one table.

    Parameters
    ----------
    strata: by category, the value and the label of each stratum in the form's list
    defaults: the fields of an empty form
    """

    statistics: Sequence[StatisticChoice]
    own_fields: Sequence[OwnField]
    questions: Sequence[QuestionChoice]
    places: Sequence[str]
    years: Sequence[int]
    strata: Mapping[str, Sequence[tuple[str, str]]]
    standardized: bool
    leads: Sequence[Lead]
    defaults: Mapping[str, Sequence[str]]

    def statistic(self, name: str) -> StatisticChoice | None:
        """Return the statistic with this name, if there is one."""
        return next((choice for choice in self.statistics if choice.name == name), None)

    def question(self, text: str) -> QuestionChoice | None:
        """Return the question with this text, if there is one."""
        return next((choice for choice in self.questions if choice.question.text == text), None)


@dataclass(frozen=True, slots=True)
class VersionChoice:
    """A version of the table in the form: the value of its field, empty for the current one, and its label."""

    value: str
    label: str


class FormChoices:
    """The choices over the tables of one application, computed once for each of the last ones."""

    def __init__(self) -> None:
        self.over = lru_cache(maxsize=TABLES_REMEMBERED)(_choices_over)  # tables are immutable


def version_choices(versions: Sequence[TableVersion], current: str, asked: str) -> list[VersionChoice]:
    """Return the versions of the table that a form offers; none if there is only the current one.

    Parameters
    ----------
    versions: the kept ones, the one that was served last first
    current: the id of the current one
    asked: what the form's fields name, which stays chosen even if it does not exist; "" for the current one
    """
    offered = [version for version in versions if version.id != current or version.id == asked]
    named = [VersionChoice(version.id, _version_label(version)) for version in offered]
    if asked and asked not in {version.id for version in offered}:
        named.append(VersionChoice(asked, f"{asked} (not kept)"))
    return [VersionChoice("", "the current one"), *named] if named else []


def _version_label(version: TableVersion) -> str:
    served = version.served_from[-1] if version.served_from else version.first_read
    return f"served from {served:%Y-%m-%d %H:%M} UTC: {version.rows:,} rows, {version.short_id}"


def form_values(choices: Choices, versions: Sequence[VersionChoice], fields: Fields) -> dict[str, Any]:
    """Return the values that the template of the form needs.

    They are ``choices``, ``versions``, ``fields``, ``has_query`` (whether the fields name a statistic), ``taken`` (the
    fields that this statistic takes), ``needed`` (those that it requires), ``has_locations_at_hand`` (whether the field
    of locations is not among the folded filters), ``filtered`` (whether a filter is set, so that these are shown
    opened), ``held`` (fields that this table gives no choice of and that have a value) and ``filters`` (those that are
    folded away unless shown opened).
    """
    has_query = bool(fields.get("statistic"))
    fields = fields if has_query else {**choices.defaults, **fields}
    needed = needs(fields["statistic"][0])
    taken = takes(fields["statistic"][0])
    at_hand = needed | ({"locations"} if "by" in taken else set())  # asked too often to be folded away
    texts = {each.question.id: each.question.text for each in choices.questions if each.question.id}
    questions = {name: [texts.get(text, text) for text in fields.get(name, ())] for name in QUESTION_FIELDS}
    held = _held(choices, fields)
    return {
        "choices": choices,
        "versions": versions,
        "fields": {**fields, **questions},
        "has_query": has_query,
        "taken": taken,
        "needed": needed,
        "has_locations_at_hand": "locations" in at_hand,
        "filtered": any(any(fields.get(name, ())) for name in FILTER_FIELDS if name not in at_hand),
        "held": held,
        "filters": {*FILTER_FIELDS, *held} - at_hand,
    }


def _held(choices: Choices, fields: Fields) -> list[str]:
    offered = {field.name for field in choices.own_fields} | ({"standardize"} if choices.standardized else set())
    return [
        name
        for name in sorted({"standardize", *MEASURE_FIELDS, *FIELDS_OF_PROGRAMS} - offered)
        if any(fields.get(name, ()))
    ]


def takes(statistic: str) -> frozenset[str]:
    """Return the fields that a statistic takes; none for an unknown statistic."""
    found = STATISTICS.get(statistic)
    return frozenset(used_fields(found.body)) if found else frozenset()


def needs(statistic: str) -> frozenset[str]:
    """Return the fields that a statistic requires; none for an unknown statistic."""
    found = STATISTICS.get(statistic)
    return frozenset(found.required_fields) if found else frozenset()


def _choices_over(table: SurveyTable) -> Choices:
    questions = {data.question.text: data for data in table.questions}
    several_measures = len(questions) < len(table.questions)  # so that a request may have to name one
    return Choices(
        statistics=[_choice(statistic) for statistic in STATISTICS.values()],
        own_fields=[field for field in _own_fields() if several_measures or field.name not in MEASURE_FIELDS],
        questions=[_question_choice(data, table) for data in questions.values()],
        places=[location.name for location in table.locations],
        years=table.report.years,
        strata={
            category: [
                (f"{category}{STRATUM_SEPARATOR}{name}", name)
                for name in sorted(table.categories[category], key=partial(stratum_order, category))
            ]
            for category in sorted(table.categories, key=category_order)
        },
        standardized=bool(table.standardized_categories),
        leads=leads_over(table),
        defaults=_defaults(table),
    )


def _choice(statistic: Statistic) -> StatisticChoice:
    return StatisticChoice(
        statistic.name,
        statistic.title,
        statistic.name in SIMPLE_MEANS,
        list(used_fields(statistic.body)),
        statistic.required_fields,
    )


def _question_choice(data: QuestionData, table: SurveyTable) -> QuestionChoice:
    strata = {table.strata[code].category for code in set(data.cells.strata.tolist()) if code >= 0}
    known = survey_facts().find_question(data.question.text, data.question.id)
    also = f"{known.short}, {known.also}" if known else ""
    return QuestionChoice(data.question, latest_years(data, table), sorted(strata), also)


def _own_fields() -> Iterator[OwnField]:
    schemas: dict[str, dict[str, Any]] = {}
    for statistic in STATISTICS.values():
        schemas |= own_fields(statistic.body)
    for name, schema in schemas.items():
        if name in FIELDS_OF_PROGRAMS:
            continue
        yield OwnField(
            name,
            label=name.replace("_", " ").capitalize(),
            hint=schema.get("description", ""),
            is_number=schema.get("type") in {"integer", "number"},
            options=[(value, PLURALS.get(value, value)) for value in schema.get("enum", ())],
        )


def _defaults(table: SurveyTable) -> Mapping[str, Sequence[str]]:
    data = first_question(table)
    nation = table.location_names[table.national_code or 0]
    years = {name: [str(year)] for name, year in zip(("from", "to"), latest_years(data, table), strict=False)}
    asked = {"statistic": [FIRST_STATISTIC], "question": [data.question.text], "state": [nation], "by": ["location"]}
    return {**asked, **years}
