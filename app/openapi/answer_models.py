"""The answers of the routes as the API document tells them; tests hold the answers to these models."""

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import Field

from app.statistics.result_models import Provenance, Told, ToldWhole
from app.table.facts import Direction

Data = TypeVar("Data")
JobState = Literal["running", "done", "error"]


class ErrorEnvelope(Told):
    """What is wrong, and how to put it right."""

    status: Literal["error"]
    reason: str


class Done(Told, Generic[Data]):
    """What was asked for."""

    status: Literal["done"]
    data: Data


class Explained(Done[Data], Generic[Data]):
    """What was asked for, and where the figures come from."""

    provenance: Provenance


class Finished(Told):
    """It is done."""

    status: Literal["done"]


class Running(Told):
    """The job waits or is being computed."""

    status: Literal["running"]


class Progress(Told):
    """Whether it is done yet."""

    status: Literal["running", "done"]


class JobAccepted(Told):
    """The id that the job is followed by."""

    job_id: str


class AcceptedDone(Done[Data], Generic[Data]):
    """The id, and the result that was ready in time."""

    job_id: str


class AcceptedExplained(Explained[Data], Generic[Data]):
    """The id, and the result that was ready in time."""

    job_id: str


class AcceptedFailed(ErrorEnvelope):
    """The id, and why the job failed in the meantime."""

    job_id: str


class BatchAccepted(Told):
    """The ids that the jobs are followed by, in the order of the requests."""

    job_ids: list[str]


class BatchDone(Done[Data], Generic[Data]):
    """The ids, and the documents of the jobs by them, as all were ready in time."""

    job_ids: list[str]


class UnfinishedJobs(Told):
    """How many jobs are accepted and not yet finished."""

    num_jobs: int = Field(ge=0)


class JobStates(ToldWhole[list[dict[str, JobState]]]):
    """The jobs in the order of acceptance, each an object of its id and its state."""


class JobTold(Told):
    """A job in detail. Times are null where they are not known or have not been yet."""

    job_id: str
    statistic: str
    body: dict[str, Any] | None = Field(description="what was asked; null where only the result is left")
    state: Literal["waiting", "running", "done", "error"]
    reason: str | None = Field(description="why it failed")
    accepted_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None


class JobList(ToldWhole[list[JobTold]]):
    """The jobs, the newest first."""


class Runner(Told):
    """A thread that computes jobs."""

    name: str
    alive: bool


class Queue(Told):
    """How many jobs wait, are computed, and are kept in all; whether jobs are taken; the runners."""

    waiting: int = Field(ge=0)
    running: int = Field(ge=0)
    kept: int = Field(ge=0)
    open: bool
    runners: list[Runner]


class RemovedJob(ToldWhole[dict[str, Literal["cancelled", "removed"]]]):
    """What became of the job."""


class StatisticTold(Told):
    """A statistic, and the fields that a request for it takes."""

    name: str
    summary: str
    needed: list[str]
    optional: list[str]


class StatisticList(ToldWhole[list[StatisticTold]]):
    """The statistics."""


class QuestionTold(Told):
    """A question of the survey."""

    id: str | None
    question: str
    class_: str | None = Field(alias="class")
    best: Direction | None = Field(description="which end is good; null where that is not known")
    years: list[int]
    rows: int = Field(description="rows with a value")
    suppressed_rows: int


class Questions(ToldWhole[list[QuestionTold]]):
    """The questions."""


class LocationTold(Told):
    """A state, a territory, or the nation."""

    name: str
    abbreviation: str | None


class Locations(ToldWhole[list[LocationTold]]):
    """The locations."""


class ReloadProgress(Told):
    """How far a reading of the table has come."""

    rows_read: int
    bytes_read: int
    share: float | None = Field(description="the part of the bytes that is done, from 0 to 1")
    seconds_left: float | None


class Reload(Told):
    """How a reading of the table went, or goes."""

    status: JobState
    started_at: datetime
    ended_at: datetime | None
    reason: str | None
    progress: ReloadProgress | None


class Readiness(Told):
    """Jobs can be taken; and how a reload goes, while one does."""

    status: Literal["done"]
    reload: Reload | None = None


class NotReady(ErrorEnvelope):
    """Why no job can be taken; and how the first reading of the table goes, while it does."""

    load: Reload | None = None


class Dataset(Told):
    """Where the table comes from and what was made of its rows."""

    modelled: bool
    notice: str | None = Field(None, description="a warning where the figures are modelled")
    source: str
    datasources: list[str]
    sha256: str
    loaded_at: datetime
    rows_read: int
    rows_used: int
    rows_suppressed: int
    rows_used_despite_footnote: int
    rows_skipped: dict[str, int] = Field(description="how many, by reason")
    years: list[int]
    notes: list[str] = Field(description="what the absence of an optional column switches off")
    stratifications: dict[str, list[str]] = Field(description="the strata by category")
    reload: Reload | None


class RouteTold(Told):
    """A route."""

    methods: str
    path: str
    summary: str


class RouteList(ToldWhole[list[RouteTold]]):
    """The routes."""
