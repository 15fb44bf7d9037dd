"""Whoever follows the address in a citation gets the cited figures, also when the server serves a newer table."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from support.real_server import RealServer, running_server
from support.survey_files import WALKING
from support.versioned_table import write_table

SECONDS = 30
ESTIMATE = {"question": WALKING, "stratification": {"category": "Gender", "value": "Female"}}


def reload(server: RealServer) -> None:
    """Read the table again and wait until it is served."""
    requests.post(f"{server.address}/api/dataset/reload", timeout=SECONDS).raise_for_status()
    while True:
        state = requests.get(f"{server.address}/api/dataset", timeout=SECONDS).json()["data"]["reload"]
        if state["status"] != "running":
            assert state["status"] == "done", state
            return


def follow(address: str) -> Any:
    """Return the document of the job that the page at an address submits."""
    parts = urlsplit(address)
    server, accept = f"{parts.scheme}://{parts.netloc}", {"Accept": "application/json"}
    fields: dict[str, list[str]] = parse_qs(parts.query)
    assert requests.get(address, headers={"Accept": "text/html"}, timeout=SECONDS).status_code == 200
    job = requests.post(f"{server}/ask", data=fields, headers=accept, timeout=SECONDS).json()["job_id"]
    return requests.get(f"{server}/api/get_results/{job}?wait=20", timeout=SECONDS).json()


def test_the_address_in_a_citation_leads_to_the_cited_figures_after_a_reload(tmp_path: Path) -> None:
    source = tmp_path / "table.csv"
    write_table(source, 1)
    with running_server({"STATS_DATA": str(source), "STATS_RESULTS_DIR": str(tmp_path / "results")}) as server:
        cited = server.ask("estimate", **ESTIMATE)
        write_table(source, 2)
        reload(server)
        newer = server.ask("estimate", **ESTIMATE)
        assert newer["data"] != cited["data"]
        assert newer["citation"]["csl"]["version"] != cited["citation"]["csl"]["version"]
        for each in (cited, newer):
            found = follow(each["citation"]["csl"]["URL"])
            assert found["data"] == each["data"]
            assert found["provenance"] == each["provenance"]
            assert found["citation"] == each["citation"]
