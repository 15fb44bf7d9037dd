"""The survey as the statistics see it: integer-coded, reduced to sums and counts, and immutable.

Codes follow the order of the names: location code 0 is the first name in code-point order, stratum code 0 the first
pair of category and name. An array of codes in ascending order is therefore in the order of the names too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process, utils

from app.errors import InvalidRequestError, quoted
from app.survey_facts import Direction

CLOSEST_NAMED = 3
LONGEST_COMPARED_CHARS = 200

Codes = NDArray[np.int64]
Values = NDArray[np.float64]


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


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the survey; ``rows`` counts its rows with a value."""

    text: str
    id: str | None
    class_name: str | None
    best: Direction | None
    years: tuple[int, ...]
    rows: int
    suppressed_rows: int


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """Where a table came from and what was made of its rows.

    ``rows_read`` is the sum of ``rows_used``, ``rows_suppressed`` and the counts in ``rows_skipped`` (by reason).
    ``rows_used_despite_footnote`` are rows that carry both a value and a footnote symbol; they are among the used.
    ``notes`` tell what the absence of an optional column switches off. ``loaded_at`` is UTC.
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


@dataclass(frozen=True, slots=True)
class Means:
    """Arithmetic means (percent) of the rows of each key: ``locations[i]``, ``strata[i]`` has ``means[i]``.

    All arrays are of shape (keys,), sorted by location, then by stratum. Where the means are by location alone,
    ``strata`` is empty.
    """

    locations: Codes
    strata: Codes
    means: Values


class QuestionData:
    """One question's rows, reduced to means by location and by location and stratum.

    Parameters
    ----------
    question: what is asked
    locations: location code of each row with a value, shape (rows,)
    strata: stratum code of each row, -1 where the row has none, shape (rows,)
    values: percentage of each row, shape (rows,)
    """

    def __init__(self, question: Question, locations: Codes, strata: Codes, values: Values) -> None:
        self.question = question
        self.global_mean: float | None = float(values.mean()) if values.size else None
        self.by_location = _means_by(locations, values)
        stratified = strata >= 0
        self.by_stratum = _means_by(locations[stratified], values[stratified], strata[stratified])

    def __setstate__(self, state: dict[str, object]) -> None:
        """Take over what another process has sent: read-only arrays arrive as such that can be written to."""
        self.__dict__.update(state)
        for means in (self.by_location, self.by_stratum):
            _lock(means)

    def location_mean(self, location: int) -> float | None:
        """Return the mean (percent) of one location, None where it has no value."""
        found = self._slice(self.by_location, location)
        return float(self.by_location.means[found][0]) if found.stop > found.start else None

    def location_strata(self, location: int) -> Means:
        """Return the means of one location by stratum."""
        found = self._slice(self.by_stratum, location)
        cells = self.by_stratum
        return Means(cells.locations[found], cells.strata[found], cells.means[found])

    @staticmethod
    def _slice(means: Means, location: int) -> slice:
        start, stop = np.searchsorted(means.locations, [location, location + 1])
        return slice(int(start), int(stop))


def _means_by(locations: Codes, values: Values, strata: Codes | None = None) -> Means:
    """Return the mean of ``values`` for each location, or each pair of location and stratum, that occurs."""
    width = 1 if strata is None else int(strata.max(initial=0)) + 1
    keys = locations if strata is None else locations * width + strata
    found, key_of_row = np.unique(keys, return_inverse=True)
    counts = np.bincount(key_of_row, minlength=found.size)
    means = np.bincount(key_of_row, weights=values, minlength=found.size) / counts
    return _lock(Means(found // width, found[:0] if strata is None else found % width, means))


def _lock(means: Means) -> Means:
    """Make the arrays read-only."""
    for array in (means.locations, means.strata, means.means):
        array.flags.writeable = False
    return means


class SurveyTable:
    """An immutable survey: its questions with their means, its locations, its strata, and where it came from."""

    def __init__(
        self,
        *,
        locations: Sequence[Location],
        strata: Sequence[Stratum],
        questions: Sequence[QuestionData],
        report: DatasetReport,
    ) -> None:
        self.locations = tuple(locations)
        self.strata = tuple(strata)
        self.questions = tuple(questions)
        self.report = report

    @cached_property
    def _question_codes(self) -> dict[str, int]:
        codes = {data.question.id: code for code, data in enumerate(self.questions) if data.question.id}
        return codes | {data.question.text: code for code, data in enumerate(self.questions)}

    @cached_property
    def _location_codes(self) -> dict[str, int]:
        codes = {place.abbreviation: code for code, place in enumerate(self.locations) if place.abbreviation}
        return codes | {place.name: code for code, place in enumerate(self.locations)}

    @cached_property
    def location_names(self) -> tuple[str, ...]:
        """The location names by code."""
        return tuple(location.name for location in self.locations)

    @cached_property
    def category_keys(self) -> tuple[tuple[str, ...], ...]:
        """The keys of results by location, category and stratum, for each question in the order of ``by_stratum``."""
        places, strata = [repr(name) for name in self.location_names], self.stratum_labels
        cells = [(data.by_stratum.locations.tolist(), data.by_stratum.strata.tolist()) for data in self.questions]
        return tuple(tuple(f"({places[p]}, {strata[s]})" for p, s in zip(*codes, strict=True)) for codes in cells)

    @cached_property
    def stratum_labels(self) -> tuple[str, ...]:
        """The strata by code as they stand in a key of results by category."""
        return tuple(f"{stratum.category!r}, {stratum.name!r}" for stratum in self.strata)

    def question_code(self, text_or_id: str) -> int:
        """Return the code of a question named by its full text or its id.

        Raises
        ------
        InvalidRequestError: the table has no such question, or no row of it has a value
        """
        code = self._question_codes.get(text_or_id)
        if code is None:
            texts = (data.question.text for data in self.questions)
            raise InvalidRequestError(_unknown("question", text_or_id, texts, "GET /api/questions lists them all"))
        if self.questions[code].global_mean is None:
            raise InvalidRequestError(f"no row of the question {quoted(text_or_id)} has a value in this table")
        return code

    def location_code(self, name_or_abbreviation: str) -> int:
        """Return the code of a location named in full or by its abbreviation.

        Raises
        ------
        InvalidRequestError: the table has no such location
        """
        code = self._location_codes.get(name_or_abbreviation)
        if code is None:
            hint = "GET /api/states lists them all"
            raise InvalidRequestError(_unknown("state", name_or_abbreviation, self._location_codes, hint))
        return code

    def require_value(self, question: int, location: int) -> None:
        """Check that a location has a value for a question.

        Raises
        ------
        InvalidRequestError: it has none
        """
        data = self.questions[question]
        if data.location_mean(location) is None:
            raise InvalidRequestError(
                f"{self.locations[location].name} has no value for the question {quoted(data.question.text)}; "
                "ask for another state or another question"
            )


def _unknown(kind: str, given: str, names: Iterable[str], hint: str) -> str:
    """Say that ``given`` is unknown and which names come closest."""
    closest = process.extract(
        given[:LONGEST_COMPARED_CHARS],
        list(names),
        scorer=fuzz.WRatio,
        processor=utils.default_process,
        limit=CLOSEST_NAMED,
    )
    named = "; ".join(quoted(name) for name, _, _ in closest)
    return f"unknown {kind} {quoted(given)}; the closest are: {named}. {hint}"
