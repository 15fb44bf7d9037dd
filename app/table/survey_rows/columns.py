"""The columns of survey rows as integer codes, and which rows are usable.

What is odd about such rows is handled here and nowhere else.
"""

import math

import numpy as np
import pandas as pd

from app.table.cells import Cells, Codes, Mask, Values, split_values
from app.table.confidence_limits import linear_errors, logit_errors
from app.table.keys import distinct_keys
from app.table.sources.frame import SourceFrame
from app.table.sources.parser import VARIANT_COLUMNS
from app.table.survey_rows.name_coder import NameCoder
from app.table.survey_table import Period
from app.table.usable_rows import RowFilter, parse_numbers

LOWEST_PERCENT, HIGHEST_PERCENT = 0.0, 100.0
NO_LOCATION = "no location"
NO_QUESTION = "no question"
NO_VALUE = "no value and no footnote that says why"
NOT_A_NUMBER = "value is not a number"
NOT_A_PERCENTAGE = "value is not between 0 and 100"
SKIP_REASONS = (NO_LOCATION, NO_QUESTION, NO_VALUE, NOT_A_NUMBER, NOT_A_PERCENTAGE)

Variant = tuple[str, ...]  # the fields of VARIANT_COLUMNS, "" where empty


class Columns:
    """The columns of a source as integer codes; -1 stands for an empty field."""

    def __init__(self, frame: SourceFrame) -> None:
        self.missing_optional = frame.missing_optional
        self.rows = frame.rows
        self._coder = NameCoder(frame)
        self.location, self.location_names = self._coder.encode("LocationDesc")
        self.question, self.question_texts = self._coder.encode("Question")
        self.value, self.has_value = parse_numbers(frame, "Data_Value")
        self.footnote, self.footnotes = self._encode_footnotes()
        self.stratum, self.stratum_names = _encode_strata(self._coder)
        self.period, self.periods = _encode_periods(self._coder, frame)
        self.variant, self.variants = self._encode_variants()
        self.low, self.high = self._parse_limits(frame)
        respondents = self._parse_optional(frame, "Sample_Size")
        self.respondents = np.where(respondents > 0, respondents, np.nan)
        self.question_id, self.question_ids = self._encode_optional("QuestionID")
        self.class_name, self.class_names = self._encode_optional("Class")
        self.abbreviation, self.abbreviations = self._encode_optional("LocationAbbr")
        self.datasources = self._encode_optional("Datasource")[1]

    def _parse_limits(self, frame: SourceFrame) -> tuple[Values, Values]:
        """Return the confidence limits, both NaN unless they are percentages that enclose the value."""
        low, high = (self._parse_optional(frame, f"{side}_Confidence_Limit") for side in ("Low", "High"))
        usable = (low >= LOWEST_PERCENT) & (low <= self.value) & (self.value <= high) & (high <= HIGHEST_PERCENT)
        return np.where(usable, low, np.nan), np.where(usable, high, np.nan)

    def _parse_optional(self, frame: SourceFrame, name: str) -> Values:
        if name in self.missing_optional:
            return np.full(self.rows, np.nan)
        return parse_numbers(frame, name)[0]

    def _encode_optional(self, name: str) -> tuple[Codes, list[str]]:
        if name in self.missing_optional:
            return np.full(self.rows, -1), []
        return self._coder.encode(name)

    def _encode_footnotes(self) -> tuple[Codes, list[str]]:
        """Return the footnote of each row as a code and the footnotes by code. Only a symbol makes a footnote."""
        symbol, symbols = self._encode_optional("Data_Value_Footnote_Symbol")
        text, texts = self._encode_optional("Data_Value_Footnote")
        (symbol_of, text_of), pair_of_row = distinct_keys([symbol, text])
        pairs = zip(symbol_of.tolist(), text_of.tolist(), strict=True)
        named = [None if mark < 0 else texts[words] if words >= 0 else symbols[mark] for mark, words in pairs]
        footnotes = sorted({name for name in named if name is not None})
        code_of = {name: code for code, name in enumerate(footnotes)}
        codes = np.array([-1 if name is None else code_of[name] for name in named], dtype=np.int64)
        return codes[pair_of_row], footnotes

    def _encode_variants(self) -> tuple[Codes, list[Variant]]:
        """Return the variant of each row as a code, and the variants by code."""
        present = [name for name in VARIANT_COLUMNS if name not in self.missing_optional]
        if not present:
            return np.zeros(self.rows, dtype=np.int64), [("",) * len(VARIANT_COLUMNS)]
        encoded = [self._coder.encode(name) for name in present]
        keys, variant_of_row = distinct_keys([codes for codes, _ in encoded])
        fields = {
            name: [[*names, ""][code] for code in key.tolist()]  # -1, an empty field, picks the last
            for name, (_, names), key in zip(present, encoded, keys, strict=True)
        }
        no_fields = [""] * keys[0].size
        return variant_of_row, list(zip(*(fields.get(name, no_fields) for name in VARIANT_COLUMNS), strict=True))

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
        rows.skip(~((self.value >= LOWEST_PERCENT) & (self.value <= HIGHEST_PERCENT)), NOT_A_PERCENTAGE)
        return rows.usable | suppressed, rows.skipped

    def cells_of(self, chosen: Mask) -> Cells:
        """Return a cell for each usable row that a mask of shape (rows,) chooses, in the order of the rows."""
        has_value = ~np.isnan(self.value[chosen])  # the others are suppressed
        values, low, high = self.value[chosen], self.low[chosen], self.high[chosen]
        coarse, rest = split_values(values)

        def measure(figures: Values) -> Values:
            return np.where(has_value, figures, 0.0)

        return Cells(
            self.location[chosen],
            self.stratum[chosen],
            self.period[chosen],
            self.footnote[chosen],
            copies=np.zeros(has_value.size, dtype=np.bool_),
            rows=has_value.astype(np.int64),
            suppressed_rows=(~has_value).astype(np.int64),
            unreported_rows=np.zeros(has_value.size, dtype=np.int64),  # known once all rows are, see mark_unreported
            value_sum=measure(coarse),
            value_rest=measure(rest),
            low_sum=measure(low),
            high_sum=measure(high),
            # Which of the two holds is decided once all rows are known.
            variance_sum=measure(linear_errors(values, low, high) ** 2),
            logit_variance_sum=measure(logit_errors(values, low, high) ** 2),
            respondents=measure(self.respondents[chosen]),
            degrees=np.full(has_value.size, np.nan),
        )


