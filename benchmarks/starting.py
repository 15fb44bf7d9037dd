"""Compare the server's time to its first response with a process that only imports the same modules."""

import os
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import median

from benchmarks import paths
from benchmarks.comparison import Comparison, VoidRunError, times_slower
from benchmarks.processes import START_SECONDS, end
from benchmarks.progress import print_now
from benchmarks.timing import seconds_of
from support.real_server import ENTRY_POINT, HOST, SETTING_PREFIXES, free_port

TARGET = 1.5
PAUSE_SECONDS = 0.002
OK = 200

# Prints the modules that are loaded once the table is read, without the project's own, so that lazy imports count on
# both sides.
LIST_MODULES = """
import sys
from pathlib import Path
import api_server
from app.table.engines.pandas_reader import read_table
read_table(Path(sys.argv[1]))
own = ("__main__", "api_server", "app")
print("\\n".join(name for name in list(sys.modules) if name.partition(".")[0] not in own))
"""
IMPORT_MODULES = """
import sys
from contextlib import suppress
from importlib import import_module
for name in sys.argv[1:]:
    with suppress(ImportError):
        import_module(name)
"""


def compare_start(*, rounds: int) -> list[Comparison]:
    """Measure both in turns, with their files in the page cache."""
    modules = _run_python(LIST_MODULES, str(paths.BUNDLED_TABLE)).split()
    turns = [(_seconds_to_first_answer(), _seconds_of_imports(modules)) for _ in range(rounds + 1)]
    ours, rival = (median(seconds) for seconds in zip(*turns[1:], strict=True))  # the first turn fills the caches
    compared = times_slower("start to first answer, the imports alone", ours, rival, TARGET)
    print_now(f"start: {compared.ours}, the imports alone {compared.rival}")
    return [compared]


def _seconds_of_imports(modules: list[str]) -> float:
    return seconds_of(lambda: _run_python(IMPORT_MODULES, *modules))


def _run_python(code: str, *arguments: str) -> str:
    """Run code in a new interpreter and return its output."""
    command = [sys.executable, "-c", code, *arguments]
    ran = subprocess.run(
        command, cwd=paths.PROJECT_ROOT, capture_output=True, text=True, check=True, timeout=START_SECONDS
    )
    return ran.stdout


def _seconds_to_first_answer() -> float:
    """Return the seconds from starting a server to its first response; then stop it."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-start-") as folder:
        environment = _environment(port, Path(folder))
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, str(ENTRY_POINT)],
            cwd=ENTRY_POINT.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while not _answers(port):
                if process.poll() is not None or time.perf_counter() - started > START_SECONDS:
                    raise VoidRunError("the server does not start")
                time.sleep(PAUSE_SECONDS)
            return time.perf_counter() - started
        finally:
            end(process)


def _environment(port: int, folder: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(SETTING_PREFIXES)}
    return {
        **inherited,
        "STATS_PORT": str(port),
        "STATS_RESULTS_DIR": str(folder / "results"),
        "STATS_LOG_FILE": str(folder / "webserver.log"),
    }


def _answers(port: int) -> bool:
    connection = HTTPConnection(HOST, port, timeout=START_SECONDS)
    try:
        connection.request("GET", "/api/num_jobs")
        return connection.getresponse().status == OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
