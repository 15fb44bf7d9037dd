"""Small survey files for the ingestion tests: rows, and the file formats of a table."""

import bz2
import csv
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
from hypothesis import strategies as st

from app.table.sources.frame import SourceFrame

NEEDED_COLUMNS = ("LocationDesc", "Question", "Data_Value", "StratificationCategory1", "Stratification1")
CDC_COLUMNS = (
    *("YearStart", "YearEnd", "LocationAbbr", "LocationDesc", "Datasource", "Class", "Topic", "Question"),
    *("Data_Value_Unit", "Data_Value_Type", "Data_Value", "Data_Value_Alt", "Data_Value_Footnote_Symbol"),
    *("Data_Value_Footnote", "Low_Confidence_Limit", "High_Confidence_Limit ", "Sample_Size", "Total"),
    *("Age(years)", "Education", "Gender", "Income", "Race/Ethnicity", "GeoLocation", "ClassID", "TopicID"),
    *("QuestionID", "DataValueTypeID", "LocationID", "StratificationCategory1", "Stratification1"),
    *("StratificationCategoryId1", "StratificationID1"),
)
WALKING = "Percent of adults who walk to work"

Row = Mapping[str, object]

USUAL: Row = {
    "YearStart": 2019,
    "YearEnd": 2019,
    "LocationAbbr": "OH",
    "LocationDesc": "Ohio",
    "Datasource": "Behavioral Risk Factor Surveillance System",
    "Class": "Physical Activity",
    "Question": WALKING,
    "Data_Value": "30.5",
    "QuestionID": "Q900",
    "StratificationCategory1": "Gender",
    "Stratification1": "Female",
}


def row(**fields: object) -> Row:
    """Return a typical row with the given fields replaced."""
    return {**USUAL, **fields}


def csv_text(
    rows: Sequence[Row],
    columns: Sequence[str] = NEEDED_COLUMNS,
    *,
    index_column: bool = False,
    line_end: str = "\n",
) -> str:
    """Return a CSV table of the given columns; ``index_column`` prepends an unnamed column."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end)
    writer.writerow([""] * index_column + list(columns))
    for number, fields in enumerate(rows):
        writer.writerow([number] * index_column + [fields.get(name, "") for name in columns])
    return text.getvalue()


def write_csv(folder: Path, rows: Sequence[Row], columns: Sequence[str] = NEEDED_COLUMNS) -> Path:
    """Write a CSV table into a folder and return its path."""
    return write(folder, csv_text(rows, columns))


def write(folder: Path, content: str | bytes, name: str = "survey.csv") -> Path:
    """Write a file into a folder, byte for byte, and return its path."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def write_parquet(folder: Path, frame: pd.DataFrame) -> Path:
    """Write a frame as a Parquet file into a folder and return its path."""
    path = folder / "survey.parquet"
    frame.to_parquet(path)
    return path


def frame_of(rows: Sequence[Row], columns: Sequence[str] = NEEDED_COLUMNS) -> pd.DataFrame:
    """Return rows as a frame of the given columns."""
    return pd.DataFrame({name: [fields.get(name) for fields in rows] for name in columns})


def fields_of(frame: SourceFrame, column: str) -> list[str | None]:
    """Return the fields of a column as text, None for an empty one."""
    places, fields = frame.distinct(column)
    return [str(fields[place]) if place >= 0 else None for place in places]


def zipped(content: bytes, *names: str) -> bytes:
    """Return a ZIP archive that holds the content once under each name."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(name, content)
    return archive.getvalue()


COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zip": lambda content: zipped(content, "survey.csv"),
}

GENERATED_ROWS: st.SearchStrategy[list[Row]] = st.lists(
    st.fixed_dictionaries(
        {
            "LocationDesc": st.sampled_from(["Ohio", "Utah", " Ohio ", "", "  "]),
            "Question": st.sampled_from([WALKING, "Percent of adults who cycle", "", " "]),
            "Data_Value": st.sampled_from(["0", "100", "30.5", "", " ", "nan", "inf", "-1", "101", "text"])
            | st.floats(width=32).map(str),
            "Data_Value_Footnote_Symbol": st.sampled_from(["", "~", "-", " "]),
            "StratificationCategory1": st.sampled_from(["Gender", "Income", "", " "]),
            "Stratification1": st.sampled_from(["Female", "$15,000 - $24,999", ""]),
        }
    ),
    max_size=30,
)


def plain_fate(fields: Row) -> str:
    """Return whether a row is used, suppressed or skipped, by the plain rules."""
    place, question, text, symbol = (
        str(fields[name]).strip() for name in (*NEEDED_COLUMNS[:3], "Data_Value_Footnote_Symbol")
    )
    if not place or not question:
        return "skipped"
    if not text:
        return "suppressed" if symbol else "skipped"
    return "used" if text != "text" and 0 <= float(text) <= 100 else "skipped"


def many_rows(count: int = 600) -> list[Row]:
    """Return rows with many per cell, some incomplete ones, and unsorted names."""
    return [
        row(
            LocationDesc=STATES[number % 4],
            LocationAbbr="" if number < 500 else f"X{number % 4}",
            Data_Value="" if number % 7 == 0 else f"{number % 90}.{number % 10}",
            Data_Value_Footnote_Symbol="~" if number % 14 == 0 else "",
            YearStart=2011 + number % 3,
            YearEnd=2011 + number % 3,
            Stratification1=("Male", 'a "quoted"\nname, of two lines', "")[number % 3],
            Sample_Size=number or "",
        )
        for number in range(count)
    ]


ROWS = [row(Data_Value="30.5"), row(LocationDesc="Utah", Data_Value="24.5", Stratification1="Male")]


TABLE = csv_text(ROWS)


NO_TABLES = {
    "every byte": bytes(range(256)) * 20,
    "zeros": bytes(1000),
    "picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "page": b"<!DOCTYPE html>\n<html><body>\n<p>403, not, for, you</p>\n</body></html>\n",
    "json": b'{"rows": [1, 2],\n "columns": []}',
    "semicolons": TABLE.replace(",", ";").encode(),
    "no header": TABLE.split("\n", 1)[1].encode(),
    "name of two lines": b'"Location\nDesc",Question\nOhio,Why\n',
    "two files in a ZIP": zipped(TABLE.encode(), "a.csv", "b.csv"),
    "empty ZIP": zipped(b""),
    "half a Parquet file": b"PAR1" + bytes(60),
    "start of a Parquet file": b"PAR1",
}


STATES = ("Ohio", "Utah", "Texas", "Guam")
