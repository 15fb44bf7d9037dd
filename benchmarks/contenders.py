"""Start the servers under test: ours, as users run it, and its rivals over the same table."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

from benchmarks import paths
from benchmarks.processes import listens, rival_command, rival_environment, started
from benchmarks.wrk_load import Contender
from support.real_server import HOST, free_port, running_server

OURS, DEVELOPMENT, CELERY = "ours", "development server", "Celery + Redis"
CEILING, PLACED_CEILING = "ceiling", "ceiling on the cores that ours uses"
CELERY_WORKERS = "2"


def why_no_celery() -> str | None:
    """Return why the Celery rival cannot run; None if it can."""
    if shutil.which("redis-server") is None:
        return "redis-server is not installed: apt-get install redis-server"
    if find_spec("celery") is None or find_spec("redis") is None:
        return "Celery is not installed: pip install -r requirements-bench.txt"
    return None


@contextmanager
def all_contenders(*, with_celery: bool) -> Iterator[Mapping[str, Contender]]:
    """Start our server and its rivals, yield them by name, then stop them. Idle servers cost almost nothing."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        server = stack.enter_context(running_server())
        contenders = {
            OURS: Contender(OURS, server.address, "?wait=10"),
            CEILING: stack.enter_context(_constant(CEILING, folder)),
            PLACED_CEILING: stack.enter_context(_constant(PLACED_CEILING, folder, "--one-core")),
            DEVELOPMENT: stack.enter_context(_development(folder)),
        }
        if with_celery:
            contenders[CELERY] = stack.enter_context(_celery(folder))
        yield contenders


@contextmanager
def _constant(name: str, folder: Path, *options: str) -> Iterator[Contender]:
    port = free_port()
    command = rival_command("constant_server", str(port), *options)
    with started(command, folder / f"{name}.txt", lambda: listens(port)):
        yield Contender(name, _address(port), right=None)


@contextmanager
def _development(folder: Path) -> Iterator[Contender]:
    port = free_port()
    results = folder / "results"
    results.mkdir()
    command = rival_command("development_server", str(port), str(paths.BUNDLED_TABLE), str(results))
    with started(command, Path(os.devnull), lambda: listens(port)):
        yield Contender(DEVELOPMENT, _address(port))


@contextmanager
def _celery(folder: Path) -> Iterator[Contender]:
    port = free_port()
    worker = [sys.executable, "-m", "celery", "-A", "benchmarks.rivals.celery_jobs", "worker", "--loglevel", "WARNING"]
    worker += ["--pool", "prefork", "--concurrency", CELERY_WORKERS]
    with _redis(folder) as redis_address:
        environment = rival_environment({"RIVAL_REDIS": redis_address, "RIVAL_TABLE": str(paths.BUNDLED_TABLE)})
        with (
            # Tasks posted before the worker is ready wait in the queue.
            started(worker, folder / "worker.txt", lambda: True, environment),
            started(
                rival_command("celery_server", str(port)),
                folder / "celery.txt",
                lambda: listens(port),
                environment,
            ),
        ):
            yield Contender(CELERY, _address(port))


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    port = free_port()
    command = [shutil.which("redis-server") or "redis-server", "--port", str(port), "--bind", HOST]
    command += ["--save", "", "--appendonly", "no", "--dir", str(folder)]
    with started(command, folder / "redis.txt", lambda: listens(port)):
        yield f"redis://{HOST}:{port}/0"


def _address(port: int) -> str:
    return f"http://{HOST}:{port}"
