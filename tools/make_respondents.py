"""Write modelled respondents' records as Parquet: one row per respondent of a fictitious survey.

No row is a real person: answers are drawn from the summary figures of ``cdc_facts.json``, by location, year and
stratum. The sample has strata in each location and year, and within them sampling units of unequal size, whose
respondents resemble each other. Files are ordered by year and rows by location, as in a survey that publishes one file
per year. ``app/table/respondents/generated.toml`` maps columns and codes.

Records are drawn and written one row group at a time, so memory does not grow with their number. The same seed and
number give the same records.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import parquet

PROJECT_ROOT = Path(__file__).resolve().parent.parent
FACTS_FILE = PROJECT_ROOT / "app" / "table" / "cdc_facts.json"
DEFAULT_SEED = 2022

FIRST_YEAR, YEARS = 2011, 11
STRATA, UNITS = 8, 8  # sampling strata of a location and year, and sampling units of a stratum
NATION_ABBR = "US"
MISSING = 9  # code of a missing answer or group
MISSING_SHARE = 0.04
ROWS_PER_GROUP, GROUPS_PER_FILE = 250_000, 8

GROUP_COLUMNS = {
    "sex": "Gender",
    "age_group": "Age (years)",
    "education": "Education",
    "income": "Income",
    "race": "Race/Ethnicity",
}
ANSWER_COLUMNS = {"obese": "Q036", "overweight": "Q037", "inactive": "Q047", "little_fruit": "Q018"}

WEIGHT_SD_LOG = 0.9  # spread of the survey weights
UNIT_SD_LOGIT = 0.25  # spread of the log odds between sampling units
UNIT_SIZE_SD_LOG = 0.5  # spread of the units' sizes
YEARLY_LOGIT = 0.015  # yearly increase of the log odds of each answer
HEIGHT_METRES, HEIGHT_SD = 1.70, 0.10
MASS_KG, MASS_SD_LOG = 80.0, 0.2

Codes = NDArray[np.int64]
Values = NDArray[np.float64]


def logit(percent: Values) -> Values:
    """Return the log odds of percentages."""
    odds = np.clip(percent, 0.5, 99.5)
    return np.asarray(np.log(odds / (100.0 - odds)))


@dataclass(frozen=True)
class Survey:
    """The distributions that records are drawn from.

    Parameters
    ----------
    sizes: relative number of respondents, by location
    shares: shares of the strata, by group column; each array sums to 1
    location_logits: log odds of each answer column, by location
    group_logits: effect of each stratum on the log odds, by answer column and group column
    """

    sizes: Values
    shares: Mapping[str, Values]
    location_logits: Mapping[str, Values]
    group_logits: Mapping[str, Mapping[str, Values]]


def read_survey(path: Path) -> Survey:
    """Read the summary figures, without the nation; locations and strata keep the order of the file."""
    facts = json.loads(path.read_text(encoding="utf-8"))
    locations = [fact for fact in facts["locations"] if fact["abbr"] != NATION_ABBR]
    questions = {fact["id"]: fact for fact in facts["questions"]}
    strata = {column: strata_of(facts["strata"], category) for column, category in GROUP_COLUMNS.items()}
    shares = {column: np.array([fact["sample_share"] for fact in facts_of]) for column, facts_of in strata.items()}
    names = [fact["name"] for fact in locations]
    answers = {column: questions[question] for column, question in ANSWER_COLUMNS.items()}
    return Survey(
        sizes=np.array([fact["median_sample_size"] for fact in locations], dtype=np.float64),
        shares={column: share / share.sum() for column, share in shares.items()},
        location_logits={column: location_logits(question, names) for column, question in answers.items()},
        group_logits={
            column: {group: group_logits(question, facts_of) for group, facts_of in strata.items()}
            for column, question in answers.items()
        },
    )


def strata_of(facts: Sequence[Mapping[str, Any]], category: str) -> list[Mapping[str, Any]]:
    """Return the strata of a category, sorted by name: the first has code 1."""
    return sorted((fact for fact in facts if fact["category"] == category), key=lambda fact: str(fact["name"]))


def location_logits(question: Mapping[str, Any], names: Sequence[str]) -> Values:
    """Return the log odds of a question by location; a location without a figure gets the question's mean."""
    totals = question["total_by_location"]
    return logit(np.array([totals.get(name, question["mean"]) for name in names]))


def group_logits(question: Mapping[str, Any], strata: Sequence[Mapping[str, Any]]) -> Values:
    """Return the effect of each stratum on the log odds of a question."""
    effects = np.array([question["stratum_effect"].get(fact["name"], 0.0) for fact in strata])
    return logit(question["mean"] + effects) - logit(np.array(question["mean"]))


