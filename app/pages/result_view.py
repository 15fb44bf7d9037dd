"""The view of a finished job: its table, chart kinds, request and provenance, ready for the template."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.findings import alike_of, finding_of, title_of
from app.findings.words import NAMES_LISTED, year_span
from app.formats import columns_of
from app.formats.citations import bibtex, csl_json
from app.formats.meanings import meaning_of
from app.formats.readme import filter_text
from app.formats.tables import Columns
from app.jobs.job import Job
from app.pages.snippets import Snippets, snippets
from app.pages.wording import figure, heading
from app.queries.form_fields import Fields, address_of, fields_of
from app.table.question import PERCENT, PLAIN_VALUE
from app.table.stratum_order import category_order, stratum_order

FIGURE_COLUMNS = frozenset({"value", "mean", "low", "high", "sample_size", "x", "y"})
OUTER_COLUMNS = frozenset({"cell", "location", "year"})  # if they stand before the strata, they are sorted first
LOCATION, ROWS = "location", "rows"
FEWEST_REPEATED = 3  # columns beside the location, for a table of their own
SHORT_HASH_CHARS = 12
MOST_NAMED = 8  # longer lists are not repeated
MOST_COLUMNS_BESIDE, MOST_CHARS_BESIDE = 5, 50  # what a window of 1,366 pixels has room for beside a chart
LIMITS_SCALES = {"logit": "symmetric on the logit scale", "linear": "symmetric in the figure's own unit"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, its heading, what it means, and whether it holds numbers."""

    name: str
    heading: str
    meaning: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its text, the value that its column is sorted by, and whether that is a number."""

    text: str
    value: str | float | None
    is_number: bool


@dataclass(frozen=True, slots=True)
class Table:
    """The columns and rows of a table."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class ResultTable(Table):
    """The table of a result, without the columns that would repeat.

    Parameters
    ----------
    of_locations: columns that have one value for each location, with a row for each; None if there are few of them
    constants: columns with one value in all rows, as heading and text
    """

    of_locations: Table | None
    constants: Sequence[tuple[str, str]]

    @property
    def is_wide(self) -> bool:
        """Whether the table needs the whole width, below the chart."""
        longest = sum(max(len(cell.text) for cell in column) for column in zip(*self.rows, strict=True))
        return len(self.columns) > MOST_COLUMNS_BESIDE or longest > MOST_CHARS_BESIDE


@dataclass(frozen=True, slots=True)
class Charts:
    """The chart kinds that suit a result, none if there is nothing to draw, and the selected one."""

    kinds: Sequence[str]
    kind: str


@dataclass(frozen=True, slots=True)
class ResultView:
    """What the page of a result shows.

    Parameters
    ----------
    other_years: a sentence if the first or the last of the years asked has no figures; else ""
    citation: a text by the name of each form; empty if there is none
    """

    job_id: str
    title: str
    finding: str
    alike: Mapping[str, Sequence[str]]
    question: str
    other_years: str
    address: str
    table: ResultTable
    snippets: Snippets
    provenance: Sequence[tuple[str, str]]
    citation: Mapping[str, str]
    charts: Charts
    is_modelled: bool

    @property
    def has_limits(self) -> bool:
        """Whether the figures, and so the finding, have confidence limits."""
        return any(column.name.rpartition("_")[2] == "low" for column in self.table.columns)

    @property
    def in_words(self) -> str:
        """Title and finding as one copies them into a text."""
        limits = " In brackets: 95 % confidence limits." if self.has_limits else ""
        return (
            f"{self.title}: {self.finding}{limits}{' Modelled data, not for publication.' if self.is_modelled else ''}"
        )

    @property
    def picture(self) -> str:
        """The address of the chart as a picture."""
        return f"/api/get_results/{self.job_id}?format=svg&kind={self.charts.kind}&titles=no"


def result_view(
    job: Job, document: Mapping[str, Any], provenance: Mapping[str, Any], server: str, charts: Charts
) -> ResultView:
    """Return the view of a finished job.

    Parameters
    ----------
    document: the job's result document
    provenance: where its figures come from; empty if unknown
    server: the address of the server, for the code snippets
    """
    body = orjson.loads(job.request.body) if job.request else {}
    alike = alike_of(job.statistic, document["data"], provenance)
    return ResultView(
        job_id=job.id,
        title=title_of(job.statistic, document["data"], provenance) or job.id,
        finding=finding_of(job.statistic, document["data"], provenance),
        alike={end: names for end, names in alike.items() if len(names) > NAMES_LISTED},
        question=provenance.get("question", body.get("question", "")),
        other_years=_other_years(body.get("years"), provenance.get("years", ())),
        address=address_of(request_fields(job)),
        table=result_table(job.statistic, document["data"]),
        snippets=snippets(server, job.statistic, body),
        provenance=list(_provenance_facts(provenance)),
        citation=_citation_forms(document.get("citation")),
        charts=charts,
        is_modelled=provenance.get("table", {}).get("modelled", False),
    )


def request_fields(job: Job) -> Fields:
    """Return the form's fields for a job's request; none if the request is not known any more."""
    return fields_of(job.request.statistic, orjson.loads(job.request.body)) if job.request else {}


