"""Verify that a job belongs to the request that it was submitted for."""

from collections.abc import Iterable, Mapping
from typing import Any

from health_statistics.errors import ProtocolError

COMPARED_FIELDS = ("question", "other_question", "state")  # names, which the server keeps as they were sent


def check_jobs(entries: Iterable[Mapping[str, Any]], requests: Mapping[str, Mapping[str, Any]]) -> None:
    """Check the details of jobs, as the server lists them, against their requests, by job id.

    Raises
    ------
    ProtocolError: a job has another statistic, question or state
    """
    for details in entries:
        if details["job_id"] in requests:
            _check_job(details, requests[details["job_id"]])


def next_job_id(job_id: str) -> str:
    """Return the id after a job's id.

    Raises
    ------
    ProtocolError: it is not a job id
    """
    prefix, _, number = job_id.rpartition("_")
    if not number.isdecimal():
        raise ProtocolError(f"{job_id!r} is not a job id; expected job_id_<number>")
    return f"{prefix}_{int(number) + 1}"


def _check_job(details: Mapping[str, Any], request: Mapping[str, Any]) -> None:
    body = details["body"] or {}  # missing if only the result file is left
    names = [name for name in COMPARED_FIELDS if name in body]
    same = all(body[name] == request[name] for name in names if name in request)
    if details["statistic"] != request["statistic"] or not same:
        described = ", ".join([details["statistic"], *(str(body[name]) for name in names)])
        raise ProtocolError(
            f"{details['job_id']} belongs to another request ({described}); if several servers share this address, "
            "make the proxy send each client to one of them"
        )
