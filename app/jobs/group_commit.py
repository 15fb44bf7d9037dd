"""Group commit: one slow write serves many threads. Items submitted during a write make up the next batch."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class _Batch(Generic[Item]):
    """Items that are processed together, the outcome, and a held lock for each thread that waits."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.waiters: list[threading.Lock] = []
        self.ended = False
        self.error: Exception | None = None


class GroupCommit(Generic[Item]):
    """Process items in batches, one batch at a time, on the thread of one of the submitters: the leader.

    Every other thread waits on a lock of its own and is woken once: when its batch has been processed, or to lead it.

    Parameters
    ----------
    process: takes the items of a batch in the order of their submission; called with no lock held
    """

    def __init__(self, process: Callable[[list[Item]], None]) -> None:
        self._process = process
        self._lock = threading.Lock()  # guards _next, _busy, and the fields of every batch that has not ended
        self._next: _Batch[Item] = _Batch()
        self._busy = False

    def submit(self, item: Item) -> None:
        """Submit an item. Blocks until its batch has been processed.

        Raises
        ------
        Exception: what ``process`` raised for the batch; none of its items was processed
        """
        waiter = None
        with self._lock:
            batch = self._next
            batch.items.append(item)
            if self._busy:
                waiter = threading.Lock()
                waiter.acquire()
                batch.waiters.append(waiter)
            else:
                self._busy = True
                self._next = _Batch()
        if waiter is not None:
            waiter.acquire()
        if not batch.ended:
            self._lead(batch)
        if batch.error is not None:
            raise batch.error

    def _lead(self, batch: _Batch[Item]) -> None:
        """Process a batch, wake the threads that wait for it, and let the first of the next batch lead that one."""
        try:
            self._process(batch.items)
        except Exception as error:  # noqa: BLE001 - raised again on every submitter's thread
            batch.error = error
        with self._lock:
            batch.ended = True
            woken = batch.waiters
            self._busy = bool(self._next.items)
            if self._busy:
                woken = [*woken, self._next.waiters.pop(0)]
                self._next = _Batch()
        for waiter in woken:
            waiter.release()
