"""From the body of a request to the work of a job: the body is validated once, then codes of the table take over.

A table never changes, so neither do its results: the first job that asks for something computes the document, and every
later one that asks for the same gets that document from a cache.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import orjson

from app.errors import InvalidRequestError, ServiceError, join_first, quoted
from app.jobs.byte_cache import ByteCache
from app.jobs.job import Document, JobRequest, Work, done_document, job_request
from app.queries.bodies import parse_body
from app.queries.canonical import canonical_body
from app.queries.provenance import provenance_of
from app.queries.query import Query
from app.statistics import STATISTICS
from app.table.survey_table import SurveyTable

CACHED_PLANS = 4096
LONGEST_CACHED_BODY_BYTES = 1024
MOST_REQUESTS = 1000
LONGEST_REQUEST_BYTES = 64 * 1024  # the limit for a request outside a batch
PROBLEMS_LISTED = 3
COMPARING_STATISTICS = [name for name, statistic in STATISTICS.items() if "comparisons" in statistic.body.model_fields]
EXAMPLE = '{"statistic": "best5", "question": "Q036"}'


@dataclass(frozen=True, slots=True)
class Plan:
    """A validated request: as the journal records it, in the codes of the table, and the work that answers it."""

    request: JobRequest
    query: Query
    work: Work


class Planner:
    """Turns requests into work over one table. Safe to use from many threads.

    Parameters
    ----------
    table: the table to compute over
    cache: keeps the documents that were computed
    """

    def __init__(self, table: SurveyTable, cache: ByteCache | None = None) -> None:
        self.table = table
        self._cache = cache or ByteCache()
        self._of_this_table = object()  # part of the keys: no document outlives its table, and no key keeps the table
        self._cached_plan = lru_cache(CACHED_PLANS)(self._plan)

    def plan(self, statistic: str, raw: bytes) -> Plan:
        """Validate a request and return how to answer it.

        Parameters
        ----------
        statistic: name of the statistic
        raw: the body, as JSON

        Raises
        ------
        ServiceError: the statistic is unknown
        InvalidRequestError: the body is invalid, or the table cannot answer it
        """
        if len(raw) > LONGEST_CACHED_BODY_BYTES:
            return self._plan(statistic, raw)
        return self._cached_plan(statistic, raw)

    def plan_batch(self, raw: bytes) -> list[Plan]:
        """Validate a batch, request by request, and return how to answer each.

        Parameters
        ----------
        raw: a JSON list of objects, each with ``statistic`` and the fields of that statistic's body

        Raises
        ------
        InvalidRequestError: the body is not such a list, or some of its requests are invalid
        """
        plans, problems = [], []
        for position, element in enumerate(_tell_comparisons(_elements(raw))):
            try:
                plans.append(self.plan(*_request(element)))
            except InvalidRequestError as error:
                problems.append(f"request {position}: {error.reason}")
        if problems:
            listed = join_first(problems, PROBLEMS_LISTED, "; ")
            raise InvalidRequestError(f"no request of this batch is accepted (counted from 0). {listed}")
        return plans

    def provenance(self, request: JobRequest) -> dict[str, Any]:
        """Return the provenance of a recorded request, also for a statistic whose results do not carry it.

        Raises
        ------
        InvalidRequestError: this table cannot answer the request
        """
        query = self.plan(request.statistic, request.body).query
        return provenance_of(self.table, request.statistic, query)

    def _plan(self, name: str, raw: bytes) -> Plan:
        statistic = STATISTICS.get(name)
        if statistic is None:
            raise ServiceError(f"this server has no statistic {name!r}")
        body = parse_body(raw, statistic.body)
        query = statistic.input.resolve(body, self.table)
        # The journal records names, not the query: codes are valid for this table only.
        request = job_request(name, canonical_body(body, self.table))
        return Plan(request, query, partial(self._document, name, query))

    def _document(self, name: str, query: Query) -> Document:
        key = self._of_this_table, name, query
        return self._cache.get(key) or self._cache.put(key, self._compute(name, query))

    def _compute(self, name: str, query: Query) -> Document:
        statistic = STATISTICS[name]
        data = statistic.compute(self.table, query)
        return done_document(data, provenance_of(self.table, name, query) if statistic.provenance else None)


class CurrentPlanner:
    """Holds the planner over the current table, and replaces it after a reload so that no old table is kept.

    Parameters
    ----------
    table: returns the current table
    cache: keeps the documents that were computed
    """

    def __init__(self, table: Callable[[], SurveyTable], cache: ByteCache) -> None:
        self._table = table
        self._cache = cache
        self._planner = Planner(table(), cache)

    def get(self) -> Planner:
        """Return the planner over the current table."""
        table, planner = self._table(), self._planner
        if planner.table is not table:
            # No lock: if two threads come here at once, one planner that nobody has used is dropped, nothing else.
            planner = self._planner = Planner(table, self._cache)
        return planner

    def work_of(self, request: JobRequest) -> Work:
        """Return the work of a recorded request, over the current table."""
        return self.get().plan(request.statistic, request.body).work


def _elements(raw: bytes) -> list[Any]:
    try:
        elements = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRequestError(f"the body must be a JSON list ({error})") from error
    if not isinstance(elements, list) or not 0 < len(elements) <= MOST_REQUESTS:
        raise InvalidRequestError(f"the body must be a JSON list of 1 to {MOST_REQUESTS} requests, such as [{EXAMPLE}]")
    return elements


def _tell_comparisons(elements: list[Any]) -> list[Any]:
    """Say in each comparison of a batch how many there are, so that its result can say so too."""
    comparing = [
        element
        for element in elements
        if isinstance(element, dict) and element.get("statistic") in COMPARING_STATISTICS
    ]
    for element in comparing:
        element.setdefault("comparisons", len(comparing))
    return elements


def _request(element: Any) -> tuple[str, bytes]:
    """Return the statistic of a request in a batch, and its body."""
    if not isinstance(element, dict):
        raise InvalidRequestError(f"it must be a JSON object, such as {EXAMPLE}")
    statistic = element.pop("statistic", None)
    if not isinstance(statistic, str) or statistic not in STATISTICS:
        problem = "field 'statistic' is missing" if statistic is None else f"unknown statistic {quoted(str(statistic))}"
        raise InvalidRequestError(f"{problem}; the statistics are {', '.join(STATISTICS)}")
    try:
        body = orjson.dumps(element)
    except orjson.JSONEncodeError as error:
        raise InvalidRequestError("it is nested too deep") from error
    if len(body) > LONGEST_REQUEST_BYTES:
        raise InvalidRequestError(f"it exceeds the limit of {LONGEST_REQUEST_BYTES} bytes for one request")
    return statistic, body
