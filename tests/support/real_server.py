"""A real server for end-to-end tests: a separate process group on a free port."""

import errno
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import Any

import requests

PROJECT_ROOT = Path(__file__).resolve().parents[2]
BUNDLED_TABLE = PROJECT_ROOT / "nutrition_activity_obesity_usa_subset.csv"
ENTRY_POINT = PROJECT_ROOT / "api_server.py"
HOST = "127.0.0.1"
SERVED_PATH = "/api/num_jobs"  # available once the table is loaded
ALIVE_PATH = "/healthz"  # available earlier
SETTING_PREFIXES = ("STATS_", "TP_")
START_SECONDS = 180.0  # a cluster takes a minute to start where four tests start one on two cores
STOP_SECONDS = 45.0  # longer than the server's default drain time
ANSWER_SECONDS = 2.0
PAUSE_SECONDS = 0.05
RESULT_SECONDS = 10


class ServerStartError(RuntimeError):
    """The server exited or did not respond before it was ready; the message holds its output."""


@dataclass(frozen=True)
class RealServer:
    """A running server.

    ``address`` is its base address without a trailing slash, ``output_file`` gets its standard output and error.
    """

    address: str
    process: subprocess.Popen[bytes]
    results_dir: Path
    log_file: Path
    output_file: Path

    def output(self) -> str:
        """Return the server's standard output and error so far."""
        return self.output_file.read_text(encoding="utf-8", errors="replace")

    def remove_results(self) -> None:
        """Delete the results folder, even if the server writes or renames a file in it meanwhile."""
        while self.results_dir.exists():
            try:
                shutil.rmtree(self.results_dir)
            except OSError as error:
                if error.errno not in {errno.ENOTEMPTY, errno.ENOENT}:
                    raise
            else:
                return

    def stop(self, signal: Signals = SIGTERM, timeout_seconds: float = STOP_SECONDS) -> int:
        """Send a signal, wait for the process to exit and return its exit code, negative if a signal killed it.

        A process that has already exited gets no signal.

        Raises
        ------
        TimeoutError: the process still runs after ``timeout_seconds``
        """
        self.process.send_signal(signal)
        try:
            return self.process.wait(timeout_seconds)
        except subprocess.TimeoutExpired as error:
            message = f"the server still runs {timeout_seconds:g} s after {signal.name}; it wrote:\n{self.output()}"
            raise TimeoutError(message) from error

    def worker(self) -> int:
        """Return the process id of the worker, the server's only child process."""
        return children_of(self.process.pid)[0]

    def ask(self, statistic: str, **body: Any) -> Any:
        """Return the document of a job, or the error of a rejected request."""
        answer = requests.post(f"{self.address}/api/{statistic}", json=body, timeout=2 * RESULT_SECONDS)
        if answer.status_code != 200:
            return answer.json()
        result = f"{self.address}{answer.headers['Location']}?wait={RESULT_SECONDS}"
        return requests.get(result, timeout=2 * RESULT_SECONDS).json()

    def kill(self) -> None:
        """Kill the process and its children without cleanup, and wait until it has exited.

        One that has been waited for is not killed again: another process may have its id by now.
        """
        if self.process.returncode is None:
            os.killpg(self.process.pid, SIGKILL)  # it leads its own process group
            self.process.wait()


@contextmanager
def running_server(
    environment: Mapping[str, str] | None = None,
    *,
    entry_point: Path = ENTRY_POINT,
    start_seconds: float = START_SECONDS,
    path: str = SERVED_PATH,
) -> Iterator[RealServer]:
    """Start a server, wait until it responds, and kill its whole process group when the block ends.

    It gets the bundled table, a free port, and a temporary folder for results, log and output. It does not inherit
    settings from the shell.

    Parameters
    ----------
    environment: settings that override these defaults, such as a results folder that outlives the server
    entry_point: the script to run; its folder is the working folder
    start_seconds: how long to wait for the first successful response
    path: the route to poll

    Raises
    ------
    ServerStartError: the server exited or did not respond in time
    """
    with tempfile.TemporaryDirectory(prefix="real-server-") as folder:
        server = _start(_environment(environment or {}, Path(folder)), entry_point, Path(folder))
        try:
            wait_until_ready(server, start_seconds, path)
            yield server
        finally:
            server.kill()


