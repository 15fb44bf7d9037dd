"""Reload the table of a running server."""

import time
from typing import Any

import requests

from support.real_server import RealServer

DEADLINE_SECONDS = 30.0


def reload(server: RealServer) -> dict[str, Any]:
    """Reload the table, wait until it ends, and return the report."""
    requests.post(f"{server.address}/api/dataset/reload", timeout=20).raise_for_status()
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        report: dict[str, Any] = requests.get(f"{server.address}/api/dataset", timeout=20).json()["data"]["reload"]
        if report["status"] != "running":
            return report
        assert time.monotonic() < deadline
