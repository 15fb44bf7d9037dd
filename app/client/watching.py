"""Following the server's jobs as they go from running to done."""

from app.client.client import Client
from app.client.errors import AnswerError

RUNNING = "running"
REMOVED = "removed"
HOLD_SECONDS = 1.0
GONE = frozenset({404, 410})


class Follower:
    """What is known of the server's jobs: their states by id, in the order of acceptance.

    Only jobs that have not ended, and new ones, are asked for again: the others do not change any more.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.states = client.jobs()

    def unfinished(self) -> list[str]:
        """Return the ids of the jobs that have not ended."""
        return [job_id for job_id, state in self.states.items() if state == RUNNING]

    def changes(self) -> dict[str, str]:
        """Wait a moment, or until the first job that runs has ended; return the states that have changed since."""
        waiting = self.unfinished()
        if waiting:
            self._hold(waiting[0])
        else:
            self._client.rest(HOLD_SECONDS)
        now = self._client.jobs(after=self._last_settled())
        gone = {job_id: REMOVED for job_id in waiting if job_id not in now}
        changed = {job_id: state for job_id, state in {**gone, **now}.items() if self.states.get(job_id) != state}
        self.states.update(changed)
        return changed

    def _hold(self, job_id: str) -> None:
        """Wait a moment, or until a job has ended; one that has been removed meanwhile has ended too."""
        try:
            self._client.look(job_id, HOLD_SECONDS)
        except AnswerError as error:
            if error.status not in GONE:
                raise

    def _last_settled(self) -> str | None:
        """Return the id of the last job before the first that has not ended, none where there is none."""
        settled = None
        for job_id, state in self.states.items():
            if state == RUNNING:
                break
            settled = job_id
        return settled
