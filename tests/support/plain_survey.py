"""The survey as plain Python: rows of text, filters and estimates computed straight from their definitions.

Shares no code with the server, so that a mistake would have to be made twice to go unseen.
"""

import csv
import gzip
import io
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

Z = 1.959963984540054


@dataclass(frozen=True)
class PlainRow:
    """A row of a table; value, limits and respondents are None if it is suppressed."""

    year: int
    place: str
    question: str
    category: str
    stratum: str
    value: float | None
    low: float | None
    high: float | None
    respondents: int | None

    @property
    def error(self) -> float:
        """The standard error that the limits are based on, which CDC makes on the logit scale."""
        assert self.value is not None
        assert self.low is not None
        assert self.high is not None
        p = self.value / 100
        return 100 * p * (1 - p) * (logit(self.high) - logit(self.low)) / (2 * Z)


def logit(percent: float) -> float:
    """Return the logit of a percentage."""
    return math.log(percent / (100 - percent))


def plain_rows(path: Path) -> list[PlainRow]:
    """Read a table in CDC's layout with one year per row."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as content:
        lines = csv.DictReader(io.TextIOWrapper(content, encoding="utf-8", newline=""))
        return [_plain_row({name.strip(): text for name, text in line.items()}) for line in lines]


def _plain_row(line: Mapping[str, str]) -> PlainRow:
    def number(name: str) -> float | None:
        return float(line[name]) if line[name] else None

    respondents = number("Sample_Size")
    return PlainRow(
        int(line["YearStart"]),
        line["LocationDesc"],
        line["QuestionID"],
        line["StratificationCategory1"],
        line["Stratification1"],
        number("Data_Value"),
        number("Low_Confidence_Limit"),
        number("High_Confidence_Limit"),
        None if respondents is None else int(respondents),
    )


def kept(rows: Iterable[PlainRow], body: Mapping[str, Any]) -> list[PlainRow]:
    """Return the rows of a body's question that pass its filters; the body has full names."""
    years, stratification = body.get("years"), body.get("stratification", {})
    if isinstance(years, dict):
        years = range(years.get("from", 0), years.get("to", 9999) + 1)
    return [
        row
        for row in rows
        if row.question == body["question"]
        and (years is None or row.year in years)
        and stratification.get("category", row.category) == row.category
        and stratification.get("value", row.stratum) == row.stratum
        and row.place in body.get("locations", [row.place])
        and row.place not in body.get("exclude", [])
    ]


def means_by(rows: Iterable[PlainRow], key: Callable[[PlainRow], Any]) -> dict[Any, float]:
    """Return the mean of the rows with a value, for each key."""
    values = defaultdict(list)
    for row in rows:
        if row.value is not None:
            values[key(row)].append(row.value)
    return {found: fmean(numbers) for found, numbers in values.items()}


@dataclass(frozen=True)
class PlainEstimate:
    """A mean over years in percent, with the standard error of a mean of independent figures."""

    value: float
    error: float
    years: tuple[int, ...]

    @property
    def limits(self) -> tuple[float, float]:
        """The 95 % limits, symmetric in the logit."""
        p = self.value / 100
        centre, half_width = logit(self.value), Z * self.error / 100 / (p * (1 - p))
        low, high = (100 / (1 + math.exp(-(centre + sign * half_width))) for sign in (-1, 1))
        return low, high


def mean_of(rows: Iterable[PlainRow]) -> PlainEstimate:
    """Return the unweighted mean of the rows with a value; each year has one row."""
    valued = [row for row in rows if row.value is not None]
    years = [row.year for row in valued]
    assert len(set(years)) == len(years)
    value = fmean(row.value for row in valued if row.value is not None)
    error = math.sqrt(sum(row.error**2 for row in valued)) / len(valued)
    return PlainEstimate(value, error, tuple(sorted(years)))


@dataclass(frozen=True)
class PlainCell:
    """An estimate over years with its limits and the flags of the documentation, except ``incomplete``."""

    value: float
    error: float
    low: float
    high: float
    flags: set[str]


def cell_of(rows: Iterable[PlainRow]) -> PlainCell:
    """Return the estimate of the rows with a value; that of a single row has the published limits."""
    valued = [row for row in rows if row.value is not None]
    mean, respondents = mean_of(valued), sum(row.respondents or 0 for row in valued)
    low, high = mean.limits if len(valued) > 1 else (valued[0].low or 0.0, valued[0].high or 0.0)
    p, error, width = mean.value / 100, mean.error / 100, high - low
    effective = min(respondents, p * (1 - p) / error**2)
    rules = {
        "small_sample": respondents < 50,
        "unreliable": error / p >= 0.3,
        "nchs": effective < 30 or width >= 30 or (width > 5 and width / mean.value > 1.3),
    }
    return PlainCell(mean.value, mean.error, low, high, {name for name, holds in rules.items() if holds})
