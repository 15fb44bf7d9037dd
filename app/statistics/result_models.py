"""Models that the results of several statistics share, and the model of provenance, for the API document.

Numbers are in the unit of the question: percent or percentage points in CDC's table. Results are plain dictionaries:
building models would only cost time. Tests validate the result of every statistic against its model.
"""

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel

from app.table.question import LimitsScale

Flag = Literal[
    "suppressed", "not_reported", "incomplete", "small_sample", "unreliable", "nchs", "nchs_review", "no_limits"
]
Year = int | str  # a span such as "2011-2013" if a row of the table is about several years
Content = TypeVar("Content")
DATE_PATTERN = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


# Building all models takes a tenth of a second, so each is built when it is first used, not at the start.
class ResultObject(BaseModel):
    """An object in a result; other fields are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class ResultRoot(RootModel[Content], Generic[Content]):
    """A list in a result, or an object whose keys are data, such as locations."""

    model_config = ConfigDict(strict=True, frozen=True, defer_build=True)


class Figures(ResultObject):
    """An estimate of prevalence with its 95 % confidence limits; null if unknown."""

    value: float | None
    low: float | None
    high: float | None
    sample_size: int | None = Field(description="respondents")
    rows: int = Field(description="rows with a value that the estimate rests on")
    flags: list[Flag]
    footnote: str | None = Field(description="CDC's footnote, if all rows of the estimate have the same")


class Equality(ResultObject):
    """Cochran's test of the hypothesis that several estimates are equal."""

    q: float = Field(description="sum of squared deviations from the weighted mean, over the squared standard errors")
    degrees_of_freedom: int
    p_value: float | None = Field(description="null for a single estimate")


class UsedServer(ResultObject):
    """The server that computed a result."""

    name: str
    version: str


class Vintage(ResultObject):
    """How recent the data of a table are."""

    last_year: int | None = Field(description="the last year of its data; null if its rows have no years")
    first_loaded: str = Field(description="UTC date on which the server first read this version", pattern=DATE_PATTERN)


class UsedTable(ResultObject):
    """The table that a result was computed from."""

    id: str = Field(description="the version of the table: SHA-256 of its cells; GET /api/tables lists the versions")
    title: str = Field(description="title of the published dataset; the source's name if that is not known")
    publisher: str | None = Field(description="null if not known")
    dataset_id: str | None = Field(description="the publisher's id of the dataset; null if not known")
    vintage: Vintage
    source: str
    sha256: str
    loaded_at: datetime
    modelled: bool = Field(description="true if its numbers are made up and must not be cited")


class NamedStratum(ResultObject):
    """One stratum of a category."""

    category: str
    value: str


class AppliedFilters(ResultObject):
    """The filters as they were applied, with full names; a filter that is missing was not set."""

    years: list[Year] | None = None
    stratification: list[NamedStratum] | None = None
    locations: list[str] | None = None
    exclude: list[str] | None = None
    suppressed: Literal["exclude"] | None = None


class LeftOut(ResultObject):
    """Rows that were not used."""

    reason: str
    rows: int


class UsedRows(ResultObject):
    """The rows of one question that were used."""

    question: str
    value_type: str | None = Field(description="such as Crude Prevalence; null if the table is silent")
    unit: str = Field(description="of the values: percent, or the table's own word")
    response: str | None = Field(description="the response that is counted, in tables that count several")
    limits_scale: LimitsScale | None = Field(
        description="the scale on which confidence limits are symmetric, and standard errors follow from them"
    )
    filters: AppliedFilters
    years: list[Year]
    rows_used: int
    left_out: list[LeftOut]


class Provenance(UsedRows):
    """Where the numbers of a result come from; ``other`` is about the second side or question, if there is one."""

    statistic: str
    server: UsedServer
    table: UsedTable
    other: UsedRows | None = None
    notes: list[str] = Field(description="what a reader of the result should know, as sentences")


class Citation(ResultObject):
    """How to cite a result: one source, in three forms."""

    text: str = Field(description="one paragraph of plain text")
    bibtex: str = Field(description="an entry for BibTeX")
    csl: dict[str, Any] = Field(description="an item of CSL-JSON, for reference managers and citation processors")
