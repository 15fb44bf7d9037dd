"""Fixtures: a stub server, and the application of the server's own tests, served over HTTP."""

from collections.abc import Iterator

import pytest

from conftest import (
    address,
    app,
    open_gate,
    services,
    settings,
    start_app,
    survey_file,
)
from support.stub_server import StubServer, stub_server

__all__ = [
    "address",
    "app",
    "open_gate",
    "services",
    "settings",
    "start_app",
    "survey_file",
]


@pytest.fixture(autouse=True)
def _no_settings_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATS_URL", "STATS_ADMIN_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def stub() -> Iterator[StubServer]:
    """A server with scripted responses."""
    with stub_server() as server:
        yield server
