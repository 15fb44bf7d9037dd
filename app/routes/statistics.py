"""Submitting jobs: one route per statistic of the registry."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import cast

import orjson
from flask import Blueprint, Response
from flask.sansio.blueprints import BlueprintSetupState
from werkzeug.http import parse_list_header

from app.errors import InvalidRequestError, UnsupportedMediaTypeError, quoted
from app.jobs.job import RUNNING_DOCUMENT, Job
from app.routes.jobs import RESULTS_PATH
from app.statistics import STATISTICS
from app.web.support import BATCH_PATH, JSON_TYPE, json_answer, services, this_request

KEY = re.compile("[!-~]{1,255}")
LONGEST_PREFERRED_WAIT_SECONDS = 30
SECONDS = re.compile("[0-9]{1,18}")
HEADERS_REMEMBERED = 256


def json_body() -> bytes:
    """Return the body of a request.

    Raises
    ------
    UnsupportedMediaTypeError: it is not declared as JSON
    """
    asked = this_request()
    raw = asked.get_data(cache=True)
    if asked.content_type != JSON_TYPE and raw and not asked.is_json:
        declared = quoted(asked.mimetype) if asked.mimetype else "no type"
        raise UnsupportedMediaTypeError(
            f"the body is declared as {declared}; send JSON with the header Content-Type: application/json"
        )
    return raw


def idempotency_key() -> str | None:
    """Return the key that a submission is sent under, None where it has none.

    Raises
    ------
    InvalidRequestError: it is none that can be kept
    """
    key = this_request().environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is not None and not KEY.fullmatch(key):
        raise InvalidRequestError("Idempotency-Key must be 1 to 255 visible ASCII characters, without spaces")
    return cast("str | None", key)


def accepted_answer(job: Job) -> Response:
    """Return the answer to a submission: the job's id and, where the client prefers to wait, how the job has ended.

    Blocks until then, at most as long as the client prefers; a job that has not ended by then is told by its id alone.
    """
    seconds = _preferred_wait_seconds()
    if seconds is not None:
        services().wait((job,), seconds)
        document = services().store.document(job)
        if document is not RUNNING_DOCUMENT:
            return _waited_answer(b'{"job_id":"%s",%s' % (job.id.encode(), document.content[1:]), seconds)
    return json_answer({"job_id": job.id})


def accepted_batch_answer(jobs: Sequence[Job]) -> Response:
    """Return the answer to many submissions, as for one: their ids and, where all have ended in time, their answers."""
    job_ids = [job.id for job in jobs]
    seconds = _preferred_wait_seconds()
    if seconds is not None:
        documents = services().documents(job_ids, seconds)
        if RUNNING_DOCUMENT.content not in documents.values():
            data = {job_id: orjson.Fragment(document) for job_id, document in documents.items()}
            return _waited_answer(orjson.dumps({"job_ids": job_ids, "status": "done", "data": data}), seconds)
    return json_answer({"job_ids": job_ids})


def _waited_answer(content: bytes, seconds: int) -> Response:
    answer = json_answer(content)
    answer.headers["Preference-Applied"] = f"wait={seconds}"
    return answer


def _preferred_wait_seconds() -> int | None:
    prefer = this_request().environ.get("HTTP_PREFER")
    return None if prefer is None else _wait_in(prefer)


@lru_cache(maxsize=HEADERS_REMEMBERED)
def _wait_in(prefer: str) -> int | None:
    """Return the seconds that a Prefer header (RFC 7240) asks to wait, None where it does not, or makes no sense.

    The first of several counts.
    """
    for preference in parse_list_header(prefer):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            digits = SECONDS.fullmatch(value.strip())
            return min(int(digits[0]), LONGEST_PREFERRED_WAIT_SECONDS) if digits else None
    return None


PREFIX = "/api"

blueprint = Blueprint("statistics", __name__, url_prefix=PREFIX)


def submit(statistic: str) -> Response:
    """Accept a job; the answer is its id."""
    asked = this_request()
    job = services().submit(statistic, json_body(), idempotency_key())
    asked.job_id = job_id = job.id
    answer = accepted_answer(job)
    answer.headers["Location"] = f"{asked.root_path}{RESULTS_PATH}{job_id}"
    return answer


@blueprint.post(BATCH_PATH.removeprefix(PREFIX))
def submit_batch() -> Response:
    """Accept many jobs or none: a list of requests, each with its "statistic"; the answer is their ids."""
    asked = this_request()
    jobs = services().submit_batch(json_body(), idempotency_key())
    asked.job_id = f"{jobs[0].id}..{jobs[-1].id}"
    return accepted_batch_answer(jobs)


@blueprint.record
def _add_routes(state: BlueprintSetupState) -> None:
    """Add a route for each statistic, whenever an application registers the blueprint."""
    for name in STATISTICS:
        state.add_url_rule(f"/{name}", name, submit, methods=["POST"], defaults={"statistic": name})
