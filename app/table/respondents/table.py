"""Build the survey table from the sums of respondents' records."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import numpy as np

from app.errors import SourceError
from app.table.cells import Cells, Codes, Values
from app.table.facts import survey_facts
from app.table.keys import distinct_keys
from app.table.question import Question, QuestionData
from app.table.respondents.design import SampledSums, sampled_sums
from app.table.respondents.given_once import check_given_once
from app.table.respondents.mapping import MappedQuestion, RecordMapping
from app.table.respondents.prevalence import Groups, PrevalenceEstimator, Prevalences
from app.table.respondents.sums import UnitSums
from app.table.source_kind import Origin
from app.table.survey_table import DatasetReport, Location, Period, Stratum, SurveyTable, is_modelled
from app.table.usable_rows import describe_skipped

T = TypeVar("T", str, tuple[str, str])

PERCENT = 100.0
FEW_RESPONDENTS, NO_AGE = 0, 1  # codes of footnotes
FOOTNOTES = ("Fewer than {} respondents", "No respondents in an age group")
NOTE = "each row is an estimate from the records of respondents; docs/statistics.md documents the formulas"


def build_table(mapping: RecordMapping, sums: UnitSums, origin: Origin, min_respondents: int) -> SurveyTable:
    """Build a table with a cell for each prevalence.

    Parameters
    ----------
    min_respondents: cells with fewer answers are suppressed

    Raises
    ------
    SourceError: no record is usable, none answers a question, records are given twice, or units cross locations that
        the mapping has no strata for
    """
    check_given_once(mapping, sums, origin)
    if not sums.sums.any():
        counts = describe_skipped(sums.skipped) or "no question is answered"
        raise SourceError(f"{origin.source}: none of its records can be used ({counts})")
    design = sampled_sums(mapping.design, sums, origin.source)
    areas = _estimate_areas(mapping, design)
    names = _Names(mapping, areas)
    builder = _QuestionBuilder(areas, names, min_respondents)
    questions = [builder.question_data(code, mapped) for code, mapped in enumerate(mapping.questions)]
    return SurveyTable(
        locations=names.locations,
        strata=names.strata,
        periods=[Period(year, year) for year in np.unique(areas.years).tolist()],
        questions=questions,
        report=_report(mapping, design, origin, questions, min_respondents),
    )


@dataclass(frozen=True, slots=True)
class _Areas:
    """The prevalences of areas: a location in a year each. The nation's code follows the mapping's last location.

    Parameters
    ----------
    standardized: prevalences that are standardised by age, None without a standard population
    standardized_strata: the positions of their strata among those of the mapping
    """

    locations: Codes
    years: Codes
    prevalences: Prevalences
    standardized: Prevalences | None
    standardized_strata: Codes


def _estimate_areas(mapping: RecordMapping, design: SampledSums) -> _Areas:
    units = design.sums.units
    crude = Groups.crude(len(mapping.strata))
    standardized_strata, ages = _age_groups(mapping)
    (locations, years), area_of_row = distinct_keys([units.locations, units.years])
    estimators = [(PrevalenceEstimator(design, area_of_row, locations.size), slice(locations.size))]
    nation = _nation(mapping, design)
    if nation is not None:
        estimator, nations_years = nation
        estimators.append((estimator, slice(nations_years.size)))
        locations = np.append(locations, np.full(nations_years.size, len(mapping.location.names)))
        years = np.append(years, nations_years)

    def estimate(groups: Groups) -> Prevalences:
        return Prevalences.concatenate([each.estimate(groups).select(areas) for each, areas in estimators])

    standardized = None if ages is None else estimate(ages)
    return _Areas(locations, years, estimate(crude), standardized, standardized_strata)


def _age_groups(mapping: RecordMapping) -> tuple[Codes, Groups | None]:
    """Return the strata that are standardised by age, with their age groups; None without a standard population."""
    standard = mapping.standard
    if standard is None:
        return np.zeros(0, dtype=np.int64), None
    ages = mapping.first_stratum(standard.category) + np.arange(len(standard.sizes))
    strata, positions, first = [0], [ages], len(mapping.strata)
    for group, of_ages in mapping.crossed:
        for number in range(len(group.strata)):
            strata.append(mapping.first_stratum(group.category) + number)
            positions.append(first + np.arange(len(of_ages.strata)))
            first += len(of_ages.strata)
    sizes = np.array([standard.sizes[name] for category, name in mapping.strata if category == standard.category])
    return np.array(strata), Groups(np.stack(positions), sizes / sizes.sum())


def _nation(mapping: RecordMapping, design: SampledSums) -> tuple[PrevalenceEstimator, Codes] | None:
    """Return the nation in each year, or None if it is not mapped or has records from fewer than two locations.

    The estimator has one more area, for what is outside the nation: it stays in the design.
    """
    units = design.sums.units
    outside = [code for code, name in enumerate(mapping.location.names) if name in mapping.location.outside_nation]
    inside = ~np.isin(units.locations, outside)
    if mapping.location.nation is None or np.unique(units.locations[inside]).size < 2:
        return None
    years = np.unique(units.years[inside])
    design, inside = design.across_locations(inside)
    area_of_row = np.where(inside, np.searchsorted(years, design.sums.units.years), years.size)
    return PrevalenceEstimator(design, area_of_row, years.size + 1), years


class _Names:
    """Sorted locations and strata that have answers, and their codes by position in the mapping (-1: no answers)."""

    def __init__(self, mapping: RecordMapping, areas: _Areas) -> None:
        answered = areas.prevalences.respondents > 0
        all_locations = [*mapping.location.names, str(mapping.location.nation)]
        self.location_codes, names = _sort_names(all_locations, areas.locations[answered.any(axis=(1, 2))])
        abbreviations = survey_facts().abbreviations
        self.locations = [Location(name, abbreviations.get(name)) for name in names]
        self.stratum_codes, pairs = _sort_names(list(mapping.strata), np.flatnonzero(answered.any(axis=(0, 2))))
        self.strata = [Stratum(category, name) for category, name in pairs]


def _sort_names(names: list[T], positions: Codes) -> tuple[Codes, list[T]]:
    """Return the code of each name, -1 if its position is not among the given ones, and the names by code."""
    sorted_names = sorted(names[position] for position in np.unique(positions).tolist())
    code_of = {name: code for code, name in enumerate(sorted_names)}
    return np.array([code_of.get(name, -1) for name in names]), sorted_names


class _QuestionBuilder:
    """Turns the prevalences of areas into the cells of questions."""

    def __init__(self, areas: _Areas, names: _Names, min_respondents: int) -> None:
        self._areas = areas
        self._names = names
        self._min_respondents = min_respondents

    def question_data(self, code: int, mapped: MappedQuestion) -> QuestionData:
        """Return the question at a position of the mapping."""
        areas, names = self._areas, self._names
        cells = self._cells(areas.prevalences, names.stratum_codes, code)
        standardized = None
        if areas.standardized is not None:
            standardized = self._cells(areas.standardized, names.stratum_codes[areas.standardized_strata], code)
        known = survey_facts().find_question(mapped.text, mapped.id)
        # A year in which every cell is suppressed, as one of a few late interviews, is not a year of the question.
        years = np.unique(areas.years)[np.unique(cells.periods[cells.rows > 0])]
        question = Question(
            text=mapped.text,
            id=mapped.id or (known.id if known else None),
            class_name=known.class_name if known else None,
            best=known.best if known else None,
            years=tuple(years.tolist()),
            rows=int(cells.rows.sum()),
            suppressed_rows=int(cells.suppressed_rows.sum()),
        )
        return QuestionData(question, cells, standardized=standardized)

    def _keys(self, area: Codes, strata: Codes) -> tuple[Codes, Codes, Codes]:
        """Return the codes of location, stratum and period of cells."""
        periods = np.unique(self._areas.years, return_inverse=True)[1]
        return self._names.location_codes[self._areas.locations[area]], strata, periods[area]

    def _cells(self, prevalences: Prevalences, stratum_codes: Codes, question: int) -> Cells:
        """Return a cell for each prevalence of a question.

        Parameters
        ----------
        stratum_codes: of the table strata of the prevalences
        """
        area, stratum = np.nonzero(prevalences.respondents[:, :, question] > 0)
        order = np.lexsort(self._keys(area, stratum_codes[stratum])[::-1])
        area, stratum = area[order], stratum[order]
        respondents = prevalences.respondents[area, stratum, question]
        enough = respondents >= self._min_respondents
        shown = enough & ~np.isnan(prevalences.values[area, stratum, question])

        def of_cells(measure: Values, scale: float = 1.0) -> Values:
            return np.where(shown, scale * measure[area, stratum, question], 0.0)

        variances = of_cells(prevalences.variances, PERCENT**2)
        return Cells(
            *self._keys(area, stratum_codes[stratum]),
            footnotes=np.where(shown, -1, np.where(enough, NO_AGE, FEW_RESPONDENTS)),
            copies=np.zeros(area.size, dtype=np.bool_),
            percentages=np.ones(area.size, dtype=np.bool_),
            rows=shown.astype(np.int64),
            suppressed_rows=(~shown).astype(np.int64),
            unreported_rows=np.zeros(area.size, dtype=np.int64),
            value_sum=of_cells(prevalences.values, PERCENT),
            value_rest=np.zeros(area.size),
            low_sum=of_cells(prevalences.low, PERCENT),
            high_sum=of_cells(prevalences.high, PERCENT),
            variance_sum=variances,  # of the design, whatever the form of the limits
            logit_variance_sum=variances.copy(),
            respondents=of_cells(prevalences.respondents),
            degrees=of_cells(prevalences.degrees),
        )


def _report(
    mapping: RecordMapping, design: SampledSums, origin: Origin, questions: Sequence[QuestionData], min_respondents: int
) -> DatasetReport:
    used, skipped = int(design.sums.records.sum()), design.sums.skipped
    years = {year for data in questions for year in data.question.years}
    return DatasetReport(
        source=origin.name,
        datasources=(mapping.name,),
        modelled=is_modelled([mapping.name]),
        sha256=origin.sha256(),
        loaded_at=datetime.now(UTC),
        rows_read=used + sum(skipped.values()),
        rows_used=used,
        rows_suppressed=0,
        rows_used_despite_footnote=0,
        rows_skipped=skipped,
        years=tuple(sorted(years)),
        notes=(NOTE, *_notes(design, questions, min_respondents), *origin.notes),
        footnotes=tuple(footnote.format(min_respondents) for footnote in FOOTNOTES),
    )


def _notes(design: SampledSums, questions: Sequence[QuestionData], min_respondents: int) -> Iterator[str]:
    """Yield what a reader should know about suppressed cells and the design."""
    suppressed = sum(data.question.suppressed_rows for data in questions)
    if suppressed:
        cells = suppressed + sum(data.question.rows for data in questions)
        yield f"{suppressed} of {cells} estimates are suppressed: they have fewer than {min_respondents} respondents"
    if design.crossing:
        yield (
            f"{design.crossing} sampling strata have respondents in several locations and count as one each; if each "
            "location numbers its strata anew, set within_locations = true in the mapping's [design]"
        )
