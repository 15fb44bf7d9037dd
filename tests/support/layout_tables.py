"""Make a small table in each layout of CDC's family, with the column names as published and with odd fields.

Every table holds the same figures, as far as its layout has places for them.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Pair = tuple[str, str]
Fields = dict[str, str]

TOTAL_PAIR = ("Overall", "Overall")


@dataclass(frozen=True, slots=True)
class Figure:
    """A published figure, the strata that it is about, and its location."""

    place: Pair
    year: int
    strata: tuple[Pair, ...]
    value: str
    low: str = ""
    high: str = ""
    respondents: str = ""
    footnote: Pair = ("", "")


@dataclass(frozen=True, slots=True)
class PublishedLayout:
    """A layout as CDC publishes it.

    Parameters
    ----------
    name: as the server reports it
    columns: as in a download, in order, with odd spaces
    names: the column of each part of a figure; a part without one is not published
    strata: the columns of the strata's categories and names
    everybody: the stratum of all respondents, in each stratification
    constants: the fields that are the same in all rows
    value_types: value type and unit of each copy of the figures
    """

    name: str
    columns: Sequence[str]
    names: Mapping[str, str]
    strata: Sequence[Pair]
    everybody: Sequence[Pair]
    categories: Sequence[str]
    constants: Mapping[str, str] = field(default_factory=dict)
    value_types: Sequence[Pair] = (("Value", ""),)


NUTRITION = (
    *("YearStart", "YearEnd", "LocationAbbr", "LocationDesc", "Datasource", "Class", "Topic", "Question"),
    *("Data_Value_Unit", "Data_Value_Type", "Data_Value", "Data_Value_Alt", "Data_Value_Footnote_Symbol"),
    *("Data_Value_Footnote", "Low_Confidence_Limit", "High_Confidence_Limit ", "Sample_Size", "Total"),
)
NUTRITION_IDS = (
    *("GeoLocation", "ClassID", "TopicID", "QuestionID", "DataValueTypeID", "LocationID", "StratificationCategory1"),
    *("Stratification1", "StratificationCategoryId1", "StratificationID1"),
)
COMMON = {
    "place": "LocationDesc",
    "abbreviation": "LocationAbbr",
    "first": "YearStart",
    "last": "YearEnd",
    "question": "Question",
    "value": "Data_Value",
    "value_type": "Data_Value_Type",
    "unit": "Data_Value_Unit",
    "symbol": "Data_Value_Footnote_Symbol",
    "footnote": "Data_Value_Footnote",
    "low": "Low_Confidence_Limit",
    "high": "High_Confidence_Limit ",
    "respondents": "Sample_Size",
}
ONE = [("StratificationCategory1", "Stratification1")]
SEVERAL = [(f"StratificationCategory{number}", f"Stratification{number}") for number in (1, 2, 3)]
WITHOUT_SIZES = {part: name for part, name in COMMON.items() if part != "respondents"}
FAMILY = "Nutrition, Physical Activity, and Obesity"

LAYOUTS = {
    "adults": PublishedLayout(
        f"{FAMILY}: adults (BRFSS)",
        (*NUTRITION, "Age(years)", "Education", "Sex", "Income", "Race/Ethnicity", *NUTRITION_IDS),
        COMMON,
        ONE,
        [("Total", "Total")],
        ["Sex"],
        {"QuestionID": "Q036", "Datasource": "Behavioral Risk Factor Surveillance System", "Data_Value_Unit": "2019"},
    ),
    "adults by the API": PublishedLayout(
        f"{FAMILY}: adults (BRFSS)",
        tuple(name.strip().lower() for name in (*NUTRITION, "age_years", "Education", "Gender", *NUTRITION_IDS)),
        {part: name.strip().lower() for part, name in COMMON.items()},
        [("stratificationcategory1", "stratification1")],
        [("Total", "Total")],
        ["Gender"],
        {"questionid": "Q036"},
    ),
    "youth": PublishedLayout(
        f"{FAMILY}: youth (YRBSS)",
        (*NUTRITION, "Gender", "Grade", "Race/Ethnicity", *NUTRITION_IDS),
        COMMON,
        ONE,
        [("Total", "Total")],
        ["Gender"],
        {"QuestionID": "Q038", "Datasource": "Youth Risk Behavior Surveillance System"},
    ),
    "WIC": PublishedLayout(
        f"{FAMILY}: WIC participants",
        (*NUTRITION, "Age(months)", "Gender", "Race/Ethnicity", *NUTRITION_IDS),
        COMMON,
        ONE,
        [("Total", "Total")],
        ["Gender"],
        {"QuestionID": "Q041", "Age(months)": "11-Jun"},
    ),
    "chronic disease indicators": PublishedLayout(
        "U.S. Chronic Disease Indicators",
        (
            *("YearStart", "YearEnd", "LocationAbbr", "LocationDesc", "DataSource", "Topic", "Question", "Response"),
            *("DataValueUnit", "DataValueType", "DataValue", "DataValueAlt", "DataValueFootnoteSymbol"),
            *("DatavalueFootnote", "LowConfidenceLimit", "HighConfidenceLimit"),
            *(name for pair in SEVERAL for name in pair),
            *("ResponseID", "LocationID", "TopicID", "QuestionID", "DataValueTypeID"),
        ),
        {part: name.replace("_", "").strip() for part, name in WITHOUT_SIZES.items()}
        | {"footnote": "DatavalueFootnote"},
        SEVERAL,
        [TOTAL_PAIR],
        ["Gender"],
        {"Topic": "Diabetes", "QuestionID": "DIA1"},
        [("Crude Prevalence", "%"), ("Age-adjusted Prevalence", "%"), ("Mean", "Number")],
    ),
    "healthy aging": PublishedLayout(
        "Alzheimer's Disease and Healthy Aging",
        (
            *("RowId", "YearStart", "YearEnd", "LocationAbbr", "LocationDesc", "Datasource", "Class", "Topic"),
            *("Question", "Data_Value_Unit", "DataValueTypeID", "Data_Value_Type", "Data_Value", "Data_Value_Alt"),
            *("Data_Value_Footnote_Symbol", "Data_Value_Footnote", "Low_Confidence_Limit", "High_Confidence_Limit"),
            *(name for pair in SEVERAL[:2] for name in pair),
            *("Geolocation", "ClassID", "TopicID", "QuestionID", "LocationID"),
        ),
        WITHOUT_SIZES | {"high": "High_Confidence_Limit"},
        SEVERAL[:2],
        [("Age Group", "Overall"), ("", "")],
        ["Age Group", "Gender"],
        {"QuestionID": "Q01"},
        [("Percentage", "%"), ("Mean", "Number")],
    ),
    "mortality": PublishedLayout(
        "Stroke and heart disease mortality",
        (
            *("Year", "LocationAbbr", "LocationDesc", "GeographicLevel", "DataSource", "Class", "Topic", "Data_Value"),
            *("Data_Value_Unit", "Data_Value_Type", "Data_Value_Footnote_Symbol", "Data_Value_Footnote"),
            *(name for pair in SEVERAL[:2] for name in pair),
            *("TopicID", "LocationID", "Location 1"),
        ),
        {part: name for part, name in COMMON.items() if part not in {"last", "low", "high", "respondents"}}
        | {"first": "Year", "question": "Topic"},
        SEVERAL[:2],
        [("Gender", "Overall"), ("Race/Ethnicity", "Overall")],
        ["Gender", "Race/Ethnicity"],
        {"GeographicLevel": "State"},
        [("Age-adjusted, 3-year Average Rate", "per 100,000 population")],
    ),
    "break out": PublishedLayout(
        "BRFSS Prevalence (Break_Out columns)",
        (
            *("Year", "Locationabbr", "Locationdesc", "Class", "Topic", "Question", "Response", "Break_Out"),
            *("Break_Out_Category", "Sample_Size", "Data_value", "Confidence_limit_Low", "Confidence_limit_High"),
            *("Display_order", "Data_value_unit", "Data_value_type", "Data_Value_Footnote_Symbol"),
            *("Data_Value_Footnote", "DataSource", "ClassId", "TopicId", "LocationID", "QuestionID", "GeoLocation"),
        ),
        {
            **{part: COMMON[part] for part in ("question", "symbol", "footnote", "respondents")},
            **{"place": "Locationdesc", "abbreviation": "Locationabbr", "first": "Year", "value": "Data_value"},
            **{"value_type": "Data_value_type", "unit": "Data_value_unit"},
            **{"low": "Confidence_limit_Low", "high": "Confidence_limit_High"},
        },
        [("Break_Out_Category", "Break_Out")],
        [TOTAL_PAIR],
        ["Gender"],
        {"Response": "Yes", "QuestionID": "SMOKE100"},
        [("Crude Prevalence", "%")],
    ),
    "break out by indicator": PublishedLayout(
        "BRFSS Prevalence (Break_Out columns)",
        (
            *("Year", "LocationAbbr", "LocationDesc", "DataSource", "PriorityArea1", "Category", "Topic", "Indicator"),
            *("Break_Out_Category", "Break_Out", "Data_Value_Type", "Data_Value_Unit", "Data_Value"),
            *("Data_Value_Footnote_Symbol", "Data_Value_Footnote", "Confidence_limit_Low", "Confidence_limit_High"),
        ),
        {part: name for part, name in WITHOUT_SIZES.items() if part != "last"}
        | {"question": "Indicator", "first": "Year", "low": "Confidence_limit_Low", "high": "Confidence_limit_High"},
        [("Break_Out_Category", "Break_Out")],
        [TOTAL_PAIR],
        ["Gender"],
        {"Category": "Cardiovascular Diseases"},
        [("Percentage", "Percent (%)"), ("Mean", "Number")],
    ),
}

QUESTION = "How many have it"
PLACES = [("Ohio", "OH"), ("Guam", "GU"), ("Maine", "ME")]
SUPPRESSED = ("~", "Data not available because sample size is insufficient.")


def figures_of(layout: PublishedLayout, value_type: str) -> list[Figure]:
    """Return the figures of one value type: of everybody, and of the strata of each category and of all of them."""
    figures = []
    shift = [name for name, _ in layout.value_types].index(value_type)
    strata = [list(layout.everybody)]
    strata += [
        [*layout.everybody[:place], (category, f"{name} {place}"), *layout.everybody[place + 1 :]]
        for place, category in enumerate(layout.categories)
        for name in ("Male", "Female")
    ]
    if len(layout.categories) > 1:
        strata.append([(category, f"Female {place}") for place, category in enumerate(layout.categories)])
    for number, (place, year, pairs) in enumerate(
        (place, year, pairs) for place in PLACES for year in (2018, 2019) for pairs in strata
    ):
        if number % 5 == 3:
            figures.append(Figure(place, year, tuple(pairs), "", footnote=SUPPRESSED))
            continue
        value = 12.5 + 20 * shift + 3 * (number % 20) + number / 10
        low, high = f"{value - 2:.1f}", f"{value + 2.1:.1f}"
        figures.append(Figure(place, year, tuple(pairs), f"{value:.1f}", low, high, str(100 + number)))
    return figures


def table_of(layout: PublishedLayout) -> str:
    """Return the table as CSV with a byte-order mark; some fields have spaces around them, some rows cannot be used."""
    rows = []
    for value_type, unit in layout.value_types:
        rows += [_row(layout, figure, value_type, unit) for figure in figures_of(layout, value_type)]
    odd = rows[0]
    names = layout.names
    rows += [{**odd, names["place"]: " "}, {**odd, names["value"]: "n/a"}, {**odd, names["value"]: "-3"}]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, layout.columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return "\ufeff" + text.getvalue()


UNUSABLE_ROWS = 3


def _row(layout: PublishedLayout, figure: Figure, value_type: str, unit: str) -> Fields:
    parts = {
        "place": figure.place[0],
        "abbreviation": figure.place[1],
        "first": f"{figure.year}.0" if figure.year % 2 else str(figure.year),
        "last": str(figure.year),
        "question": QUESTION,
        "value": f" {figure.value} " if figure.value else "",
        "value_type": value_type,
        "unit": unit,
        "symbol": figure.footnote[0],
        "footnote": figure.footnote[1],
        "low": figure.low,
        "high": f"{figure.high} " if figure.high else "",
        "respondents": figure.respondents,
    }
    fields = {layout.names[part]: text for part, text in parts.items() if part in layout.names}
    strata = {
        column: text
        for columns, pair in zip(layout.strata, figure.strata, strict=False)
        for column, text in zip(columns, pair, strict=True)
    }
    return {**fields, **strata, **layout.constants}
