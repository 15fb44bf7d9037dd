"""Mappings of respondents' records: validation and its messages, and the two bundled mappings."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from app.errors import SourceError
from app.settings import Settings
from app.table.engines import load_table
from app.table.facts import FACTS_FILE, survey_facts
from app.table.respondents import read_mapping
from support.real_server import PROJECT_ROOT
from support.respondent_records import figures_of, table_of
from tools.make_respondents import write_records

MAPPINGS = PROJECT_ROOT / "app" / "table" / "respondents"
FACTS: dict[str, Any] = json.loads(FACTS_FILE.read_text(encoding="utf-8"))

GOOD = """
name = "Records"
[location]
column = "state"
names = {Ohio = [39], Utah = ["49"]}
[year]
column = "year"
[design]
weight = "weight"
[[questions]]
text = "Percent of adults who walk to work"
id = "Q900"
column = "walks"
yes = [1]
no = [2]
[[groups]]
category = "Gender"
column = "sex"
strata = {Female = [2], Male = [1]}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "records.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_mapping_names_columns_and_strata(tmp_path: Path) -> None:
    mapping = read_mapping(written(tmp_path, GOOD))
    assert mapping.columns == ("state", "year", "weight", "walks", "sex")
    assert mapping.strata == (("Total", "Total"), ("Gender", "Female"), ("Gender", "Male"))
    assert mapping.location.code_of == {"39": 0, "49": 1}
    assert mapping.questions[0].code_of == {"1": 1, "2": 0}


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('weight = "weight"', "", "design.weight: field required"),
        ('weight = "weight"', 'wieght = "weight"', "design.weight: field required"),
        ("yes = [1]", "yes = []", "questions.0.yes: tuple should have at least 1 item"),
        ("yes = [1]", "yes = [true]", "questions.0.yes.0: input should be a valid string"),
        ("yes = [1]", "yes = [2]", "questions.0: answer '2' occurs twice"),
        ("yes = [1]", "yes = [1]\nmaybe = [3]", "questions.0.maybe: extra inputs are not permitted"),
        ("Male = [1]", "Male = [2]", "groups.0: code '2' occurs twice"),
        ('["49"]', "[39]", "location: code '39' occurs twice"),
        ('category = "Gender"', 'category = "Total"', "groups.0: the category Total is always everybody"),
        ("[year]", 'nation = "Ohio"\n[year]', "location: the nation 'Ohio' must not be a key of names"),
        ("[year]", 'outside_nation = ["Guam"]\n[year]', "location: outside_nation has 'Guam', which is not a key"),
        ('column = "year"', 'column = "year"\ndivisor = 0', "year.divisor: input should be greater than or equal to 1"),
        ("[year]", "[year", "is not TOML: "),
        (
            "[year]",
            '[other_names]\nage = ["years"]\n[year]',
            "other_names has 'age', which is not a column of the mapping",
        ),
        ("[year]", "[other_names]\nsex = []\n[year]", "other_names.sex: tuple should have at least 1 item"),
        ("[year]", '[other_names]\nsex = ["walks"]\n[year]', "column 'walks' occurs twice"),
    ],
)
def test_the_error_for_an_invalid_mapping_names_the_field(tmp_path: Path, old: str, new: str, reason: str) -> None:
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(SourceError) as caught:
        read_mapping(path)
    assert caught.value.reason.startswith(f"mapping {path}: {reason}")
    assert "\n" not in caught.value.reason


def test_duplicates_in_a_mapping_are_errors(tmp_path: Path) -> None:
    question = GOOD[GOOD.index("[[questions]]") : GOOD.index("[[groups]]")]
    with pytest.raises(SourceError, match="question 'Percent of adults who walk to work' occurs twice"):
        read_mapping(written(tmp_path, GOOD + question))
    with pytest.raises(SourceError, match="question id 'Q900' occurs twice"):
        read_mapping(written(tmp_path, GOOD + question.replace("walk to work", "cycle")))
    with pytest.raises(SourceError, match="category 'Gender' occurs twice"):
        read_mapping(written(tmp_path, GOOD + GOOD[GOOD.index("[[groups]]") :]))


def test_a_mapping_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        read_mapping(tmp_path / "none.toml")
    path = tmp_path / "latin.toml"
    path.write_bytes(b'name = "\xe9"')
    with pytest.raises(SourceError, match="is not UTF-8 text"):
        read_mapping(path)


@pytest.mark.parametrize("name", ["brfss.toml", "generated.toml"])
def test_the_bundled_mappings_have_cdcs_questions_strata_and_locations(name: str) -> None:
    mapping = read_mapping(MAPPINGS / name)
    for question in mapping.questions:
        assert question.id is not None
        assert survey_facts().questions[question.text].id == question.id
    assert set(mapping.strata) == {(fact["category"], fact["name"]) for fact in FACTS["strata"]}
    assert mapping.location.nation == "National"
    assert {*mapping.location.names, "National"} == {fact["name"] for fact in FACTS["locations"]}


