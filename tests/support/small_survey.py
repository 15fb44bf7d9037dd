"""A small survey of three questions in seven locations, and the check of an error response."""

from typing import Any

OBESITY = "Percent of adults aged 18 years and older who have obesity"


STRENGTH = "Percent of adults who engage in muscle-strengthening activities on 2 or more days a week"


SINGING = "Percent of adults who sing in the shower"


ERROR_FIELDS = ["status", "reason"], ["status", "reason", "field", "suggestions"]  # the latter of one field


COLUMNS = ("YearStart", "LocationAbbr", "LocationDesc", "Question", "Data_Value", "Data_Value_Footnote_Symbol")


STRATA_COLUMNS = ("StratificationCategory1", "Stratification1")


# State, abbreviation, obesity by gender (female, male): seven locations, so that the best and the worst five differ.
OBESITY_BY_GENDER = [
    ("Ohio", "OH", 30.0, 32.0),
    ("Utah", "UT", 24.0, 26.0),
    ("Texas", "TX", 33.0, 35.0),
    ("Maine", "ME", 28.0, 29.0),
    ("Iowa", "IA", 31.5, 32.5),
    ("Guam", "GU", 29.0, 31.0),
    ("National", "US", 30.5, 30.7),
]


def small_survey() -> list[dict[str, Any]]:
    """Return the rows of a small table: three questions, one of unknown direction; one suppressed row; one total."""
    rows: list[tuple[object, ...]] = []
    for state, abbreviation, female, male in OBESITY_BY_GENDER:
        for stratum, value in (("Female", female), ("Male", male)):
            rows.append((2019, abbreviation, state, OBESITY, value, "", "Gender", stratum))
            rows.append((2021, abbreviation, state, STRENGTH, value + 1, "", "Gender", stratum))
    rows.append((2020, "OH", "Ohio", OBESITY, 31.0, "", "Total", "Total"))
    rows.append((2020, "UT", "Utah", OBESITY, 20.0, "", "", ""))
    rows.append((2020, "GU", "Guam", SINGING, "", "~", "Total", "Total"))
    rows.append((2020, "ME", "Maine", SINGING, 70.0, "", "Total", "Total"))
    return [dict(zip(COLUMNS + STRATA_COLUMNS, row, strict=True)) for row in rows]


def assert_error(answer: Any, status: int) -> str:
    """Check the one envelope of errors and return the reason."""
    assert answer.status_code == status, answer.data
    assert answer.mimetype == "application/json"
    assert list(answer.json) in ERROR_FIELDS
    assert answer.json["status"] == "error"
    assert isinstance(answer.json["reason"], str)
    assert "Traceback" not in answer.json["reason"]
    return str(answer.json["reason"])
