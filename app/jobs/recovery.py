"""Recovery at the start: the jobs of an earlier run, from its journal and its result files."""

import gc
import logging
import re
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

import orjson

from app.errors import one_line
from app.jobs.job import Access, Document, Job, JobOutcome, JobStatus, Submission, job_request
from app.jobs.journal import Journal, accepted_line, ended_line, removed_line
from app.jobs.result_files import ResultFiles, status_in
from app.jobs.status_map import Recovered

logger = logging.getLogger(__name__)

SUBMISSION_FIELDS = ("key", "fingerprint", "place", "jobs")
DAMAGED_REASON = "the record of this job in the journal is damaged; submit the request again"
STATUSES = {str(status): status for status in JobStatus}  # a lookup costs a third of JobStatus(text)
ACCEPTED_NUMBER = re.compile(rb'\{"accepted":([1-9][0-9]{0,17}),')


def recover(journal: Journal, files: ResultFiles, table: str = "") -> Recovered:
    """Return the jobs of an earlier run.

    A job whose end is not in the journal has ended if its file is whole: the server died before it wrote the line. A
    file without a line in the journal is taken over; only a recorded removal deletes a file. A batch of which only the
    first lines were written was never acknowledged and is dropped.

    Parameters
    ----------
    table: id of the current table, over which an unfinished job of a server that recorded no tables is computed

    Raises
    ------
    OSError: the journal or the folder cannot be read
    """
    recovered = Recovered()
    ends: dict[int, JobOutcome] = {}
    gc.disable()  # hundreds of thousands of records, none of them garbage: the collector would take most of the time
    try:
        _recover(journal, files, recovered, ends)
        _assign_table(recovered, table)
    finally:
        gc.enable()
    return recovered


def _recover(journal: Journal, files: ResultFiles, recovered: Recovered, ends: dict[int, JobOutcome]) -> None:
    for record in journal.read():
        _replay(record, recovered, ends)
    if journal.damaged:
        # Each damaged line may have held the highest numbers; two, if the damage joined two lines.
        recovered.last_number += 2 * len(journal.damaged)
    numbers = files.numbers()
    if not journal.damaged:
        _drop_torn_batches(recovered, journal, {*ends, *numbers})
    # Ends come after all acceptances, because a runner may buffer a job's end before its acceptance is written.
    for number, end in ends.items():
        if number in recovered.jobs:
            _end(recovered.jobs[number], end)
    # Files come last: what the journal says of a job counts more than the file that lies there.
    for number in numbers:
        job = recovered.jobs.get(number)
        if number not in recovered.removed and (job is None or job.status is JobStatus.RUNNING):
            _match_file(number, recovered, ends, (journal, files))
        elif job is not None and not job.size:  # its end was recorded by an earlier version
            job.size = files.size(number)
    for line in journal.damaged:
        _end_damaged(line, recovered)
    recovered.removed.intersection_update(numbers)
    recovered.jobs = dict(sorted(recovered.jobs.items()))
    recovered.last_number = max([recovered.last_number, *numbers, *recovered.jobs])


def _assign_table(recovered: Recovered, table: str) -> None:
    for job in recovered.jobs.values():
        if job.status is JobStatus.RUNNING and job.request is not None and not job.request.table:
            job.request = replace(job.request, table=table)


def _replay(record: dict[str, Any], recovered: Recovered, ends: dict[int, JobOutcome]) -> None:
    """Apply one record of the journal. A job's end may stand before its acceptance."""
    try:
        if "accepted" in record:
            number = int(record["accepted"])
            recovered.jobs.setdefault(number, _accepted_job(number, record))
            recovered.removed.discard(number)  # a batch that was dropped and then taken over from its files
        elif "ended" in record:
            number, status = int(record["ended"]), STATUSES[record["status"]]
            checksum, size = record.get("checksum"), int(record.get("size", 0))
            ends[number] = JobOutcome(status, record.get("reason"), checksum, float(record["at"]), size)
        elif "removed" in record:
            number = int(record["removed"])
            recovered.jobs.pop(number, None)
            recovered.removed.add(number)
        else:
            number = int(record.get("highest", 0))
        recovered.last_number = max(recovered.last_number, number)
    except (KeyError, TypeError, ValueError):
        logger.exception("a record of the journal is not understood and was skipped: %r", record)


