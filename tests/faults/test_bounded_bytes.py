"""What one client can make the server keep is bounded in bytes, whatever it asks for."""

import socket
import time
from collections.abc import Iterator
from itertools import islice, permutations, product
from pathlib import Path

import orjson
import pytest
import requests

from app.jobs.job import Job, JobOutcome, JobStatus, job_request
from app.jobs.journal import accepted_line, ended_line, version_line
from support.real_server import HOST, PROJECT_ROOT, RealServer, entry_point_with, running_server

MIB = 1024 * 1024
TIMEOUT_SECONDS = 40
MANY_JOBS = 100_000
DIMENSIONS = ("location", "year", "category", "stratum")
QUESTIONS = ("Q036", "Q037", "Q043", "Q044", "Q045", "Q046", "Q047")
WIDE = {"question": "Q036", "by": DIMENSIONS}


@pytest.fixture
def server() -> Iterator[RealServer]:
    with running_server({"STATS_CLIENT_SHARE": "1", "STATS_CACHE_MIB": "16", "STATS_RETENTION_MIB": "32"}) as running:
        yield running


def resident_bytes(server: RealServer) -> int:
    """Return the resident memory of the worker."""
    status = Path(f"/proc/{server.worker()}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def distinct_estimates(count: int) -> Iterator[dict[str, object]]:
    """Yield bodies of the largest requests there are, each with a result of its own of about half a mebibyte."""
    for question, keys in islice(product(QUESTIONS, permutations(DIMENSIONS)), count):
        yield {"question": question, "by": keys}


def test_distinct_large_results_are_kept_neither_in_memory_nor_on_disk_without_bound(server: RealServer) -> None:
    with requests.Session() as session:
        sizes, before = 0, resident_bytes(server)
        for body in distinct_estimates(160):
            response = session.post(f"{server.address}/api/estimate", json=body, headers={"Prefer": "wait=30"})
            assert "data" in response.json(), response.text
            sizes += len(response.content)
        last = response.json()["job_id"]
        assert sizes > 50 * MIB
        assert resident_bytes(server) - before < sizes / 2 + 16 * MIB
        session.get(f"{server.address}/readyz").raise_for_status()  # which flushes the store
        assert sum(path.stat().st_size for path in server.results_dir.glob("job_id_*.json")) < 32 * MIB
        assert session.get(f"{server.address}/api/get_results/job_id_1").status_code == 410
        assert session.get(f"{server.address}/api/get_results/{last}").json()["status"] == "done"


def get(server: RealServer, path: str) -> requests.Response:
    """Return the response to a GET request."""
    return requests.get(server.address + path, timeout=TIMEOUT_SECONDS)


def post_batch(server: RealServer, count: int, **headers: str) -> requests.Response:
    """Submit the same large request so often."""
    batch = [{"statistic": "estimate", **WIDE}] * count
    return requests.post(f"{server.address}/api/batch", json=batch, headers=headers, timeout=TIMEOUT_SECONDS)


def wide_results(server: RealServer, count: int) -> list[str]:
    """Submit the same large request so often, wait for the results, and return the ids of the jobs."""
    job_ids: list[str] = post_batch(server, count).json()["job_ids"]
    while get(server, "/api/num_jobs").json()["num_jobs"]:
        time.sleep(0.05)
    return job_ids


def many_path(job_ids: list[str]) -> str:
    """Return the path of the results of many jobs."""
    return f"/api/get_results?ids={','.join(job_ids)}"


def slow_reader(server: RealServer, path: str) -> socket.socket:
    """Return a connection that has asked for a path and reads only the start of the response."""
    connection = socket.create_connection((HOST, int(server.address.rpartition(":")[2])))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def growth_with(server: RealServer, paths: list[str]) -> int:
    """Return by how much resident memory grows while somebody reads a path slowly, for each path."""
    before = resident_bytes(server)
    readers = [slow_reader(server, path) for path in paths]
    time.sleep(1)
    growth = resident_bytes(server) - before
    assert get(server, "/api/num_jobs").ok
    for reader in readers:
        reader.close()
    return growth


def test_slow_readers_of_many_large_results_hold_one_result_each(server: RealServer) -> None:
    path = many_path(wide_results(server, 60) * 4)
    assert growth_with(server, [path] * 20) < 100 * MIB


def test_a_streamed_response_is_that_of_each_result(server: RealServer) -> None:
    job_ids = wide_results(server, 6)
    one = get(server, f"/api/get_results/{job_ids[0]}")
    assert len(one.content) > MIB // 4
    many = get(server, many_path([*job_ids, "job_id_999"]))
    assert "Content-Length" not in many.headers
    assert many.json()["status"] == "done"
    assert many.json()["data"] == {
        **dict.fromkeys(job_ids, one.json()),
        "job_id_999": {"status": "error", "reason": "Invalid job_id"},
    }


def test_a_batch_waits_for_large_results_and_streams_them(server: RealServer) -> None:
    response = post_batch(server, 6, Prefer="wait=30")
    assert response.headers["Preference-Applied"] == "wait=30"
    assert "Content-Length" not in response.headers
    content = response.json()
    assert list(content["data"]) == content["job_ids"]
    assert content["data"]["job_id_6"]["status"] == "done"


def test_a_streamed_response_with_an_unreadable_result_is_no_complete_document(tmp_path: Path) -> None:
    """The status has been sent by then, so the client must see that something is missing."""
    prelude = (
        f"import sys\nsys.path.insert(0, {str(PROJECT_ROOT)!r})\n"
        "from app.jobs.result_files import ResultFiles\n"
        "read = ResultFiles.read\n"
        "def fail(files, number):\n"
        "    if number == 4: raise OSError(24, 'Too many open files')\n"
        "    return read(files, number)\n"
        "ResultFiles.read = fail\n"
    )
    uncached = {"STATS_CACHE_MIB": "1", "STATS_CLIENT_SHARE": "1"}
    with running_server(uncached, entry_point=entry_point_with(tmp_path, prelude)) as server:
        job_ids = wide_results(server, 6)
        with pytest.raises((requests.RequestException, orjson.JSONDecodeError)):
            orjson.loads(get(server, many_path(job_ids)).content)
        assert get(server, many_path(job_ids[:2])).json()["status"] == "done"
        assert "Traceback" not in server.output()
        assert "a response with many results ends early" in server.log_file.read_text(encoding="utf-8")


def test_padded_requests_are_recorded_without_the_padding(server: RealServer) -> None:
    padded = {
        "question": "Q036",
        "locations": [*["District of Columbia", "Ohio"] * 499, "Utah"],
        "exclude": ["Texas", "South Carolina"] * 500,
    }
    batch = [{"statistic": "global_mean", **padded, "years": list(range(2000 + n % 5, 2900))} for n in range(20)]
    for round_ in range(40):
        if round_ == 10:
            before = resident_bytes(server)  # parsing such batches takes memory too
        response = requests.post(f"{server.address}/api/batch", json=batch, timeout=TIMEOUT_SECONDS)
        assert response.ok, response.text
    get(server, "/readyz").raise_for_status()  # which flushes the journal
    assert (server.results_dir / "journal.jsonl").stat().st_size < 800 * 600
    assert resident_bytes(server) - before < 10 * MIB
    recorded = get(server, f"/api/jobs/{response.json()['job_ids'][0]}").json()["data"]["body"]
    assert recorded["locations"] == ["District of Columbia", "Ohio", "Utah"]
    assert recorded["exclude"] == ["South Carolina", "Texas"]


def test_a_start_over_a_journal_of_many_jobs_takes_little_time_and_memory(server: RealServer, tmp_path: Path) -> None:
    bodies = [b'{"question":"Q036","years":[%d]}' % year for year in range(2011, 2022)]
    end = JobOutcome(JobStatus.DONE, None, 1, time.time(), 100)
    with (tmp_path / "journal.jsonl").open("wb") as journal:
        journal.write(version_line())
        for number in range(1, MANY_JOBS + 1):
            request = job_request("global_mean", bodies[number % len(bodies)])
            journal.write(accepted_line(Job(number, request, accepted_at=end.ended_at)) + ended_line(number, end))
    started = time.monotonic()
    with running_server({"STATS_RESULTS_DIR": str(tmp_path)}) as loaded:
        assert time.monotonic() - started < 15  # 2.9 s on a quiet machine, 1.6 s of them without any job
        assert get(loaded, "/api/queue").json()["data"]["kept"] == MANY_JOBS
        assert resident_bytes(loaded) - resident_bytes(server) < 200 * MIB
