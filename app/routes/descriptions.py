"""What the API document tells of each route: one entry by the name of its endpoint. A test finds the one left out."""

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import Field

from app.answer_models import (
    Dataset,
    Done,
    ErrorEnvelope,
    Explained,
    Finished,
    JobAccepted,
    JobStates,
    Locations,
    Progress,
    Questions,
    RemovedJob,
    RouteList,
    Running,
    StatisticList,
    UnfinishedJobs,
)
from app.api_description import JSON_TYPE, Answer, Body, Description, JobId, Parameter, json_of
from app.api_document import operation_id
from app.statistics import STATISTICS, Statistic

LARGEST_LIMIT = 10**18 - 1
HTML_TYPE = "text/html"

JOB_ID = Parameter("job_id", "the job's id", JobId, "job_id_1", where="path", required=True)
WAIT = Parameter(
    "wait",
    "hold the answer until the job has ended, so many seconds at most; more than 30 count as 30",
    Annotated[float, Field(ge=0)],
    5,
)
LIMIT = Parameter("limit", "how many jobs at most", Annotated[int, Field(ge=1, le=LARGEST_LIMIT)], 10)
AFTER = Parameter("after", "only jobs accepted after this one", JobId, "job_id_1")
FILE = Parameter(
    "name",
    "the name of the file",
    Literal["docs.js", "swagger-ui-bundle.js", "swagger-ui.css"],
    "docs.js",
    where="path",
    required=True,
)

RESULT_LINK = {
    "result": {
        "operationId": operation_id("GET", "/api/get_results/{job_id}"),
        "parameters": {"job_id": "$response.body#/job_id"},
        "description": "the job's result",
    }
}


def finished_document(statistic: Statistic) -> Any:
    """Return the model of the document that answers for a job of a statistic once it is done."""
    kind: Any = Explained if statistic.provenance else Done
    return kind[statistic.result]


JOB_DOCUMENTS: Any = reduce(or_, dict.fromkeys([Running, ErrorEnvelope, *map(finished_document, STATISTICS.values())]))


def _submission(statistic: Statistic) -> Description:
    return Description(
        json_of(JobAccepted, "the job is accepted", headers=("Location",)),
        body=Body(statistic.body, dict(statistic.example)),
        errors=(400, 415, 503),
        links=RESULT_LINK,
    )


STATISTICS_ROUTES = {f"statistics.{name}": _submission(statistic) for name, statistic in STATISTICS.items()}

JOBS_ROUTES = {
    "jobs.get_results": Description(
        json_of(JOB_DOCUMENTS, "the job's state and, once it is done, its result"),
        parameters=(JOB_ID, WAIT),
        errors=(400, 404, 410),
    ),
    "jobs.list_jobs": Description(json_of(Done[JobStates]), parameters=(LIMIT, AFTER), errors=(400,)),
    "jobs.cancel_job": Description(
        json_of(Done[RemovedJob]), parameters=(JOB_ID,), errors=(404, 409, 410), operator=True
    ),
    "jobs.num_jobs": Description(json_of(UnfinishedJobs)),
}

SURVEY_ROUTES = {
    "survey.statistics": Description(json_of(Done[StatisticList])),
    "survey.questions": Description(json_of(Done[Questions])),
    "survey.states": Description(json_of(Done[Locations])),
    "survey.dataset": Description(json_of(Done[Dataset])),
}

OPERATIONS_ROUTES = {
    "operations.graceful_shutdown": Description(json_of(Progress, "whether jobs are left"), operator=True),
    "operations.reload_dataset": Description(json_of(Running, "the table is being read"), operator=True),
    "operations.healthz": Description(json_of(Finished)),
    "operations.readyz": Description(json_of(Finished), errors=(503,)),
    "operations.metrics": Description({200: Answer("the counters", {"text/plain": str})}),
}

PAGES_ROUTES = {
    "pages.index": Description(
        {200: Answer("the routes", {JSON_TYPE: Done[RouteList], HTML_TYPE: str}, headers=("Vary",))}
    ),
    "docs.openapi": Description(json_of(dict[str, Any], "this document")),
    "docs.docs": Description({200: Answer("the page", {HTML_TYPE: str})}),
    "docs.docs_file": Description(
        {
            200: Answer("the file", {"text/css": str, "text/javascript": str}, headers=("ETag",)),
            304: Answer("the client has it already", headers=("ETag",)),
        },
        parameters=(FILE,),
        errors=(404,),
    ),
}

DESCRIPTIONS: Mapping[str, Description] = {
    **STATISTICS_ROUTES,
    **JOBS_ROUTES,
    **SURVEY_ROUTES,
    **OPERATIONS_ROUTES,
    **PAGES_ROUTES,
}
