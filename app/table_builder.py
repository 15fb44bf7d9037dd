"""A source in, an immutable ``SurveyTable`` out: the one place that knows what is odd in such files."""

import hashlib
import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from app.cells import Codes, Mask, Rows, Values, reduce_rows
from app.errors import SourceError
from app.source_reader import SourceFrame, read_source
from app.survey_facts import KnownQuestion, survey_facts
from app.survey_table import DatasetReport, Location, Period, Question, QuestionData, Stratum, SurveyTable

MODELLED_MARK = "modelled"
LONGEST_BLANK_BYTES = 4096  # what a table may begin with before the whole of it is looked through
FIRST_YEAR, LAST_YEAR = 1900, 2100  # a year outside is a mistake in the table
LOWEST_PERCENT, HIGHEST_PERCENT = 0.0, 100.0
NOT_A_NUMBER = "value is not a number"
NOT_A_PERCENTAGE = "value is not between 0 and 100"


def read_table(source: Path) -> SurveyTable:
    """Read a survey table.

    Raises
    ------
    SourceError: the file cannot be read, is not a table, lacks a needed column, or holds no usable row; the reason
        names the file, what is missing and what was found
    """
    content = _content(source)
    with ThreadPoolExecutor(1) as aside:  # both take a while, and neither needs the interpreter
        digest = aside.submit(lambda: hashlib.sha256(content).hexdigest())
        frame = read_source(content, source)
    if not frame.rows:
        raise SourceError(f"{source}: the table has a header but no rows")
    columns = _Columns(frame)
    sieve = _Sieve(columns)
    if not sieve.used.any():
        raise SourceError(f"{source}: none of its {columns.rows} rows has a usable value ({_counts(sieve.skipped)})")
    report = _report(source, digest.result(), columns, sieve)
    return SurveyTable(
        locations=_locations(columns),
        strata=[Stratum(category, name) for category, name in columns.stratum_names],
        periods=columns.years.periods,
        questions=[_question_data(code, columns, sieve) for code in range(len(columns.question_texts))],
        report=report,
    )


def _content(source: Path) -> bytes:
    try:
        content = source.read_bytes()
    except FileNotFoundError as error:
        raise SourceError(f"{source}: no such file; set STATS_DATA to the table's path") from error
    except OSError as error:
        raise SourceError(f"{source}: cannot be read: {error.strerror}") from error
    if not content[:LONGEST_BLANK_BYTES].strip() and not content.strip():
        raise SourceError(f"{source}: the file is empty; expected a table with a header line")
    return content


class _Columns:
    """The columns of a source as integer codes; -1 stands for an empty field."""

    def __init__(self, frame: SourceFrame) -> None:
        self.missing_optional = frame.missing_optional
        self.rows = frame.rows
        self.location, self.location_names = coded(frame.column("LocationDesc"))
        self.question, self.question_texts = coded(frame.column("Question"))
        self.value, self.has_value = numbers(frame.column("Data_Value"))
        self.footnoted = self._optional(frame, "Data_Value_Footnote_Symbol")[0] >= 0
        self.stratum, self.stratum_names = _strata(frame)
        self.years = _years(frame)
        self.low, self.high = self._limits(frame)
        self.respondents = self._measure(frame, "Sample_Size")
        self.respondents[~(self.respondents > 0)] = np.nan
        self.question_id, self.question_ids = self._optional(frame, "QuestionID")
        self.class_name, self.class_names = self._optional(frame, "Class")
        self.abbreviation, self.abbreviations = self._optional(frame, "LocationAbbr")
        self.datasources = self._optional(frame, "Datasource")[1]

    def _measure(self, frame: SourceFrame, name: str) -> Values:
        if name in self.missing_optional:
            return np.full(self.rows, np.nan)
        return numbers(frame.column(name))[0]

    def _limits(self, frame: SourceFrame) -> tuple[Values, Values]:
        """Return the confidence limits, NaN in both where they are no percentages that enclose the value."""
        low, high = self._measure(frame, "Low_Confidence_Limit"), self._measure(frame, "High_Confidence_Limit")
        unusable = ~((low >= LOWEST_PERCENT) & (low <= self.value) & (self.value <= high) & (high <= HIGHEST_PERCENT))
        low[unusable] = high[unusable] = np.nan
        return low, high

    def _optional(self, frame: SourceFrame, name: str) -> tuple[Codes, list[str]]:
        if name in self.missing_optional:
            return np.full(self.rows, -1), []
        return coded(frame.column(name))


