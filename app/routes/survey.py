"""Finding out what can be asked: the statistics, the questions, the locations, and what the table is."""

from dataclasses import asdict

from flask import Blueprint, Response

from app.statistics import STATISTICS, Statistic
from app.table.survey_table import Question
from app.web.support import MODELLED_NOTICE, data_answer, services

blueprint = Blueprint("survey", __name__, url_prefix="/api")


@blueprint.get("/statistics")
def statistics() -> Response:
    """List the statistics: name, what it is, the fields that a request for it needs, and those that it may have."""
    return data_answer([_explained(statistic) for statistic in STATISTICS.values()])


@blueprint.get("/questions")
def questions() -> Response:
    """List the questions: id, text, class, direction, years, and rows with a value."""
    return data_answer([_described(data.question) for data in services().ingestor.table.questions])


@blueprint.get("/states")
def states() -> Response:
    """List the locations: name and abbreviation."""
    return data_answer([asdict(location) for location in services().ingestor.table.locations])


@blueprint.get("/dataset")
def dataset() -> Response:
    """Tell where the table comes from, what was made of its rows, if it is modelled, and how the last reload went."""
    ingestor = services().ingestor
    table = ingestor.table
    report = asdict(table.report)
    modelled = report.pop("modelled")
    notice = {"notice": MODELLED_NOTICE} if modelled else {}
    categories = {category: list(names) for category, names in table.categories.items()}
    reload = asdict(ingestor.last_reload) if ingestor.last_reload else None
    return data_answer({"modelled": modelled, **notice, **report, "stratifications": categories, "reload": reload})


def _explained(statistic: Statistic) -> dict[str, object]:
    return {
        "name": statistic.name,
        "summary": statistic.summary,
        "needed": statistic.required_fields,
        "optional": statistic.optional_fields,
    }


def _described(question: Question) -> dict[str, object]:
    return {
        "id": question.id,
        "question": question.text,
        "class": question.class_name,
        "best": question.best,
        "years": question.years,
        "rows": question.rows,
        "suppressed_rows": question.suppressed_rows,
    }