def children_of(process: int) -> list[int]:
    """Return the ids of the processes that a process has started and that still run."""
    return [
        int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
    ]


def entry_point_with(folder: Path, prelude: str) -> Path:
    """Write a script that runs ``prelude`` and then the server, and return its path."""
    path = folder / "entry_point.py"
    path.write_text(
        f"{prelude}\n"
        "import os, runpy, sys\n"
        f"os.chdir({str(PROJECT_ROOT)!r})\n"
        f"sys.path.insert(0, {str(PROJECT_ROOT)!r})\n"
        f"sys.argv = [{ENTRY_POINT.name!r}]\n"
        f"runpy.run_path({ENTRY_POINT.name!r}, run_name='__main__')\n"
    )
    return path


def slow_entry_point(folder: Path, seconds: float) -> Path:
    """Write a script that runs the server with runners that sleep after each job, and return its path."""
    return entry_point_with(folder, slow_prelude(seconds))


def slow_prelude(seconds: float) -> str:
    """Return code that makes runners sleep after each job."""
    return (
        f"import sys\nsys.path.insert(0, {str(PROJECT_ROOT)!r})\n"
        "import time\n"
        "from app.metrics import Metrics\n"
        "ended = Metrics.ended\n"
        f"Metrics.ended = lambda *of_job: (ended(*of_job), time.sleep({seconds}))"
    )


def free_port() -> int:
    """Return a free port of the loopback address."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _environment(chosen: Mapping[str, str], folder: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(SETTING_PREFIXES)}
    return {
        **inherited,
        "PYTHONUNBUFFERED": "1",  # so that output() is complete if the process is killed
        "STATS_HOST": HOST,
        "STATS_PORT": str(free_port()),
        "STATS_DATA": str(BUNDLED_TABLE),  # otherwise a downloaded table would take precedence
        "STATS_RESULTS_DIR": str(folder / "results"),
        "STATS_LOG_FILE": str(folder / "webserver.log"),
        **chosen,
    }


def _start(environment: Mapping[str, str], entry_point: Path, folder: Path) -> RealServer:
    output_file = folder / "output.txt"
    with output_file.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(entry_point)],
            cwd=entry_point.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return RealServer(
        address=f"http://{HOST}:{environment['STATS_PORT']}",
        process=process,
        results_dir=entry_point.parent / environment["STATS_RESULTS_DIR"],
        log_file=entry_point.parent / environment["STATS_LOG_FILE"],
        output_file=output_file,
    )


def wait_until_ready(server: RealServer, start_seconds: float = START_SECONDS, path: str = SERVED_PATH) -> None:
    """Wait until a server responds successfully.

    Raises
    ------
    ServerStartError: it exited or did not respond in time
    """
    deadline = time.monotonic() + start_seconds
    with requests.Session() as session:
        session.trust_env = False  # a proxy cannot reach the loopback address
        while not _answers(session, f"{server.address}{path}"):
            if server.process.poll() is not None:
                code = server.process.returncode
                raise ServerStartError(
                    f"the server ended with exit code {code} at its start; it wrote:\n{server.output()}"
                )
            if time.monotonic() > deadline:
                raise ServerStartError(
                    f"no answer from the server in {start_seconds:g} s; it wrote:\n{server.output()}"
                )
            time.sleep(PAUSE_SECONDS)


def _answers(session: requests.Session, url: str) -> bool:
    try:
        return session.get(url, timeout=ANSWER_SECONDS).ok
    except requests.RequestException:
        return False
