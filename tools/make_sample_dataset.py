"""Write a modelled sample in the layout of CDC's table "Nutrition, Physical Activity, and Obesity - BRFSS".

The sample lets the server and its tests run without CDC's table. No row is a survey result: each percentage is drawn
from the summary figures of ``cdc_facts.json``, and ``Datasource`` says so in every row. Each stratum
is drawn separately, so those of a category do not average exactly to the location's total.

The sample has about 18,000 rows, few enough to load within a second and to keep in the repository:

- the Total stratum for every year and location of every question, so that trends and maps are complete;
- every stratum in the latest year of each question, so that each location can be broken down by each category;
- the Gender strata of obesity in all its years, so that one breakdown covers all years;
- one row without stratification for each question, because CDC's table has such rows and a reader must handle them.
"""

import argparse
import csv
import json
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

PROJECT_ROOT = Path(__file__).resolve().parent.parent
FACTS_FILE = PROJECT_ROOT / "app" / "table" / "cdc_facts.json"
DEFAULT_OUTPUT = PROJECT_ROOT / "nutrition_activity_obesity_usa_subset.csv"
DEFAULT_SEED = 2022

DATASOURCE = "Modelled sample (not survey data), from summary figures of the Behavioral Risk Factor Surveillance System"
OBESITY_QUESTION_ID = "Q036"
NATION_ABBR = "US"
RACE_CATEGORY = "Race/Ethnicity"

INTERACTION_SD_LOGIT = 0.05  # spread of a stratum's effect between locations
SAMPLE_SIZE_SD_LOG = 0.18  # spread of a location's sample size between years
RACE_SHARE_SD_LOG = 1.0  # spread of the racial composition between locations
NORMAL_QUANTILE_975 = 1.959964  # two-sided 95 % confidence limits
SMALLEST_PROBABILITY = 0.002  # keeps logits and standard errors finite

COLUMNS = (
    *("YearStart", "YearEnd", "LocationAbbr", "LocationDesc", "Datasource", "Class", "Topic", "Question"),
    *("Data_Value_Unit", "Data_Value_Type", "Data_Value", "Data_Value_Alt", "Data_Value_Footnote_Symbol"),
    *(
        "Data_Value_Footnote",
        "Low_Confidence_Limit",
        "High_Confidence_Limit ",
        "Sample_Size",
    ),  # CDC's trailing space
    *("Total", "Age(years)", "Education", "Gender", "Income", "Race/Ethnicity"),
    *("GeoLocation", "ClassID", "TopicID", "QuestionID", "DataValueTypeID", "LocationID"),
    *("StratificationCategory1", "Stratification1", "StratificationCategoryId1", "StratificationID1"),
)

Row = dict[str, str]
SUPPRESSED_FIELDS: Row = {
    "Data_Value_Footnote_Symbol": "~",
    "Data_Value_Footnote": "Data not available because sample size is insufficient.",
}


class Question(NamedTuple):
    """A question; totals and mean are percentages of adults, effects are percentage points."""

    id: str
    text: str
    class_name: str
    class_id: str
    topic: str
    topic_id: str
    mean: float
    total_by_location: dict[str, float]
    year_effect: dict[int, float]
    stratum_effect: dict[str, float]


class Location(NamedTuple):
    """A location; coordinates are degrees and missing for the nation, the sample size counts respondents."""

    name: str
    abbr: str
    id: str
    lat: float | None
    lon: float | None
    median_sample_size: int


class Stratum(NamedTuple):
    """A stratum; ``sample_share`` is the part of a location's respondents (0 to 1) that belongs to it."""

    category: str
    category_id: str
    name: str
    id: str
    sample_share: float


class Survey(NamedTuple):
    """The survey's summary figures; the threshold counts respondents, the design effect is a ratio."""

    questions: tuple[Question, ...]
    locations: tuple[Location, ...]
    strata: tuple[Stratum, ...]
    design_effect: float
    suppressed_below: int


class Cell(NamedTuple):
    """The subject of one row; ``stratum`` is None for a row without stratification."""

    question: Question
    year: int
    location: Location
    stratum: Stratum | None


def question_from_fact(fact: dict[str, Any]) -> Question:
    """Convert a question of the facts file to a ``Question``."""
    years = {int(year): effect for year, effect in fact["year_effect"].items()}
    same = ("id", "text", "class_id", "topic", "topic_id", "mean", "total_by_location", "stratum_effect")
    return Question(class_name=fact["class"], year_effect=years, **{name: fact[name] for name in same})


