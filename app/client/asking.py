"""The commands that ask for one result: ask, result."""

import argparse
from collections.abc import Iterator

from app.client.client import FORM_TYPES, Client, Document
from app.client.completer import COMMAND, Completer
from app.client.errors import NotDoneError
from app.client.fields import request_fields
from app.client.output import JSON, Destination, as_json, as_table, destination, tell
from app.client.progress import progress
from app.client.tables import sections

SUCCESS = 0


def ask(client: Client, options: argparse.Namespace) -> int:
    """Ask one question and write its result."""
    target = destination(options.format, options.output)
    given = request_fields(options)
    completer = Completer(client, tell)
    statistic, fields = completer.statistic(options.statistic), completer.fields(given)
    title = ": ".join([statistic, *filter(None, [fields.get("question")])])
    _write_result(client, client.submit(statistic, **fields), target, title, options.timeout)
    return SUCCESS


def result(client: Client, options: argparse.Namespace) -> int:
    """Write the result of a job that was submitted before."""
    target = destination(options.format, options.output)
    _write_result(client, options.job_id, target, options.job_id, options.timeout)
    return SUCCESS


def _write_result(client: Client, job_id: str, target: Destination, title: str, timeout_seconds: float) -> None:
    try:
        with progress(f"{job_id} is computed"):
            document = client.wait(job_id, timeout_seconds)
    except NotDoneError as error:
        raise NotDoneError(f"{error}. `{COMMAND} result {job_id}` fetches it later") from error
    if target.form in FORM_TYPES:
        target.write(client.fetch(job_id, target.form))
    elif target.form == JSON:
        target.write(as_json(document))
    else:
        table = as_table(list(sections(document["data"])), target.path)
        notes = "".join(f"\n{note}\n" for note in _notes(client, document))
        target.write(f"{title}\n\n{table}{notes}".encode())


def _notes(client: Client, document: Document) -> Iterator[str]:
    """Yield what a reader of the table has to know beside it."""
    provenance = document.get("provenance", {})
    yield from provenance.get("notes", [])
    if "rows_used" in provenance:
        yield f"From {provenance['rows_used']} rows of {provenance['table']['source']}."
    notice = client.dataset().get("notice")
    if notice:
        yield notice
