"""The columns of survey rows as integer codes, and which rows are usable.

What is odd about such rows is handled here and nowhere else.
"""

import math
import re
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

from app.table.cells import Cells, Codes, Mask, Values, split_values
from app.table.confidence_limits import linear_errors, logit_errors
from app.table.keys import distinct_keys
from app.table.question import PERCENT
from app.table.sources.frame import SourceFrame
from app.table.sources.parser import STRATUM_COLUMNS, VARIANT_COLUMNS
from app.table.stratification import Pair, join_strata
from app.table.survey_rows.measures import Variant, unit_of
from app.table.survey_rows.name_coder import NameCoder
from app.table.survey_table import Period
from app.table.usable_rows import RowFilter, parse_numbers

T = TypeVar("T", str, Pair)

LOWEST_PERCENT, HIGHEST_PERCENT = 0.0, 100.0
NO_LOCATION = "no location"
NO_QUESTION = "no question"
NO_VALUE = "no value and no footnote that says why"
NOT_A_NUMBER = "value is not a number"
NOT_A_PERCENTAGE = "value is not between 0 and 100"
NOT_IN_RANGE = "value is negative or infinite"
SKIP_REASONS = (NO_LOCATION, NO_QUESTION, NO_VALUE, NOT_A_NUMBER, NOT_A_PERCENTAGE, NOT_IN_RANGE)

COUNTY = "County"  # a geographic level; many counties of different states share a name
YEARS = re.compile(r"(\d{4})\s*[-\u2013]\s*(\d{4})")  # in one field, such as 2011-2012


