"""Put a server under load with wrk; every response is checked, and a wrong or missing one voids the run."""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks import paths
from benchmarks.comparison import VoidRunError
from benchmarks.questions import body_of, expected, is_right

CONNECTIONS = 8
FIRST_ANSWER_SECONDS = 60.0
REQUEST_SECONDS = 20
END_SECONDS = 30.0  # for wrk to exit after the load
PAUSE_SECONDS = 0.01
SHOWN_CHARS = 200
WRK_MISSING = "the load comes from wrk, which is not installed: apt-get install wrk"


@dataclass(frozen=True, slots=True)
class Contender:
    """A server under test.

    Parameters
    ----------
    query: what it is asked for a result with, ``?wait=`` where it knows that
    right: returns the right result of a statistic, over the table that the server has; None where it computes none
    """

    name: str
    address: str
    query: str = ""
    right: Callable[[str], object] | None = expected


@dataclass(frozen=True, slots=True)
class Load:
    """A server's figures under load; latency percentiles from acceptance to done, 0 if the rate was not limited."""

    jobs: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def jobs_per_second(self) -> float:
        """The rate at which jobs were finished."""
        return self.jobs / self.seconds


def verified_answer(contender: Contender, statistic: str) -> bytes:
    """Request a statistic once, check the numbers, and return the raw response body.

    Raises
    ------
    VoidRunError: the answer is wrong, or none comes in time
    """
    with requests.Session() as session:
        session.trust_env = False  # a proxy cannot reach the loopback address
        url = f"{contender.address}/api/{statistic}"
        posted = session.post(url, json=body_of(statistic), timeout=REQUEST_SECONDS)
        job_id = posted.json().get("job_id")
        if job_id is None:
            raise VoidRunError(f"{contender.name}: no job for {statistic}: {posted.text[:SHOWN_CHARS]}")
        deadline = time.monotonic() + FIRST_ANSWER_SECONDS
        result_url = f"{contender.address}/api/get_results/{job_id}{contender.query}"
        while (answer := session.get(result_url, timeout=REQUEST_SECONDS)).json().get("status") == "running":
            if time.monotonic() > deadline:
                raise VoidRunError(f"{contender.name}: no answer in {FIRST_ANSWER_SECONDS:g} s")
            time.sleep(PAUSE_SECONDS)
    data = json.loads(answer.content).get("data")
    if contender.right is not None and not is_right(data, contender.right(statistic)):
        raise VoidRunError(f"{contender.name}: wrong {statistic}: {answer.text[:SHOWN_CHARS]}")
    return answer.content


def run_load(contender: Contender, statistic: str, seconds: int, jobs_per_second: float = 0.0) -> Load:
    """Put a server under load for some seconds. Blocks.

    Parameters
    ----------
    jobs_per_second: how many jobs are posted in a second, 0 for as many as the server finishes

    Raises
    ------
    VoidRunError: an answer was wrong or missing
    """
    with tempfile.TemporaryDirectory(prefix="bench-load-") as folder:
        right = Path(folder) / "right.json"
        right.write_bytes(verified_answer(contender, statistic))
        command = _command(contender, statistic, right, seconds, jobs_per_second / CONNECTIONS)
        ran = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=seconds + REQUEST_SECONDS + END_SECONDS
        )
    return _load(contender.name, ran)


def _command(contender: Contender, statistic: str, right: Path, seconds: int, rate: float) -> list[str]:
    wrk = shutil.which("wrk")
    if wrk is None:
        raise VoidRunError(WRK_MISSING)
    script = str(paths.BENCHMARKS / "load.lua")
    return [
        *(wrk, f"-t{CONNECTIONS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", f"{REQUEST_SECONDS}s"),
        *("-s", script, contender.address, "--", f"/api/{statistic}", json.dumps(body_of(statistic)), str(right)),
        *(contender.query, f"{rate:.6f}"),
    ]


def _load(name: str, ran: "subprocess.CompletedProcess[str]") -> Load:
    """Parse the output of the wrk script.

    Raises
    ------
    VoidRunError: an answer was wrong or missing
    """
    results = [line.split()[1:] for line in ran.stdout.splitlines() if line.startswith("RESULT ")]
    if ran.returncode or len(results) != 1:
        raise VoidRunError(f"{name}: wrk failed:\n{ran.stdout}\n{ran.stderr}")
    jobs, fewest, missing, wrong, failed = map(int, results[0][:5])
    if wrong or failed or missing:
        counts = f"{wrong} wrong and {missing} missing answers, {failed} failed requests"
        raise VoidRunError(f"{name}: {counts}:\n{ran.stdout}")
    if not fewest:
        raise VoidRunError(f"{name}: a connection got no answer to any job:\n{ran.stdout}")
    return Load(jobs, *map(float, results[0][5:]))
