"""Sources whose rows are published percentages, such as CDC's table: rows in, ``SurveyTable`` out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np

from app.errors import SourceError
from app.table.cells import Cells
from app.table.conflict import identical_rows_note
from app.table.facts import survey_facts
from app.table.question import PERCENT, Question, QuestionData
from app.table.source_kind import Origin
from app.table.sources.frame import SourceFrame
from app.table.sources.parser import Layout
from app.table.survey_rows.categories import unify_categories
from app.table.survey_rows.columns import Columns
from app.table.survey_rows.footnotes import mark_unreported
from app.table.survey_rows.layouts import survey_layout
from app.table.survey_rows.measures import Measure, measures_of
from app.table.survey_rows.reduction import Groups, Reduction, merge_reductions, reduce_columns
from app.table.survey_rows.repeats import separate_copies
from app.table.survey_table import DatasetReport, Location, Period, Stratum, SurveyTable, is_modelled
from app.table.usable_rows import describe_skipped

EFFECTS_OF_MISSING_COLUMNS = {
    "YearStart": "the years of the rows are not known",
    "LocationAbbr": "abbreviations come from CDC's list of locations",
    "Datasource": "it is not known whether the data is modelled",
    "QuestionID": "question ids come from CDC's list of questions",
    "Class": "question classes come from CDC's list of questions",
    "Data_Value_Footnote_Symbol": "suppressed rows are skipped as rows without a value",
    "Low_Confidence_Limit": "estimates have no confidence limits",
    "High_Confidence_Limit": "estimates have no confidence limits",
    "Sample_Size": "estimates have no sample sizes",
}
NO_LIMITS = "without confidence limits, statistics that weight or test by them are refused, such as trend and rank"


@dataclass(frozen=True, slots=True)
class SurveyRows:
    """The ``SourceKind`` whose rows are published percentages."""

    layout: Layout = field(default_factory=survey_layout)

    def reduce_frame(self, frame: SourceFrame) -> Reduction:
        """Reduce rows; the frame may have none."""
        return reduce_columns(Columns(frame))

    def merge(self, parts: Sequence[Reduction]) -> Reduction:
        """Add up at least one reduction, in the order of the source."""
        return merge_reductions(parts)

    def rows(self, reduction: Reduction) -> int:
        """Return how many rows a reduction covers."""
        return reduction.rows_read

    def build_table(self, reduction: Reduction, origin: Origin) -> SurveyTable:
        """Build the table from the reduction of all rows.

        Raises
        ------
        SourceError: there is no usable row
        """
        if not reduction.rows_read:
            raise SourceError(f"{origin.source}: the table has a header but no rows")
        if not reduction.cells.rows.any():
            counts = describe_skipped(reduction.rows_skipped) or "all are suppressed"
            raise SourceError(f"{origin.source}: none of its {reduction.rows_read} rows has a usable value ({counts})")
        reduction = unify_categories(reduction)
        questions = [data for code in range(len(reduction.names.questions)) for data in _questions_of(code, reduction)]
        return SurveyTable(
            locations=_locations(reduction),
            strata=[Stratum(category, name) for category, name in reduction.names.strata],
            periods=reduction.names.periods,
            questions=questions,
            report=_report(reduction, questions, origin),
        )


def _locations(reduction: Reduction) -> list[Location]:
    """Return the locations by code; abbreviations missing from the source come from CDC's list."""
    abbreviations = {**survey_facts().abbreviations, **reduction.abbreviations}
    return [Location(name, abbreviations.get(name)) for name in reduction.names.locations]


