"""The API document, which takes a while to build and to describe, once for all tests that only read it."""

from typing import Any

import pytest

from app import create_app
from app.settings import Settings
from support.real_server import BUNDLED_TABLE


@pytest.fixture(scope="session")
def document(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The document of an application over the table that the examples are about."""
    folder = tmp_path_factory.mktemp("document")
    app = create_app(Settings(data=str(BUNDLED_TABLE), results_dir=folder / "results", log_file=folder / "log"))
    document = app.test_client().get("/openapi.json").json
    assert app.extensions["services"].close()
    return document
