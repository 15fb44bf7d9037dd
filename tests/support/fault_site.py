"""A results folder with its servers, one after another, for tests that harm both."""

import json
import os
import resource
import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from support.fault_model import ViolationError
from support.harm import JOURNAL, SET_ASIDE, JournalState, Record, read_lines, record_of, records_of, result_path
from support.raw_http import Answer, RawConnection
from support.real_server import RealServer, ServerStartError, children_of, running_server, slow_entry_point
from support.stepped_clock import SteppedClock
from support.versioned_table import write_table

SECONDS_PER_JOB = 0.01  # slow enough that a job can be cancelled while it waits
DEADLINE_SECONDS = 60.0
PAUSE_SECONDS = 0.02


class Site:
    """A results folder and the server on it. A server that ends or is silent without a cause is a ``ViolationError``.

    Parameters
    ----------
    folder: folder for the table, the log and the output
    results: the results folder
    clock: the wall clock of the servers; None for the true one
    """

    def __init__(self, folder: Path, results: Path, clock: SteppedClock | None = None) -> None:
        self.results = results
        self.clock = clock
        self._source = folder / "table.csv"
        self._entry_point = slow_entry_point(folder, SECONDS_PER_JOB)
        self._environment = {
            "STATS_DATA": str(self._source),
            "STATS_RESULTS_DIR": str(results),
            "STATS_LOG_FILE": str(folder / "webserver.log"),
            "TP_NUM_OF_THREADS": "1",
            "PYTHONFAULTHANDLER": "1",  # for ``_write_stacks``
            **(clock.environment if clock else {}),
        }
        self._stack = ExitStack()
        self._connection: RawConnection | None = None
        self._server: RealServer | None = None
        self.lines_lost = False  # whether the journal was cut or deleted, and the server has not mended it since
        self._damaged_lines: dict[bytes, Record | None] = {}
        self._damaged_at_start: set[bytes] = set()
        self._damaged_files: set[bytes] = set()

    @property
    def server(self) -> RealServer:
        """The running server."""
        assert self._server is not None
        return self._server

    def use_table(self, version: int) -> None:
        """Replace the source of the table; the server reads it at the next start or reload."""
        write_table(self._source, version)

    # Starts and ends

    def start(self) -> None:
        """Start a server.

        Raises
        ------
        ViolationError: it does not start
        """
        self._note_start()
        try:
            self._server = self._stack.enter_context(running_server(self._environment, entry_point=self._entry_point))
        except ServerStartError as error:
            raise ViolationError("the server does not start", str(error)) from error
        self._connection = self._stack.enter_context(RawConnection(self._server.address))

    def _note_start(self) -> None:
        """Remember which damaged lines the next server finds."""
        lines = read_lines(self.results)
        self._damaged_at_start = {line for line in self._damaged_lines if line in lines}
        self._damaged_lines.clear()
        self.lines_lost = False

    def check_set_aside(self) -> None:
        """Check that the server has set aside the damaged lines that it found at its start.

        Raises
        ------
        ViolationError: one is in no such file
        """
        kept = b"".join(path.read_bytes() for path in self.results.glob(SET_ASIDE))
        for line in self._damaged_at_start:
            if line not in kept:
                raise ViolationError("a damaged line is not set aside", repr(line))

    def stop(self) -> None:
        """End the server by SIGTERM.

        Raises
        ------
        ViolationError: it ends with an error
        """
        self._disconnect()
        if (code := self.server.stop()) != 0:
            raise ViolationError("a stop fails", f"exit code {code}:\n{self.server.output()}")
        self.lines_lost = False  # a clean stop writes the journal from memory
        self._stack.close()

    def kill(self) -> None:
        """Kill every process of the server."""
        self._disconnect()
        self.server.kill()
        self._stack.close()

    def kill_worker(self) -> None:
        """Kill the worker; its replacement starts at once."""
        self._disconnect()
        worker = self.server.worker()
        os.kill(worker, signal.SIGKILL)
        while _lives(worker):
            time.sleep(PAUSE_SECONDS)

    def await_worker(self) -> None:
        """Wait until the replacement of a killed worker responds.

        Raises
        ------
        ViolationError: the server ended
        """
        self._note_start()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self._ask("GET", "/api/num_jobs") is None:
            if self.server.process.poll() is not None or time.monotonic() > deadline:
                self._write_stacks()
                raise ViolationError("a killed worker is not replaced", self.server.output())
            time.sleep(PAUSE_SECONDS)

    def close(self) -> None:
        """End everything that is left."""
        self._disconnect()
        self._stack.close()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _write_stacks(self) -> None:
        """Let the worker and its children write the stacks of their threads to the server's output, and end."""
        with suppress(OSError, IndexError):  # there may be no worker
            for process in (*children_of(self.server.worker()), self.server.worker()):
                os.kill(process, signal.SIGABRT)
            time.sleep(1.0)

    # HTTP

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a request over the kept connection and return the response.

        Raises
        ------
        ViolationError: there is none
        """
        answer = self._ask(method, path, body, headers)
        if answer is not None and answer.status == 403:  # on a busy machine; its reason says what to do
            self._disconnect()
            answer = self._ask(method, path, body, headers)
        if answer is None:
            raise ViolationError("no response", f"{method} {path}; the server wrote:\n{self.server.output()}")
        return answer

    def _ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer | None:
        assert self._connection is not None
        content = b"" if body is None else json.dumps(body).encode()
        fields = {"Host": "127.0.0.1", "Content-Length": str(len(content)), **(headers or {})}
        if body is not None:
            fields["Content-Type"] = "application/json"
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return self._connection.ask(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + content)

    def reload(self) -> None:
        """Reload the table and wait until that ends.

        Raises
        ------
        ViolationError: it is refused, or fails
        """
        answer = self.ask("POST", "/api/dataset/reload")
        if answer.status != 200:
            raise ViolationError("a reload is refused", f"{answer.status} {answer.body!r}")
        while (report := json.loads(self.ask("GET", "/api/dataset").body)["data"]["reload"])["status"] == "running":
            time.sleep(PAUSE_SECONDS)
        if report["status"] != "done":
            raise ViolationError("a reload fails", str(report))

    # Files

    def data_in(self, number: int) -> Any:
        """Return the data in a job's result file, None if it is damaged or missing."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            content = result_path(self.results, number).read_bytes()
            return None if content in self._damaged_files else json.loads(content)["data"]
        return None

    def note_damaged_file(self, path: Path) -> None:
        """Remember a file's content as damaged, whatever it reads like."""
        self._damaged_files.add(path.read_bytes())

    def file_numbers(self) -> list[int]:
        """Return the numbers of the jobs with a result file, ascending."""
        return sorted(int(path.stem.removeprefix("job_id_")) for path in self.results.glob("job_id_*.json"))

    def note_damaged(self, line: bytes, record: Record | None) -> None:
        """Remember a line that a test has damaged, and what it recorded."""
        self._damaged_lines[line] = self._damaged_lines.get(line, record)

    def undamaged_places(self) -> list[int]:
        """Return the numbers, from 0, of the journal's lines that record a job and are not damaged."""
        lines = read_lines(self.results)
        return [
            place for place, line in enumerate(lines) if line not in self._damaged_lines and record_of(line) is not None
        ]

    def journal_state(self) -> JournalState:
        """Return what the journal says to the next server."""
        lines = read_lines(self.results)
        damaged = {record for line, record in self._damaged_lines.items() if line in lines and record is not None}
        records = records_of(line for line in lines if line not in self._damaged_lines)
        return JournalState(records, damaged, self.lines_lost)

    def await_journal(self, numbers: set[int]) -> None:
        """Wait until the server has written a cut or deleted journal from memory.

        Raises
        ------
        ViolationError: it does not
        """
        deadline = time.monotonic() + DEADLINE_SECONDS / 4
        wanted = {("accepted", number) for number in numbers}
        while not ((self.results / JOURNAL).exists() and wanted <= records_of(read_lines(self.results))):
            if time.monotonic() > deadline:
                raise ViolationError("a live server does not mend its journal", f"{len(numbers)} jobs are expected")
            time.sleep(PAUSE_SECONDS)
        self.lines_lost = False

    # Descriptors

    def limit_descriptors(self, spare: int) -> tuple[int, int]:
        """Let the worker open ``spare`` more files at most; return the limits of before."""
        worker = self.server.worker()
        highest = max(
            int(path.name) for path in Path(f"/proc/{worker}/fd").iterdir()
        )  # the limit is on the number, not on the count
        before = resource.prlimit(worker, resource.RLIMIT_NOFILE)
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (highest + 1 + spare, before[1]))
        return before

    def lift_limit(self, limits: tuple[int, int]) -> None:
        """Restore the worker's limit on open files."""
        resource.prlimit(self.server.worker(), resource.RLIMIT_NOFILE, limits)


def _lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}
