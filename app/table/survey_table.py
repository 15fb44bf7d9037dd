"""The immutable survey table: questions with their cells, and the names that the integer codes stand for.

Codes are positions in the sorted names: location code 0 is the first name in code-point order, stratum code 0 the first
pair of category and name, period code 0 the earliest period. Sorting by code therefore sorts by name.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import numpy as np

from app.errors import InvalidRequestError, quoted
from app.table.identity import table_id
from app.table.lookup import choose_measure, unknown_name
from app.table.means import Means
from app.table.question import QuestionData
from app.table.stratification import JOINT, category_key, is_joint, join_strata, newer_name, split_stratum

NATION = "National"
NATIONS = (NATION, "United States", "US")  # names of the nation in CDC's tables, and its abbreviation
ALSO_THE_NATION = ("nation", "national", "usa", "u.s.", "united states of america", "america")  # in lower case
FIRST_YEAR, LAST_YEAR = 1900, 2100  # a year outside is a mistake in the source
MODELLED_MARK = "modelled"  # part of the name of a modelled data source
ABBREVIATION_CHARS = 2  # to a longer name, abbreviations are no help
CATEGORY_FIELD, STRATUM_FIELD = "stratification.category", "stratification.value"
CATEGORIES_HINT = "GET /api/dataset lists the categories with their values"


@dataclass(frozen=True, slots=True)
class Location:
    """A state, a territory, or the nation as a whole."""

    name: str
    abbreviation: str | None


@dataclass(frozen=True, slots=True)
class Stratum:
    """A group of respondents: one value of one stratification category, such as Gender and Female."""

    category: str
    name: str


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """The first and the last year that a row covers; the same year in CDC's table."""

    first: int
    last: int

    @staticmethod
    def from_years(first: float, last: float) -> "Period | None":
        """Return the period, or None if a year is NaN or implausible, or the last is before the first."""
        plausible = FIRST_YEAR <= first <= last <= LAST_YEAR  # NaN compares as False
        return Period(int(first), int(last)) if plausible else None

    @property
    def years(self) -> range:
        """All years of the period."""
        return range(self.first, self.last + 1)

    @property
    def label(self) -> int | str:
        """The year, or a span such as ``2011-2013``."""
        return self.first if self.first == self.last else f"{self.first}-{self.last}"

    @property
    def middle(self) -> float:
        """The mean of the first and the last year."""
        return (self.first + self.last) / 2


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """The origin of a table and the counts of its rows.

    Parameters
    ----------
    loaded_at: UTC
    rows_read: the sum of ``rows_used``, ``rows_suppressed`` and the counts in ``rows_skipped``
    rows_used_despite_footnote: used rows that have both a value and a footnote symbol
    rows_skipped: counts by reason
    notes: consequences of missing optional columns, and remarks of the reader
    rows_identical: used or suppressed rows that are identical to another one; estimates count these once
    footnotes: those that occur, by code
    layout: name of the layout of the table's columns; None for respondents' records
    conflicts: why there are no estimates, for each question whose rows contradict each other, by its name
    """

    source: str
    datasources: tuple[str, ...]
    modelled: bool
    sha256: str
    loaded_at: datetime
    rows_read: int
    rows_used: int
    rows_suppressed: int
    rows_used_despite_footnote: int
    rows_skipped: Mapping[str, int]
    years: tuple[int, ...]
    notes: tuple[str, ...]
    rows_identical: int = 0
    conflicts: Mapping[str, str] = field(default_factory=dict)
    footnotes: tuple[str, ...] = ()
    layout: str | None = None


def names_nation(text: str) -> bool:
    """Return whether a text is a name of the nation, also one that people use and no table does."""
    return text in NATIONS or text.casefold().removeprefix("the ") in ALSO_THE_NATION


def is_modelled(datasources: Iterable[str]) -> bool:
    """Return True if the name of any data source contains "modelled"."""
    return any(MODELLED_MARK in name.lower() for name in datasources)


