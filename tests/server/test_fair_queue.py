"""The queue: clients in turn, a share of the room for each, and stop tokens behind the last job."""

import random
import threading
from collections import Counter

import pytest

from app.errors import ShuttingDownError
from app.fair_queue import FairQueue, NoPlaceError
from app.jobs.job import Job, JobRequest
from support.pool_parts import WAIT_SECONDS


def job(number: int, client: str, statistic: str = "cheap") -> Job:
    """Return a job of a client."""
    return Job(number, JobRequest(statistic, b"{}"), client=client)


def put(queue: FairQueue, *jobs: Job) -> None:
    """Reserve places for jobs and put them."""
    for each in jobs:
        queue.reserve(1, each.client)
        queue.put(each)


def take(queue: FairQueue, count: int) -> list[tuple[str, int]]:
    """Take jobs; return their clients and numbers."""
    taken = [queue.get() for _ in range(count)]
    return [(each.client, each.number) for each in taken if each is not None]


@pytest.fixture
def queue() -> FairQueue:
    return FairQueue(size=100_000, client_size=100_000, runners=2)


def test_the_jobs_of_one_client_are_first_in_first_out(queue: FairQueue) -> None:
    put(queue, *(job(number, "a") for number in range(50)))
    assert take(queue, 50) == [("a", number) for number in range(50)]


def test_a_client_with_few_jobs_does_not_wait_for_one_with_many(queue: FairQueue) -> None:
    put(queue, *(job(number, "greedy") for number in range(10_000)))
    put(queue, job(1, "modest"), job(2, "modest"))
    assert [number for client, number in take(queue, 10) if client == "modest"] == [1, 2]


def test_clients_get_equal_time_not_equal_numbers_of_jobs(queue: FairQueue) -> None:
    put(queue, *(job(number, "a", "costly") for number in range(2000)))
    put(queue, *(job(number, "b", "cheap") for number in range(2000)))
    for _ in range(200):
        queue.measured("costly", 0.008)
        queue.measured("cheap", 0.001)
    counts = Counter(client for client, _ in take(queue, 900))
    assert counts["b"] / counts["a"] == pytest.approx(8, rel=0.05)


def test_every_job_leaves_the_queue_once_whatever_the_order() -> None:
    queue = FairQueue(size=100_000, client_size=100_000, runners=1)
    chance = random.Random(7)
    jobs = [job(number, chance.choice("abcdefg"), chance.choice(["x", "y"])) for number in range(2000)]
    removed = set(chance.sample(range(2000), 200))
    taken: list[int] = []
    for each in jobs:
        put(queue, each)
        if chance.random() < 0.4 and queue.places() > 300:
            first = queue.get()
            assert first is not None
            taken.append(first.number)
        if each.number in removed:
            queue.remove(each)
        if chance.random() < 0.1:
            queue.measured(chance.choice(["x", "y"]), chance.random() / 100)
    queue.close()
    while (first := queue.get()) is not None:
        taken.append(first.number)
    assert sorted(taken) == sorted(set(range(2000)) - removed)
    assert queue.places() == 0


def test_a_client_beyond_its_share_is_refused_and_others_are_not() -> None:
    queue = FairQueue(size=10, client_size=4, runners=1)
    put(queue, *(job(number, "a") for number in range(4)))
    with pytest.raises(NoPlaceError) as refused:
        queue.reserve(1, "a")
    assert (refused.value.waiting, refused.value.of_client) == (4, True)
    queue.reserve(4, "b")
    with pytest.raises(NoPlaceError) as refused:
        queue.reserve(3, "c")
    assert (refused.value.waiting, refused.value.of_client) == (8, False)
    take(queue, 1)
    queue.reserve(1, "a")


def test_places_that_are_given_back_are_free_again() -> None:
    queue = FairQueue(size=3, client_size=3, runners=1)
    queue.reserve(3, "a")
    queue.give_back(3, "a")
    assert queue.places() == 0
    queue.reserve(3, "b")


def test_a_removed_job_frees_its_place_and_is_not_taken(queue: FairQueue) -> None:
    jobs = [job(number, "a") for number in range(3)]
    put(queue, *jobs)
    queue.remove(jobs[1])
    queue.remove(jobs[1])
    assert queue.places() == 2
    assert take(queue, 2) == [("a", 0), ("a", 2)]


def test_a_closed_queue_refuses_and_ends_each_runner_once_the_last_job_is_taken(queue: FairQueue) -> None:
    put(queue, job(1, "a"))
    queue.reserve(1, "b")  # its job is still being recorded
    assert queue.close() == (True, 2)
    with pytest.raises(ShuttingDownError):
        queue.reserve(1, "c")
    queue.put(job(2, "b"))
    assert take(queue, 2) == [("a", 1), ("b", 2)]
    assert [queue.get(), queue.get()] == [None, None]
    assert queue.close() == (False, 0)


def test_many_threads_share_the_queue() -> None:
    queue = FairQueue(size=1_000_000, client_size=1_000_000, runners=4)
    taken: list[int] = []

    def run() -> None:
        while (each := queue.get()) is not None:
            queue.measured(each.statistic, 0.001)
            taken.append(each.number)

    def send(client: int) -> None:
        put(queue, *(job(client * 1000 + number, str(client), f"s{number % 30}") for number in range(1000)))

    runners = [threading.Thread(target=run) for _ in range(4)]
    senders = [threading.Thread(target=send, args=(client,)) for client in range(8)]
    for thread in runners + senders:
        thread.start()
    for thread in senders:
        thread.join(WAIT_SECONDS)
    queue.close()
    for thread in runners:
        thread.join(WAIT_SECONDS)
    assert sorted(taken) == list(range(8000))
