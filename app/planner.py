"""From the body of a request to the work of a job over one table; what has been asked before is not worked out again.

The table never changes, so neither do the answers: the first job that asks something computes its document, and every
later one that asks the same gets the same object.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import orjson

from app.errors import InvalidRequestError, ServiceError, quoted
from app.jobs.job import Document, JobRequest, Work, done_document, job_request
from app.queries.bodies import parse_body
from app.queries.provenance import provenance_of
from app.queries.query import Query
from app.queries.resolve import resolve
from app.statistics import STATISTICS
from app.table.survey_table import SurveyTable

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


MOST_REQUESTS = 1000
LONGEST_REQUEST_BYTES = 64 * 1024  # as long as one that comes alone may be
PROBLEMS_NAMED = 3

PlanOne = Callable[[str, bytes], Plan]


def plan_batch(raw: bytes, plan: PlanOne) -> list[Plan]:
    """Check what a body asks, request by request, and return how to answer each.

    Parameters
    ----------
    raw: a JSON list of objects, each with ``statistic`` and the fields of that statistic's body
    plan: checks the body of one statistic

    Raises
    ------
    InvalidRequestError: the body is no such list, or some of its requests ask for nothing that can be computed
    """
    plans, problems = [], []
    for place, element in enumerate(_elements(raw)):
        try:
            plans.append(_plan_one(element, plan))
        except InvalidRequestError as error:
            problems.append(f"request {place}: {error.reason}")
    if problems:
        more = len(problems) - PROBLEMS_NAMED
        told = problems[:PROBLEMS_NAMED] + ([f"and {more} more"] if more > 0 else [])
        raise InvalidRequestError(f"none of the requests is taken (they are counted from 0). {'; '.join(told)}")
    return plans


def _elements(raw: bytes) -> list[Any]:
    try:
        elements = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRequestError(f"the body must be a JSON list ({error})") from error
    if not isinstance(elements, list) or not 0 < len(elements) <= MOST_REQUESTS:
        raise InvalidRequestError(
            f"the body must be a JSON list of 1 to {MOST_REQUESTS} requests, "
            'such as [{"statistic": "best5", "question": "Q036"}]'
        )
    return elements


def _plan_one(element: Any, plan: PlanOne) -> Plan:
    if not isinstance(element, dict):
        raise InvalidRequestError('it must be a JSON object, such as {"statistic": "best5", "question": "Q036"}')
    statistic = element.pop("statistic", None)
    if not isinstance(statistic, str) or statistic not in STATISTICS:
        named = "field 'statistic' is missing" if statistic is None else f"unknown statistic {quoted(str(statistic))}"
        raise InvalidRequestError(f"{named}; the statistics are {', '.join(STATISTICS)}")
    try:
        body = orjson.dumps(element)
    except orjson.JSONEncodeError as error:
        raise InvalidRequestError("it is nested too deep") from error
    if len(body) > LONGEST_REQUEST_BYTES:
        raise InvalidRequestError(f"it is over the limit of {LONGEST_REQUEST_BYTES} bytes for one request")
    return plan(statistic, body)
