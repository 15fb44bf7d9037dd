"""Jobs that a server has acknowledged, for tests of what becomes of them."""

from collections.abc import Mapping, Sequence

import requests

from support.load import CASES, Case, check_acknowledged
from support.real_server import RealServer

JOBS = 60


def submit_all(server: RealServer, cases: Sequence[Case]) -> dict[str, Case]:
    """Submit cases one after another; return them by the id of their job."""
    with requests.Session() as session:
        session.trust_env = False
        answers = [session.post(f"{server.address}/api/{each.statistic}", json=each.body, timeout=30) for each in cases]
    return {str(answer.json()["job_id"]): case for answer, case in zip(answers, cases, strict=True)}


def submit_batch(server: RealServer, cases: Sequence[Case]) -> dict[str, Case]:
    """Submit cases as one batch; return them by the id of their job."""
    content = [{"statistic": case.statistic, **case.body} for case in cases]
    answer = requests.post(f"{server.address}/api/batch", json=content, timeout=30)
    return dict(zip(answer.json()["job_ids"], cases, strict=True))


def assert_answered(server: RealServer, accepted: Mapping[str, Case]) -> None:
    """Check that every accepted job is answered, and rightly."""
    problems = check_acknowledged(server.address, accepted)
    print(f"\n{len(problems)} of {len(accepted)} lost or wrong", end="")
    assert problems == []


def finished_jobs(server: RealServer, jobs: int = JOBS) -> dict[str, Case]:
    """Submit jobs and wait for their right results."""
    accepted = submit_all(server, [CASES[number % len(CASES)] for number in range(jobs)])
    assert_answered(server, accepted)
    return accepted


def delete(server: RealServer, job_id: str) -> str:
    """Delete a job; return what the response says was done."""
    answer = requests.delete(f"{server.address}/api/jobs/{job_id}", timeout=20)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"][job_id])


def statuses(server: RealServer, job_ids: Sequence[str]) -> list[int]:
    """Return the HTTP status of the result of each job."""
    with requests.Session() as session:
        urls = [f"{server.address}/api/get_results/{job_id}?wait=20" for job_id in job_ids]
        return [session.get(url, timeout=40).status_code for url in urls]