class SurveyTable:
    """An immutable survey table; a code is an index into ``locations``, ``strata``, ``periods`` or ``questions``.

    ``report`` describes the first load of this content: all that an answer says about its table comes from there, so
    that the same question has the same answer after a later load.
    """

    def __init__(
        self,
        *,
        locations: Sequence[Location],
        strata: Sequence[Stratum],
        periods: Sequence[Period],
        questions: Sequence[QuestionData],
        report: DatasetReport,
    ) -> None:
        self.locations = tuple(locations)
        self.strata = tuple(strata)
        self.periods = tuple(periods)
        self.questions = tuple(questions)
        self.report = report

    @cached_property
    def id(self) -> str:
        """The identity of the table's content, as ``app.table.identity`` defines it."""
        report = self.report
        about = (report.datasources, report.modelled, report.footnotes, report.layout)
        return table_id((self.locations, self.strata, self.periods, about), self.questions)

    def with_report(self, report: DatasetReport) -> "SurveyTable":
        """Return a table with the same content and another report."""
        table = copy(self)
        table.report = report
        return table

    @cached_property
    def _question_codes(self) -> dict[str, tuple[int, ...]]:
        """The codes of the questions of each text, and of each id."""
        texts = {data.question.id: data.question.text for data in self.questions if data.question.id}
        codes: dict[str, tuple[int, ...]] = {}
        for code, data in enumerate(self.questions):
            codes[data.question.text] = (*codes.get(data.question.text, ()), code)
        return {question_id: codes[text] for question_id, text in texts.items()} | codes

    @cached_property
    def _location_codes(self) -> dict[str, int]:
        codes = {location.abbreviation: code for code, location in enumerate(self.locations) if location.abbreviation}
        return codes | {location.name: code for code, location in enumerate(self.locations)}

    @cached_property
    def location_names(self) -> tuple[str, ...]:
        """Location names by code."""
        return tuple(location.name for location in self.locations)

    @cached_property
    def category_keys(self) -> tuple[tuple[str, ...], ...]:
        """``keys_of`` all means by stratum, for each question."""
        return tuple(self.keys_of(data.means.by_stratum) for data in self.questions)

    def keys_of(self, by_stratum: Means) -> tuple[str, ...]:
        """Return the keys of a result by category: the ``repr`` of (location, category, stratum) for each mean."""
        locations, strata = self._quoted_names, self.stratum_labels
        pairs = zip(by_stratum.locations.tolist(), by_stratum.strata.tolist(), strict=True)
        return tuple(f"({locations[location]}, {strata[stratum]})" for location, stratum in pairs)

    @cached_property
    def _quoted_names(self) -> tuple[str, ...]:
        return tuple(map(repr, self.location_names))

    @cached_property
    def stratum_labels(self) -> tuple[str, ...]:
        """Strata by code, formatted as in the keys of a result by category."""
        return tuple(f"{stratum.category!r}, {stratum.name!r}" for stratum in self.strata)

    @cached_property
    def has_limits(self) -> bool:
        """Whether any row of the table has confidence limits."""
        return any(data.limits_scale is not None for data in self.questions)

    @cached_property
    def standardized_categories(self) -> tuple[str, ...]:
        """The categories that have figures standardised by age, sorted."""
        cells = [data.standardized for data in self.questions if data.standardized is not None]
        return tuple(sorted({self.strata[code].category for each in cells for code in np.unique(each.strata).tolist()}))

    def question_code(
        self, text_or_id: str, value_type: str | None = None, response: str | None = None, prefix: str = ""
    ) -> int:
        """Return the code of a question: the only one of this text, value type and response.

        If the question has several value types and none is given, the crude one is used.

        Parameters
        ----------
        prefix: begins the names of the request's fields for all three, for errors

        Raises
        ------
        InvalidRequestError: the question is unknown, has several value types or responses of which none is given, lacks
            the given one, or none of its rows has a value
        """
        codes = self._question_codes.get(text_or_id)
        if codes is None:
            texts = dict.fromkeys(data.question.text for data in self.questions)
            raise unknown_name("question", text_or_id, texts, "GET /api/questions lists them all", f"{prefix}question")
        about = {code: self.questions[code].question for code in codes}
        text = about[codes[0]].text
        codes = choose_measure({code: about[code].response for code in codes}, f"{prefix}response", response, text)
        value_types = {code: about[code].value_type for code in codes}
        (code,) = choose_measure(value_types, f"{prefix}value_type", value_type, text)
        if self.questions[code].means.global_mean is None:
            reason = f"question {quoted(text_or_id)} has no values in this table; choose another one"
            raise InvalidRequestError(reason, f"{prefix}question")
        return code

    def require_estimates(self, question: int) -> None:
        """Check that each cell of a question has one row, so that there are estimates.

        Raises
        ------
        InvalidRequestError: the question's rows contradict each other
        """
        data = self.questions[question]
        if data.conflict is not None:
            raise InvalidRequestError(data.conflict.reason(data.question.name))

    @cached_property
    def joint_strata(self) -> tuple[tuple[int, ...], ...]:
        """For each question that has strata of one category and of several, the codes of the latter."""
        joint = np.array([*(is_joint(stratum.category) for stratum in self.strata), False])
        if not joint.any():
            return ((),) * len(self.questions)
        codes = tuple(np.flatnonzero(joint).tolist())
        return tuple(() if joint[data.cells.strata].all() else codes for data in self.questions)

    def location_code(self, name_or_abbreviation: str, field: str = "state") -> int:
        """Return the code of a location.

        Parameters
        ----------
        field: the request's field that names it, for errors

        Raises
        ------
        InvalidRequestError: the location is unknown
        """
        code = self._location_codes.get(name_or_abbreviation)
        if code is None and names_nation(name_or_abbreviation):
            code = self.national_code
        if code is None:
            names = self._location_codes if len(name_or_abbreviation) <= ABBREVIATION_CHARS else self.location_names
            raise unknown_name("state", name_or_abbreviation, names, "GET /api/states lists them all", field)
        return code

    @cached_property
    def categories(self) -> Mapping[str, Mapping[str, int]]:
        """Stratum codes by category and name."""
        codes: dict[str, dict[str, int]] = {}
        for code, stratum in enumerate(self.strata):
            codes.setdefault(stratum.category, {})[stratum.name] = code
        return codes

    @cached_property
    def national_code(self) -> int | None:
        """The code of the nation as a whole, or None if the table does not have it."""
        return next((self._location_codes[name] for name in NATIONS if name in self._location_codes), None)

    def category_name(self, category: str) -> str:
        """Return the table's name of a category.

        It may have another one in another version of CDC's table, and that of several categories another order.

        Raises
        ------
        InvalidRequestError: the category is unknown
        """
        name = category if category in self.categories else self._names_of_categories.get(category_key(category))
        if name is None:
            raise unknown_name("stratification category", category, self.categories, CATEGORIES_HINT, CATEGORY_FIELD)
        return name

    @cached_property
    def _names_of_categories(self) -> Mapping[frozenset[str], str]:
        return {category_key(category): category for category in self.categories}

    def strata_codes(self, category: str, name: str | None = None, field: str = STRATUM_FIELD) -> tuple[int, ...]:
        """Return the codes of all strata of a category, or of the named one.

        Parameters
        ----------
        field: the request's field that names the stratum, for errors

        Raises
        ------
        InvalidRequestError: the category or the stratum is unknown
        """
        if name is None:
            return tuple(self.categories[self.category_name(category)].values())
        if name in self.categories.get(category, {}):
            return (self.categories[category][name],)
        restricted, restricted_name = join_strata(split_stratum(category, name))
        parts = {newer_name(part): value for part, value in split_stratum(restricted, restricted_name)}
        table_name = self.category_name(restricted)
        joined = JOINT.join(parts.get(newer_name(part), "") for part in table_name.split(JOINT))
        of_category = self.categories[table_name]
        if joined not in of_category:
            raise unknown_name(f"value of category {category!r}", name, of_category, CATEGORIES_HINT, field)
        return (of_category[joined],)

    def category_of(self, names: Sequence[str]) -> str:
        """Return the only category that has all of these strata.

        Raises
        ------
        InvalidRequestError: no category has them all, or more than one category has
        """
        matches = sorted(category for category, strata in self.categories.items() if set(names) <= set(strata))
        if len(matches) != 1:
            owners = f"the categories {', '.join(matches)} have" if matches else "no category has"
            problem = f"{owners} the strata {' and '.join(map(quoted, names))}"
            raise InvalidRequestError(f'{problem}; name one with "stratification". {CATEGORIES_HINT}', "stratification")
        return matches[0]