class Columns:
    """The columns of a source as integer codes; -1 stands for an empty field."""

    def __init__(self, frame: SourceFrame) -> None:
        self.layout = frame.layout
        self.missing_optional = frame.missing_optional
        self.rows = frame.rows
        self._coder = NameCoder(frame)
        self.abbreviation, self.abbreviations = self._encode_optional("LocationAbbr")
        self.location, self.location_names = self._encode_locations()
        self.question, self.question_texts = self._coder.encode("Question")
        self.value, self.has_value = parse_numbers(frame, "Data_Value")
        self.footnote, self.footnotes = self._encode_footnotes()
        self.stratum, self.stratum_names = self._encode_strata()
        self.period, self.periods = _encode_periods(self._coder, frame)
        self.variant, self.variants = self._encode_variants()
        units = [unit_of(value_type, unit) for value_type, unit, _ in self.variants]
        self.is_percentage = np.array([unit == PERCENT for unit in units], dtype=np.bool_)[self.variant]
        self.low, self.high = self._parse_limits(frame)
        respondents = self._parse_optional(frame, "Sample_Size")
        self.respondents = np.where(respondents > 0, respondents, np.nan)
        self.question_id, self.question_ids = self._encode_optional("QuestionID")
        self.class_name, self.class_names = self._encode_optional("Class")
        self.datasources = self._encode_optional("Datasource")[1]

    def _parse_limits(self, frame: SourceFrame) -> tuple[Values, Values]:
        """Return the confidence limits, both NaN unless they enclose the value and lie in its range."""
        low, high = (self._parse_optional(frame, f"{side}_Confidence_Limit") for side in ("Low", "High"))
        in_range = np.where(
            self.is_percentage,
            (low >= LOWEST_PERCENT) & (high <= HIGHEST_PERCENT),
            np.isfinite(low) & np.isfinite(high),
        )
        usable = in_range & (low <= self.value) & (self.value <= high)
        return np.where(usable, low, np.nan), np.where(usable, high, np.nan)

    def _parse_optional(self, frame: SourceFrame, name: str) -> Values:
        if name in self.missing_optional:
            return np.full(self.rows, np.nan)
        return parse_numbers(frame, name)[0]

    def _encode_optional(self, name: str) -> tuple[Codes, list[str]]:
        if name in self.missing_optional:
            return np.full(self.rows, -1), []
        return self._coder.encode(name)

    def _encode_locations(self) -> tuple[Codes, list[str]]:
        """Return the location of each row. That of a county is its name with the state's, and has no abbreviation."""
        location, names = self._coder.encode("LocationDesc")
        level, levels = self._encode_optional("GeographicLevel")
        if COUNTY not in levels:
            return location, names
        in_county = (level == levels.index(COUNTY)) & (location >= 0) & (self.abbreviation >= 0)
        state = np.where(in_county, self.abbreviation, -1)
        self.abbreviation = np.where(in_county, -1, self.abbreviation)
        (location_of, state_of), pair_of_row = distinct_keys([location, state])
        pairs = zip(location_of.tolist(), state_of.tolist(), strict=True)
        full = [
            f"{names[place]}, {self.abbreviations[code]}" if code >= 0 else [*names, ""][place] for place, code in pairs
        ]
        codes, distinct = _sorted_codes(full)
        return codes[pair_of_row], distinct

    def _encode_strata(self) -> tuple[Codes, list[Pair]]:
        """Return the stratum of each row, -1 where the first stratification lacks a part, and the strata by code."""
        present = [pair for pair in STRATUM_COLUMNS if pair[1] not in self.missing_optional]
        encoded = [self._encode_optional(column) for pair in present for column in pair]
        keys, key_of_row = distinct_keys([codes for codes, _ in encoded])
        fields = [
            [[*names, ""][code] for code in key.tolist()]  # -1, an empty field, picks the last
            for (_, names), key in zip(encoded, keys, strict=True)
        ]
        columns = [name for _, name in present]
        strata = [_joined(columns, list(zip(row[::2], row[1::2], strict=True))) for row in zip(*fields, strict=True)]
        codes, distinct = _sorted_codes(strata)
        return codes[key_of_row], distinct

    def _encode_footnotes(self) -> tuple[Codes, list[str]]:
        """Return the footnote of each row as a code and the footnotes by code. Only a symbol makes a footnote."""
        symbol, symbols = self._encode_optional("Data_Value_Footnote_Symbol")
        text, texts = self._encode_optional("Data_Value_Footnote")
        (symbol_of, text_of), pair_of_row = distinct_keys([symbol, text])
        pairs = zip(symbol_of.tolist(), text_of.tolist(), strict=True)
        codes, footnotes = _sorted_codes(
            ["" if mark < 0 else texts[words] if words >= 0 else symbols[mark] for mark, words in pairs]
        )
        return codes[pair_of_row], footnotes

    def _encode_variants(self) -> tuple[Codes, list[Variant]]:
        """Return the variant of each row as a code, and the variants by code."""
        present = [name for name in VARIANT_COLUMNS if name not in self.missing_optional]
        if not present:
            return np.zeros(self.rows, dtype=np.int64), [("", "", "")]
        encoded = [self._coder.encode(name) for name in present]
        keys, variant_of_row = distinct_keys([codes for codes, _ in encoded])
        fields = {
            name: [[*names, ""][code] for code in key.tolist()]  # -1, an empty field, picks the last
            for name, (_, names), key in zip(present, encoded, keys, strict=True)
        }
        no_fields = [""] * keys[0].size
        value_types, units, responses = (fields.get(name, no_fields) for name in VARIANT_COLUMNS)
        return variant_of_row, list(zip(value_types, units, responses, strict=True))

    @property
    def changed_names(self) -> frozenset[tuple[str, str]]:
        """Column and text of each name that had control characters."""
        return frozenset(self._coder.changed)

    def usable_rows(self) -> tuple[Mask, dict[str, int]]:
        """Return which rows have a usable value or are suppressed, and the counts of the others by reason."""
        rows = RowFilter(self.rows)
        rows.skip(self.location < 0, NO_LOCATION)
        rows.skip(self.question < 0, NO_QUESTION)
        # A footnote explains a missing value only in a row that is complete otherwise.
        suppressed = rows.usable & ~self.has_value & (self.footnote >= 0)
        rows.usable &= ~suppressed
        rows.skip(~self.has_value, NO_VALUE)
        rows.skip(np.isnan(self.value), NOT_A_NUMBER)
        negative = self.value < LOWEST_PERCENT
        rows.skip(self.is_percentage & (negative | (self.value > HIGHEST_PERCENT)), NOT_A_PERCENTAGE)
        rows.skip(negative | np.isinf(self.value), NOT_IN_RANGE)
        return rows.usable | suppressed, rows.skipped

    def cells_of(self, chosen: Mask) -> Cells:
        """Return a cell for each usable row that a mask of shape (rows,) chooses, in the order of the rows."""
        has_value = ~np.isnan(self.value[chosen])  # the others are suppressed
        values, low, high = self.value[chosen], self.low[chosen], self.high[chosen]
        percentages = self.is_percentage[chosen]
        coarse, rest = split_values(values)

        def measure(figures: Values) -> Values:
            return np.where(has_value, figures, 0.0)

        return Cells(
            self.location[chosen],
            self.stratum[chosen],
            self.period[chosen],
            self.footnote[chosen],
            copies=np.zeros(has_value.size, dtype=np.bool_),
            percentages=percentages,
            rows=has_value.astype(np.int64),
            suppressed_rows=(~has_value).astype(np.int64),
            unreported_rows=np.zeros(has_value.size, dtype=np.int64),  # known once all rows are, see mark_unreported
            value_sum=measure(coarse),
            value_rest=measure(rest),
            low_sum=measure(low),
            high_sum=measure(high),
            # Which of the two holds is decided once all rows are known.
            variance_sum=measure(linear_errors(values, low, high, percentages) ** 2),
            logit_variance_sum=measure(logit_errors(values, low, high) ** 2),
            respondents=measure(self.respondents[chosen]),
            degrees=np.full(has_value.size, np.nan),
        )


