"""``Format``: how a finished result is written, and the name of its file."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from app.jobs.job import Job

LONGEST_QUESTION_CHARS = 60  # of a question in the name of a file


@dataclass(frozen=True, slots=True)
class Format:
    """A format of results.

    Parameters
    ----------
    name: its name in ``?format=``
    media_type: its name in ``Accept``
    content_type: the ``Content-Type`` of responses
    write: makes it from a job that is done, and the job's JSON document
    ending: of its files, if that is not its name
    """

    name: str
    media_type: str
    content_type: str
    write: Callable[[Job, bytes], bytes]
    ending: str = ""


def file_name(job: Job, question: str, format_: Format) -> str:
    """Return a name for a result's file, from its statistic, its question and its job.

    Parameters
    ----------
    question: the question's id or text
    """
    about = re.sub("[^A-Za-z0-9]+", "-", question)[:LONGEST_QUESTION_CHARS].strip("-")
    return f"{'-'.join(filter(None, (job.statistic, about, job.id)))}.{format_.ending or format_.name}"