class _Sieve:
    """Which rows are used, which are suppressed, and why the others are skipped."""

    def __init__(self, columns: _Columns) -> None:
        left = np.ones(columns.rows, dtype=np.bool_)
        self.skipped: dict[str, int] = {}
        self._skip(left, columns.location < 0, "no location")
        self._skip(left, columns.question < 0, "no question")
        self.suppressed = left & ~columns.has_value & columns.footnoted
        left &= ~self.suppressed
        self._skip(left, ~columns.has_value, "no value and no footnote that says why")
        self._skip(left, np.isnan(columns.value), NOT_A_NUMBER)
        in_range = (columns.value >= LOWEST_PERCENT) & (columns.value <= HIGHEST_PERCENT)
        self._skip(left, ~in_range, NOT_A_PERCENTAGE)
        self.used = left

    def _skip(self, left: Mask, unusable: Mask, reason: str) -> None:
        count = int(np.count_nonzero(left & unusable))
        if count:
            self.skipped[reason] = count
            left &= ~unusable


def coded(column: pd.Series) -> tuple[Codes, list[str]]:
    """Return the code of each field and the names by code, stripped and sorted; an empty field has the code -1."""
    categorical = column.astype("category")
    texts = [str(text).strip() for text in categorical.cat.categories]
    names = sorted(set(texts) - {""})
    code_of = {name: code for code, name in enumerate(names)} | {"": -1}
    new_codes = np.array([code_of[text] for text in texts] + [-1], dtype=np.int64)
    return new_codes[categorical.cat.codes.to_numpy()], names


