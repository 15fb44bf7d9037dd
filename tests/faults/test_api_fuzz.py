"""schemathesis sends valid and invalid requests, and every response conforms to the API document."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from support.load import scaled
from support.real_server import RealServer, running_server

TOKEN = "a-token-for-fuzzing"
BEARER = f"Authorization: Bearer {TOKEN}"
SHUTDOWN, EVENTS = "/api/graceful_shutdown", "/api/events"
AFTER_SHUTDOWN = ["/api/best5", "/api/compare", "/readyz", "/api/jobs", SHUTDOWN]
PROGRAM = Path(sys.executable).with_name("schemathesis")
EXAMPLES_PER_ROUTE = scaled(2, 500)
# A valid body may name something that the table lacks, which is a 400 and not a fault of the document.
NOT_CHECKED = "positive_data_acceptance"
# An invalid request may name a removed job, and that error comes first.
CONFIGURATION = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 503]
"""


@pytest.fixture(scope="module")
def server() -> Iterator[RealServer]:
    """A server with a token."""
    with running_server({"STATS_ADMIN_TOKEN": TOKEN}) as running:
        yield running


def fuzz(server: RealServer, folder: Path, *options: str) -> None:
    """Run schemathesis against a server and check that it reports no failure."""
    configuration = folder / "schemathesis.toml"
    configuration.write_text(CONFIGURATION)
    command = [str(PROGRAM), "--config-file", str(configuration), "run", f"{server.address}/openapi.json"]
    limits = ["--max-examples", str(EXAMPLES_PER_ROUTE), "--seed", "1", "--warnings", "off", "--no-color"]
    ran = subprocess.run(
        [*command, *limits, "--header", BEARER, *options], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_response_conforms_to_the_api_document(server: RealServer, tmp_path: Path) -> None:
    # Shutting down closes the pool, after which every submission is refused: that is looked at below.
    # An event stream lasts for an hour: tests/faults/test_events.py reads it.
    left_out = ("--exclude-path", SHUTDOWN, "--exclude-path", EVENTS)
    fuzz(server, tmp_path, "--checks", "all", "--exclude-checks", NOT_CHECKED, *left_out)


def test_responses_conform_after_a_shutdown_too(server: RealServer, tmp_path: Path) -> None:
    headers = dict([BEARER.split(": ")])
    assert requests.post(server.address + SHUTDOWN, headers=headers, timeout=10).ok
    chosen = [option for path in AFTER_SHUTDOWN for option in ("--include-path", path)]
    refused = f"{NOT_CHECKED},not_a_server_error"  # submissions get 503, as described
    fuzz(server, tmp_path, "--checks", "all", "--exclude-checks", refused, *chosen, "--phases", "examples,fuzzing")