def _questions_of(code: int, reduction: Reduction) -> Iterator[QuestionData]:
    """Yield the question of each measure that the rows of one text have."""
    start, stop = np.searchsorted(reduction.groups.questions, [code, code + 1])
    cells, groups = reduction.cells.select(slice(start, stop)), reduction.groups.select(slice(start, stop))
    if not cells.rows.size:  # all rows are skipped, so their measure is not known either
        yield _question_data(code, Measure(None, None, PERCENT), (cells, groups), reduction)
        return
    variants = np.flatnonzero(np.bincount(groups.variants))
    measures = measures_of([reduction.names.variants[variant] for variant in variants.tolist()])
    for measure in sorted(set(measures), key=lambda each: (each.response or "", each.value_type or "")):
        chosen = np.isin(groups.variants, variants[[each == measure for each in measures]])
        yield _question_data(code, measure, (cells.select(chosen), groups.select(chosen)), reduction)


def _question_data(code: int, measure: Measure, rows: tuple[Cells, Groups], reduction: Reduction) -> QuestionData:
    cells, conflict = separate_copies(*rows, reduction.names)
    # Of the question, not of the row: a row without a value type has that of the others.
    cells = replace(cells, percentages=np.full(cells.rows.size, measure.unit == PERCENT))
    cells = mark_unreported(cells, reduction.names.footnotes)
    text = reduction.names.questions[code]
    question_id, class_name = reduction.question_ids.get(text), reduction.class_names.get(text)
    known = survey_facts().find_question(text, question_id)
    question = Question(
        text=text,
        id=question_id or (known.id if known else None),
        class_name=class_name or (known.class_name if known else None),
        best=known.best if known else None,
        years=_years(cells, reduction.names.periods),
        rows=int(cells.rows.sum()),
        suppressed_rows=int(cells.suppressed_rows.sum()),
        value_type=measure.value_type,
        unit=measure.unit,
        response=measure.response,
    )
    return QuestionData(question, cells, conflict)


def _years(cells: Cells, periods: Sequence[Period]) -> tuple[int, ...]:
    """Return the years of the cells, ascending."""
    codes = np.flatnonzero(np.bincount(cells.periods[cells.periods >= 0])).tolist()
    return tuple(sorted({year for code in codes for year in periods[code].years}))


def _report(reduction: Reduction, questions: Sequence[QuestionData], origin: Origin) -> DatasetReport:
    cells = reduction.cells
    identical = sum(data.cells.select(data.cells.copies).count_rows() for data in questions)
    return DatasetReport(
        source=origin.name,
        datasources=reduction.datasources,
        modelled=is_modelled(reduction.datasources),
        sha256=origin.sha256(),
        loaded_at=datetime.now(UTC),
        rows_read=reduction.rows_read,
        rows_used=int(cells.rows.sum()),
        rows_suppressed=int(cells.suppressed_rows.sum()),
        rows_used_despite_footnote=int(cells.rows[cells.footnoted].sum()),
        rows_skipped=reduction.rows_skipped,
        years=_years(cells, reduction.names.periods),
        notes=(*_notes(reduction), *([identical_rows_note(identical)] if identical else []), *origin.notes),
        layout=" and ".join(sorted(reduction.layouts)),
        rows_identical=identical,
        footnotes=reduction.names.footnotes,
        conflicts={data.question.name: data.conflict.reason(data.question.name) for data in questions if data.conflict},
    )


def _notes(reduction: Reduction) -> Iterable[str]:
    in_all_files = _columns_with_effect(reduction.missing)
    yield from (f"no column {name}: {EFFECTS_OF_MISSING_COLUMNS[name]}" for name in in_all_files)
    for name in _columns_with_effect(reduction.missing_in_some):
        if name not in in_all_files:
            yield f"no column {name} in some of the files: {EFFECTS_OF_MISSING_COLUMNS[name]} there"
    if "Low_Confidence_Limit" in in_all_files:
        yield NO_LIMITS
    if reduction.changed_names:
        count = len(reduction.changed_names)
        yield f"names with control characters, each replaced by a space or U+FFFD: {count}"


def _columns_with_effect(missing: frozenset[str]) -> list[str]:
    """Return the missing columns worth a note; YearStart has no effect unless YearEnd is missing too."""
    relevant = missing if "YearEnd" in missing else missing - {"YearStart"}
    return [name for name in EFFECTS_OF_MISSING_COLUMNS if name in relevant]
