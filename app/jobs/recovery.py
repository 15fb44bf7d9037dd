"""What a restart finds: the jobs that the journal and the result files of an earlier run tell of."""

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
    """Read the journal and look at the result files.

    A job without an end in the journal has ended all the same where its file is whole: its end was not noted in time.
    A file that the journal does not know is taken over, unless its number is one that the journal has given: then it is
    left from a removed job, and is removed too. Jobs that were submitted together, and of which only the first lines
    were written, were never acknowledged and are dropped.

    Raises
    ------
    OSError: the journal or the folder cannot be read
    """
    found = Recovered()
    ends: dict[int, dict[str, Any]] = {}
    for record in journal.read():
        _replay(record, found, ends)
    _drop_torn(found, journal)
    for number, end in ends.items():
        if number in found.jobs:
            _end(found.jobs[number], end)
    for number in files.numbers():
        _match_file(number, found, files)
    found.jobs = dict(sorted(found.jobs.items()))
    found.last_number = max([found.last_number, *found.jobs])
    return found


def _replay(record: dict[str, Any], found: Recovered, ends: dict[int, dict[str, Any]]) -> None:
    """Apply one record; the order of a job's acceptance and its end does not matter."""
    try:
        if "accepted" in record:
            number = int(record["accepted"])
            request = job_request(str(record["statistic"]), orjson.dumps(record["body"]))
            if "submission" in record:
                request = replace(request, submission=Submission(**record["submission"]))
            found.jobs.setdefault(number, Job(number, request, accepted_at=float(record.get("at", 0))))
        elif "ended" in record:
            number = int(record["ended"])
            ends[number] = {**record, "status": JobStatus(record["status"]), "at": float(record["at"])}
        elif "removed" in record:
            number = int(record["removed"])
            found.jobs.pop(number, None)
        else:
            number = int(record["highest"])
        found.last_number = max(found.last_number, number)
    except (KeyError, TypeError, ValueError):
        logger.exception("a record of the journal is damaged and was passed over: %r", record)


def _drop_torn(found: Recovered, journal: Journal) -> None:
    """Drop the jobs of a submission whose last lines are missing: no higher number was given since."""
    for job in list(found.jobs.values()):
        submission = job.request.submission if job.request is not None else None
        if submission is not None and job.number - submission.place + submission.jobs - 1 > found.last_number:
            logger.warning("%s: not all jobs of its submission were recorded; it was dropped", job.id)
            del found.jobs[job.number]
            journal.note(removed_line(job.number))


def _end(job: Job, end: dict[str, Any]) -> None:
    job.status, job.ended_at = end["status"], end["at"]
    job.checksum, job.reason = end.get("checksum"), end.get("reason")


def _match_file(number: int, found: Recovered, files: ResultFiles) -> None:
    """Make a result file and what the journal tells of its job agree."""
    job = found.jobs.get(number)
    if job is None and number <= found.last_number:
        files.delete(number)
        return
    if job is not None and job.status is not JobStatus.RUNNING:
        return
    document = files.read(number)
    if is_whole(document):
        job = found.jobs.setdefault(number, Job(number, None))
        job.status = JobStatus.ERROR if document.startswith(ERROR_DOCUMENT_START) else JobStatus.DONE
        job.ended_at = files.written_at(number)
