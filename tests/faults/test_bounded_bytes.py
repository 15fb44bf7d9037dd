"""What one client can make the server keep is bounded in bytes, whatever it asks for."""

from collections.abc import Iterator
from itertools import islice, permutations, product
from pathlib import Path

import pytest
import requests

from support.real_server import RealServer, running_server

MIB = 1024 * 1024
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
