"""What the pool promises, held under real threads."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from app.errors import InvalidRequestError, QueueFullError, ShuttingDownError
from app.jobs.job import Document, Job, JobStatus
from app.jobs.job_store import JobStore
from app.jobs.result_files import ResultFiles
from app.task_runner import INTERNAL_ERROR_REASON, RUNNER_DIED_REASON, TaskRunner, ThreadPool
from support.pool_parts import WAIT_SECONDS, add, answer_of, blocked_by, make_pool, make_store, wait_until_taken


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return make_store(tmp_path / "results")


@pytest.fixture
def pool(store: JobStore) -> Iterator[ThreadPool]:
    pool = make_pool(store)
    yield pool
    assert pool.drain(WAIT_SECONDS)
    assert not any(runner.is_alive() for runner in pool.runners())


def test_a_job_is_computed_on_a_named_runner_and_answered(pool: ThreadPool, store: JobStore) -> None:
    job = add(pool, lambda: {"thread": threading.current_thread().name})
    answer = answer_of(store, job)
    assert answer["status"] == "done"
    assert answer["data"]["thread"] in {"TaskRunner-1", "TaskRunner-2", "TaskRunner-3"}


def test_ids_count_from_one_in_order_of_acceptance(pool: ThreadPool) -> None:
    assert [add(pool, dict).id for _ in range(3)] == ["job_id_1", "job_id_2", "job_id_3"]


def test_all_runners_work_at_the_same_time(pool: ThreadPool, store: JobStore) -> None:
    meeting = threading.Barrier(len(pool.runners()))
    jobs = [add(pool, lambda: {"place": meeting.wait(WAIT_SECONDS)}) for _ in pool.runners()]
    assert sorted(answer_of(store, job)["data"]["place"] for job in jobs) == [0, 1, 2]


@pytest.mark.parametrize(
    "raised", [ValueError("secret"), KeyError("x"), SystemExit(1), KeyboardInterrupt(), MemoryError()]
)
def test_whatever_a_job_raises_ends_the_job_and_not_the_runner(
    pool: ThreadPool, store: JobStore, raised: BaseException
) -> None:
    def work() -> Mapping[str, Any]:
        raise raised

    failed = [add(pool, work) for _ in range(10)]
    for job in failed:
        assert answer_of(store, job) == {"status": "error", "reason": INTERNAL_ERROR_REASON}
    assert answer_of(store, add(pool, lambda: {"ok": 1})) == {"status": "done", "data": {"ok": 1}}
    assert all(runner.is_alive() for runner in pool.runners())


def test_a_result_that_is_no_json_ends_the_job_as_an_error(pool: ThreadPool, store: JobStore) -> None:
    job = add(pool, lambda: {"object": object()})
    assert answer_of(store, job)["status"] == "error"


def test_a_service_error_gives_the_job_its_reason(pool: ThreadPool, store: JobStore) -> None:
    def work() -> Mapping[str, Any]:
        raise InvalidRequestError("no such thing")

    assert answer_of(store, add(pool, work)) == {"status": "error", "reason": "no such thing"}


def test_the_file_is_whole_before_the_job_is_done(tmp_path: Path) -> None:
    """The status is looked at while the file is being written."""
    seen: list[JobStatus] = []

    class Watched(ResultFiles):
        def write(self, number: int, document: Document) -> None:
            seen.append(kept.map.status(kept.map.find("job_id_1")))
            super().write(number, document)
            seen.append(kept.map.status(kept.map.find("job_id_1")))

    files = Watched(tmp_path)
    kept = make_store(tmp_path, files=files)
    pool = make_pool(kept, threads=1)
    gate = threading.Event()
    jobs = [add(pool, blocked_by(gate))]
    gate.set()
    assert pool.drain(WAIT_SECONDS)
    assert seen == [JobStatus.RUNNING, JobStatus.RUNNING]
    assert kept.map.status(kept.map.find("job_id_1")) is JobStatus.DONE
    saved = files.read(1)
    assert saved is not None
    assert saved.content == kept.document(jobs[0]).content


def test_shutdown_refuses_new_jobs_and_finishes_the_accepted_ones(pool: ThreadPool, store: JobStore) -> None:
    gate = threading.Event()
    accepted = [add(pool, blocked_by(gate)) for _ in range(20)]
    assert pool.graceful_shutdown() is False
    with pytest.raises(ShuttingDownError):
        add(pool, dict)
    assert store.map.unfinished() == 20
    gate.set()
    assert [answer_of(store, job)["status"] for job in accepted] == ["done"] * 20
    assert pool.graceful_shutdown() is True


def test_shutdown_of_an_idle_pool_is_done_at_once_and_may_be_repeated(pool: ThreadPool) -> None:
    assert pool.graceful_shutdown()
    assert pool.graceful_shutdown()
    assert pool.drain(WAIT_SECONDS)


def test_a_drain_gives_up_after_its_time_and_can_be_taken_up_again(pool: ThreadPool) -> None:
    gate = threading.Event()
    add(pool, blocked_by(gate))
    assert pool.drain(0.05) is False
    gate.set()
    assert pool.drain(WAIT_SECONDS) is True


def test_every_submission_is_accepted_and_ended_or_refused_while_a_shutdown_begins(tmp_path: Path) -> None:
    submitters, each = 20, 50
    for attempt in range(5):
        store = make_store(tmp_path / str(attempt))
        pool = make_pool(store, threads=4)
        start = threading.Barrier(submitters + 1)
        accepted, refused = _submit_from_many_threads(pool, start, submitters, each)
        assert pool.drain(WAIT_SECONDS)
        assert len(accepted) + len(refused) == submitters * each
        assert {store.map.status(job) for job in accepted} <= {JobStatus.DONE}
        assert sorted(job.number for job in accepted) == list(range(1, len(accepted) + 1))
        assert store.map.unfinished() == 0


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
                accepted.append(add(pool, lambda: {"n": 1}))
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


def test_a_full_queue_refuses_with_the_time_to_come_back(store: JobStore) -> None:
    pool = make_pool(store, threads=1, queue_size=3)
    gate = threading.Event()
    held = add(pool, blocked_by(gate))
    wait_until_taken(pool)
    waiting = [add(pool, dict) for _ in range(3)]
    with pytest.raises(QueueFullError, match="the queue is full, 3 jobs wait") as refused:
        add(pool, dict)
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 60
    gate.set()
    assert [answer_of(store, job)["status"] for job in (held, *waiting)] == ["done"] * 4
    assert answer_of(store, add(pool, dict))["status"] == "done"
    assert pool.drain(WAIT_SECONDS)


def test_a_runner_that_dies_is_replaced_and_the_job_it_held_ends(
    pool: ThreadPool, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, deaths = store.finish, [MemoryError("no room"), SystemExit(3), RuntimeError("a fault")]

    def die_first(job: Job, document: Document, reason: str | None) -> JobStatus:
        if deaths and reason is None:
            raise deaths.pop()
        return finish(job, document, reason)

    monkeypatch.setattr(store, "finish", die_first)
    before = pool.runners()
    held = [add(pool, dict) for _ in range(3)]
    for job in held:
        assert answer_of(store, job) == {"status": "error", "reason": RUNNER_DIED_REASON}
    assert answer_of(store, add(pool, dict))["status"] == "done"
    assert all(runner.is_alive() for runner in pool.runners())
    assert [runner.name for runner in pool.runners()] == [runner.name for runner in before]
    assert sum(runner not in before for runner in pool.runners()) >= 1
    assert b"stats_runners_replaced_total 3.0" in pool._observer.text()  # type: ignore[attr-defined]


def test_a_runner_that_dies_after_it_ended_a_job_leaves_the_result(
    pool: ThreadPool, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer_ended, deaths = pool._observer.ended, [RuntimeError("a fault")]

    def die_first(job: Job, status: JobStatus, seconds: float) -> None:
        if deaths:
            raise deaths.pop()
        observer_ended(job, status, seconds)

    monkeypatch.setattr(pool._observer, "ended", die_first)
    before = pool.runners()
    job = add(pool, lambda: {"n": 1})
    for runner in before:
        if runner not in pool.runners():
            runner.join(WAIT_SECONDS)
    assert pool.drain(WAIT_SECONDS)
    assert not deaths
    assert answer_of(store, job) == {"status": "done", "data": {"n": 1}}
    assert make_store(store._documents._files.folder).map.status(job) is JobStatus.DONE


def test_a_runner_that_dies_before_it_claims_its_job_keeps_no_place(
    pool: ThreadPool, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, deaths = store.map.claim, [MemoryError("no room")]

    def die_first(job: Job) -> bool:
        if deaths:
            raise deaths.pop()
        return claim(job)

    monkeypatch.setattr(store.map, "claim", die_first)
    assert answer_of(store, add(pool, dict)) == {"status": "error", "reason": RUNNER_DIED_REASON}
    assert pool.waiting() == 0
    assert pool.drain(WAIT_SECONDS)
    assert pool.runners_alive() == 0


def test_a_dying_runner_continues_if_the_system_gives_no_thread(
    pool: ThreadPool, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer_ended, deaths = pool._observer.ended, [RuntimeError("a fault")]

    def die_first(job: Job, status: JobStatus, seconds: float) -> None:
        if deaths:
            raise deaths.pop()
        observer_ended(job, status, seconds)

    def refuse(_: TaskRunner) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(pool._observer, "ended", die_first)
    before = pool.runners()
    with monkeypatch.context() as patch:
        patch.setattr(TaskRunner, "start", refuse)
        first = add(pool, dict)
        assert answer_of(store, first)["status"] == "done"
        while b"stats_runners_replaced_total 1.0" not in pool._observer.text():  # type: ignore[attr-defined]
            threading.Event().wait(0.001)
        assert [answer_of(store, add(pool, dict))["status"] for _ in range(9)] == ["done"] * 9
    assert pool.runners() == before
    assert pool.drain(WAIT_SECONDS)


def test_cancelling_a_waiting_job_makes_room_for_another(store: JobStore) -> None:
    pool = make_pool(store, threads=1, queue_size=1)
    gate = threading.Event()
    held = add(pool, blocked_by(gate))
    wait_until_taken(pool)
    waiting = add(pool, dict)
    with pytest.raises(QueueFullError):
        add(pool, dict)
    assert pool.cancel(waiting.id) == "cancelled"
    assert pool.waiting() == 0
    next_job = add(pool, dict)
    gate.set()
    assert [answer_of(store, job)["status"] for job in (held, waiting, next_job)] == ["done", "error", "done"]
    assert pool.drain(WAIT_SECONDS)


def test_a_job_that_is_cancelled_while_it_waits_is_not_computed(store: JobStore) -> None:
    pool = make_pool(store, threads=1)
    gate, computed = threading.Event(), []

    def record() -> Mapping[str, Any]:
        computed.append(True)
        return {}

    held = add(pool, blocked_by(gate))
    waiting = add(pool, record)
    assert pool.cancel(waiting.id) == "cancelled"
    assert answer_of(store, waiting) == {"status": "error", "reason": "cancelled"}
    gate.set()
    assert pool.drain(WAIT_SECONDS)
    assert answer_of(store, held)["status"] == "done"
    assert not computed