class Generator:
    """Draws any range of the records.

    Parameters
    ----------
    rows: total number of records
    """

    def __init__(self, survey: Survey, rows: int, seed: int) -> None:
        self._survey = survey
        self._seed = seed
        sizes = np.tile(survey.sizes, YEARS)
        self._ends = np.round(np.cumsum(sizes) / sizes.sum() * rows)  # of each year's locations
        shape = (sizes.size, STRATA, UNITS)
        drawn = np.random.default_rng([seed, 0])
        self._unit_logits = UNIT_SD_LOGIT * drawn.standard_normal(shape)
        unit_sizes = np.exp(UNIT_SIZE_SD_LOG * drawn.standard_normal(shape)).reshape(sizes.size, -1)
        self._unit_ends = np.cumsum(unit_sizes / unit_sizes.sum(axis=1, keepdims=True), axis=1)

    def columns(self, first: int, rows: int) -> dict[str, pyarrow.Array]:
        """Draw ``rows`` records from position ``first``; the same arguments give the same records."""
        draw = np.random.default_rng([self._seed, 1, first])
        numbers = np.arange(first, first + rows)
        place = np.searchsorted(self._ends, numbers, side="right")
        year, location = place // self._survey.sizes.size, place % self._survey.sizes.size
        unit = self._units(place, draw)
        groups = {column: strata(share, rows, draw) for column, share in self._survey.shares.items()}
        common = self._unit_logits.reshape(-1)[place * STRATA * UNITS + unit] + YEARLY_LOGIT * year
        answers = {
            column: self._answers(column, location, common, groups, draw) for column in self._survey.location_logits
        }
        return {
            "respondent": pyarrow.array(numbers),
            "year": pyarrow.array((FIRST_YEAR + year).astype(np.int16)),
            "location": pyarrow.array((location + 1).astype(np.int16)),
            "stratum": pyarrow.array((unit // UNITS + 1).astype(np.int32)),
            "unit": pyarrow.array((unit % UNITS + 1).astype(np.int32)),
            "weight": pyarrow.array(200.0 * np.exp(WEIGHT_SD_LOG * draw.standard_normal(rows))),
            "height": pyarrow.array(HEIGHT_METRES + HEIGHT_SD * draw.standard_normal(rows)),
            "mass": pyarrow.array(MASS_KG * np.exp(MASS_SD_LOG * draw.standard_normal(rows))),
            "minutes": pyarrow.array(draw.exponential(20.0, rows)),
            **{name: pyarrow.array(with_missing(codes + 1, draw)) for name, codes in (groups | answers).items()},
        }

    def _units(self, place: Codes, draw: np.random.Generator) -> Codes:
        """Draw each record's sampling unit within its location and year, in proportion to the units' sizes."""
        units = STRATA * UNITS
        ends = (self._unit_ends + np.arange(len(self._unit_ends))[:, np.newaxis]).ravel()
        return (
            np.minimum(np.searchsorted(ends, place + draw.random(place.size)), (place + 1) * units - 1) - place * units
        )

    def _answers(
        self,
        column: str,
        location: Codes,
        common: Values,
        groups: Mapping[str, Codes],
        draw: np.random.Generator,
    ) -> Codes:
        """Draw answers: 0 for yes and 1 for no; the files have 1 and 2."""
        log_odds = self._survey.location_logits[column][location] + common
        for group, effects in self._survey.group_logits[column].items():
            log_odds += effects[groups[group]]
        return (draw.logistic(size=location.size) > log_odds).astype(np.int64)


def strata(shares: Values, rows: int, draw: np.random.Generator) -> Codes:
    """Draw the stratum of each record, as an index."""
    return np.minimum(np.searchsorted(np.cumsum(shares), draw.random(rows)), shares.size - 1)


def with_missing(codes: Codes, draw: np.random.Generator) -> NDArray[np.int8]:
    """Replace a random part of the codes with ``MISSING``."""
    return np.where(draw.random(codes.size) < MISSING_SHARE, MISSING, codes).astype(np.int8)


def write_records(folder: Path, rows: int, seed: int, rows_per_group: int = ROWS_PER_GROUP) -> list[Path]:
    """Write records to files of several row groups each; return the files in the order of the records."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = Generator(read_survey(FACTS_FILE), rows, seed)
    rows_per_file = rows_per_group * GROUPS_PER_FILE
    files = []
    for first in range(0, rows, rows_per_file):
        files.append(folder / f"respondents-{first // rows_per_file + 1:04d}.parquet")
        write_file(files[-1], generator, first, min(first + rows_per_file, rows), rows_per_group)
    return files


def write_file(path: Path, generator: Generator, first: int, end: int, rows_per_group: int) -> None:
    """Write the records from ``first`` up to ``end``, one row group at a time."""
    schema = pyarrow.table(generator.columns(first, 0)).schema
    with parquet.ParquetWriter(path, schema) as writer:
        for start in range(first, end, rows_per_group):
            writer.write_table(pyarrow.table(generator.columns(start, min(rows_per_group, end - start))))


def main() -> None:
    """Write the records and print their number and size in one line."""
    parser = argparse.ArgumentParser(description="Write modelled respondents' records as Parquet.")
    parser.add_argument("folder", type=Path, help="folder to write into")
    parser.add_argument("--rows", type=int, default=1_000_000, help="number of respondents")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="the same seed gives the same records")
    arguments = parser.parse_args()
    files = write_records(arguments.folder, arguments.rows, arguments.seed)
    size = sum(path.stat().st_size for path in files)
    print(f"{arguments.folder}: {arguments.rows} records in {len(files)} files, {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
