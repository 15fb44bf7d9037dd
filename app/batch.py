"""Many requests in one body: each is planned as if it had come alone, and all of them are taken or none."""

from collections.abc import Callable
from typing import Any

import orjson

from app.errors import InvalidRequestError, quoted
from app.planner import Plan
from app.statistics import STATISTICS

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
