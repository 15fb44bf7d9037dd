"""What a client can ask: the statistics, the questions, the locations, and the table behind them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field
from typing_extensions import TypeAliasType, TypedDict

from app.data_ingestor import LoadReport
from app.statistics import STATISTICS, Statistic
from app.table.facts import Direction
from app.table.question import Question
from app.table.survey_table import DatasetReport, Location
from app.web.api_description import describe, json_of
from app.web.support import MODELLED_NOTICE, Done, data_response, services

blueprint = Blueprint("survey", __name__, url_prefix="/api")


@dataclass(frozen=True, slots=True)
class StatisticFields:
    """A statistic, with the fields that its request needs and those that it may have."""

    name: str
    summary: str
    needed: list[str]
    optional: list[str]


# "class" is a keyword, so no dataclass can have this field. pydantic needs typing_extensions' TypedDict on Python 3.11.
QuestionEntry = TypedDict(
    "QuestionEntry",
    {
        "id": str | None,
        "question": str,
        "class": str | None,
        "value_type": Annotated[str | None, Field(description="what the values are; null if the table is silent")],
        "unit": Annotated[str, Field(description="percent, or the table's own word")],
        "response": Annotated[str | None, Field(description="the response that is counted, if there are several")],
        "best": Annotated[Direction | None, Field(description="which end is good; null if that is not known")],
        "years": tuple[int, ...],
        "rows": Annotated[int, Field(description="rows with a value")],
        "suppressed_rows": int,
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset(DatasetReport):
    """Where the table comes from, how its rows were used, its strata by category, and how the last reload went.

    ``standardized`` has the categories that have figures standardised by age.
    """

    table_id: Annotated[str, Field(description="the version of the table; GET /api/tables lists all")]
    stratifications: Mapping[str, list[str]]
    standardized: tuple[str, ...]
    reload: LoadReport | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelledDataset(Dataset):
    """A table whose figures are modelled, with a warning."""

    notice: str


AnyDataset = TypeAliasType("AnyDataset", ModelledDataset | Dataset)


@blueprint.get("/statistics")
@describe(json_of(Done[list[StatisticFields]]))
def statistics() -> Response:
    """List the statistics: name, summary, the fields that a request for it needs, and those that it may have."""
    return data_response([_fields_of(statistic) for statistic in STATISTICS.values()])


@blueprint.get("/questions")
@describe(json_of(Done[list[QuestionEntry]]))
def questions() -> Response:
    """List the questions, once for each value type and response: id, text, class, unit, years, rows with a value."""
    return data_response([_entry_of(data.question) for data in services().ingestor.table.questions])


@blueprint.get("/states")
@describe(json_of(Done[list[Location]]))
def states() -> Response:
    """List the locations: name and abbreviation."""
    return data_response(services().ingestor.table.locations)


@blueprint.get("/dataset")
@describe(json_of(Done[AnyDataset]))
def dataset() -> Response:
    """Describe the table: its source, how its rows were used, whether it is modelled, and how the last reload went."""
    ingestor = services().ingestor
    table = ingestor.table
    facts = {"table_id": table.id, **asdict(ingestor.report)}
    facts["stratifications"] = {category: list(names) for category, names in table.categories.items()}
    facts["standardized"] = table.standardized_categories
    facts["reload"] = public_report(ingestor.last_reload)
    modelled = table.report.modelled
    return data_response(ModelledDataset(**facts, notice=MODELLED_NOTICE) if modelled else Dataset(**facts))


def public_report(report: LoadReport | None) -> LoadReport | None:
    """Return the report of a reload without the folder of the table's file, which the log alone has."""
    folder = Path(services().settings.source()).parent
    if report is None or report.reason is None or folder == Path():
        return report
    return replace(report, reason=report.reason.replace(f"{folder}/", ""))


def _fields_of(statistic: Statistic) -> StatisticFields:
    return StatisticFields(statistic.name, statistic.summary, statistic.required_fields, statistic.optional_fields)


def _entry_of(question: Question) -> QuestionEntry:
    return {
        "id": question.id,
        "question": question.text,
        "class": question.class_name,
        "value_type": question.value_type,
        "unit": question.unit,
        "response": question.response,
        "best": question.best,
        "years": question.years,
        "rows": question.rows,
        "suppressed_rows": question.suppressed_rows,
    }
