"""Recovery at the start: the jobs of an earlier run, from its journal and its result files."""

import logging
from dataclasses import replace
from typing import Any

import orjson

from app.jobs.documents import ERROR_DOCUMENT_START, ResultFiles, is_whole
from app.jobs.job import Job, JobStatus, Submission, job_request
from app.jobs.journal import Journal, removed_line
from app.jobs.status_map import Recovered

logger = logging.getLogger(__name__)


def recover(journal: Journal, files: ResultFiles) -> Recovered:
    """Return the jobs of an earlier run.

    A job whose end is not in the journal has ended if its file is whole: the server died before it wrote the line. A
    file without a line in the journal is adopted, unless its number is one that the journal has given: then it is left
    over from a removed job and is removed. A batch of which only the first lines were written was never acknowledged
    and is dropped.

    Raises
    ------
    OSError: the journal or the folder cannot be read
    """
    recovered = Recovered()
    ends: dict[int, dict[str, Any]] = {}
    for record in journal.read():
        _replay(record, recovered, ends)
    _drop_torn_batches(recovered, journal)
    # Ends come after all acceptances, because a runner may buffer a job's end before its acceptance is written.
    for number, end in ends.items():
        if number in recovered.jobs:
            _end(recovered.jobs[number], end)
    # Files come last: what the journal says of a job counts more than the file that lies there.
    for number in files.numbers():
        _match_file(number, recovered, files)
    recovered.jobs = dict(sorted(recovered.jobs.items()))
    recovered.last_number = max([recovered.last_number, *recovered.jobs])
    return recovered


def _replay(record: dict[str, Any], recovered: Recovered, ends: dict[int, dict[str, Any]]) -> None:
    """Apply one record of the journal. A job's end may stand before its acceptance."""
    try:
        if "accepted" in record:
            number = int(record["accepted"])
            request = job_request(str(record["statistic"]), orjson.dumps(record["body"]))
            if "submission" in record:
                request = replace(request, submission=Submission(**record["submission"]))
            recovered.jobs.setdefault(number, Job(number, request, accepted_at=float(record.get("at", 0))))
        elif "ended" in record:
            number = int(record["ended"])
            ends[number] = {**record, "status": JobStatus(record["status"]), "at": float(record["at"])}
        elif "removed" in record:
            number = int(record["removed"])
            recovered.jobs.pop(number, None)
        else:
            number = int(record["highest"])
        recovered.last_number = max(recovered.last_number, number)
    except (KeyError, TypeError, ValueError):
        logger.exception("a record of the journal is damaged and was skipped: %r", record)


def _drop_torn_batches(recovered: Recovered, journal: Journal) -> None:
    """Drop the jobs of a batch whose last lines are missing; no higher number was given after it."""
    for job in list(recovered.jobs.values()):
        submission = job.request.submission if job.request is not None else None
        if submission is not None and job.number - submission.place + submission.jobs - 1 > recovered.last_number:
            logger.warning("%s: dropped, because not all jobs of its batch were recorded", job.id)
            del recovered.jobs[job.number]
            journal.buffer(removed_line(job.number))


def _end(job: Job, end: dict[str, Any]) -> None:
    job.status, job.ended_at = end["status"], end["at"]
    job.checksum, job.reason = end.get("checksum"), end.get("reason")


def _match_file(number: int, recovered: Recovered, files: ResultFiles) -> None:
    """Reconcile a result file with what the journal says of its job."""
    job = recovered.jobs.get(number)
    if job is None and number <= recovered.last_number:
        files.delete(number)
        return
    if job is not None and job.status is not JobStatus.RUNNING:
        return
    document = files.read(number)
    if is_whole(document):
        job = recovered.jobs.setdefault(number, Job(number, None))
        job.status = JobStatus.ERROR if document.startswith(ERROR_DOCUMENT_START) else JobStatus.DONE
        job.ended_at = files.written_at(number)
