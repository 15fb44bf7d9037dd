"""Many threads, one slow step: the content and order of the batches, and which threads get their failures."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from app.jobs.group_commit import GroupCommit

WAIT_SECONDS = 20.0
CLIENTS = 16
ITEMS_PER_CLIENT = 500

Submit = Callable[[str], Future[None]]


class Step:
    """A slow step: it blocks its first batch until released, fails on demand, and records the batches."""

    def __init__(self, *faults: str) -> None:
        self.faults = faults
        self.batches: list[list[str]] = []
        self.entered = threading.Event()
        self.go_on = threading.Event()
        self.commit = GroupCommit(self._process)

    def _process(self, items: list[str]) -> None:
        self.batches.append(list(items))
        self.entered.set()
        assert self.go_on.wait(WAIT_SECONDS)
        for fault in self.faults:
            if fault in items:
                raise OSError(fault)

    def waiting(self) -> list[str]:
        """Return what has been handed in for the next batch."""
        return list(self.commit._next.items)


@pytest.fixture
def submit_first() -> Iterator[Callable[[Step], Submit]]:
    """Occupy a step with the item "first"; gives a function that hands in further ones, each on its own thread."""
    with ThreadPoolExecutor(CLIENTS) as threads:
        steps: list[Step] = []

        def occupy(step: Step) -> Submit:
            steps.append(step)
            first = threads.submit(step.commit.submit, "first")
            assert step.entered.wait(WAIT_SECONDS)

            def submit(item: str) -> Future[None]:
                return first if item == "first" else threads.submit(step.commit.submit, item)

            return submit

        yield occupy
        for step in steps:
            step.go_on.set()


def hand_in(step: Step, submit: Submit, items: list[str]) -> list[Future[None]]:
    """Hand items in one after the other, each once the one before it waits."""
    futures = []
    for number, item in enumerate(items, 1):
        futures.append(submit(item))
        deadline = time.monotonic() + WAIT_SECONDS
        while len(step.waiting()) < number:
            assert time.monotonic() < deadline
            time.sleep(0.0005)
    return futures


ITEMS = [str(number) for number in range(10)]


def test_an_item_alone_is_processed_at_once_on_the_thread_that_hands_it_in() -> None:
    seen: list[tuple[list[int], str]] = []
    commit = GroupCommit[int](lambda items: seen.append((items, threading.current_thread().name)))
    for number in (1, 2, 3):
        commit.submit(number)
    assert seen == [([number], threading.current_thread().name) for number in (1, 2, 3)]


def test_what_comes_in_during_a_batch_makes_up_the_next_one_in_its_order(
    submit_first: Callable[[Step], Submit],
) -> None:
    step = Step()
    submit = submit_first(step)
    futures = hand_in(step, submit, ITEMS)
    assert step.batches == [["first"]]
    assert not any(future.done() for future in [submit("first"), *futures])  # nobody goes on before it is processed
    step.go_on.set()
    for future in [submit("first"), *futures]:
        future.result(WAIT_SECONDS)
    assert step.batches == [["first"], ITEMS]


@pytest.mark.parametrize(
    ("faults", "told"),
    [(["first"], {"first"}), (["3"], set(ITEMS)), (["first", "3"], {"first", *ITEMS})],
    ids=["the batch at work", "the batch that waits", "both"],
)
def test_an_error_reaches_everyone_of_its_batch_and_nobody_else(
    submit_first: Callable[[Step], Submit], faults: list[str], told: set[str]
) -> None:
    step = Step(*faults)
    submit = submit_first(step)
    futures = dict(zip(["first", *ITEMS], [submit("first"), *hand_in(step, submit, ITEMS)], strict=True))
    step.go_on.set()
    errors = {item: future.exception(WAIT_SECONDS) for item, future in futures.items()}
    assert {item for item, error in errors.items() if error is not None} == told
    for item in told:
        assert isinstance(errors[item], OSError)
        assert str(errors[item]) == ("first" if item == "first" else "3")


def test_after_an_error_things_go_on() -> None:
    step = Step("bad")
    step.go_on.set()
    for _ in range(3):
        with pytest.raises(OSError, match="bad"):
            step.commit.submit("bad")
        step.commit.submit("good")
    assert step.batches == [["bad"], ["good"]] * 3


class Crowd:
    """What many threads have handed in: which items were processed, and whether two batches were at work at once."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[int, int]]] = []
        self.overlaps = 0
        self._at_work = threading.Lock()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        free = self._at_work.acquire(blocking=False)
        self.overlaps += not free
        try:
            yield
        finally:
            if free:
                self._at_work.release()

    def process(self, items: list[tuple[int, int]]) -> None:
        """Note a batch; one that holds a multiple of seven fails."""
        with self._alone():
            self.batches.append(list(items))
            time.sleep(0)  # lets the others hand in
            if any(number % 7 == 0 for _, number in items):
                raise OSError(str(items))


def submit_all(commit: GroupCommit[tuple[int, int]], client: int, start: threading.Barrier) -> dict[int, bool]:
    """Hand in a client's items one after the other; return for each whether it was processed without an error."""
    start.wait(WAIT_SECONDS)
    went_well = {}
    for number in range(ITEMS_PER_CLIENT):
        try:
            commit.submit((client, number))
        except OSError as error:
            assert str((client, number)) in str(error)  # noqa: PT017 - it is the error of this item's own batch
            went_well[number] = False
        else:
            went_well[number] = True
    return went_well


def test_a_crowd_loses_nothing_and_everyone_is_told_the_truth() -> None:
    crowd, start = Crowd(), threading.Barrier(CLIENTS)
    commit = GroupCommit(crowd.process)
    with ThreadPoolExecutor(CLIENTS) as threads:
        futures = [threads.submit(submit_all, commit, client, start) for client in range(CLIENTS)]
        told = [future.result(WAIT_SECONDS) for future in futures]
    assert crowd.overlaps == 0
    processed = [item for batch in crowd.batches for item in batch]
    assert len(processed) == len(set(processed)) == CLIENTS * ITEMS_PER_CLIENT
    for client in range(CLIENTS):
        assert [number for owner, number in processed if owner == client] == list(range(ITEMS_PER_CLIENT))
    for batch in crowd.batches:
        went_well = not any(number % 7 == 0 for _, number in batch)
        assert all(told[client][number] is went_well for client, number in batch)
    assert max(map(len, crowd.batches)) > 1