def _accepted_job(number: int, record: dict[str, Any]) -> Job:
    accepted_at = float(record.get("at", 0))
    if "statistic" not in record:  # only its file was left
        return Job(number, None, accepted_at=accepted_at)
    access = Access(**record["access"]) if "access" in record else None
    table = str(record.get("table", ""))
    request = job_request(str(record["statistic"]), orjson.dumps(record["body"]), table, access)
    if "submission" in record:
        fields = {name: value for name, value in record["submission"].items() if name in SUBMISSION_FIELDS}
        request = replace(request, submission=Submission(**fields))
    return Job(number, request, accepted_at=accepted_at)


def _drop_torn_batches(recovered: Recovered, journal: Journal, ended: AbstractSet[int]) -> None:
    """Drop the jobs of a batch whose last lines are missing; no higher number was given after it.

    A batch of which any job has ended was accepted: its lines were lost later.
    """
    for job in list(recovered.jobs.values()):
        submission = job.request.submission if job.request is not None else None
        if submission is None:
            continue
        first = job.number - submission.place
        batch = range(first, first + submission.jobs)
        if batch[-1] > recovered.last_number and ended.isdisjoint(batch):
            logger.warning("%s: dropped, because not all jobs of its batch were recorded", job.id)
            del recovered.jobs[job.number]
            journal.buffer(removed_line(job.number))


def _end(job: Job, end: JobOutcome) -> None:
    job.status, job.reason, job.checksum, job.size = end.status, end.reason, end.checksum, end.size
    job.ended_at = max(end.ended_at, job.accepted_at)


def _match_file(
    number: int, recovered: Recovered, ends: dict[int, JobOutcome], disk: tuple[Journal, ResultFiles]
) -> None:
    """Reconcile a result file with what the journal says of its job, and record what was concluded."""
    journal, files = disk
    job = recovered.jobs.get(number)
    try:
        written_at, document = files.written_at(number), files.read(number)
    except OSError as error:
        logger.warning("job_id_%d: its file cannot be read and is left alone: %s", number, one_line(error))
        return
    if job is None:
        # Its line was lost, and its request with it. A damaged file is kept too: the job is answered with the reason.
        job = recovered.jobs[number] = Job(number, None, accepted_at=written_at)
        journal.buffer(accepted_line(job))
        logger.warning("%s: taken over from its file, as the journal has no record of it", job.id)
    elif document is None:
        return  # it is computed again
    end = ends.get(number) or _end_in(document, written_at)
    _end(job, end)
    journal.buffer(ended_line(number, replace(end, ended_at=job.ended_at)))


def _end_in(document: Document | None, written_at: float) -> JobOutcome:
    """Return what a result file shows of a job's end."""
    if document is None:
        return JobOutcome(JobStatus.DONE, None, None, written_at)
    status = status_in(document)
    reason = str(orjson.loads(document.content)["reason"]) if status is JobStatus.ERROR else None
    return JobOutcome(status, reason, document.checksum, written_at, len(document.content))


def _end_damaged(line: bytes, recovered: Recovered) -> None:
    """End the job that a damaged line seems to have accepted, if nothing else is known of it."""
    match = ACCEPTED_NUMBER.match(line)
    number = int(match[1]) if match else 0
    if 0 < number <= recovered.last_number and number not in recovered.jobs and number not in recovered.removed:
        recovered.jobs[number] = Job(number, None)
        _end(recovered.jobs[number], JobOutcome(JobStatus.ERROR, DAMAGED_REASON, None))
