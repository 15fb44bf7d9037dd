"""Made-up respondents' records for the tests, and their prevalences by plain loops over them."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow

from app.table.respondents import RecordMapping, RespondentRecords
from app.table.respondents.sums import UnitSums
from app.table.source_kind import Origin
from app.table.sources.frame import SourceFrame
from app.table.survey_table import SurveyTable

WALKING, SINGING = "Percent of adults who walk to work", "Percent of adults who sing in the shower"
LOCATIONS, OUTSIDE_NATION, NATION = ("Ohio", "Utah", "Guam"), "Guam", "National"
SEXES, AGES = ("Female", "Male"), ("young", "old", "very old")
ORIGIN = Origin("records.parquet", "records.parquet", lambda: [("records.parquet", "00")])

MAPPING: Mapping[str, Any] = {
    "name": "Made-up records",
    "location": {
        "column": "state",
        "names": {name: [code] for code, name in enumerate(LOCATIONS, 1)},
        "nation": NATION,
        "outside_nation": [OUTSIDE_NATION],
    },
    "year": {"column": "year"},
    "design": {"weight": "weight", "stratum": "stratum", "unit": "unit", "within_locations": True},
    "questions": [
        {"text": WALKING, "column": "walks", "yes": [1], "no": [2, 3]},
        {"text": SINGING, "id": "Q901", "column": "sings", "yes": [1], "no": [2]},
    ],
    "groups": [
        {"category": "Gender", "column": "sex", "strata": {name: [code] for code, name in enumerate(SEXES, 1)}},
        {"category": "Age", "column": "age", "strata": {name: [code] for code, name in enumerate(AGES, 1)}},
    ],
}
STRATA = [("Total", "Total", "state"), *(("Gender", name, "sex") for name in SEXES), *(("Age", n, "age") for n in AGES)]

Record = dict[str, Any]
Key = tuple[str, str, int, str, str]


class Figures(NamedTuple):
    """The figures of a cell, in percent; NaN if unknown."""

    value: float
    error: float
    low: float
    high: float
    respondents: float
    degrees: float = math.nan  # not known


def mapping(**changes: Any) -> RecordMapping:
    """Return the mapping of the made-up records, with some parts changed."""
    return RecordMapping.model_validate({**MAPPING, **changes})


def each_respondent_a_unit() -> RecordMapping:
    """Return the mapping without sampling units."""
    return mapping(design={"weight": "weight", "stratum": "stratum", "within_locations": True})


def made_up(rows: int, seed: int) -> pd.DataFrame:
    """Draw records with units of unequal size, missing answers, and groups that are empty in some units."""
    draw = np.random.default_rng(seed)
    stratum = draw.integers(1, 5, rows)
    return pd.DataFrame(
        {
            "state": draw.integers(1, 4, rows),
            "year": draw.integers(2018, 2020, rows),
            "weight": draw.uniform(1, 90, rows),
            "stratum": stratum,
            "unit": np.minimum(draw.geometric(0.35, rows), 1 + stratum),  # as many as the stratum's number, and one
            "walks": draw.choice([1, 2, 3, 7], rows, p=[0.3, 0.3, 0.3, 0.1]),
            "sings": draw.choice([1, 2, 9], rows, p=[0.7, 0.2, 0.1]),
            "sex": draw.choice([1, 2, 9], rows, p=[0.5, 0.45, 0.05]),
            "age": draw.choice([1, 2, 3, 9], rows, p=[0.5, 0.37, 0.08, 0.05]),
        }
    )


def reduced(records: RespondentRecords, frame: pd.DataFrame) -> UnitSums:
    """Return the reduction of a frame."""
    return records.reduce_frame(SourceFrame(pyarrow.Table.from_pandas(frame)))


def table_of(frame: pd.DataFrame, meaning: RecordMapping | None = None) -> SurveyTable:
    """Return the table of a frame."""
    records = RespondentRecords(meaning or mapping(), min_respondents=1)
    return records.build_table(reduced(records, frame), ORIGIN)


def figures_of(table: SurveyTable, *, standardized: bool = False) -> dict[Key, Figures]:
    """Return the cells of a table by question, location, year, category and stratum."""
    found: dict[Key, Figures] = {}
    for data in table.questions:
        cells = data.standardized if standardized else data.cells
        assert cells is not None
        assert (cells.rows == 1).all()
        for place in range(cells.rows.size):
            stratum = table.strata[cells.strata[place]]
            year = table.periods[cells.periods[place]].first
            key = (data.question.text, table.location_names[cells.locations[place]], year, stratum.category)
            measures = (cells.value_sum, cells.variance_sum, cells.low_sum, cells.high_sum, cells.respondents)
            value, variance, low, high, respondents = (float(measure[place]) for measure in measures)
            degrees = float(cells.degrees[place])
            found[(*key, stratum.name)] = Figures(value, math.sqrt(variance), low, high, respondents, degrees)
    return found


def keys_of(years: Sequence[int]) -> list[tuple[Key, Callable[[Record], bool], Callable[[Record], bool]]]:
    """Return each cell with two predicates: is a record in its sample, and is it in its group."""
    keys: list[tuple[Key, Callable[[Record], bool], Callable[[Record], bool]]] = []
    for place, name in enumerate((*LOCATIONS, NATION), 1):
        for year in years:
            states = (1, 2) if name == NATION else (place,)
            for code, (category, stratum, column) in enumerate(STRATA):
                codes = {0: (1, 2, 3), 1: (1,), 2: (2,)}.get(code, (code - 2,))
                sampled = _both("state", states, "year", (year,))
                in_group = _both(column, codes, column, codes)
                keys += [((text, name, year, category, stratum), sampled, in_group) for text in (WALKING, SINGING)]
    return keys


def _both(column: str, codes: Sequence[int], other: str, other_codes: Sequence[int]) -> Callable[[Record], bool]:
    return lambda record: record[column] in codes and record[other] in other_codes


def records_of(frame: pd.DataFrame) -> list[Record]:
    """Return the rows of a frame."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def answer(record: Record, question: str) -> float | None:
    """Return 1 for yes, 0 for no, None for a missing answer."""
    if question == WALKING:
        return {1: 1.0, 2: 0.0, 3: 0.0}.get(record["walks"])
    return {1: 1.0, 2: 0.0}.get(record["sings"])


