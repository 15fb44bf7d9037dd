"""A running Dask cluster with TLS: certificates from Dask's own configuration, and a warning without TLS."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from app.settings import Settings
from app.table.engines import engine_warnings
from support.real_server import HOST, PROJECT_ROOT, ServerStartError, free_port, running_server

pytest.importorskip("distributed", reason="Dask is not installed: make dask")
pytest.importorskip("cryptography", reason="the certificates are made by it: make dask")

TLS = "DASK_DISTRIBUTED__COMM__TLS__"
ROLES = ("SCHEDULER", "WORKER", "CLIENT")
STOP_SECONDS = 30.0


def certificates(folder: Path) -> dict[str, str]:
    """Make a certificate that signs itself, and return the environment that names it, as the documentation does."""
    from distributed.security import Security  # noqa: PLC0415 - Dask may be absent

    folder.mkdir()
    made = Security.temporary()
    certificate, key = folder / "dask.pem", folder / "dask.key"
    certificate.write_text(made.tls_client_cert)
    key.write_text(made.tls_client_key)
    of_roles = {f"{TLS}{role}__CERT": str(certificate) for role in ROLES} | {
        f"{TLS}{role}__KEY": str(key) for role in ROLES
    }
    return {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true", f"{TLS}CA_FILE": str(certificate), **of_roles}


@contextmanager
def command(*arguments: str, environment: Mapping[str, str]) -> Iterator[None]:
    """Run a command of Dask until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments],
        cwd=PROJECT_ROOT,
        env={**environment, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a scheduler with TLS that has a worker, and the environment with its certificates."""
    folder = tmp_path_factory.mktemp("tls")
    environment, port = certificates(folder / "certificates"), str(free_port())
    address = f"tls://{HOST}:{port}"
    scheduler = ("scheduler", "--protocol", "tls", "--host", HOST, "--port", port, "--no-dashboard")
    worker = ("worker", address, "--host", HOST, "--no-dashboard", "--local-directory", str(folder))
    with ExitStack() as stack:
        stack.enter_context(command(*scheduler, environment=environment))
        stack.enter_context(command(*worker, environment=environment))
        yield address, environment


def test_a_server_reads_on_a_cluster_with_tls(cluster: tuple[str, dict[str, str]]) -> None:
    address, environment = cluster
    chosen = {"STATS_ENGINE": "dask", "STATS_DASK_SCHEDULER": address}
    with running_server({**environment, **chosen}) as server:
        assert requests.get(f"{server.address}/api/dataset", timeout=20).json()["data"]["rows_read"] > 0
        assert server.stop() == 0
        assert "warning" not in server.output()


def start_error(environment: Mapping[str, str], address: str) -> str:
    """Start a server that cannot start, and return its last line."""
    chosen = {"STATS_ENGINE": "dask", "STATS_DASK_SCHEDULER": address}
    with pytest.raises(ServerStartError) as caught, running_server({**environment, **chosen}):
        pass
    return str(caught.value).splitlines()[-1]


def test_without_certificates_the_start_ends_in_one_line_that_names_them(cluster: tuple[str, dict[str, str]]) -> None:
    address, _ = cluster
    line = start_error({}, address)
    assert line.startswith(
        f"cannot start: the Dask scheduler {address} (STATS_DASK_SCHEDULER) needs certificates; set "
    )
    assert f"{TLS}CA_FILE, {TLS}CLIENT__CERT and {TLS}CLIENT__KEY" in line


def test_certificates_that_cannot_be_read_end_the_start_in_one_line(cluster: tuple[str, dict[str, str]]) -> None:
    address, environment = cluster
    line = start_error({**environment, f"{TLS}CLIENT__KEY": "/nowhere/dask.key"}, address)
    assert line.endswith("cannot be read: [Errno 2] No such file or directory")


def test_a_certificate_of_somebody_else_is_refused(cluster: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    address, _ = cluster
    line = start_error(certificates(tmp_path / "others"), address)
    assert line.endswith("cannot be reached; check its address, and certificates if it has any")


@pytest.mark.parametrize(("scheduler", "warnings"), [(None, 0), ("tls://a:8786", 0), ("tcp://a:8786", 1)])
def test_a_scheduler_without_tls_is_warned_of(scheduler: str | None, warnings: int) -> None:
    found = engine_warnings(Settings(dask_scheduler=scheduler))
    assert len(found) == warnings
    assert all("use tls:// with certificates" in warning for warning in found)
