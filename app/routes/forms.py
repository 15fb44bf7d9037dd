"""Which form of a result a client asks for, and the answer that carries it."""

from functools import lru_cache

from flask import Response
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from app.answers import DONE_DOCUMENT_START
from app.errors import InvalidRequestError, quoted
from app.forms import FORMS, JSON, Form, file_name
from app.job import RUNNING_DOCUMENT, Document, Job
from app.routes.charts import PICTURES, asked_theme
from app.routes.support import ApiResponse, json_answer, services, this_request

ACCEPTS_REMEMBERED = 256
# Pictures are had by ?format= alone: Firefox accepts them for every page that is opened, and would get one for JSON.
# The first is what a client gets that takes anything. A type may be asked for with the parameters that it has.
FORM_OF_TYPE = {name: form for form in FORMS.values() for name in (form.media_type, form.content_type)}


def asked_form() -> Form | None:
    """Return the form that ``?format=`` asks for, None where it is left to the header Accept.

    Raises
    ------
    InvalidRequestError: there is no such form, or no such theme of a picture
    """
    asked = this_request()
    if not asked.environ.get("QUERY_STRING"):
        return None
    if "theme" in asked.args:
        asked_theme()
    if "format" not in asked.args:
        return None
    name = asked.args["format"]
    forms = {**FORMS, **PICTURES}
    if name not in forms:
        raise InvalidRequestError(f"format must be {' or '.join(forms)}, not {quoted(name)}")
    return forms[name]


def result_answer(job: Job, document: Document, asked: Form | None) -> Response:
    """Return the answer that tells how a job is: its result in the form that is asked for, all else as JSON."""
    if document is RUNNING_DOCUMENT:
        return json_answer(document.content)
    accept = this_request().environ.get("HTTP_ACCEPT")
    form = asked or (JSON if accept is None else _accepted_form(accept))
    if form is not JSON and document.content.startswith(DONE_DOCUMENT_START):
        answer = ApiResponse(form.write(job, document.content), content_type=form.content_type)
        name = file_name(job, services().question_name(job), form)
        answer.headers.add("Content-Disposition", f'attachment; filename="{name}"')
    else:
        form = JSON
        answer = json_answer(document.content)
    if form.name not in PICTURES:  # which change with the program that draws, too
        answer.headers.add("ETag", f'"{document.checksum:08x}-{len(document.content):x}-{form.name}"')
    if asked is None:
        answer.headers.add("Vary", "Accept")
    return answer


@lru_cache(maxsize=ACCEPTS_REMEMBERED)
def _accepted_form(accept: str) -> Form:
    """Return the form that an Accept header likes best: JSON where it likes another no more, or none of them."""
    best = parse_accept_header(accept, MIMEAccept).best_match(FORM_OF_TYPE)
    return FORM_OF_TYPE.get(best or "", JSON)
