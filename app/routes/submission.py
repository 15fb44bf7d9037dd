"""What submissions share: the body and the headers that they come with, and how they are answered."""

import re
from functools import lru_cache
from typing import cast

from flask import Response
from werkzeug.http import parse_list_header

from app.errors import InvalidRequestError, UnsupportedMediaTypeError, quoted
from app.job import RUNNING_DOCUMENT, Job
from app.routes.support import JSON_TYPE, json_answer, services, this_request

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
    prefer = this_request().environ.get("HTTP_PREFER")
    seconds = None if prefer is None else _preferred_wait(prefer)
    if seconds is not None:
        services().wait((job,), seconds)
        document = services().store.document(job)
        if document is not RUNNING_DOCUMENT:
            answer = json_answer(b'{"job_id":"%s",%s' % (job.id.encode(), document.content[1:]))
            answer.headers["Preference-Applied"] = f"wait={seconds}"
            return answer
    return json_answer({"job_id": job.id})


@lru_cache(maxsize=HEADERS_REMEMBERED)
def _preferred_wait(prefer: str) -> int | None:
    """Return the seconds that a Prefer header (RFC 7240) asks to wait, None where it does not, or makes no sense.

    The first of several counts.
    """
    for preference in parse_list_header(prefer):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            digits = SECONDS.fullmatch(value.strip())
            return min(int(digits[0]), LONGEST_PREFERRED_WAIT_SECONDS) if digits else None
    return None
