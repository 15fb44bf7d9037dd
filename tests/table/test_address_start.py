"""The whole server with tables at addresses: start, reload, and the one-line error when it cannot start."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from support.object_store import KEYS, ObjectStore, object_store
from support.real_server import ENTRY_POINT, RealServer, ServerStartError, entry_point_with, running_server
from support.web_files import CSV, OTHER_CSV, WebFiles, web_files


@pytest.fixture
def web() -> Iterator[WebFiles]:
    with web_files() as server:
        server.files["/t.csv"] = CSV
        yield server


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as store:
        yield store


def dataset(server: RealServer) -> Any:
    return requests.get(f"{server.address}/api/dataset", timeout=10).json()["data"]


def reload(server: RealServer) -> Any:
    """Reload the table, wait for the end, and return the dataset report."""
    assert requests.post(f"{server.address}/api/dataset/reload", timeout=10).ok
    while (about := dataset(server))["reload"]["status"] == "running":
        pass
    return about


def refusal(environment: dict[str, str], entry_point: Path = ENTRY_POINT) -> str:
    """Return the one-line error of a server that cannot start."""
    with pytest.raises(ServerStartError) as caught, running_server(environment, entry_point=entry_point):
        pass
    first, *written = str(caught.value).strip().splitlines()
    assert "exit code 2" in first
    lines = [line for line in written if not line.startswith("Reading the table")]
    assert len(lines) == 1, lines
    return lines[0].removeprefix("cannot start: ")


@pytest.mark.parametrize("engine", ["pandas", "dask"])
def test_a_reload_reads_the_replaced_object(store: ObjectStore, engine: str) -> None:
    address = store.put("t.csv.gz", gzip.compress(CSV))
    with running_server({"STATS_DATA": address, "STATS_ENGINE": engine}) as server:
        assert dataset(server)["rows_read"] == 600
        store.put("t.csv.gz", gzip.compress(OTHER_CSV))
        about = reload(server)
    assert (about["reload"]["status"], about["rows_read"]) == ("done", 500)


def test_the_table_stays_when_a_reload_cannot_reach_the_source(web: WebFiles) -> None:
    with running_server({"STATS_DATA": web.address("/t.csv?token=hidden")}) as server:
        web.refused = {"HEAD": 503, "GET": 503}
        about = reload(server)
    assert about["reload"]["reason"] == f"{web.address('/t.csv')}: cannot be read: 503 Service Unavailable"
    assert about["rows_read"] == 600


def test_a_dask_worker_that_cannot_read_gives_a_one_line_error(web: WebFiles) -> None:
    web.lengths, web.sends = "chunked", 1000
    reason = refusal({"STATS_DATA": web.address("/t.csv?token=hidden"), "STATS_ENGINE": "dask"})
    assert reason == f"{web.address('/t.csv')}: cannot be read: the connection closed before the whole file arrived"


def test_missing_credentials_are_named(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name)
    nowhere = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    address = store.put("t.csv", CSV)
    assert refusal({"STATS_DATA": address, **nowhere}) == f"{address}: cannot be read: Unable to locate credentials"


@pytest.mark.parametrize(
    ("package", "address"),
    [("fsspec", "http://127.0.0.1:1/t.csv"), ("aiohttp", "https://127.0.0.1:1/t.csv"), ("s3fs", "s3://bucket/t.csv")],
)
def test_the_error_for_a_missing_package_says_how_to_install_it(tmp_path: Path, package: str, address: str) -> None:
    script = entry_point_with(tmp_path, f"import sys\nsys.modules[{package!r}] = None")
    assert refusal({"STATS_DATA": address}, entry_point=script) == (
        f"{address}: this address needs the package {package}, which is not installed; install it with `make dask`"
    )


def test_a_missing_package_that_make_dask_does_not_install_is_named(tmp_path: Path) -> None:
    script = entry_point_with(tmp_path, "import sys\nsys.modules['gcsfs'] = None")
    reason = refusal({"STATS_DATA": "gs://bucket/t.csv"}, entry_point=script)
    assert reason.startswith("gs://bucket/t.csv: this address needs the package gcsfs, which is not installed; ")
