"""The results of the statistics as the API document tells them: a model of each kind of ``data``, and of provenance.

Figures are in percent or percentage points. The answers are not made from these models, which would take time for
nothing; tests hold them to each other.
"""

from datetime import datetime
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel

Flag = Literal["suppressed", "incomplete", "small_sample", "unreliable", "nchs", "no_limits"]
Year = int | str  # a span such as "2011-2013" where a row of the table is about several years


Content = TypeVar("Content")


# Building all of the models takes a tenth of a second, which the start is spared: the first who needs one builds it.
class Told(BaseModel):
    """An object in an answer, with no fields but these."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class ToldWhole(RootModel[Content], Generic[Content]):
    """A list in an answer, or an object whose fields are named by what it tells of."""

    model_config = ConfigDict(strict=True, frozen=True, defer_build=True)


class LocationMeans(ToldWhole[dict[str, float]]):
    """A mean by location, in ranked order."""


class LocationDifferences(ToldWhole[dict[str, float]]):
    """The global mean less the location's mean, by location."""


class GlobalMean(Told):
    """The mean over all rows of the question."""

    global_mean: float


class CategoryMeans(ToldWhole[dict[str, float]]):
    """A mean by location, category and stratum, such as "('Ohio', 'Gender', 'Female')"."""


class LocationCategoryMeans(ToldWhole[dict[str, dict[str, float]]]):
    """A mean by category and stratum, such as "('Gender', 'Female')", of one location."""


class Figures(Told):
    """An estimate of prevalence with its 95 % confidence limits; null is what is not known."""

    value: float | None
    low: float | None
    high: float | None
    sample_size: int | None = Field(description="respondents")
    rows: int = Field(description="rows with a value that the estimate rests on")
    flags: list[Flag]


class EstimateCell(Figures):
    """An estimate, with those keys that were asked for by ``by``; null where the table does not tell them."""

    location: str | None = None
    year: Year | None = None
    category: str | None = None
    stratum: str | None = None


class EstimateCells(ToldWhole[list[EstimateCell]]):
    """The estimates for each combination of the keys."""


class Slope(Told):
    """The slope of the fitted line in percentage points a year; null where no residuals are left to judge it by."""

    value: float
    low: float | None
    high: float | None
    standard_error: float | None
    p_value: float | None


class TrendYear(Figures):
    """The estimate of one year, and the height of the fitted line there with its limits."""

    year: Year
    fitted: float
    fitted_low: float | None
    fitted_high: float | None


class Trend(Told):
    """Prevalence by year in one location and stratum."""

    location: str
    category: str | None
    stratum: str | None
    slope: Slope
    years: list[TrendYear]


class ComparedCell(Figures):
    """One side of a comparison: the mean of the estimates of its years."""

    location: str
    years: list[Year]
    category: str | None
    stratum: str | None


class Gap(Told):
    """A difference in percentage points."""

    value: float
    low: float
    high: float
    standard_error: float


class TestedDifference(Gap):
    """A difference with its test; p is two-sided."""

    z: float
    p_value: float


class Comparison(Told):
    """Two estimates, and their difference: a less b."""

    dimension: Literal["location", "year", "stratum"]
    a: ComparedCell
    b: ComparedCell
    difference: TestedDifference


class Ratio(Told):
    """A ratio with its limits."""

    value: float
    low: float
    high: float


class Group(Figures):
    """The estimate of one stratum."""

    stratum: str


class Disparity(Told):
    """The strata of one category, and the gap between the worst and the best."""

    location: str
    category: str
    groups: list[Group]
    best: str
    worst: str
    absolute_gap: Gap
    relative_gap: Ratio


class Pearson(Told):
    """Pearson's correlation with its limits."""

    r: float
    low: float
    high: float
    p_value: float


class Spearman(Told):
    """Spearman's rank correlation with its limits."""

    rho: float
    low: float
    high: float
    p_value: float


class Pair(Told):
    """The estimates of both questions in one location."""

    location: str
    x: float = Field(description="of question")
    y: float = Field(description="of other_question")


class CorrelationOfTwo(Told):
    """The correlation of two questions across locations."""

    question: str
    other_question: str
    locations: int
    pearson: Pearson
    spearman: Spearman
    pairs: list[Pair]


class TableOfAnswer(Told):
    """The table that an answer was computed over."""

    source: str
    sha256: str
    loaded_at: datetime
    modelled: bool = Field(description="true where its figures are made up and not to be cited")


class NamedStratum(Told):
    """One stratum of a category."""

    category: str
    value: str


class AppliedFilters(Told):
    """The filters as they were applied, by full names; what is not there was not filtered by."""

    years: list[Year] | None = None
    stratification: list[NamedStratum] | None = None
    locations: list[str] | None = None
    exclude: list[str] | None = None
    suppressed: Literal["exclude"] | None = None


class LeftOut(Told):
    """Rows that were not used."""

    reason: str
    rows: int


class UsedRows(Told):
    """The rows of one question that were used."""

    question: str
    filters: AppliedFilters
    years: list[Year]
    rows_used: int
    left_out: list[LeftOut]


class Provenance(UsedRows):
    """Where the figures of an answer come from; ``other`` tells of the second side or question, if there is one."""

    statistic: str
    table: TableOfAnswer
    other: UsedRows | None = None
