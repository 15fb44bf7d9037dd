"""From the body of a request to the work of a job over one table; what has been asked before is not worked out again.

The table never changes, so neither do the answers: the first job that asks something computes its document, and every
later one that asks the same gets the same object.
"""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from app.bodies import parse_body
from app.errors import ServiceError
from app.job import Document, JobRequest, Work, done_document, job_request
from app.provenance import provenance_of
from app.query import Query
from app.resolver import resolve
from app.statistics import STATISTICS
from app.survey_table import SurveyTable

BODIES_REMEMBERED = 4096
LONGEST_BODY_REMEMBERED_BYTES = 1024
DOCUMENTS_REMEMBERED = 512  # the longest, by category, are of about 80 kilobytes


@dataclass(frozen=True, slots=True)
class Plan:
    """A request as it is recorded, and the work that answers it."""

    request: JobRequest
    work: Work


class Planner:
    """Plans over one table. Safe to use from many threads.

    Parameters
    ----------
    table: what the work is computed over
    """

    def __init__(self, table: SurveyTable) -> None:
        self._table = table
        self._remembered_plan = lru_cache(BODIES_REMEMBERED)(self._plan)
        self._remembered_document = lru_cache(DOCUMENTS_REMEMBERED)(self._document)

    def plan(self, statistic: str, raw: bytes) -> Plan:
        """Check what a body asks of a statistic and return how to answer it.

        Raises
        ------
        ServiceError: there is no such statistic
        InvalidRequestError: the body asks for nothing that can be computed
        """
        if len(raw) > LONGEST_BODY_REMEMBERED_BYTES:
            return self._plan(statistic, raw)
        return self._remembered_plan(statistic, raw)

    def provenance(self, request: JobRequest) -> dict[str, Any]:
        """Return where the figures of a recorded request come from, those of the contract's nine too.

        Raises
        ------
        InvalidRequestError: this table does not hold what is asked for
        """
        body = parse_body(request.body, STATISTICS[request.statistic].body)
        return provenance_of(self._table, request.statistic, resolve(body, self._table))

    def _plan(self, statistic: str, raw: bytes) -> Plan:
        found = STATISTICS.get(statistic)
        if found is None:
            raise ServiceError(f"this server has no statistic {statistic!r}")
        body = parse_body(raw, found.body)
        query = resolve(body, self._table)
        if found.check is not None:
            found.check(self._table, query)
        request = job_request(statistic, body.model_dump_json(exclude_unset=True, by_alias=True).encode())
        return Plan(request, partial(self._remembered_document, statistic, query))

    def _document(self, statistic: str, query: Query) -> Document:
        asked = STATISTICS[statistic]
        data = asked.compute(self._table, query)
        return done_document(data, provenance_of(self._table, statistic, query) if asked.provenance else None)


planner_of = lru_cache(maxsize=1)(Planner)
