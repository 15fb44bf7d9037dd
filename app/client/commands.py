"""The commands that ask for one result: ask, result."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from app.client.client import FORM_TYPES, Client, Document
from app.client.completer import COMMAND, Completer
from app.client.errors import NotDoneError
from app.client.fields import request_fields
from app.client.output import JSON, Destination, as_json, as_table, destination, tell
from app.client.progress import progress
from app.client.tables import sections, shown

SUCCESS = 0


def ask(client: Client, options: argparse.Namespace) -> int:
    """Ask one question and write its result."""
    target = destination(options.format, options.output)
    given = request_fields(options)
    completer = Completer(client, tell)
    statistic, fields = completer.statistic(options.statistic), completer.fields(given)
    completer.check_place(statistic, fields)
    job_id = client.submit(statistic, **fields)
    _write_result(client, job_id, target, _title(statistic, fields), options.timeout)
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


def _title(statistic: str, fields: Mapping[str, Any]) -> str:
    """Return what was asked: the statistic and its question, and in a line of its own whatever else."""
    others = "; ".join(f"{name} {shown(value)}" for name, value in fields.items() if name != "question")
    asked = f"{statistic}: {fields['question']}" if "question" in fields else statistic
    return f"{asked}\n{others}" if others else asked


def _notes(client: Client, document: Document) -> Iterator[str]:
    """Yield what a reader of the table has to know beside it."""
    provenance = document.get("provenance", {})
    yield from provenance.get("notes", [])
    if "rows_used" in provenance:
        count = sum(part["rows_used"] for part in (provenance, provenance.get("other")) if part)
        yield f"From {count} row{'' if count == 1 else 's'} of {provenance['table']['source']}."
    notice = client.dataset().get("notice")
    if notice:
        yield notice
