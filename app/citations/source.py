"""The source that a citation names: a version of a table, and the request that was computed over it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from app.jobs.job import Access
from app.queries.form_fields import address_of, fields_of
from app.queries.provenance import NAME, VERSION
from app.queries.query import Query
from app.table.dataset import Dataset, dataset_of
from app.table.survey_table import SurveyTable

MODELLED = "modelled, not survey data"
WARNING = "The data are modelled: do not cite these figures as results of a survey."
URL_CHARS = "/:?#[]@!$&'()*+,;=%~"  # those of an address that stay as they are, beside letters and digits
KEY_TABLE_CHARS, KEY_REQUEST_CHARS = 12, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedSource:
    """What a citation says, whatever its form.

    Parameters
    ----------
    key: tells citations in one list of references apart: of the statistic, the table and the request
    dataset: what the table is called
    table_id: the version of the table
    modelled: whether the table's figures are made up
    result: the statistic, its questions and the server, as a sentence without its end
    address: of the page that asks the same version of the table the same; None if the server's address is not known
    accessed: UTC date of the request, such as 2026-01-31; None if it is not known
    """

    key: str
    dataset: Dataset
    table_id: str
    modelled: bool
    result: str
    address: str | None
    accessed: str | None

    @property
    def title(self) -> str:
        """The title, which says whether the table is modelled."""
        return f"{self.dataset.title} ({MODELLED})" if self.modelled else self.dataset.title

    @property
    def vintage(self) -> str:
        """How recent the table is."""
        loaded = f"first loaded {self.dataset.first_loaded}"
        return loaded if self.dataset.last_year is None else f"data to {self.dataset.last_year}, {loaded}"

    @property
    def computation(self) -> str:
        """How the result came about, in sentences."""
        sentences = f"{self.result} over version {self.table_id} of the table ({self.vintage})."
        return f"{sentences} {WARNING}" if self.modelled else sentences


def cited_source(
    table: SurveyTable, statistic: str, query: Query, body: Mapping[str, Any], access: Access | None
) -> CitedSource:
    """Return the source of a result.

    Parameters
    ----------
    body: the request as it is recorded
    access: the server's address and the date; None if they are not recorded
    """
    path = _path(statistic, body, table.id)
    questions = dict.fromkeys(f'"{table.questions[code].question.text}"' for code, _ in query.selections)
    asked = " and ".join(questions)
    request = hashlib.sha256(path.encode()).hexdigest()[:KEY_REQUEST_CHARS]
    return CitedSource(
        key=f"{statistic.replace('_', '-')}-{table.id[:KEY_TABLE_CHARS]}-{request}",
        dataset=dataset_of(table.report),
        table_id=table.id,
        modelled=table.report.modelled,
        result=f'Statistic "{statistic}" of {asked}, computed by {NAME} {VERSION}',
        address=quote(access.address + path, safe=URL_CHARS) if access is not None and access.address else None,
        accessed=access.date if access is not None else None,
    )


def _path(statistic: str, body: Mapping[str, Any], table_id: str) -> str:
    """Return the path of the page with the request, over the version of the table that it was computed over."""
    others = {name: value for name, value in body.items() if name not in {"table", "as_of"}}
    return address_of(fields_of(statistic, {**others, "table": table_id}))