def _joined(columns: Sequence[str], pairs: Sequence[Pair]) -> Pair:
    """Return the stratum of a row from its stratification in each column, empty if the first lacks a part.

    Another one without a stratum restricts nothing; one without a category goes by the name of its column.
    """
    if not all(pairs[0]):
        return "", ""
    others = zip(columns[1:], pairs[1:], strict=True)
    return join_strata([pairs[0], *((category or column, name) for column, (category, name) in others if name)])


def _sorted_codes(names: Sequence[T]) -> tuple[Codes, list[T]]:
    """Return the code of each name, -1 for an empty one, and the distinct names, sorted; a pair is empty as a whole."""
    distinct = sorted({name for name in names if any(name)})
    code_of = {name: code for code, name in enumerate(distinct)}
    return np.array([code_of.get(name, -1) for name in names], dtype=np.int64), distinct


def _encode_periods(coder: NameCoder, frame: SourceFrame) -> tuple[Codes, tuple[Period, ...]]:
    """Return the period of each row as a code, -1 where it is not known, and the periods by code.

    In a table with one of the two columns of years, a field holds a year or the first and the last one.
    """
    present = [name for name in ("YearStart", "YearEnd") if name not in frame.missing_optional]
    if not present:
        return np.full(frame.rows, -1), ()
    first, first_years = _encode_years(coder, present[0])
    last, last_years = _encode_years(coder, present[-1])
    (firsts, lasts), span_of_row = distinct_keys([first, last])
    spans = [
        Period.from_years(first_years[first][0], last_years[last][1])
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)
    ]
    periods = sorted({span for span in spans if span is not None})
    code_of = {period: code for code, period in enumerate(periods)}
    codes = np.array([-1 if span is None else code_of[span] for span in spans], dtype=np.int64)
    return codes[span_of_row], tuple(periods)


def _encode_years(coder: NameCoder, column: str) -> tuple[Codes, list[tuple[float, float]]]:
    """Return the code of each field, and the first and the last year by code; NaN if there are none, as for -1."""
    codes, texts = coder.encode(column)
    numbers = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").astype(float).tolist()
    spans = map(YEARS.fullmatch, texts)
    years = [
        (float(span[1]), float(span[2])) if span else (year, year) for span, year in zip(spans, numbers, strict=True)
    ]
    return codes, [*years, (math.nan, math.nan)]
