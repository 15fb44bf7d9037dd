"""An answer as its page shows it: table, request, provenance, and where its other forms are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.formats import columns_of
from app.jobs.job import Job
from app.pages.form import label_of
from app.pages.form_fields import Fields, address_of, fields_of
from app.pages.snippets import Snippets, snippets
from app.pages.wording import figure, heading, years
from app.statistics import STATISTICS


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: what it shows, what its column is sorted by, and whether that holds numbers."""

    text: str
    value: str | float | None
    is_number: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and whether it holds numbers."""

    heading: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """A table as it is shown; ``whole`` are figures that would be the same in every row, by name."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    whole: Sequence[tuple[str, str]]


def answer_table(statistic: str, data: Any) -> AnswerTable:
    """Return the table of a finished answer. What is the same in all of several rows stands beside it, once."""
    tidy = columns_of(statistic, data)
    same = {name for name, values in tidy.items() if len(values) > 1 and len(set(values)) == 1 and not _is_row(name)}
    columns = {name: values for name, values in tidy.items() if name not in same}
    numbers = {name for name, values in columns.items() if _are_numbers(values)}
    return AnswerTable(
        columns=[Column(heading(name), name in numbers) for name in columns],
        rows=[
            [Cell(figure(name, value), value, name in numbers) for name, value in zip(columns, row, strict=True)]
            for row in zip(*columns.values(), strict=True)
        ],
        whole=[(heading(name), figure(name, tidy[name][0])) for name in tidy if name in same and tidy[name][0] != ""],
    )


ROW_COLUMNS = frozenset({"value", "mean", "low", "high", "sample_size", "x", "y"})


def _is_row(column: str) -> bool:
    """Tell whether a column stays in the table even where all of its values are the same."""
    return column in ROW_COLUMNS


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(value is None or isinstance(value, int | float) for value in values)


SHORT_HASH_CHARS = 12


@dataclass(frozen=True, slots=True)
class Charts:
    """The kinds of chart that suit an answer, none where there is nothing to draw, and the one that is drawn."""

    kinds: Sequence[str]
    kind: str


@dataclass(frozen=True, slots=True)
class AnswerView:
    """What the page of an answer shows."""

    job_id: str
    label: str
    question: str
    address: str
    table: AnswerTable
    snippets: Snippets
    provenance: Sequence[tuple[str, str]]
    charts: Charts

    @property
    def picture(self) -> str:
        """The address of the chart as a picture."""
        return f"/api/get_results/{self.job_id}?format=svg&kind={self.charts.kind}"


def asked_fields(job: Job) -> Fields:
    """Return the fields of the form that ask for a job, none where its request is not known any more."""
    return fields_of(job.request.statistic, orjson.loads(job.request.body)) if job.request else {}


def answer_view(
    job: Job, document: Mapping[str, Any], provenance: Mapping[str, Any], server: str, charts: Charts
) -> AnswerView:
    """Return how a job that is done is shown.

    Parameters
    ----------
    document: the document that answers for it
    provenance: where its figures come from, empty where that is not known
    server: the address of the server, for the request
    """
    body = orjson.loads(job.request.body) if job.request else {}
    found = STATISTICS.get(job.statistic)
    return AnswerView(
        job_id=job.id,
        label=label_of(found) if found else job.id,
        question=provenance.get("question", body.get("question", "")),
        address=address_of(asked_fields(job)),
        table=answer_table(job.statistic, document["data"]),
        snippets=snippets(server, job.statistic, body),
        provenance=list(_facts(provenance)),
        charts=charts,
    )


def _facts(provenance: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give what is told of the provenance, in words."""
    if not provenance:
        return
    table = provenance["table"]
    yield "Table", table["source"] + (" (modelled data)" if table["modelled"] else "")
    yield "SHA-256", table["sha256"][:SHORT_HASH_CHARS] + "…"
    yield from _part(provenance)
    if "other" in provenance:
        yield "Second", provenance["other"]["question"]
        yield from _part(provenance["other"])


def _part(part: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Years", years(part["years"])
    for name, value in part["filters"].items():
        if name != "years":
            yield heading(name), _listed(value)
    yield "Rows used", f"{part['rows_used']:,}"
    for left_out in part["left_out"]:
        yield f"Left out: {left_out['reason']}", f"{left_out['rows']:,}"


def _listed(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    return ", ".join(": ".join(item.values()) if isinstance(item, Mapping) else str(item) for item in value)
