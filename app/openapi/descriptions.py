"""What the API document tells of each route: one entry by the name of its endpoint. A test finds the one left out."""

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from app.formats import FORMATS
from app.jobs.job_details import JobState
from app.openapi.answer_models import (
    AcceptedDone,
    AcceptedExplained,
    AcceptedFailed,
    BatchAccepted,
    BatchDone,
    Dataset,
    Done,
    ErrorEnvelope,
    Explained,
    Finished,
    JobAccepted,
    JobList,
    JobStates,
    JobTold,
    Locations,
    NotReady,
    Progress,
    Questions,
    Queue,
    Readiness,
    RemovedJob,
    RouteList,
    Running,
    StatisticList,
    UnfinishedJobs,
)
from app.openapi.description import (
    ERROR_HEADERS,
    ERRORS,
    JSON_TYPE,
    Answer,
    Body,
    Description,
    JobId,
    Parameter,
    json_of,
)
from app.openapi.document import operation_id
from app.planner import MOST_REQUESTS
from app.routes.results import PICTURES, THEMES
from app.statistics import STATISTICS, Statistic

LARGEST_LIMIT = 10**18 - 1
HTML_TYPE = "text/html"
RETRY = ERROR_HEADERS[503]
BATCH_EXAMPLES = ("best5", "state_mean", "estimate")

JOB_ID = Parameter("job_id", "the job's id", JobId, "job_id_1", where="path", required=True)
JOB_IDS = Parameter(
    "ids",
    "ids of jobs, separated by commas, at most 1,000; an unknown one is answered with its error in its place",
    Annotated[str, Field(pattern="^[^,]+(,[^,]+)*$")],
    "job_id_1,job_id_2",
    required=True,
)
WAIT = Parameter(
    "wait",
    "hold the answer until the job has ended, so many seconds at most; more than 30 count as 30",
    Annotated[float, Field(ge=0)],
    5,
)
FORMAT = Parameter(
    "format",
    "the form of the result; goes before the header Accept. svg and png are pictures of its chart",
    Literal[(*FORMATS, *PICTURES)],
    "json",
)
KIND = Parameter(
    "kind", "the kind of the chart, one of those that suit the result; the usual one if left out", str, "bars"
)
THEME = Parameter("theme", "the colours of the chart", Literal[THEMES], "dark")
STATE = Parameter("state", "only jobs in this state", Literal[tuple(JobState)], "done")
BEFORE = Parameter("before", "only jobs accepted before this one", JobId, "job_id_2")
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
TAG = Parameter("If-None-Match", "the ETag of what the client has: it is not sent again", str, where="header")
PREFER = Parameter(
    "Prefer",
    "wait=<seconds>, at most 30: answer with the result, if it is ready in time",
    str,
    "wait=5",
    where="header",
)
KEY = Parameter(
    "Idempotency-Key",
    "sent again with the same key and body, a submission makes no second job",
    Annotated[str, Field(pattern="^[!-~]{1,255}$")],
    where="header",
)

RESULT_LINK = {
    "result": {
        "operationId": operation_id("GET", "/api/get_results/{job_id}"),
        "parameters": {"job_id": "$response.body#/job_id"},
        "description": "the job's result",
    }
}


def any_of(models: Iterable[Any]) -> Any:
    """Return the union of some models, each of them once."""
    return reduce(or_, dict.fromkeys(models))


def finished_document(statistic: Statistic) -> Any:
    """Return the model of the document that answers for a job of a statistic once it is done."""
    kind: Any = Explained if statistic.provenance else Done
    return kind[statistic.result]


def _accepted(statistic: Statistic) -> Any:
    """Return the model of the answer to a submission, which has the result where the client prefers to wait."""
    kind: Any = AcceptedExplained if statistic.provenance else AcceptedDone
    return any_of([JobAccepted, kind[statistic.result], AcceptedFailed])


def _submission(statistic: Statistic) -> Description:
    answer = Answer("the job is accepted", {JSON_TYPE: _accepted(statistic)}, ("Location",), ("Preference-Applied",))
    return Description(
        {200: answer},
        parameters=(PREFER, KEY),
        body=Body(statistic.body, dict(statistic.example)),
        errors=(400, 415, 422, 503),
        links=RESULT_LINK,
    )


def _batched_request(statistic: Statistic) -> Any:
    """Return the model of a request for a statistic among others: its body, and its name."""
    name: Any = Literal[statistic.name]
    return create_model(f"{statistic.name}_request", __base__=statistic.body, statistic=(name, ...))


