"""What the pool promises, held under real threads."""

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.errors import InvalidRequestError, ShuttingDownError
from app.job_store import Job, JobStatus, JobStore
from app.result_files import ResultFiles
from app.task_runner import INTERNAL_ERROR_REASON, ThreadPool

WAIT_SECONDS = 20.0


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(ResultFiles(tmp_path / "results"))


@pytest.fixture
def pool(store: JobStore) -> Iterator[ThreadPool]:
    pool = ThreadPool(store=store, threads=3)
    yield pool
    assert pool.drain(WAIT_SECONDS)
    assert not any(runner.is_alive() for runner in pool.runners)


def answer_of(store: JobStore, job: Job) -> Any:
    """Wait for a job and return its document."""
    assert store.wait(job, WAIT_SECONDS) is not JobStatus.RUNNING
    return orjson.loads(store.document(job))


def blocked_by(gate: threading.Event) -> Callable[[], Mapping[str, Any]]:
    """Return work that waits for a gate to open."""

    def work() -> Mapping[str, Any]:
        assert gate.wait(WAIT_SECONDS)
        return {"open": True}

    return work


def test_a_job_is_computed_on_a_named_runner_and_answered(pool: ThreadPool, store: JobStore) -> None:
    job = pool.add_task("name", lambda: {"thread": threading.current_thread().name})
    answer = answer_of(store, job)
    assert answer["status"] == "done"
    assert answer["data"]["thread"] in {"TaskRunner-1", "TaskRunner-2", "TaskRunner-3"}


def test_ids_count_from_one_in_order_of_acceptance(pool: ThreadPool) -> None:
    assert [pool.add_task("n", dict).id for _ in range(3)] == ["job_id_1", "job_id_2", "job_id_3"]


def test_all_runners_work_at_the_same_time(pool: ThreadPool, store: JobStore) -> None:
    meeting = threading.Barrier(len(pool.runners))
    jobs = [pool.add_task("meet", lambda: {"place": meeting.wait(WAIT_SECONDS)}) for _ in pool.runners]
    assert sorted(answer_of(store, job)["data"]["place"] for job in jobs) == [0, 1, 2]


@pytest.mark.parametrize(
    "raised", [ValueError("secret"), KeyError("x"), SystemExit(1), KeyboardInterrupt(), MemoryError()]
)
def test_whatever_a_job_raises_ends_the_job_and_not_the_runner(
    pool: ThreadPool, store: JobStore, raised: BaseException
) -> None:
    def work() -> Mapping[str, Any]:
        raise raised

    failed = [pool.add_task("fails", work) for _ in range(10)]
    for job in failed:
        assert answer_of(store, job) == {"status": "error", "reason": INTERNAL_ERROR_REASON}
    assert answer_of(store, pool.add_task("works", lambda: {"ok": 1})) == {"status": "done", "data": {"ok": 1}}
    assert all(runner.is_alive() for runner in pool.runners)


def test_a_result_that_is_no_json_ends_the_job_as_an_error(pool: ThreadPool, store: JobStore) -> None:
    job = pool.add_task("odd", lambda: {"object": object()})
    assert answer_of(store, job)["status"] == "error"


def test_a_service_error_gives_the_job_its_reason(pool: ThreadPool, store: JobStore) -> None:
    def work() -> Mapping[str, Any]:
        raise InvalidRequestError("no such thing")

    assert answer_of(store, pool.add_task("fails", work)) == {"status": "error", "reason": "no such thing"}


def test_the_file_is_whole_before_the_job_is_done(tmp_path: Path) -> None:
    """The status is looked at while the file is being written."""
    seen: list[JobStatus] = []

    class Watched(ResultFiles):
        def write(self, number: int, document: bytes) -> None:
            seen.append(store.status(jobs[0]))
            super().write(number, document)
            seen.append(store.status(jobs[0]))

    files = Watched(tmp_path)
    store = JobStore(files)
    pool = ThreadPool(store=store, threads=1)
    gate = threading.Event()
    jobs = [pool.add_task("gated", blocked_by(gate))]
    gate.set()
    assert pool.drain(WAIT_SECONDS)
    assert seen == [JobStatus.RUNNING, JobStatus.RUNNING]
    assert store.status(jobs[0]) is JobStatus.DONE
    assert files.read(1) == store.document(jobs[0])


def test_shutdown_refuses_new_jobs_and_finishes_the_accepted_ones(pool: ThreadPool, store: JobStore) -> None:
    gate = threading.Event()
    accepted = [pool.add_task("gated", blocked_by(gate)) for _ in range(20)]
    assert pool.graceful_shutdown() is False
    with pytest.raises(ShuttingDownError):
        pool.add_task("late", dict)
    assert store.unfinished() == 20
    gate.set()
    assert [answer_of(store, job)["status"] for job in accepted] == ["done"] * 20
    assert pool.graceful_shutdown() is True


def test_shutdown_of_an_idle_pool_is_done_at_once_and_may_be_repeated(pool: ThreadPool) -> None:
    assert pool.graceful_shutdown()
    assert pool.graceful_shutdown()
    assert pool.drain(WAIT_SECONDS)


def test_a_drain_gives_up_after_its_time_and_can_be_taken_up_again(pool: ThreadPool) -> None:
    gate = threading.Event()
    pool.add_task("gated", blocked_by(gate))
    assert pool.drain(0.05) is False
    gate.set()
    assert pool.drain(WAIT_SECONDS) is True


def test_every_submission_is_accepted_and_ended_or_refused_while_a_shutdown_begins(tmp_path: Path) -> None:
    submitters, each = 20, 50
    for attempt in range(5):
        store = JobStore(ResultFiles(tmp_path / str(attempt)))
        pool = ThreadPool(store=store, threads=4)
        start = threading.Barrier(submitters + 1)
        accepted, refused = _submit_from_many_threads(pool, start, submitters, each)
        assert pool.drain(WAIT_SECONDS)
        assert len(accepted) + len(refused) == submitters * each
        assert {store.status(job) for job in accepted} <= {JobStatus.DONE}
        assert sorted(job.number for job in accepted) == list(range(1, len(accepted) + 1))
        assert store.unfinished() == 0


def _submit_from_many_threads(
    pool: ThreadPool, start: threading.Barrier, submitters: int, each: int
) -> tuple[list[Job], list[ShuttingDownError]]:
    """Submit from many threads at once, with a shutdown in the middle."""
    accepted: list[Job] = []
    refused: list[ShuttingDownError] = []

    def submit() -> None:
        start.wait(WAIT_SECONDS)
        for _ in range(each):
            try:
                accepted.append(pool.add_task("n", lambda: {"n": 1}))
            except ShuttingDownError as error:
                refused.append(error)

    threads = [threading.Thread(target=submit) for _ in range(submitters)]
    for thread in threads:
        thread.start()
    start.wait(WAIT_SECONDS)
    pool.graceful_shutdown()
    for thread in threads:
        thread.join()
    return accepted, refused