def _encode_strata(coder: NameCoder) -> tuple[Codes, list[tuple[str, str]]]:
    """Return the stratum of each row and the pairs of category and name by code; -1 where either is empty."""
    category, categories = coder.encode("StratificationCategory1")
    name, names = coder.encode("Stratification1")
    (category_of, name_of), pair_of_row = distinct_keys([category, name])
    complete = (category_of >= 0) & (name_of >= 0)
    codes = np.where(complete, np.cumsum(complete) - 1, -1)
    pairs = zip(category_of[complete].tolist(), name_of[complete].tolist(), strict=True)
    return codes[pair_of_row], [(categories[first], names[second]) for first, second in pairs]


def _encode_periods(coder: NameCoder, frame: SourceFrame) -> tuple[Codes, tuple[Period, ...]]:
    """Return the period of each row as a code, -1 where it is not known, and the periods by code.

    In a table with one of the two columns of years, each row is about one year.
    """
    present = [name for name in ("YearStart", "YearEnd") if name not in frame.missing_optional]
    if not present:
        return np.full(frame.rows, -1), ()
    first, first_years = _encode_years(coder, present[0])
    last, last_years = _encode_years(coder, present[-1])
    (firsts, lasts), span_of_row = distinct_keys([first, last])
    spans = [
        Period.from_years(first_years[first], last_years[last])
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)
    ]
    periods = sorted({span for span in spans if span is not None})
    code_of = {period: code for code, period in enumerate(periods)}
    codes = np.array([-1 if span is None else code_of[span] for span in spans], dtype=np.int64)
    return codes[span_of_row], tuple(periods)


def _encode_years(coder: NameCoder, column: str) -> tuple[Codes, list[float]]:
    """Return the code of each field and the years by code, NaN if a field holds no number; the last is for -1."""
    codes, texts = coder.encode(column)
    years = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").astype(float).tolist()
    return codes, [*years, math.nan]