def _batch() -> Description:
    requests: Any = any_of(map(_batched_request, STATISTICS.values()))
    chosen: Any = Annotated[requests, Field(discriminator="statistic")]
    model: Any = Annotated[list[chosen], Field(min_length=1, max_length=MOST_REQUESTS)]
    example = [{"statistic": name, **STATISTICS[name].example} for name in BATCH_EXAMPLES]
    accepted: Any = BatchAccepted | BatchDone[dict[str, _job_documents()]]  # type: ignore[misc]
    return Description(
        {200: Answer("the jobs are accepted", {JSON_TYPE: accepted}, may_have=("Preference-Applied",))},
        parameters=(PREFER, KEY),
        body=Body(model, example),
        errors=(400, 415, 422, 503),
    )


def _job_documents() -> Any:
    return any_of([Running, ErrorEnvelope, *map(finished_document, STATISTICS.values())])


RESULT_TYPES = {form.media_type: bytes for form in (*FORMATS.values(), *PICTURES.values())} | {
    "text/csv": str,
}


def _statistics_routes() -> dict[str, Description]:
    submissions = {f"statistics.{name}": _submission(statistic) for name, statistic in STATISTICS.items()}
    return {**submissions, "statistics.submit_batch": _batch()}


def _jobs_routes() -> dict[str, Description]:
    return {
        "jobs.get_results": Description(
            {
                200: Answer(
                    "the job's state and, once it is done, its result; formats other than JSON only when it is done",
                    {**RESULT_TYPES, JSON_TYPE: _job_documents()},
                    may_have=("ETag", "Vary", "Content-Disposition"),
                ),
                304: Answer("the client has the result already", headers=("ETag",), may_have=("Vary",)),
            },
            parameters=(JOB_ID, WAIT, FORMAT, KIND, THEME, TAG),
            errors=(400, 404, 410),
        ),
        "jobs.get_many_results": Description(
            json_of(Done[dict[str, _job_documents()]]),  # type: ignore[misc]
            parameters=(JOB_IDS, WAIT),
            errors=(400,),
        ),
        "jobs.list_jobs": Description(json_of(Done[JobStates]), parameters=(LIMIT, AFTER), errors=(400,)),
        "jobs.cancel_job": Description(
            json_of(Done[RemovedJob]), parameters=(JOB_ID,), errors=(404, 409, 410), operator=True
        ),
        "jobs.num_jobs": Description(json_of(UnfinishedJobs)),
    }


JOB_DETAILS_ROUTES = {
    "jobs.job_details": Description(json_of(Done[JobTold]), parameters=(JOB_ID,), errors=(404, 410)),
    "jobs.jobs_in_detail": Description(json_of(Done[JobList]), parameters=(LIMIT, BEFORE, STATE), errors=(400,)),
    "jobs.queue": Description(json_of(Done[Queue])),
    "charts.chart": Description(
        json_of(dict[str, Any], "the chart, as Vega-Lite"),
        parameters=(JOB_ID, KIND, THEME),
        errors=(400, 404, 409, 410),
    ),
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
    "operations.readyz": Description({**json_of(Readiness), 503: Answer(ERRORS[503], {JSON_TYPE: NotReady}, RETRY)}),
    "operations.metrics": Description({200: Answer("the counters", {"text/plain": str})}),
}

PAGES_ROUTES = {
    "dashboard.index": Description(
        {200: Answer("the routes", {JSON_TYPE: Done[RouteList], HTML_TYPE: str}, headers=("Vary",))}
    ),
    "docs.openapi": Description(json_of(dict[str, Any], "this document")),
    "docs.docs": Description({200: Answer("the page", {HTML_TYPE: str})}),
    "docs.docs_file": Description(
        {
            200: Answer("the file", {"text/css": str, "text/javascript": str}, headers=("ETag",)),
            304: Answer("the client has it already", headers=("ETag",)),
        },
        parameters=(FILE, TAG),
        errors=(404,),
    ),
}


def descriptions() -> Mapping[str, Description]:
    """Return the description of every route by its endpoint, with a route for each registered statistic."""
    return {
        **_statistics_routes(),
        **_jobs_routes(),
        **JOB_DETAILS_ROUTES,
        **SURVEY_ROUTES,
        **OPERATIONS_ROUTES,
        **PAGES_ROUTES,
    }