def result_table(statistic: str, data: Any) -> ResultTable:
    """Return the table of a result, some of whose columns become constants."""
    tidy = _in_natural_order(columns_of(statistic, data))
    constants = {name: values[0] for name, values in tidy.items() if _is_constant(name, values)}
    stated = {name: value for name, value in constants.items() if value not in {"", None}}
    columns = {name: values for name, values in tidy.items() if name not in constants}
    of_locations = _columns_of_locations(columns)
    table = _table({name: values for name, values in columns.items() if name not in of_locations or name == LOCATION})
    return ResultTable(
        table.columns,
        table.rows,
        of_locations=_table(of_locations) if of_locations else None,
        constants=[(_constant_heading(name, tidy), figure(name, value)) for name, value in stated.items()],
    )


def _constant_heading(name: str, tidy: Columns) -> str:
    """Return the heading of a constant; of the difference of two sides, which is the first."""
    return f"{heading(name)}, a minus b" if name == "difference" and "cell" in tidy else heading(name)


def _table(columns: Columns) -> Table:
    numbers = {name for name, values in columns.items() if _are_numbers(values)}
    return Table(
        columns=[Column(name, heading(name), meaning_of(name) or "", name in numbers) for name in columns],
        rows=[
            [Cell(figure(name, value), value, name in numbers) for name, value in zip(columns, row, strict=True)]
            for row in zip(*columns.values(), strict=True)
        ],
    )


def _columns_of_locations(columns: Columns) -> Columns:
    """Return the columns that have one value for each of several locations, with a row for each; empty if few do."""
    locations = columns.get(LOCATION, [])
    first = {location: row for row, location in reversed(list(enumerate(locations)))}
    rows = sorted(first.values())
    if len(rows) == len(locations):
        return {}
    repeated = {
        name: [values[row] for row in rows]
        for name, values in columns.items()
        if all(value == values[first[location]] for value, location in zip(values, locations, strict=True))
    }
    return repeated if len(repeated) > FEWEST_REPEATED else {}


def _in_natural_order(tidy: Columns) -> Columns:
    """Sort the strata of each location, or of what else stands before them, by their natural order."""
    strata = tidy.get("stratum", ())
    if not strata:
        return tidy
    names = list(tidy)
    before = [tidy[name] for name in names[: names.index("stratum")] if name in OUTER_COLUMNS]
    groups = [tuple(column[row] for column in before) for row in range(len(strata))]
    first = {group: row for row, group in reversed(list(enumerate(groups)))}
    categories = tidy.get("category", [None] * len(strata))

    def order(row: int) -> tuple[Any, ...]:
        category = str(categories[row] or "")
        return first[groups[row]], category_order(category), stratum_order(category, str(strata[row]))

    rows = sorted(range(len(strata)), key=order)
    return {name: [column[row] for row in rows] for name, column in tidy.items()}


def _is_constant(column: str, values: Sequence[Any]) -> bool:
    """Return whether a column is the same in all rows; in a single row, whether it says little of that row."""
    if column in FIGURE_COLUMNS or len(set(values)) != 1:
        return False
    return len(values) > 1 or column == ROWS or values[0] in {"", None}


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(value is None or isinstance(value, int | float) for value in values)


def _other_years(asked: Any, used: Sequence[int | str]) -> str:
    """Return a sentence if the figures begin or end with other years than those asked; a period is a text."""
    if not (asked and used) or not all(isinstance(year, int) for year in used):
        return ""
    ends = (asked.get("from"), asked.get("to")) if isinstance(asked, Mapping) else (min(asked), max(asked))
    if all(end in {None, year} for end, year in zip(ends, (used[0], used[-1]), strict=True)):
        return ""
    return f"These are figures of {year_span(used)}; the other years asked have none."


def _citation_forms(citation: Mapping[str, Any] | None) -> Mapping[str, str]:
    if citation is None:
        return {}
    return {"Citation": citation["text"], "BibTeX": bibtex(citation).decode(), "CSL-JSON": csl_json(citation).decode()}


def _provenance_facts(provenance: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the provenance as pairs of heading and text."""
    if not provenance:
        return
    table = provenance["table"]
    yield "Table", table["source"] + (" (modelled data)" if table["modelled"] else "")
    if "id" in table:  # older results do not name it
        yield "Version of the table", table["id"][:SHORT_HASH_CHARS] + "…"
        yield "First loaded", table["vintage"]["first_loaded"]
    if table.get("dataset_id"):
        yield "Data set", f"{table['title']} ({table['dataset_id']})"
    for note in provenance.get("notes", ()):
        yield "Note", f"{note[:1].upper()}{note[1:]}."
    yield "SHA-256", table["sha256"][:SHORT_HASH_CHARS] + "…"
    yield from _row_facts(provenance)
    if "other" in provenance:
        yield "Compared with", provenance["other"]["question"]
        yield from _row_facts(provenance["other"])


def _row_facts(part: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield which rows of one question, or of one side of a comparison, were used."""
    yield "Years", year_span(part["years"])
    for name in ("response", "value_type", "unit"):  # older results do not name them
        if part.get(name) and part[name] not in {PERCENT, PLAIN_VALUE}:
            yield heading(name), part[name]
    for name, value in part["filters"].items():
        if name != "years":
            yield heading(name), _filter_fact(value)
    scale = LIMITS_SCALES.get(part.get("limits_scale", ""))  # older results do not name it
    if scale is not None:
        yield "Confidence limits", scale
    yield "Rows used", f"{part['rows_used']:,}"
    for left_out in part["left_out"]:
        yield f"Left out: {left_out['reason']}", f"{left_out['rows']:,}"


def _filter_fact(value: Any) -> str:
    """Return the value of a filter as text; of a long list the length, as the table and the form name what is in it."""
    if isinstance(value, list) and len(value) > MOST_NAMED:
        return f"{len(value)}, as in the filter"
    return filter_text(value)
