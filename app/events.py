"""Live events: what happens to the jobs, the queue and the table, for clients that listen.

Whoever changes a job only appends to a deque, and does that only while somebody listens. One thread, ``Events``,
gathers the changes and hands them to the listeners, so a runner never waits for a listener. A listener that does not
keep up is dropped.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from queue import Empty, SimpleQueue

import orjson

from app.data_ingestor import DataIngestor
from app.errors import ShuttingDownError, UnavailableError
from app.jobs.job import Job
from app.jobs.job_details import JobState
from app.jobs.status_map import REMOVED, StatusMap
from app.process.limits import http_threads
from app.task_runner import ThreadPool

logger = logging.getLogger(__name__)

LISTENERS_SHARE = 8  # one in so many HTTP threads may serve a listener
RETRY_SECONDS = 5
GATHER_SECONDS = 0.02  # changes so close together go out together
STATE_SECONDS = 1.0  # how often the queue and the table are looked at
HEARTBEAT_SECONDS = 10.0  # finds clients that have left, and keeps proxies from closing the connection
MOST_CHANGES = 20_000  # not handed over yet
MOST_MESSAGES = 64  # of a listener, not sent yet
CLOSE_SECONDS = 1.0
RECONNECT, HEARTBEAT = b"retry: 3000\n\n", b": heartbeat\n\n"
ORDER = (JobState.WAITING, JobState.RUNNING, JobState.DONE, JobState.ERROR, REMOVED)
ENDED = frozenset({JobState.DONE, JobState.ERROR, REMOVED})


@dataclass(frozen=True, slots=True)
class QueueEvent:
    """The numbers of jobs by state, and whether jobs are accepted."""

    waiting: int
    running: int
    kept: int
    open: bool


@dataclass(frozen=True, slots=True)
class ReloadEvent:
    """The version of the table that is served, and the state and progress of the last reload; None before the first."""

    table: str
    reload: str | None
    progress: str | None


@dataclass(slots=True, eq=False)
class Listener:
    """A client that listens.

    Parameters
    ----------
    jobs: the jobs that it follows; None for all jobs, the queue and the table
    messages: what is to be sent next; None ends the stream
    sent: the last state sent of each job that it follows
    greeted: whether it has been sent the present state
    """

    jobs: Sequence[Job] | None
    messages: SimpleQueue[bytes | None] = field(default_factory=SimpleQueue)
    sent: dict[int, str] = field(default_factory=dict)
    greeted: bool = False


Change = tuple[Job, str]


class Events(threading.Thread):
    """Hands events to listeners. Safe to use from many threads; starts with the first ``start``.

    Parameters
    ----------
    most_listeners: at a time; a share of the HTTP threads by default, because each holds one
    """

    def __init__(
        self, pool: ThreadPool, jobs: StatusMap, ingestor: DataIngestor, most_listeners: int | None = None
    ) -> None:
        super().__init__(name="Events", daemon=True)
        self._pool, self._jobs, self._ingestor = pool, jobs, ingestor
        self._most = most_listeners or max(1, http_threads()[0] // LISTENERS_SHARE)
        self._lock = threading.Lock()  # guards _listeners, which is replaced and never changed, and _closed
        self._listeners: frozenset[Listener] = frozenset()
        self._closed = False
        # Needs no lock: appending to a deque and taking from it are atomic.
        self._changes: deque[Change] = deque(maxlen=MOST_CHANGES)
        self._wake = threading.Event()
        self._last_state = b""  # only used by the thread

    # Called by whoever changes a job

    def job_changed(self, job: Job, state: str) -> None:
        """Take note of a job's new state. Never blocks."""
        if self._listeners:
            self._changes.append((job, state))
            if not self._wake.is_set():
                self._wake.set()

    # Called by the listeners' HTTP threads

    def listen(self, jobs: Sequence[Job] | None) -> Listener:
        """Add a listener, which gets the present state first. To be ended by ``leave``.

        Parameters
        ----------
        jobs: the jobs to follow, until all have ended; None for everything, until the server ends

        Raises
        ------
        UnavailableError: too many clients listen, or the server ends
        """
        listener = Listener(jobs)
        with self._lock:
            if self._closed:
                raise ShuttingDownError
            if len(self._listeners) >= self._most:
                raise UnavailableError(
                    f"{self._most} clients listen already; try again in {RETRY_SECONDS} s, or poll", RETRY_SECONDS
                )
            self._listeners |= {listener}
        self._wake.set()
        return listener

    def leave(self, listener: Listener) -> None:
        """Remove a listener. May be called more than once."""
        with self._lock:
            self._listeners -= {listener}

    # The thread

    def run(self) -> None:
        """Hand out what has happened, until ``close``. A fault ends the streams, and clients connect again."""
        while not self._closed:
            self._wake.wait(STATE_SECONDS if self._listeners else None)
            if self._wake.is_set() and not self._closed:
                time.sleep(GATHER_SECONDS)
            try:
                self._hand_out()
            except Exception:
                logger.exception("the event streams end early")
                self._end(self._listeners)
        self._end(self._listeners)

    def close(self) -> None:
        """Send what has happened and end every stream. Blocks until the thread has ended, for a second at most."""
        with self._lock:
            self._closed = True
        self._wake.set()
        if self.is_alive():
            self.join(CLOSE_SECONDS)

    def _hand_out(self) -> None:
        # Cleared before anything is looked at: what changes later wakes the thread again.
        self._wake.clear()
        # The listeners before the changes: a listener that comes later is greeted with what these changes led to.
        listeners = self._listeners
        missed = len(self._changes) == MOST_CHANGES
        changes = [self._changes.popleft() for _ in range(len(self._changes))]
        if missed:
            logger.warning("more than %d changes of jobs at once: the event streams end early", MOST_CHANGES)
            self._end(listeners)
            return
        events = [self._job_event(job, state) for job, state in changes]
        state = self._state()
        changed = b"".join(events)
        everything = changed + (state if state != self._last_state else b"")
        self._last_state = state
        for listener in listeners:
            if listener.jobs is not None:
                self._send(listener, self._followed(listener, changes, events))
            else:
                self._send(listener, everything if listener.greeted else state + changed)
            listener.greeted = True

    def _followed(self, listener: Listener, changes: list[Change], events: list[bytes]) -> bytes:
        """Return the events of the jobs that a listener follows. A state that it knows of is not sent again."""
        news = list(zip(changes, events, strict=True))
        if not listener.greeted:
            news = [((job, state), self._job_event(job, state)) for job, state in self._present(listener.jobs or ())]
            listener.sent = dict.fromkeys((job.number for job in listener.jobs or ()), "")
        parts = []
        for (job, state), event in news:
            last = listener.sent.get(job.number)
            if last is not None and (not last or ORDER.index(state) > ORDER.index(last)):
                listener.sent[job.number] = state
                parts.append(event)
        return b"".join(parts)

    def _present(self, jobs: Sequence[Job]) -> list[Change]:
        details = self._jobs.details(jobs)
        return [(job, now.state if self._jobs.keeps(job) else REMOVED) for job, now in zip(jobs, details, strict=True)]

    def _send(self, listener: Listener, message: bytes) -> None:
        if listener.messages.qsize() >= MOST_MESSAGES:
            logger.info("an event stream ends: its client does not keep up")
            self._end([listener])
        elif message:
            listener.messages.put(message)
        if listener.sent and ENDED.issuperset(listener.sent.values()):
            self._end([listener])

    def _end(self, listeners: Iterable[Listener]) -> None:
        for listener in listeners:
            self.leave(listener)
            listener.messages.put(None)

    def _job_event(self, job: Job, state: str) -> bytes:
        content: dict[str, str | None] = {"job_id": job.id, "statistic": job.statistic, "state": state}
        if state == JobState.ERROR:
            content["reason"] = self._jobs.outcome(job).reason
        return _event("job", content)

    def _state(self) -> bytes:
        """Return the events that describe the queue and the table as they are now."""
        waiting, unfinished = self._pool.waiting(), self._jobs.unfinished()
        # The counts are of two moments.
        queue = QueueEvent(waiting, max(0, unfinished - waiting), self._jobs.size(), self._pool.is_open())
        report = self._ingestor.last_reload
        progress = report.progress if report else None
        reload = ReloadEvent(
            self._ingestor.table.id, report.status if report else None, str(progress) if progress else None
        )
        return _event("queue", asdict(queue)) + _event("reload", asdict(reload))


def stream(listener: Listener, seconds: float) -> Iterator[bytes]:
    """Yield the messages for a listener for at most so many seconds, with heartbeats while there are none. Blocks."""
    deadline = time.monotonic() + seconds
    yield RECONNECT
    while (left := deadline - time.monotonic()) > 0:
        try:
            message = listener.messages.get(timeout=min(left, HEARTBEAT_SECONDS))
        except Empty:
            message = HEARTBEAT if time.monotonic() < deadline else None
        if message is None:
            return
        yield message


def _event(name: str, content: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(content))
