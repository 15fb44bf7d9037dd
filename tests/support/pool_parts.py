"""Stores and pools for tests without a server."""

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from app.jobs.byte_cache import ByteCache
from app.jobs.documents import Documents
from app.jobs.job import Document, Job, JobRequest, JobStatus, Work, done_document, job_request
from app.jobs.job_store import JobStore
from app.jobs.journal import Journal, JournalSync
from app.jobs.recovery import recover
from app.jobs.result_files import ResultFiles
from app.jobs.retention import Retention
from app.metrics import Metrics
from app.task_runner import ThreadPool

WAIT_SECONDS = 20.0
KEEP_ALL = Retention(jobs=1_000_000, seconds=1e9)
ECHO = "echo"
Compute = Callable[[], Mapping[str, Any]]


def prepare_echo(request: JobRequest) -> Work:
    """Return work whose result is the body of the request."""
    return lambda: done_document({"body": orjson.loads(request.body)})


def echo_request(content: object = None) -> JobRequest:
    """Return a request whose body is the given content."""
    return job_request(ECHO, orjson.dumps({"content": content}))


def make_store(
    folder: Path,
    *,
    retention: Retention = KEEP_ALL,
    files: ResultFiles | None = None,
    sync: JournalSync = "never",
    cache: ByteCache | None = None,
) -> JobStore:
    """Return a store over a folder, with the jobs recovered from an earlier store."""
    files = files or ResultFiles(folder)
    journal = Journal(folder, sync)
    documents = Documents(files, prepare_echo, cache)
    return JobStore(documents=documents, journal=journal, retention=retention, recovered=recover(journal, files))


def accept(store: JobStore, content: object = None) -> Job:
    """Accept a job that nobody runs."""
    return store.accept([(echo_request(content), lambda: done_document({}))])[0]


def finish(store: JobStore, job: Job, document: Document | None = None) -> None:
    """End a job as a runner does."""
    assert store.map.claim(job)
    store.finish(job, document or done_document({"n": job.number}))


def journal_of(folder: Path) -> Path:
    """Return the path of the journal."""
    return folder / "journal.jsonl"


def make_pool(store: JobStore, *, threads: int = 3, queue_size: int = 1_000_000) -> ThreadPool:
    """Return a pool over a store."""
    return ThreadPool(
        store=store, threads=threads, queue_size=queue_size, observer=Metrics(logging.getLogger("app").info)
    )


def add(pool: ThreadPool, compute: Compute) -> Job:
    """Submit a job to a pool; ``compute`` returns its data."""
    return pool.add_task(echo_request(), lambda: done_document(compute()))


def wait_until_taken(pool: ThreadPool) -> None:
    """Block until runners have taken all waiting jobs."""
    while pool.waiting():
        threading.Event().wait(0.001)


def answer_of(store: JobStore, job: Job) -> Any:
    """Wait for a job and return its document."""
    assert store.map.wait(job, WAIT_SECONDS) is not JobStatus.RUNNING
    return orjson.loads(store.document(job).content)


def blocked_by(gate: threading.Event) -> Compute:
    """Return work that waits for a gate to open."""

    def work() -> Mapping[str, Any]:
        assert gate.wait(WAIT_SECONDS)
        return {"open": True}

    return work
