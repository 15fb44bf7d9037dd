"""A citation is part of the one result of a job: a result that is computed again cites the same, to the byte."""

from pathlib import Path
from typing import Any

import requests

from app.statistics import STATISTICS
from support.real_server import RealServer, running_server

SECONDS = 30
CITED = [name for name, statistic in STATISTICS.items() if statistic.provenance]


def served(server: RealServer, form: str) -> dict[str, bytes]:
    """Return the result of every job, by statistic."""
    address = f"{server.address}/api/get_results"
    return {
        name: requests.get(f"{address}/job_id_{number}?format={form}&wait=20", timeout=SECONDS).content
        for number, name in enumerate(CITED, start=1)
    }


def test_a_lost_result_is_cited_the_same_by_the_next_server(tmp_path: Path) -> None:
    environment = {"STATS_RESULTS_DIR": str(tmp_path / "results")}
    with running_server(environment) as first:
        for name in CITED:
            body: dict[str, Any] = dict(STATISTICS[name].example)
            assert requests.post(f"{first.address}/api/{name}", json=body, timeout=SECONDS).ok
        before, archives = served(first, "json"), served(first, "zip")
        first.kill()
    lost = list((tmp_path / "results").glob("job_id_*.json"))
    assert len(lost) == len(CITED)
    for path in lost:
        path.unlink()
    with running_server(environment) as second:
        assert second.address != first.address
        assert served(second, "json") == before
        assert served(second, "zip") == archives
    for name, content in before.items():
        assert f"{first.address}/?statistic={name}&".encode() in content
