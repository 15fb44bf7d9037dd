"""The columns of survey rows as integer codes, and the sieve that tells which rows count.

This is the one place that knows what is odd in such rows.
"""

import math

import numpy as np
import pandas as pd

from app.table.cells import Codes, Mask, Rows, Values, group
from app.table.sources.frame import SourceFrame
from app.table.survey_table import Period

FIRST_YEAR, LAST_YEAR = 1900, 2100  # a year outside is a mistake in the table
LOWEST_PERCENT, HIGHEST_PERCENT = 0.0, 100.0
NO_LOCATION = "no location"
NO_QUESTION = "no question"
NO_VALUE = "no value and no footnote that says why"
NOT_A_NUMBER = "value is not a number"
NOT_A_PERCENTAGE = "value is not between 0 and 100"
SKIP_REASONS = (NO_LOCATION, NO_QUESTION, NO_VALUE, NOT_A_NUMBER, NOT_A_PERCENTAGE)


class Columns:
    """The columns of a source as integer codes; -1 stands for an empty field."""

    def __init__(self, frame: SourceFrame) -> None:
        self.missing_optional = frame.missing_optional
        self.rows = frame.rows
        self.location, self.location_names = coded(frame, "LocationDesc")
        self.question, self.question_texts = coded(frame, "Question")
        self.value, self.has_value = numbers(frame, "Data_Value")
        self.footnoted = self._optional(frame, "Data_Value_Footnote_Symbol")[0] >= 0
        self.stratum, self.stratum_names = _strata(frame)
        self.period, self.periods = _periods(frame)
        self.low, self.high = self._limits(frame)
        respondents = self._measure(frame, "Sample_Size")
        self.respondents = np.where(respondents > 0, respondents, np.nan)
        self.question_id, self.question_ids = self._optional(frame, "QuestionID")
        self.class_name, self.class_names = self._optional(frame, "Class")
        self.abbreviation, self.abbreviations = self._optional(frame, "LocationAbbr")
        self.datasources = self._optional(frame, "Datasource")[1]

    def _measure(self, frame: SourceFrame, name: str) -> Values:
        if name in self.missing_optional:
            return np.full(self.rows, np.nan)
        return numbers(frame, name)[0]

    def _limits(self, frame: SourceFrame) -> tuple[Values, Values]:
        """Return the confidence limits, NaN in both where they are no percentages that enclose the value."""
        low, high = self._measure(frame, "Low_Confidence_Limit"), self._measure(frame, "High_Confidence_Limit")
        usable = (low >= LOWEST_PERCENT) & (low <= self.value) & (self.value <= high) & (high <= HIGHEST_PERCENT)
        return np.where(usable, low, np.nan), np.where(usable, high, np.nan)

    def _optional(self, frame: SourceFrame, name: str) -> tuple[Codes, list[str]]:
        if name in self.missing_optional:
            return np.full(self.rows, -1), []
        return coded(frame, name)

    def rows_of(self, chosen: Mask) -> Rows:
        """Return the rows that a mask of shape (rows,) chooses."""
        return Rows(
            self.location[chosen],
            self.stratum[chosen],
            self.period[chosen],
            self.footnoted[chosen],
            self.value[chosen],
            self.low[chosen],
            self.high[chosen],
            self.respondents[chosen],
        )


class Sieve:
    """Which rows are used, which are suppressed, and why the others are skipped."""

    def __init__(self, columns: Columns) -> None:
        left = np.ones(columns.rows, dtype=np.bool_)
        self.skipped: dict[str, int] = {}
        self._skip(left, columns.location < 0, NO_LOCATION)
        self._skip(left, columns.question < 0, NO_QUESTION)
        self.suppressed = left & ~columns.has_value & columns.footnoted
        left &= ~self.suppressed
        self._skip(left, ~columns.has_value, NO_VALUE)
        self._skip(left, np.isnan(columns.value), NOT_A_NUMBER)
        in_range = (columns.value >= LOWEST_PERCENT) & (columns.value <= HIGHEST_PERCENT)
        self._skip(left, ~in_range, NOT_A_PERCENTAGE)
        self.used = left

    def _skip(self, left: Mask, unusable: Mask, reason: str) -> None:
        count = int(np.count_nonzero(left & unusable))
        if count:
            self.skipped[reason] = count
            left &= ~unusable


def coded(frame: SourceFrame, column: str) -> tuple[Codes, list[str]]:
    """Return the code of each field and the names by code, stripped and sorted; an empty field has the code -1."""
    places, fields = frame.distinct(column)
    texts = [str(field).strip() for field in fields]
    names = sorted(set(texts) - {""})
    code_of = {name: code for code, name in enumerate(names)} | {"": -1}
    new_codes = np.array([code_of[text] for text in texts] + [-1], dtype=np.int64)
    return new_codes[places], names


def numbers(frame: SourceFrame, column: str) -> tuple[Values, Mask]:
    """Return the number in each field, NaN where there is none, and whether the field holds anything at all."""
    if frame.is_number(column):
        values = frame.numbers(column).astype(np.float64, copy=False)
        return values, ~np.isnan(values)
    places, fields = frame.distinct(column)
    texts = pd.Series([str(field).strip() for field in fields], dtype=object)
    parsed = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
    filled = np.append((texts != "").to_numpy(dtype=np.bool_), False)
    return np.append(parsed, np.nan)[places], filled[places]


def _strata(frame: SourceFrame) -> tuple[Codes, list[tuple[str, str]]]:
    """Return the stratum of each row and the pairs of category and name by code; -1 where either is empty."""
    category, categories = coded(frame, "StratificationCategory1")
    name, names = coded(frame, "Stratification1")
    (of_category, of_name), pair_of_row = group([category, name])
    whole = (of_category >= 0) & (of_name >= 0)
    codes = np.where(whole, np.cumsum(whole) - 1, -1)
    pairs = zip(of_category[whole].tolist(), of_name[whole].tolist(), strict=True)
    return codes[pair_of_row], [(categories[first], names[second]) for first, second in pairs]


def _periods(frame: SourceFrame) -> tuple[Codes, tuple[Period, ...]]:
    """Return the period of each row as a code, -1 where it is not known, and the periods by code.

    A table with one of the two columns of years has rows of one year each.
    """
    present = [name for name in ("YearStart", "YearEnd") if name not in frame.missing_optional]
    if not present:
        return np.full(frame.rows, -1), ()
    first, firsts = _year_codes(frame, present[0])
    last, lasts = _year_codes(frame, present[-1])
    (starts, ends), span_of_row = group([first, last])
    spans = [_period(firsts[start], lasts[end]) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    periods = sorted({span for span in spans if span is not None})
    code_of = {period: code for code, period in enumerate(periods)}
    codes = np.array([-1 if span is None else code_of[span] for span in spans], dtype=np.int64)
    return codes[span_of_row], tuple(periods)


def _year_codes(frame: SourceFrame, column: str) -> tuple[Codes, list[float]]:
    """Return the code of each field and the years by code, NaN where a field holds no number; the last is for -1."""
    codes, texts = coded(frame, column)
    years = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").astype(float).tolist()
    return codes, [*years, math.nan]


def _period(first: float, last: float) -> Period | None:
    """Return the years from one to another, None where either is no year or they are the wrong way round."""
    plausible = FIRST_YEAR <= first <= last <= LAST_YEAR  # NaN is not
    return Period(int(first), int(last)) if plausible else None
