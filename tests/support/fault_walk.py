"""A random walk of faults over one results folder, held against a model of what was acknowledged."""

import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.fault_model import Fate, Model, ViolationError
from support.fault_site import Site
from support.harm import result_path
from support.raw_http import Answer
from support.stepped_clock import SteppedClock
from support.versioned_table import REQUESTS

WAIT_SECONDS = 20
SAMPLE = 5  # jobs polled after each step

Step = Callable[["Walk", random.Random], str]  # returns what it did
PlannedStep = tuple[Step, random.Random]


class Walk:
    """A walk.

    Parameters
    ----------
    folder: folder for all files
    disk: a small disk for the results folder; None if there is none
    clock: the clock of the servers; None for the true one
    """

    def __init__(self, folder: Path, disk: Path | None, clock: SteppedClock | None) -> None:
        self.disk = disk
        self.model = Model()
        self.site = Site(folder, (disk or folder) / "results", clock)
        self.steps: list[str] = []  # those taken, for the report
        self._keys = 0

    def run(self, steps: Iterable[PlannedStep]) -> None:
        """Take steps, and check every acknowledged job at the end.

        Raises
        ------
        ViolationError: a promise was broken
        """
        self.site.use_table(0)
        try:
            self.site.start()
            for number, (step, chance) in enumerate(steps):
                self.steps.append(f"{number}: {step.__name__}")
                self.steps[-1] += f": {step(self, chance)}"
                self.check(chance.sample(sorted(self.model.jobs), min(SAMPLE, len(self.model.jobs))))
            self.steps.append("the end")
            self.check_all()
            self.site.stop()
        finally:
            self.site.close()

    # Checks

    def check(self, numbers: Sequence[int]) -> None:
        """Poll jobs until they have ended, and check the responses."""
        for number in numbers:
            self._see_file(number)
            answer = self.site.ask("GET", f"/api/get_results/job_id_{number}?wait={WAIT_SECONDS}")
            _check_retry(answer)
            self.model.see(number, answer.status, json.loads(answer.body), self.site.data_in(number))

    def check_all(self) -> None:
        """Poll every job, and check the times of all that are kept."""
        self.check(sorted(self.model.jobs))
        for described in json.loads(self.site.ask("GET", "/api/job_details?limit=1000").body)["data"]:
            accepted, ended = described["accepted_at"], described["ended_at"]
            if accepted and ended and ended < accepted:
                raise ViolationError("a job ended before it was accepted", str(described))

    def _see_file(self, number: int) -> None:
        exists = result_path(self.site.results, number).exists()
        self.model.see_file(number, self.site.data_in(number), exists)

    def see_files(self) -> None:
        """Tell the model of every result file."""
        for number in self.model.jobs:
            self._see_file(number)

    # Requests

    def submit(self, requests: Sequence[int], key: str | None = None) -> str:
        """Submit a batch, or one job by its own route, and record what is acknowledged."""
        headers = {"Idempotency-Key": key} if key is not None else {}
        bodies = [{"statistic": REQUESTS[place][0], **REQUESTS[place][1]} for place in requests]
        if len(bodies) == 1:
            answer = self.site.ask("POST", f"/api/{bodies[0].pop('statistic')}", bodies[0], headers)
        else:
            answer = self.site.ask("POST", "/api/batch", bodies, headers)
        if answer.status == 200:
            content = json.loads(answer.body)
            numbers = [_number(job_id) for job_id in content.get("job_ids", [content.get("job_id")])]
            self.model.accept(requests, numbers, key)
            return f"jobs {numbers[0]} to {numbers[-1]}"
        _check_retry(answer)
        if not (self.model.faulty and answer.status == 503):
            raise ViolationError("an unexpected status", f"a submission: {answer.status} {answer.body!r}")
        return "refused"

    def delete(self, number: int) -> str:
        """Delete a job and record the response."""
        answer = self.site.ask("DELETE", f"/api/jobs/job_id_{number}")
        _check_retry(answer)
        outcome = json.loads(answer.body)["data"][f"job_id_{number}"] if answer.status == 200 else None
        self.model.delete(number, answer.status, outcome)
        return f"{number}: {answer.status} {outcome}"

    def new_key(self) -> str:
        """Return a key that was not used before."""
        self._keys += 1
        return f"key-{self._keys}"

    def some_of(self, numbers: Sequence[int], chance: random.Random, most: int) -> list[int]:
        """Return up to ``most`` of some numbers."""
        return sorted(chance.sample(numbers, min(len(numbers), chance.randint(1, most)))) if numbers else []

    # Deaths and faults

    def after_death(self) -> None:
        """Tell the model what the dead server has left."""
        files = {number: self.site.data_in(number) for number in self.site.file_numbers()}
        self.model.died(self.site.journal_state(), files)

    def restart_after_kill(self) -> None:
        """Kill the server, start another and check every job."""
        self.site.kill()
        self.start_again()

    def start_again(self) -> None:
        """Start a server after the death of the last, and check every job."""
        self.after_death()
        self.site.start()
        self.check_all()
        self.site.check_set_aside()

    def mend_or_die(self, chance: random.Random) -> str:
        """After harm to the journal of a live server: let it mend the file, or end it by SIGTERM or at once."""
        how = chance.choice(("mended", "mended", "stopped", "killed"))
        if how == "mended":
            self.site.await_journal(self.numbers_with_request())
        else:
            self.site.stop() if how == "stopped" else self.site.kill()
            self.start_again()
        return how

    def numbers_with_request(self) -> set[int]:
        """Return the numbers of the kept jobs whose requests the server must know."""
        jobs = self.model.jobs.values()
        return {job.number for job in jobs if job.fate is Fate.KEPT and not (job.unsure or job.without_request)}

    @contextmanager
    def fault(self) -> Iterator[None]:
        """Let 503 with Retry-After be right until the block ends."""
        self.model.faulty = True
        try:
            yield
        finally:
            self.model.faulty = False

    def live_under_fault(self, chance: random.Random) -> str:
        """Submit, poll and delete a few jobs while a fault lasts."""
        said = [self.submit([chance.randrange(len(REQUESTS))]) for _ in range(4)]
        self.check(self.some_of(sorted(self.model.jobs), chance, 4))
        said += [self.delete(number) for number in self.some_of(sorted(self.model.jobs), chance, 1)]
        return ", ".join(said)


def _number(job_id: str) -> int:
    return int(job_id.removeprefix("job_id_"))


def _check_retry(answer: Answer) -> None:
    """Check that a refusal says when to try again."""
    if answer.status == 503 and "retry-after" not in answer.headers:
        raise ViolationError("503 without Retry-After", repr(answer.body))
