"""From the body of a request to the work of a job: the body is validated once, then codes of the table take over.

A version of the table never changes, so neither do its results: the first job that asks for something computes the
document, and every later one that asks for the same gets that document from a cache.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import orjson

from app.citations.forms import citation_of
from app.citations.source import cited_source
from app.errors import InvalidRequestError, ServiceError, TableGoneError, join_first, quoted
from app.jobs.byte_cache import ByteCache
from app.jobs.job import Access, Document, JobRequest, Work, done_document, job_request
from app.jobs.job_store import Task
from app.queries.bodies import PlaceBody, QuestionBody, parse_body
from app.queries.canonical import canonical_body
from app.queries.provenance import provenance_of
from app.queries.query import Query
from app.statistics import STATISTICS, Statistic
from app.table.survey_table import SurveyTable
from app.versions.kept_tables import KeptTables

CACHED_PLANS = 4096
LONGEST_CACHED_BODY_BYTES = 1024
MOST_REQUESTS = 1000
LONGEST_REQUEST_BYTES = 64 * 1024  # the limit for a request outside a batch
PROBLEMS_LISTED = 3
COMPARING_STATISTICS = [name for name, statistic in STATISTICS.items() if "comparisons" in statistic.body.model_fields]
EXAMPLE = '{"statistic": "best5", "question": "Q036"}'


@dataclass(frozen=True, slots=True)
class Plan:
    """A validated request.

    Parameters
    ----------
    request: as the journal records it
    query: in the codes of the table
    work: computes its document
    is_current: whether that is over the current table
    """

    request: JobRequest
    query: Query
    work: Work
    is_current: bool = True

    def task(self) -> Task:
        """Return what the pool takes. Waiting jobs keep no earlier version of the table in memory."""
        return self.request, self.work if self.is_current else None


class Planner:
    """Turns requests into work over one version of the table. Safe to use from many threads.

    Parameters
    ----------
    table: the table to compute over
    cache: keeps the documents that were computed
    """

    def __init__(self, table: SurveyTable, cache: ByteCache | None = None) -> None:
        self.table = table
        self._cache = cache or ByteCache()
        self._cached_plan = lru_cache(CACHED_PLANS)(self._plan)

    def plan(self, statistic: str, raw: bytes, access: Access | None = None) -> Plan:
        """Validate a request and return how to answer it over this table, whatever version the body names.

        Parameters
        ----------
        statistic: name of the statistic
        raw: the body, as JSON
        access: what a citation says about the request

        Raises
        ------
        ServiceError: the statistic is unknown
        InvalidRequestError: the body is invalid, or the table cannot answer it
        """
        if len(raw) > LONGEST_CACHED_BODY_BYTES:
            return self._plan(statistic, raw, access)
        return self._cached_plan(statistic, raw, access)

    def provenance(self, request: JobRequest) -> dict[str, Any]:
        """Return the provenance of a recorded request, also for a statistic whose results do not carry it.

        Raises
        ------
        InvalidRequestError: this table cannot answer the request
        """
        query = self.plan(request.statistic, request.body).query
        return provenance_of(self.table, request.statistic, query)

    def _plan(self, name: str, raw: bytes, access: Access | None) -> Plan:
        statistic = statistic_named(name)
        return self.plan_body(statistic, parse_body(raw, statistic.body), access)

    def plan_body(self, statistic: Statistic, body: QuestionBody, access: Access | None = None) -> Plan:
        """Return how to answer a parsed body over this table.

        Raises
        ------
        InvalidRequestError: the table cannot answer it
        """
        query = _resolve(statistic, body, self.table)
        # The journal records names, not the query: codes are valid for this table only.
        content = canonical_body(body, self.table)
        request = job_request(statistic.name, content, self.table.id, access if statistic.provenance else None)
        return Plan(request, query, partial(self._document, statistic, query, request))

    def _document(self, statistic: Statistic, query: Query, request: JobRequest) -> Document:
        # A citation names the fields of the request, which one query may have in several wordings.
        wording = (request.body, request.access) if statistic.provenance else None
        key = self.table.id, statistic.name, query, wording
        return self._cache.get(key) or self._cache.put(key, self._compute(statistic, query, request))

    def _compute(self, statistic: Statistic, query: Query, request: JobRequest) -> Document:
        data = statistic.compute(self.table, query)
        if not statistic.provenance:
            return done_document(data)
        source = cited_source(self.table, statistic.name, query, orjson.loads(request.body), request.access)
        return done_document(data, provenance_of(self.table, statistic.name, query), citation_of(source))


class Planners:
    """The planners over the current table and over earlier versions of it. Safe to use from many threads.

    Parameters
    ----------
    current: returns the current table
    versions: its versions
    cache: keeps the documents that were computed
    """

    def __init__(self, current: Callable[[], SurveyTable], versions: KeptTables, cache: ByteCache) -> None:
        self._current = current
        self._versions = versions
        self._cache = cache
        self._planner = Planner(current(), cache)

    def get(self) -> Planner:
        """Return the planner over the current table."""
        table, planner = self._current(), self._planner
        if planner.table is not table:
            # No lock: if two threads come here at once, one planner that nobody has used is dropped, nothing else.
            planner = self._planner = Planner(table, self._cache)
        return planner

    def of(self, table_id: str) -> Planner:
        """Return the planner over a version of the table. Blocks while its file is read.

        Raises
        ------
        TableGoneError: that version is not kept any more
        """
        current = self.get()
        return current if current.table.id == table_id else Planner(self._versions.table(table_id), self._cache)

    def plan(self, statistic: str, raw: bytes, access: Access | None = None) -> Plan:
        """Validate a request and return how to answer it, over the version of the table that it names.

        Without a name it is the current one. Parameters and errors as ``Planner.plan``, and

        Raises
        ------
        InvalidRequestError: there is no such version
        TableGoneError: that version is not kept any more
        """
        if not _may_name_version(raw):
            return self.get().plan(statistic, raw, access)
        known = statistic_named(statistic)
        body = parse_body(raw, known.body)
        if body.table is None and body.as_of is None:
            return self.get().plan_body(known, body, access)
        version = self._versions.requested(body.table, body.as_of)
        planner = self.of(version.id)
        plan = planner.plan_body(known, body.model_copy(update={"table": version.id, "as_of": None}), access)
        return replace(plan, is_current=planner is self.get())

    def plan_batch(self, raw: bytes, access: Access | None = None) -> list[Plan]:
        """Validate a batch, request by request, and return how to answer each.

        Parameters
        ----------
        raw: a JSON list of objects, each with ``statistic`` and the fields of that statistic's body

        Raises
        ------
        InvalidRequestError: the body is not such a list, or some of its requests are invalid
        TableGoneError: a request names a version of the table that is not kept any more
        """
        plans, problems, fields = [], [], []
        for position, element in enumerate(_tell_comparisons(_elements(raw))):
            try:
                plans.append(self.plan(*_request(element), access))
            except InvalidRequestError as error:
                problems.append(f"request {position}: {error.reason}")
                fields.append(f"{position}.{error.field}" if error.field else "")
        if problems:
            listed = join_first(problems, PROBLEMS_LISTED, "; ")
            reason = f"no request of this batch is accepted (counted from 0). {listed}"
            raise InvalidRequestError(reason, fields[0] if len(problems) == 1 else "")
        return plans

    def work_of(self, request: JobRequest) -> Work:
        """Return the work of a recorded request, over the version of the table that it was accepted with.

        Raises
        ------
        TableGoneError: that version is not known, or not kept any more
        """
        if not request.table:
            raise TableGoneError("the version of the table that it was computed over is not recorded")
        return self.of(request.table).plan(request.statistic, request.body, request.access).work


def _resolve(statistic: Statistic, body: QuestionBody, table: SurveyTable) -> Query:
    """Return the query of a body. If its filter by location is to blame, the error is at the field that sets it.

    Raises
    ------
    InvalidRequestError: the table cannot answer it
    """
    try:
        query: Query = statistic.input.resolve(body, table)
    except InvalidRequestError as error:
        if error.field == "locations" and isinstance(body, PlaceBody) and (body.state or not body.locations):
            raise InvalidRequestError(error.reason, "state", words=error.words) from error
        raise
    return query


def statistic_named(name: str) -> Statistic:
    """Return a registered statistic.

    Raises
    ------
    ServiceError: there is none with that name
    """
    statistic = STATISTICS.get(name)
    if statistic is None:
        raise ServiceError(f"this server has no statistic {name!r}")
    return statistic


def _may_name_version(raw: bytes) -> bool:
    """Return whether a body may name a version of the table; an escape may hide the name of a field."""
    return b'"table"' in raw or b'"as_of"' in raw or b"\\" in raw


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
