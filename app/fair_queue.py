"""The pool's queue: it has room for so many jobs, serves clients in turn, and ends the runners once it is closed.

A job occupies a *place* from before it is recorded until it leaves the queue, so the number of occupied places answers
both "is there room?" and "can a job still come?".

The turns are those of deficit round robin (Shreedhar and Varghese, SIGCOMM 1995): in its turn a client gets computing
time, a quantum, and its jobs are taken while their costs fit into what it has. So a client gets its share of the time
however many jobs it has waiting, and a client with cheap jobs gets more of them done in a turn than one with costly
jobs. The cost of a job is the measured time of its statistic. The jobs of one client are first in, first out.
"""

import threading
from collections import deque
from queue import SimpleQueue

from app.errors import ServiceError, ShuttingDownError
from app.jobs.job import Job

STOP = None  # the stop token: a runner that takes it from the queue ends
FIRST_COST_SECONDS = 0.001  # while no statistic has been measured
WEIGHT_OF_LAST = 0.1  # of the last measurement in the moving average of a statistic


class NoPlaceError(ServiceError):
    """The queue has no free place.

    Parameters
    ----------
    waiting: occupied places: those of the client if it has used up its share, otherwise all
    of_client: whether the client has used up its share
    """

    def __init__(self, waiting: int, *, of_client: bool) -> None:
        super().__init__("the queue is full")
        self.waiting, self.of_client = waiting, of_client


class _Client:
    """A client with places: its waiting jobs, and the computing time that it may still use in this turn (seconds)."""

    __slots__ = ("deficit", "jobs", "places")

    def __init__(self) -> None:
        self.jobs: deque[Job] = deque()
        self.places = 0  # its waiting jobs, and those that are being recorded
        self.deficit = 0.0


