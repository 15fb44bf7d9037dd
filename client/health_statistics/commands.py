"""The commands of the command line, except batch. Each takes the client and the options, and returns an exit code."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from health_statistics.client import Client, Document, FinishedJob, Request
from health_statistics.errors import (
    JobFailedError,
    MissingCitationError,
    ProtocolError,
    ResponseError,
    UsageError,
)
from health_statistics.fields import request_fields
from health_statistics.formats import MEDIA_TYPES
from health_statistics.names import Completer
from health_statistics.output import (
    JSON,
    TABLE,
    Section,
    as_json,
    as_table,
    destination,
    format_value,
    print_line,
    printable,
    progress,
    records_section,
    report,
    sections_of,
)

SUCCESS, FAILURE = 0, 1
POLL_SECONDS = 0.25
HOLD_SECONDS = 1.0
RUNNING, FAILED, REMOVED = "running", "error", "removed"
REMOVED_STATUSES = frozenset({404, 410})
PICTURES = frozenset({"svg", "png"})
LIST_FORMATS = (TABLE, JSON)
TEXT = "text"
CITATION_FORMS = (TEXT, "bibtex", "csljson")


def ask(client: Client, options: argparse.Namespace) -> int:
    """Compute a statistic and write its result."""
    writer = ResultWriter(client, options)
    fields = request_fields(options)
    completer = Completer(client, report)
    statistic, fields = completer.statistic(options.statistic), completer.fields(fields)
    completer.check_state_field(statistic, fields)
    with progress(f"computing {statistic}"):
        job = client.run(statistic, timeout_seconds=options.timeout, **fields)
    writer.write(job, _title(statistic, fields), {**fields, "statistic": statistic})
    return SUCCESS


def result(client: Client, options: argparse.Namespace) -> int:
    """Write the result of a job that was submitted before."""
    writer = ResultWriter(client, options)
    with progress(f"waiting for {options.job_id}"):
        document = client.wait(options.job_id, options.timeout)
    writer.write(FinishedJob(options.job_id, document), options.job_id)
    return SUCCESS


def statistics(client: Client, options: argparse.Namespace) -> int:
    """List the statistics with the fields of their requests."""
    known = client.statistics()
    if not known:
        raise ProtocolError(f"{client.address} does not list its statistics; GET / lists its routes")
    # The summary, the longest text, goes into the last column.
    columns = ("name", "needed", "optional", "summary")
    _write_records([{name: asdict(statistic)[name] for name in columns} for statistic in known], options)
    return SUCCESS


def questions(client: Client, options: argparse.Namespace) -> int:
    """List the questions."""
    entries = client.questions()
    _write_records(entries if options.format == JSON else [_question_row(entry) for entry in entries], options)
    return SUCCESS


def states(client: Client, options: argparse.Namespace) -> int:
    """List the locations."""
    _write_records(client.states(), options)
    return SUCCESS


def dataset(client: Client, options: argparse.Namespace) -> int:
    """Show the source of the table and its row counts."""
    description = client.dataset()
    _write_listing(description, list(sections_of(description)), options)
    return SUCCESS


def tables(client: Client, options: argparse.Namespace) -> int:
    """List the versions of the table that the server keeps."""
    entries = client.tables()
    _write_records(entries if options.format == JSON else list(map(_version_row, entries)), options)
    return SUCCESS


def jobs(client: Client, options: argparse.Namespace) -> int:
    """List the last jobs with their states."""
    entries = [{"job": job_id, "state": state} for job_id, state in client.jobs().items()]
    entries = [entry for entry in entries if options.state in {None, entry["state"]}]
    _write_records(entries[-options.last :] if options.last else entries, options)
    omitted = len(entries) - options.last if options.last else 0
    if omitted > 0:
        report(f"… and {omitted} earlier jobs; --last 0 lists all")
    return SUCCESS


def watch(client: Client, options: argparse.Namespace) -> int:
    """Follow one job until it finishes, or all jobs until none is left."""
    return _watch_one(client, options.job_id) if options.job_id else _watch_all(client, forever=options.forever)


def cancel(client: Client, options: argparse.Namespace) -> int:
    """Cancel waiting jobs, or remove finished ones."""
    for job_id in options.job_ids:
        print_line(f"{job_id} {client.cancel(job_id)}")
    return SUCCESS


def reload(client: Client, options: argparse.Namespace) -> int:
    """Reload the table of the server, and wait until the new one is in use."""
    client.reload()
    with progress("reloading the table"):
        while (state := _reload_state(client))["status"] == RUNNING and not options.no_wait:
            client.pause(POLL_SECONDS)
    if state["status"] == FAILED:
        raise JobFailedError(f"the reload failed, and the old table stays: {state['reason']}")
    print_line("reloading" if state["status"] == RUNNING else f"done: {client.dataset()['rows_read']} rows read")
    return SUCCESS


def shutdown(client: Client, options: argparse.Namespace) -> int:
    """Make the server reject new jobs, and wait until it has finished the accepted ones."""
    if not options.yes:
        _confirm(f"{client.address} will reject new jobs until it is restarted")
    finished, left = client.shutdown(), client.unfinished()
    with progress("finishing accepted jobs", left) as update:
        while not (finished or options.no_wait):
            client.pause(POLL_SECONDS)
            finished = client.shutdown()
            update(left - client.unfinished())
    print_line("done: no jobs left" if finished else f"shutting down: {client.unfinished()} jobs left")
    return SUCCESS


class ResultWriter:
    """Writes a result to the destination that the options name.

    Raises
    ------
    UsageError: the options do not fit together
    """

    def __init__(self, client: Client, options: argparse.Namespace) -> None:
        if options.cite and options.format:
            raise UsageError("--cite writes the citation instead of the result; leave --format out")
        self._client = client
        self._cite = options.cite
        self._target = destination(TABLE if self._cite else options.format, options.output)
        self._picture = {"kind": options.kind, "theme": options.theme}
        if any(self._picture.values()) and self._target.format not in PICTURES:
            raise UsageError("--kind and --theme need a picture; add --format svg, or --output FILE.png")

    def write(self, job: FinishedJob, title: str, request: Request | None = None) -> None:
        """Write the result of a job. A request makes the client verify that the file belongs to it."""
        format = self._target.format
        if self._cite:
            self._target.write(_citation(job, self._cite))
        elif format in MEDIA_TYPES:
            self._target.write(self._client.fetch(job.job_id, format, **self._picture, request=request))
        elif format == JSON:
            self._target.write(as_json(job.document))
        else:
            table = as_table(list(sections_of(job.document["data"])), self._target.path)
            notes = "".join(f"\n{note}\n" for note in _notes(self._client, job.document))
            self._target.write(printable(f"{title}\n\n{table}{notes}").encode())


def _citation(job: FinishedJob, form: str) -> bytes:
    """Return the citation of a result.

    Raises
    ------
    MissingCitationError: it has none
    """
    citation = job.document.get("citation")
    if citation is None:
        raise MissingCitationError(f"{job.job_id} has no citation; results of estimate, rank and their family have one")
    if form == "csljson":
        return as_json([citation["csl"]])
    return f"{printable(citation[form]).rstrip()}\n".encode()


def _title(statistic: str, fields: Mapping[str, Any]) -> str:
    """Return the statistic and its question, and the other fields on a second line."""
    others = "; ".join(f"{name} {format_value(value)}" for name, value in fields.items() if name != "question")
    title = f"{statistic}: {fields['question']}" if "question" in fields else statistic
    return f"{title}\n{others}" if others else title


def _notes(client: Client, document: Document) -> Iterator[str]:
    """Yield the notes below a table: how many rows it is computed from, and that modelled data must not be cited."""
    provenance = document.get("provenance", {})
    if "rows_used" in provenance:
        count = sum(part["rows_used"] for part in (provenance, provenance.get("other")) if part)
        yield f"From {count} row{'' if count == 1 else 's'} of {provenance['table']['source']}."
    notice = client.dataset().get("notice")
    if notice:
        yield notice


def _question_row(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return a question as a row of a table, with its years in short."""
    years = question["years"]
    span = f"{years[0]}-{years[-1]} ({len(years)})" if len(years) > 1 else ", ".join(map(str, years))
    # Most tables have one value type, which says nothing; older servers do not tell it.
    value_type = {name: question[name] for name in ("value_type",) if question.get(name) not in {None, "Value"}}
    return {
        "id": question["id"],
        "best": question["best"],
        "years": span,
        **value_type,
        "question": question["question"],
    }


