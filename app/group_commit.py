"""One slow step for many threads at once: what comes in while a batch is processed makes up the next batch."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class _Batch(Generic[Item]):
    """Items that are processed together, and how that ended."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.ended = False
        self.error: Exception | None = None


class GroupCommit(Generic[Item]):
    """Process items in batches, one batch at a time, on the thread of one of those who handed them in.

    Parameters
    ----------
    process: takes the items of a batch in the order in which they came; runs with no lock held
    """

    def __init__(self, process: Callable[[list[Item]], None]) -> None:
        self._process = process
        self._changed = threading.Condition()  # guards _next, _busy, and the fields of every batch
        self._next: _Batch[Item] = _Batch()
        self._busy = False

    def submit(self, item: Item) -> None:
        """Hand an item in. Blocks until its batch has been processed.

        Raises
        ------
        Exception: what ``process`` raised over the batch; none of its items has been processed then
        """
        with self._changed:
            batch = self._next
            batch.items.append(item)
            while self._busy and not batch.ended:
                self._changed.wait()
            if not batch.ended:
                self._busy = True
                self._next = _Batch()
        if not batch.ended:
            self._lead(batch)
        if batch.error is not None:
            raise batch.error

    def _lead(self, batch: _Batch[Item]) -> None:
        """Process a batch for everybody who waits for it."""
        try:
            self._process(batch.items)
        except Exception as error:  # noqa: BLE001 - raised again in the thread of every item
            batch.error = error
        with self._changed:
            batch.ended = True
            self._busy = False
            self._changed.notify_all()