def read_survey(path: Path) -> Survey:
    """Read the summary figures of the survey."""
    facts = json.loads(path.read_text(encoding="utf-8"))
    return Survey(
        questions=tuple(question_from_fact(fact) for fact in facts["questions"]),
        locations=tuple(Location(**fact) for fact in facts["locations"]),
        strata=tuple(Stratum(**fact) for fact in facts["strata"]),
        design_effect=facts["design_effect_median"],
        suppressed_below=facts["suppressed_below_sample_size"],
    )


def clip(probability: float) -> float:
    """Keep a probability away from 0 and 1."""
    return min(max(probability, SMALLEST_PROBABILITY), 1.0 - SMALLEST_PROBABILITY)


def probability_of(log_odds: float) -> float:
    """Return the probability of given log odds."""
    return clip(1.0 / (1.0 + math.exp(-log_odds)))


def logit(percent: float) -> float:
    """Return the log odds of a percentage."""
    probability = clip(percent / 100.0)
    return math.log(probability / (1.0 - probability))


def standard_normal(seed: int, *key: object) -> float:
    """Draw a key's standard normal number; seeding by key makes draws independent of the order of rows."""
    return random.Random("|".join(map(str, (seed, *key)))).gauss(0.0, 1.0)


def standard_error(log_odds: float, sample_size: int, design_effect: float) -> float:
    """Return the standard error of the log odds of a prevalence.

    Binomial variance by the delta method, 1 / (n p (1 - p)), times the design effect (Kish 1965, Survey Sampling).
    """
    probability = probability_of(log_odds)
    return math.sqrt(design_effect / (sample_size * probability * (1.0 - probability)))


def modelled_log_odds(cell: Cell, stratum: Stratum, seed: int) -> float:
    """Return the modelled log odds of a cell, free of sampling noise.

    Year and stratum shift the location's total by as much as they shift the question's mean. The total already
    belongs to the location, so only the other strata interact with it.
    """
    question, place = cell.question, cell.location.name
    mean = logit(question.mean)
    year_shift = logit(question.mean + question.year_effect[cell.year]) - mean
    stratum_shift = logit(question.mean + question.stratum_effect[stratum.name]) - mean
    log_odds = logit(question.total_by_location[place]) + year_shift + stratum_shift
    if stratum.category == "Total":
        return log_odds
    return log_odds + INTERACTION_SD_LOGIT * standard_normal(seed, "interaction", question.id, place, stratum.id)


def sample_share(location: Location, stratum: Stratum, strata: Sequence[Stratum], seed: int) -> float:
    """Return the part of a location's respondents (0 to 1) that belongs to a stratum.

    Only the racial composition differs much between locations; it is drawn logistic-normal, so that its parts keep
    their sum (Aitchison 1982, Journal of the Royal Statistical Society B 44). The nation keeps its composition.
    """
    if stratum.category != RACE_CATEGORY or location.abbr == NATION_ABBR:
        return stratum.sample_share
    races = [race for race in strata if race.category == RACE_CATEGORY]
    draws = {race.id: standard_normal(seed, "share", location.name, race.id) for race in races}
    weights = {race.id: race.sample_share * math.exp(RACE_SHARE_SD_LOG * draws[race.id]) for race in races}
    return weights[stratum.id] / sum(weights.values()) * sum(race.sample_share for race in races)


def modelled_sample_size(cell: Cell, stratum: Stratum, strata: Sequence[Stratum], seed: int) -> int:
    """Return the number of respondents of a cell; all strata of a location and year share its log-normal jitter."""
    jitter = math.exp(SAMPLE_SIZE_SD_LOG * standard_normal(seed, "sample size", cell.location.name, cell.year))
    share = sample_share(cell.location, stratum, strata, seed)
    return max(1, round(cell.location.median_sample_size * share * jitter))


