"""What a table is called, and which vintage of its data it is, for provenance and citations."""

from dataclasses import dataclass

from app.table.survey_rows.layouts import PublishedDataset, published_dataset
from app.table.survey_table import DatasetReport


@dataclass(frozen=True, slots=True)
class Dataset:
    """The dataset that a table is a version of.

    Parameters
    ----------
    title: of the published dataset; the name of the file if that is not known
    publisher, id, address: who publishes it, its id there, and the address of its page; None if not known
    last_year: the last year of its data; None if its rows have no years
    first_loaded: UTC date on which a server first read this content, such as 2026-01-31
    """

    title: str
    publisher: str | None
    id: str | None
    address: str | None
    last_year: int | None
    first_loaded: str


def dataset_of(report: DatasetReport) -> Dataset:
    """Return what a table is called. A modelled table is a version of no published dataset, whatever its columns."""
    known = None if report.modelled else published_dataset(report.layout)
    published = known or PublishedDataset(title=report.source)
    return Dataset(
        title=published.title,
        publisher=published.publisher,
        id=published.id,
        address=published.address,
        last_year=max(report.years, default=None),
        first_loaded=report.loaded_at.date().isoformat(),
    )