def test_brfss_records_are_read_with_the_bundled_mapping() -> None:
    draw, rows = np.random.default_rng(1), 600
    frame = pd.DataFrame(
        {
            "_STATE": draw.choice([39.0, 49.0, 72.0], rows),
            "SEQNO": [f"{year}{number:06d}" for number, year in enumerate(draw.choice([2019, 2020], rows))],
            "_LLCPWT": draw.uniform(1, 900, rows),
            "_STSTR": draw.choice([39101.0, 39102.0], rows),
            "_BMI5CAT": draw.choice([1.0, 2.0, 3.0, 4.0, np.nan], rows),
            "_TOTINDA": draw.choice([1.0, 2.0, 9.0], rows),
            "SEXVAR": draw.choice([1.0, 2.0], rows),
            "_AGEG5YR": draw.integers(1, 15, rows).astype(float),
            "_EDUCAG": draw.choice([1.0, 2.0, 3.0, 4.0, 9.0], rows),
            "INCOME2": draw.choice([1.0, 5.0, 8.0, 77.0, 99.0, np.nan], rows),
            "_RACE": draw.integers(1, 10, rows).astype(float),
        }
    )
    table = table_of(frame, read_mapping(MAPPINGS / "brfss.toml"))
    assert [place.abbreviation for place in table.locations] == ["US", "OH", "PR", "UT"]
    assert table.report.rows_used == rows
    assert not table.report.modelled
    obese = frame[(frame["_STATE"] == 39) & frame["SEQNO"].str.startswith("2020") & frame["_BMI5CAT"].notna()]
    old = obese[obese["_AGEG5YR"].between(10, 13)]
    found = figures_of(table)
    text = "Percent of adults aged 18 years and older who have obesity"
    for records, stratum in ((obese, ("Total", "Total")), (old, ("Age (years)", "65 or older"))):
        share = records.loc[records["_BMI5CAT"] == 4, "_LLCPWT"].sum() / records["_LLCPWT"].sum()
        assert found[(text, "Ohio", 2020, *stratum)].value == pytest.approx(100 * share)
        assert found[(text, "Ohio", 2020, *stratum)].respondents == len(records)


NAMES_BY_YEAR = {
    2015: ("SEX", "INCOME2"),
    2018: ("SEX1", "INCOME2"),
    2020: ("SEXVAR", "INCOME2"),
    2021: ("SEXVAR", "INCOME3"),
}
SEX_CODES = {1: "Male", 2: "Female"}
# The codes of the codebooks of 2015 and, from 9 on, of 2021; how many dollars each begins at.
INCOME_FROM = {1: 0, 2: 10, 3: 15, 4: 20, 5: 25, 6: 35, 7: 50, 8: 75, 9: 100, 10: 150, 11: 200}
INCOME_STRATA = {
    0: "Less than $15,000",
    15: "$15,000 - $24,999",
    25: "$25,000 - $34,999",
    35: "$35,000 - $49,999",
    50: "$50,000 - $74,999",
    75: "$75,000 or greater",
}


def brfss_file(folder: Path, year: int, people: list[tuple[int, int]]) -> None:
    """Write one record each of a sex and an income, with the names that the columns have in a year."""
    sex, income = NAMES_BY_YEAR[year]
    rows = [
        {"_STATE": 39, "SEQNO": year * 1_000_000 + number, "_LLCPWT": 1.0, "_STSTR": 1, "_BMI5CAT": 4, "_TOTINDA": 1}
        | {"_AGEG5YR": 1, "_EDUCAG": 1, "_RACE": 1, sex: of_sex, income: of_income}
        for number, (of_sex, of_income) in enumerate(people)
    ]
    pd.DataFrame(rows).to_csv(folder / f"{year}.csv", index=False)


def test_columns_are_read_by_their_name_in_each_year(tmp_path: Path) -> None:
    highest = {year: 11 if year == 2021 else 8 for year in NAMES_BY_YEAR}
    people = {
        year: [(1 + code % 2, code) for code in range(1, highest[year] + 1)] + [(7, 77), (9, 99)]
        for year in NAMES_BY_YEAR
    }
    for year, of_year in people.items():
        brfss_file(tmp_path, year, of_year)
    table = load_table(Settings(data=str(tmp_path), mapping=MAPPINGS / "brfss.toml", min_respondents=1))
    found = {
        (year, category, stratum): figures.respondents
        for (text, _, year, category, stratum), figures in figures_of(table).items()
        if "obesity" in text
    }
    for year, of_year in people.items():
        for code, name in SEX_CODES.items():
            assert found[(year, "Gender", name)] == sum(sex == code for sex, _ in of_year)
        for start, name in INCOME_STRATA.items():
            stop = min((other for other in INCOME_STRATA if other > start), default=1000)
            codes = [code for code, dollars in INCOME_FROM.items() if start <= dollars < stop]
            assert found[(year, "Income", name)] == sum(income in codes for _, income in of_year)
        assert found[(year, "Income", "Data not reported")] == 2


def test_the_error_for_a_missing_column_lists_all_its_names(tmp_path: Path) -> None:
    brfss_file(tmp_path, 2018, [(1, 1)])
    path = tmp_path / "2018.csv"
    path.write_text(path.read_text().replace("SEX1", "GENDER"))
    with pytest.raises(SourceError, match="missing needed columns SEXVAR or SEX1 or SEX; found: "):
        load_table(Settings(data=str(path), mapping=MAPPINGS / "brfss.toml"))


def test_generated_records_are_read_with_the_bundled_mapping(tmp_path: Path) -> None:
    (file,) = write_records(tmp_path, rows=20_000, seed=1)
    table = table_of(pd.read_parquet(file), read_mapping(MAPPINGS / "generated.toml"))
    assert table.report.modelled
    assert (table.report.rows_used, table.report.rows_skipped) == (20_000, {})
    assert table.report.years == tuple(range(2011, 2022))
    assert len(table.strata) == len(FACTS["strata"])
    obesity, fact = table.questions[0], FACTS["questions"][2]
    assert (obesity.question.id, fact["id"]) == ("Q036", "Q036")
    national = [cell.value for key, cell in figures_of(table).items() if key[1] == "National" and key[3] == "Total"]
    assert all(10 < value < 60 for value in national)