def _version_row(version: Mapping[str, Any]) -> dict[str, Any]:
    """Return a version of the table as a row, with the last time from which it was served."""
    served, years = version["served_from"], version["years"]
    return {
        "table": version["id"][:12],
        "served from": f"{served[-1][:16].replace('T', ' ')} UTC" if served else "",
        "current": "yes" if version["current"] else "",
        "rows": version["rows"],
        "years": f"{years[0]}-{years[-1]}" if years else "",
        "source": version["source"],
    }


def _write_records(records: Sequence[dict[str, Any]], options: argparse.Namespace) -> None:
    _write_listing(records, [records_section(records)] if records else [], options)


def _write_listing(content: Any, sections: Sequence[Section], options: argparse.Namespace) -> None:
    target = destination(options.format, options.output, LIST_FORMATS)
    target.write(as_json(content) if target.format == JSON else printable(as_table(sections, target.path)).encode())


def _reload_state(client: Client) -> dict[str, Any]:
    state = client.dataset().get("reload")
    if not state:
        raise ProtocolError(f"{client.address} does not report its reload; check its log")
    return dict(state)


def _watch_one(client: Client, job_id: str) -> int:
    try:
        with progress(f"waiting for {job_id}"):
            client.wait(job_id)
    except JobFailedError as error:
        print_line(f"{job_id} {FAILED}")
        report(str(error))
        return FAILURE
    print_line(f"{job_id} done")
    return SUCCESS