class FairQueue:
    """A bounded queue of jobs that serves clients in turn. Safe to use from many threads.

    Parameters
    ----------
    size: number of jobs that may wait
    client_size: number of jobs of one client that may wait
    runners: number of threads that take jobs; each gets one stop token
    """

    def __init__(self, *, size: int, client_size: int, runners: int) -> None:
        self._size, self._client_size, self._runners = size, client_size, runners
        # A ticket for each job, and one for each stop token. Runners block on them. Tickets are taken in the order in
        # which they came, so a stop token is taken after every job that was put before it.
        self._tickets: SimpleQueue[bool] = SimpleQueue()  # True for a job, False for a stop token
        # Guards the fields below. Nothing blocks while it is held, and hot paths make no calls under it but len():
        # CPython switches threads at calls, not at ``del turns[0]`` or ``turns += ...``, so no thread finds the lock
        # held by one that does not run. A single popleft() under it halves the pool's rate.
        self._lock = threading.Lock()
        self._open = True
        self._places = 0  # of all clients
        self._clients: dict[str, _Client] = {}  # those with places
        self._turns: deque[_Client] = deque()  # the same; the first one has its turn
        self._costs: dict[str, float] = {}  # seconds by statistic
        self.contended = False  # whether two clients have ever waited at once; before that, nobody needs the costs

    # Putting jobs in

    def reserve(self, count: int, name: str, *, limited: bool = True) -> None:
        """Occupy places for jobs of a client that are about to be recorded.

        Checking that the queue is open and taking the places is one critical section: a shutdown that comes later sees
        the places, and keeps the runners until these jobs have left the queue.

        Parameters
        ----------
        count: number of jobs, at least 1
        name: the client
        limited: whether the limits apply; they do not to jobs that were accepted before

        Raises
        ------
        ShuttingDownError, NoPlaceError: no place was taken
        """
        new = None if name in self._clients else _Client()  # before the lock is taken
        with self._lock:
            if not self._open:
                raise ShuttingDownError
            client = self._clients[name] if name in self._clients else new or _Client()
            waiting, own = self._places, client.places
            if (waiting + count <= self._size and own + count <= self._client_size) or not limited:
                if not own:
                    self._clients[name] = client
                    self._turns += (client,)
                    self.contended = self.contended or self._turns[0] is not client
                client.places = own + count
                self._places = waiting + count
                return
        of_client = waiting + count <= self._size
        raise NoPlaceError(own if of_client else waiting, of_client=of_client)

    def give_back(self, count: int, client: str) -> None:
        """Free places of jobs that could not be recorded."""
        with self._lock:
            self._free(self._clients[client], count, client)

    def put(self, job: Job) -> None:
        """Add a job that has a place, behind the other jobs of its client. Does not block.

        Needs no lock: the client stays known while it has places, and appending to a deque is atomic.
        """
        self._clients[job.client].jobs.append(job)
        self._tickets.put(True)

    # Taking jobs out

    def get(self) -> Job | None:
        """Take the next job and free its place; or take ``STOP``. Blocks until there is one of them."""
        while self._tickets.get():
            with self._lock:
                turns = self._turns
                if len(turns) == 1 and turns[0].jobs:
                    client = turns[0]
                elif any(waiting.jobs for waiting in turns):
                    client = self._client_in_turn()
                else:
                    continue  # the ticket of a job that was removed
                job = client.jobs[0]
                del client.jobs[0]
                # What _free does, without its call.
                self._places -= 1
                client.places -= 1
                if not client.places:  # it starts anew when it comes back: time that it did not use is not saved up
                    del self._clients[job.client]
                    del turns[0]
                    if not self._places and not self._open:
                        self._put_stop_tokens()
                return job
        return STOP

    def remove(self, job: Job) -> None:
        """Take a job out and free its place, if it is in the queue; its ticket stays and is skipped."""
        with self._lock:
            client = self._clients.get(job.client)
            if client is None or job not in client.jobs:
                return  # still being recorded: the runner that takes it frees its place
            client.jobs.remove(job)
            self._free(client, 1, job.client)

    def _client_in_turn(self) -> _Client:
        """Move the client whose next job fits into its deficit to the front, and take that job's cost from it."""
        quantum = max(self._costs.values(), default=FIRST_COST_SECONDS)  # so that each turn serves at least one job
        while True:
            client = self._turns[0]
            if not client.jobs:  # they are being recorded
                client.deficit = 0.0
                self._turns.rotate(-1)
                continue
            cost = self._costs.get(client.jobs[0].statistic, quantum)
            if client.deficit >= cost:
                client.deficit -= cost
                return client
            client.deficit += quantum
            self._turns.rotate(-1)

    def _free(self, client: _Client, count: int, name: str) -> None:
        """Free places; the last one to be freed after the queue was closed ends the runners."""
        client.places -= count
        self._places -= count
        if not client.places:
            del self._clients[name]
            self._turns.remove(client)
        # Once closed, the count only falls, so it reaches 0 once and the tokens are put once.
        if not self._places and not self._open:
            self._put_stop_tokens()

    def measured(self, statistic: str, seconds: float) -> None:
        """Take account of how long a job of a statistic took."""
        if statistic in self._costs:
            self._costs[statistic] += WEIGHT_OF_LAST * (seconds - self._costs[statistic])
        else:
            with self._lock:  # somebody may be iterating over the costs
                self._costs[statistic] = seconds

    # Closing

    def close(self) -> tuple[bool, int]:
        """Take no more jobs. Return whether the queue was open, and how many places are occupied.

        The stop tokens follow the last job. While places are occupied, that job may still be on its way into the queue;
        then the thread that frees the last place puts them.
        """
        with self._lock:
            was_open, self._open = self._open, False
            if was_open and not self._places:
                self._put_stop_tokens()
            return was_open, self._places

    def _put_stop_tokens(self) -> None:
        for _ in range(self._runners):
            self._tickets.put(False)

    def is_open(self) -> bool:
        """Return whether the queue takes jobs."""
        with self._lock:
            return self._open

    def places(self) -> int:
        """Return the number of occupied places."""
        with self._lock:
            return self._places
