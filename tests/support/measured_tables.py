"""Tables whose questions have several value types, units and stratifications, as small files."""

from collections.abc import Sequence

from support.survey_files import CDC_COLUMNS, Row, csv_text, row

COLUMNS = (
    *CDC_COLUMNS,
    *("Response", "StratificationCategory2", "Stratification2", "StratificationCategory3", "Stratification3"),
)
TOTAL = {"StratificationCategory1": "Total", "Stratification1": "Total"}
CRUDE, ADJUSTED = "Crude Prevalence", "Age-adjusted Prevalence"
DEATHS, DAYS = "Deaths from stroke", "Unhealthy days"
RATE = "per 100,000 population"


def published(value: float, low: object = "", high: object = "", **fields: object) -> Row:
    """Return a row of the total with its limits."""
    limits = {"Low_Confidence_Limit": low, "High_Confidence_Limit ": high}
    return row(**{**TOTAL, "Data_Value": value, **limits, **fields})


def measured_text(rows: Sequence[Row]) -> str:
    """Return rows as a CSV table with all columns of the family."""
    return csv_text(rows, COLUMNS)


def several_value_types() -> list[Row]:
    """Return a question with crude and age-adjusted prevalences, one with a rate, and one with means alone."""
    rows = []
    for place, abbreviation, more in (("Ohio", "OH", 0.0), ("Utah", "UT", 7.5), ("Iowa", "IA", 3.0)):
        where = {"LocationDesc": place, "LocationAbbr": abbreviation}
        for year in (2018, 2019, 2020):
            when = {**where, "YearStart": year, "YearEnd": year}
            rows += [
                published(30 + more, 25 + more, 35.5 + more, Data_Value_Type=CRUDE, Data_Value_Unit="%", **when),
                published(28 + more, 24 + more, 32.4 + more, Data_Value_Type=ADJUSTED, Data_Value_Unit="%", **when),
            ]
            deaths = {
                "Question": DEATHS,
                "QuestionID": "Q901",
                "Data_Value_Type": "Crude Rate",
                "Data_Value_Unit": RATE,
            }
            rows.append(published(95 + more, 88 + more, 102 + more, **deaths, **when))
            for value_type, days in (("Mean", 3.7), ("Age-adjusted Mean", 3.5)):
                about = {
                    "Question": DAYS,
                    "QuestionID": "Q902",
                    "Data_Value_Type": value_type,
                    "Data_Value_Unit": "Number",
                }
                rows.append(published(days + more, days + more - 0.4, days + more + 0.4, **about, **when))
    return rows