def _watch_all(client: Client, *, forever: bool) -> int:
    """Print a line for each job that changes; fail if one of them fails."""
    watcher = JobWatcher(client)
    failed = False
    total = len(watcher.unfinished())
    report(f"{total} waiting or running, {len(watcher.states) - total} finished")
    with progress("jobs finished since", None if forever else total) as update:
        while forever or watcher.unfinished():
            changes = watcher.changes()
            failed = failed or FAILED in changes.values()
            for job_id, state in changes.items():
                print_line(f"{job_id} {state}")
            update(total - len(watcher.unfinished()))
    return FAILURE if failed else SUCCESS


def _confirm(consequence: str) -> None:
    """Ask for consent.

    Raises
    ------
    UsageError: standard input is not a terminal, or the answer is no
    """
    if not sys.stdin.isatty():
        raise UsageError(f"{consequence}; confirm this with --yes")
    sys.stderr.write(f"{consequence}. Continue? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise UsageError("cancelled; the server was not shut down")


class JobWatcher:
    """The states of the server's jobs by id, in the order of acceptance.

    It polls only unfinished jobs and new ones, because finished jobs do not change.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.states = client.jobs()

    def unfinished(self) -> list[str]:
        """Return the ids of the jobs that have not finished."""
        return [job_id for job_id, state in self.states.items() if state == RUNNING]

    def changes(self) -> dict[str, str]:
        """Wait a moment, or until the oldest unfinished job finishes; return the states that have changed."""
        unfinished = self.unfinished()
        if unfinished:
            self._hold(unfinished[0])
        else:
            self._client.pause(HOLD_SECONDS)
        current = self._client.jobs(after=self._last_settled())
        removed = {job_id: REMOVED for job_id in unfinished if job_id not in current}
        changed = {id_: state for id_, state in {**removed, **current}.items() if self.states.get(id_) != state}
        self.states.update(changed)
        return changed

    def _hold(self, job_id: str) -> None:
        """Wait a moment, or until a job finishes or is removed."""
        try:
            self._client.poll(job_id, HOLD_SECONDS)
        except ResponseError as error:
            if error.status not in REMOVED_STATUSES:
                raise

    def _last_settled(self) -> str | None:
        """Return the id of the last job before the oldest unfinished one, if any."""
        settled = None
        for job_id, state in self.states.items():
            if state == RUNNING:
                break
            settled = job_id
        return settled