def plain_figures(
    sampled: Sequence[Record], question: str, in_group: Callable[[Record], bool], unit: Callable[[Record], Any]
) -> tuple[float, float, int]:
    """Return prevalence and standard error in percent, and the number of answers, by the textbook formula.

    Parameters
    ----------
    unit: returns a record's sampling unit within its location, year and stratum
    """
    answers = [answer(record, question) if in_group(record) else None for record in sampled]
    weighted = [(record["weight"], value) for record, value in zip(sampled, answers, strict=True) if value is not None]
    total = math.fsum(weight for weight, _ in weighted)
    prevalence = math.fsum(weight * value for weight, value in weighted) / total if weighted else math.nan
    strata: dict[Any, dict[Any, float]] = {}
    for record, value in zip(sampled, answers, strict=True):
        units = strata.setdefault((record["state"], record["year"], record["stratum"]), {})
        linearised = 0.0 if value is None else record["weight"] * (value - prevalence) / total
        units[unit(record)] = units.get(unit(record), 0.0) + linearised
    variance = math.fsum(_variance(list(units.values())) for units in strata.values())
    return 100 * prevalence, 100 * math.sqrt(variance), len(weighted)


def _variance(values: Sequence[float]) -> float:
    """Return a stratum's contribution to the variance; a single unit is centred at 0, the mean of all."""
    if len(values) == 1:
        return values[0] ** 2
    mean = math.fsum(values) / len(values)
    return len(values) / (len(values) - 1) * math.fsum((value - mean) ** 2 for value in values)