def numbers(column: pd.Series) -> tuple[Values, Mask]:
    """Return the number in each field, NaN where there is none, and whether the field holds anything at all."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "f":
        values = column.to_numpy(dtype=np.float64)
        return values, ~np.isnan(values)
    categorical = column.astype("category")
    texts = pd.Series([str(text).strip() for text in categorical.cat.categories], dtype=object)
    parsed = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
    codes = categorical.cat.codes.to_numpy()
    filled = np.append((texts != "").to_numpy(dtype=np.bool_), False)
    return np.append(parsed, np.nan)[codes], filled[codes]


def _strata(frame: SourceFrame) -> tuple[Codes, list[tuple[str, str]]]:
    """Return the stratum of each row and the pairs of category and name by code; -1 where either is empty."""
    category, categories = coded(frame.column("StratificationCategory1"))
    name, names = coded(frame.column("Stratification1"))
    width = len(names) + 1
    pair = np.where((category >= 0) & (name >= 0), category * width + name, -1)
    found = np.unique(pair[pair >= 0])
    codes = np.where(pair >= 0, np.searchsorted(found, pair), -1)
    return codes, [(categories[key // width], names[key % width]) for key in found.tolist()]


@dataclass(frozen=True)
class _Years:
    """The period of each row as a code, shape (rows,), -1 where it is not known, and the periods by code."""

    period: Codes
    periods: tuple[Period, ...]

    def of(self, rows: Mask) -> tuple[int, ...]:
        """Return the years that the given rows cover, ascending."""
        found = [self.periods[code] for code in np.unique(self.period[rows]).tolist() if code >= 0]
        return tuple(sorted({year for period in found for year in range(period.first, period.last + 1)}))


def _years(frame: SourceFrame) -> _Years:
    """Read the years; a table with one of the two columns has rows of one year each."""
    present = [name for name in ("YearStart", "YearEnd") if name not in frame.missing_optional]
    if not present:
        return _Years(np.full(frame.rows, -1), ())
    first, firsts = _year_codes(frame.column(present[0]))
    last, lasts = _year_codes(frame.column(present[-1]))
    spans = [_period(start, end) for start in firsts for end in lasts]
    span_of_row = first * len(lasts) + last
    periods = sorted({spans[code] for code in np.unique(span_of_row).tolist()} - {None})
    code_of = {period: code for code, period in enumerate(periods)}
    return _Years(np.array([code_of.get(span, -1) for span in spans])[span_of_row], tuple(periods))


def _year_codes(column: pd.Series) -> tuple[Codes, list[float]]:
    """Return the code of each field and the years by code, NaN where a field holds no number."""
    codes, texts = coded(column)
    years = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").astype(float).tolist()
    return np.where(codes < 0, len(years), codes), [*years, math.nan]


def _period(first: float, last: float) -> Period | None:
    """Return the years from one to another, None where either is no year or they are the wrong way round."""
    plausible = FIRST_YEAR <= first <= last <= LAST_YEAR  # NaN is not
    return Period(int(first), int(last)) if plausible else None


def _locations(columns: _Columns) -> list[Location]:
    """Return the locations by code; an abbreviation the table leaves out is taken from what is known."""
    written = _first_by_key(columns.location, columns.abbreviation, columns.abbreviations)
    known = survey_facts().abbreviations
    return [Location(name, written.get(code, known.get(name))) for code, name in enumerate(columns.location_names)]


def _question_data(code: int, columns: _Columns, sieve: _Sieve) -> QuestionData:
    rows = columns.question == code
    used = rows & sieve.used
    text = columns.question_texts[code]
    ids = _first_by_key(columns.question[rows], columns.question_id[rows], columns.question_ids)
    classes = _first_by_key(columns.question[rows], columns.class_name[rows], columns.class_names)
    known = _known_question(text, ids.get(code))
    question = Question(
        text=text,
        id=ids.get(code, known.id if known else None),
        class_name=classes.get(code, known.class_name if known else None),
        best=known.best if known else None,
        years=columns.years.of(rows & (sieve.used | sieve.suppressed)),
        rows=int(np.count_nonzero(used)),
        suppressed_rows=int(np.count_nonzero(rows & sieve.suppressed)),
    )
    return QuestionData(question, reduce_rows(_rows(columns, rows & (sieve.used | sieve.suppressed))))


def _rows(columns: _Columns, chosen: Mask) -> Rows:
    return Rows(
        columns.location[chosen],
        columns.stratum[chosen],
        columns.years.period[chosen],
        columns.footnoted[chosen],
        columns.value[chosen],
        columns.low[chosen],
        columns.high[chosen],
        columns.respondents[chosen],
    )


def _known_question(text: str, question_id: str | None) -> KnownQuestion | None:
    """Look a question up by its text, or by its id where a vintage words it differently."""
    known = survey_facts().questions
    return known.get(text) or known.get(question_id or "")


def _first_by_key(keys: Codes, codes: Codes, names: list[str]) -> dict[int, str]:
    """Return for each key the name in its first row that has one."""
    named = np.flatnonzero((codes >= 0) & (keys >= 0))[::-1]
    first = np.full(keys.max(initial=-1) + 1, -1)
    first[keys[named]] = codes[named]  # of a key's rows the last one holds, and they come backwards
    return {key: names[code] for key, code in enumerate(first.tolist()) if code >= 0}


def _report(source: Path, sha256: str, columns: _Columns, sieve: _Sieve) -> DatasetReport:
    return DatasetReport(
        source=source.name,
        datasources=tuple(columns.datasources),
        modelled=any(MODELLED_MARK in name.lower() for name in columns.datasources),
        sha256=sha256,
        loaded_at=datetime.now(UTC),
        rows_read=columns.rows,
        rows_used=int(np.count_nonzero(sieve.used)),
        rows_suppressed=int(np.count_nonzero(sieve.suppressed)),
        rows_used_despite_footnote=int(np.count_nonzero(sieve.used & columns.footnoted)),
        rows_skipped=sieve.skipped,
        years=columns.years.of(sieve.used | sieve.suppressed),
        notes=tuple(_notes(columns.missing_optional)),
    )


SWITCHED_OFF = {
    "YearStart": "the years of the rows are not known",
    "LocationAbbr": "abbreviations are taken from CDC's list of locations",
    "Datasource": "whether the data is modelled is not known",
    "QuestionID": "question ids are taken from CDC's list of questions",
    "Class": "question classes are taken from CDC's list of questions",
    "Data_Value_Footnote_Symbol": "suppressed rows cannot be told from other rows without a value",
    "Low_Confidence_Limit": "estimates have no confidence limits",
    "High_Confidence_Limit": "estimates have no confidence limits",
    "Sample_Size": "estimates have no sample sizes",
}


def _notes(missing: frozenset[str]) -> list[str]:
    off = missing if "YearEnd" in missing else missing - {"YearStart"}  # one column of years is enough
    return [f"no column {name}: {effect}" for name, effect in SWITCHED_OFF.items() if name in off]


def _counts(skipped: Mapping[str, int]) -> str:
    return ", ".join(f"{count}: {reason}" for reason, count in skipped.items()) or "all are suppressed"
