"""The survey as the statistics see it: integer-coded, reduced to sums and counts, and immutable.

Codes follow the order of the names: location code 0 is the first name in code-point order, stratum code 0 the first
pair of category and name, period code 0 the earliest period. An array of codes in ascending order is therefore in the
order of the names too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from rapidfuzz import fuzz, process, utils

from app.errors import InvalidRequestError, quoted
from app.table.cells import Cells
from app.table.facts import Direction
from app.table.means import Means, QuestionMeans

CLOSEST_NAMED = 3
LONGEST_COMPARED_CHARS = 200
NATION = "National"
TOTAL = "Total"  # the category, and its one stratum, of all respondents
FIRST_YEAR, LAST_YEAR = 1900, 2100  # a year outside is a mistake in the source
MODELLED_MARK = "modelled"  # in the name of a data source
ONLY_THOSE = "GET /api/dataset lists the categories with their values"


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
    """The years that a row is about, from the first to the last: in CDC's table one year."""

    first: int
    last: int

    @staticmethod
    def from_years(first: float, last: float) -> "Period | None":
        """Return the period, None if either is not a plausible year (NaN is not) or the last is before the first."""
        plausible = FIRST_YEAR <= first <= last <= LAST_YEAR  # NaN compares as False
        return Period(int(first), int(last)) if plausible else None

    @property
    def years(self) -> range:
        """Every year from the first to the last."""
        return range(self.first, self.last + 1)

    @property
    def label(self) -> int | str:
        """The year, or the span such as ``2011-2013``."""
        return self.first if self.first == self.last else f"{self.first}-{self.last}"

    @property
    def middle(self) -> float:
        """The year in the middle."""
        return (self.first + self.last) / 2


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


def is_modelled(datasources: Iterable[str]) -> bool:
    """Return whether the name of any data source says that its data is modelled."""
    return any(MODELLED_MARK in name.lower() for name in datasources)


class QuestionData:
    """One question of a table: its rows reduced to cells, and the means over all of them.

    Parameters
    ----------
    question: what is asked
    cells: sums and counts for each location, stratum and period
    """

    def __init__(self, question: Question, cells: Cells) -> None:
        self.question = question
        self.cells = cells
        self.means = QuestionMeans(cells)
        self._lock()

    def __setstate__(self, state: dict[str, object]) -> None:
        """Take over what another process has sent: read-only arrays arrive as such that can be written to."""
        self.__dict__.update(state)
        self._lock()

    def _lock(self) -> None:
        self.cells.lock()
        self.means.lock()


class SurveyTable:
    """An immutable survey: questions with their cells, locations, strata, periods, and where it came from."""

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
        return tuple(self.keys_of(data.means.by_stratum) for data in self.questions)

    def keys_of(self, by_stratum: Means) -> tuple[str, ...]:
        """Return the keys of results by location, category and stratum: Python's ``repr`` of the three names."""
        places, strata = self._quoted_names, self.stratum_labels
        pairs = zip(by_stratum.locations.tolist(), by_stratum.strata.tolist(), strict=True)
        return tuple(f"({places[place]}, {strata[stratum]})" for place, stratum in pairs)

    @cached_property
    def _quoted_names(self) -> tuple[str, ...]:
        return tuple(map(repr, self.location_names))

    @cached_property
    def stratum_labels(self) -> tuple[str, ...]:
        """The strata by code as they stand in a key of results by category."""
        return tuple(f"{stratum.category!r}, {stratum.name!r}" for stratum in self.strata)

    @cached_property
    def has_limits(self) -> bool:
        """Whether any row of the table tells its confidence limits."""
        cells = [data.cells for data in self.questions]
        return any(bool(((each.rows > 0) & (each.variance_sum >= 0)).any()) for each in cells)

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
        if self.questions[code].means.global_mean is None:
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

    @cached_property
    def categories(self) -> Mapping[str, Mapping[str, int]]:
        """The codes of the strata by category and name."""
        found: dict[str, dict[str, int]] = {}
        for code, stratum in enumerate(self.strata):
            found.setdefault(stratum.category, {})[stratum.name] = code
        return found

    @cached_property
    def national_code(self) -> int | None:
        """The code of the location that is the nation as a whole, None where the table has none."""
        return self._location_codes.get(NATION)

    def strata_codes(self, category: str, name: str | None = None) -> tuple[int, ...]:
        """Return the codes of the strata of a category, or of the one that is named.

        Raises
        ------
        InvalidRequestError: the table has no such category, or the category has no such stratum
        """
        of_category = self.categories.get(category)
        if of_category is None:
            raise InvalidRequestError(_unknown("stratification category", category, self.categories, ONLY_THOSE))
        if name is None:
            return tuple(of_category.values())
        if name not in of_category:
            raise InvalidRequestError(_unknown(f"value of the category {category!r}", name, of_category, ONLY_THOSE))
        return (of_category[name],)

    def category_of(self, names: Sequence[str]) -> str:
        """Return the one category that has strata of all these names.

        Raises
        ------
        InvalidRequestError: no category has, or more than one
        """
        found = sorted(category for category, of_category in self.categories.items() if set(names) <= set(of_category))
        if len(found) != 1:
            shown = " and ".join(map(quoted, names))
            problem = f"the categories {', '.join(found)} have" if found else "no category has"
            raise InvalidRequestError(f'{problem} the strata {shown}; name one with "stratification". {ONLY_THOSE}')
        return found[0]


def _unknown(kind: str, given: str, names: Iterable[str], hint: str) -> str:
    """Say that ``given`` is unknown and which names come closest."""
    closest = process.extract(
        given[:LONGEST_COMPARED_CHARS],
        list(names),
        scorer=fuzz.WRatio,
        processor=utils.default_process,
        limit=CLOSEST_NAMED,
    )
    named = "; ".join(quoted(name) for name, _, _ in closest) or "none, as the table has none"
    return f"unknown {kind} {quoted(given)}; the closest are: {named}. {hint}"