def estimate_fields(cell: Cell, survey: Survey, seed: int) -> Row:
    """Draw the estimate of a cell in percent with its 95 % confidence limits, or return the fields of a suppressed row.

    The confidence limits are symmetric on the logit scale, so that they stay within 0 and 100 percent (Korn and
    Graubard 1998, Survey Methodology 24).
    """
    stratum = cell.stratum
    if stratum is None:
        return SUPPRESSED_FIELDS
    sample_size = modelled_sample_size(cell, stratum, survey.strata, seed)
    if sample_size < survey.suppressed_below:
        return SUPPRESSED_FIELDS
    log_odds = modelled_log_odds(cell, stratum, seed)
    error = standard_error(log_odds, sample_size, survey.design_effect)
    noise = standard_normal(seed, "noise", cell.question.id, cell.year, cell.location.name, stratum.id)
    noisy, half_width = log_odds + error * noise, NORMAL_QUANTILE_975 * error
    bounds = (noisy, noisy - half_width, noisy + half_width)
    value, low, high = (f"{100.0 * probability_of(bound):.1f}" for bound in bounds)
    limits = {"Low_Confidence_Limit": low, "High_Confidence_Limit ": high}
    return {"Data_Value": value, "Data_Value_Alt": value, **limits, "Sample_Size": str(sample_size)}


def strata_in(question: Question, year: int, strata: Sequence[Stratum]) -> list[Stratum]:
    """Return the strata that the sample has for a question in a year."""
    if year == max(question.year_effect):
        return list(strata)
    categories = {"Total", "Gender"} if question.id == OBESITY_QUESTION_ID else {"Total"}
    return [stratum for stratum in strata if stratum.category in categories]


def cells_of(question: Question, survey: Survey) -> Iterator[Cell]:
    """Yield the cells of a question, in its own years and locations only."""
    locations = [location for location in survey.locations if location.name in question.total_by_location]
    for year in question.year_effect:
        strata = strata_in(question, year, survey.strata)
        yield from (Cell(question, year, location, stratum) for location in locations for stratum in strata)
    # A row without stratification is always suppressed; put it in the location with the fewest respondents.
    smallest = min(locations, key=lambda location: (location.median_sample_size, location.name))
    yield Cell(question, max(question.year_effect), smallest, None)


def sort_key(cell: Cell) -> tuple[int, str, str, str, str]:
    """Order rows by year, question, location, category and stratum; rows without stratification come first."""
    category, name = (cell.stratum.category, cell.stratum.name) if cell.stratum else ("", "")
    return cell.year, cell.question.id, cell.location.name, category, name


def subject_fields(question: Question, location: Location) -> Row:
    """Return the columns of the question and the location; the nation has no coordinates."""
    return {
        **{"Class": question.class_name, "Topic": question.topic, "Question": question.text},
        **{"ClassID": question.class_id, "TopicID": question.topic_id, "QuestionID": question.id},
        **{"LocationAbbr": location.abbr, "LocationDesc": location.name, "LocationID": location.id},
        "GeoLocation": "" if location.lat is None else f"({location.lat}, {location.lon})",
    }


def stratum_fields(stratum: Stratum | None) -> Row:
    """Return the four stratification columns and the column of the stratum's category."""
    if stratum is None:
        return {}
    column = stratum.category.replace(" ", "")  # CDC spells category "Age (years)" but column "Age(years)"
    return {
        **{column: stratum.name, "StratificationCategory1": stratum.category, "Stratification1": stratum.name},
        **{"StratificationCategoryId1": stratum.category_id, "StratificationID1": stratum.id},
    }


def sample_row(cell: Cell, survey: Survey, seed: int) -> Row:
    """Return one row by column name; missing columns are empty."""
    return {
        **{"YearStart": str(cell.year), "YearEnd": str(cell.year), "Datasource": DATASOURCE},
        **{"Data_Value_Type": "Value", "DataValueTypeID": "VALUE"},
        **subject_fields(cell.question, cell.location),
        **stratum_fields(cell.stratum),
        **estimate_fields(cell, survey, seed),
    }


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows after an unnamed index column, with the same line ends on every platform."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["", *COLUMNS], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({"": str(index), **row} for index, row in enumerate(rows))


def main() -> None:
    """Write the sample and print its size in one line."""
    parser = argparse.ArgumentParser(description="Write a modelled sample in the layout of CDC's table.")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="CSV file to write")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="the same seed gives the same bytes")
    arguments = parser.parse_args()
    survey = read_survey(FACTS_FILE)
    cells = sorted((cell for question in survey.questions for cell in cells_of(question, survey)), key=sort_key)
    rows = [sample_row(cell, survey, arguments.seed) for cell in cells]
    write_rows(arguments.output, rows)
    suppressed = sum("Data_Value" not in row for row in rows) / len(rows)
    print(f"{arguments.output}: {len(rows)} rows, {suppressed:.1%} suppressed")


if __name__ == "__main__":
    main()
