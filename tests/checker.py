"""Submit every reference case to a server and compare the results with the expected ones.

Usage from the project's root: ``python tests/checker.py [--address http://127.0.0.1:5000]``. Without an address it
starts a server of its own. The exit code is 0 if all cases passed, 1 if one failed, 2 if nothing could be checked.
"""

import argparse
import json
import math
import signal
import sys
import time
import unittest
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from support.real_server import ServerStartError, running_server

TOLERANCE = 1e-9
RANKINGS = frozenset({"states_mean", "best5", "worst5", "diff_from_mean"})
TIMEOUT_SECONDS = 300.0
REQUEST_SECONDS = 30.0
PAUSE_SECONDS = 0.01
SHOWN_CHARS = 100
PASSED, FAILED, UNUSABLE = 0, 1, 2


class CheckError(Exception):
    """The server's response is unusable; the message says why, in one line."""


@dataclass(frozen=True, order=True)
class Case:
    """A reference case: its files exist or are missed when it is run."""

    statistic: str
    number: int
    folder: Path

    def body(self) -> Any:
        """Return the request's body."""
        return _load(self.folder / self.statistic / "input" / f"in-{self.number}.json")

    def expected(self) -> Any:
        """Return the expected ``data``."""
        return _load(self.folder / self.statistic / "output" / f"out-{self.number}.json")


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckError(f"{path} cannot be read: {error}") from error


def find_cases(folder: Path) -> list[Case]:
    """Return the cases below a folder, ordered by statistic and number."""
    numbered = ((path, path.stem.removeprefix("in-")) for path in folder.glob("*/input/in-*.json"))
    return sorted(Case(path.parent.parent.name, int(number), folder) for path, number in numbered if number.isdecimal())


class Client:
    """Submits jobs and fetches their results, within one deadline for the whole run."""

    def __init__(self, session: requests.Session, address: str, timeout_seconds: float) -> None:
        self._session = session
        self._address = address.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._deadline = time.monotonic() + timeout_seconds

    def result(self, statistic: str, body: object) -> object:
        """Run a job and return its ``data``; blocks until it has finished.

        Raises
        ------
        CheckError: the server refused the job, the job failed, or the time is up
        """
        job_id = self.answer("POST", f"/api/{statistic}", body).get("job_id")
        while (answer := self.answer("GET", f"/api/get_results/{job_id}")).get("status") == "running":
            time.sleep(PAUSE_SECONDS)
        if answer.get("status") != "done" or "data" not in answer:
            raise CheckError(f"{job_id} ended with {_shown(answer)}")
        return answer["data"]

    def answer(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Send a request and return the JSON object of the response.

        Raises
        ------
        CheckError: no response in time, a status other than 200, or a body that is not a JSON object
        """
        left_seconds = self._deadline - time.monotonic()
        if left_seconds <= 0:
            raise CheckError(f"{method} {path} not sent: the run's {self._timeout_seconds:g} s are over")
        timeout = min(left_seconds, REQUEST_SECONDS)
        try:
            response = self._session.request(method, self._address + path, json=body, timeout=timeout)
        except (requests.RequestException, ValueError) as error:
            reason = f"no response from {self._address} within {timeout:.3g} s: {type(error).__name__}"
            raise CheckError(f"{method} {path}: {reason}") from error
        answer = _json(response)
        if response.status_code != requests.codes.ok or not isinstance(answer, dict):
            raise CheckError(f"{method} {path} answered {response.status_code}: {_shown(answer)}")
        return answer


def _json(response: requests.Response) -> object:
    try:
        return response.json()
    except ValueError:
        return response.text


class CaseTest(unittest.TestCase):
    """The test of one case."""

    def __init__(self, case: Case, client: Client) -> None:
        super().__init__("check")
        self.case = case
        self.client = client
        self.problem = "stopped by a fault of the checker"

    def check(self) -> None:
        """Fail with the first difference between the result and the expected one."""
        body: object = None
        try:
            body, expected = self.case.body(), self.case.expected()
            actual = self.client.result(self.case.statistic, body)
            found = difference(expected, actual, ranking=self.case.statistic in RANKINGS)
        except CheckError as error:
            found = str(error)
        if found:
            request = "" if body is None else f" {json.dumps(body, ensure_ascii=False)}"
            self.problem = " ".join(f"{self.case.statistic}/in-{self.case.number}{request}: {found}".split())
            self.fail(self.problem)


def difference(expected: object, actual: object, *, ranking: bool = False, where: str = "data") -> str | None:
    """Return the first difference in one line, None if there is none.

    Numbers may differ by ``TOLERANCE``, relative or absolute. Objects must have the same keys in the same order; in a
    ranking, keys whose expected values are that close may change places.
    """
    if isinstance(expected, dict) and isinstance(actual, dict):
        return _object_difference(expected, actual, ranking, where)
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        found = (difference(one, other, ranking=ranking, where=f"{where}[{index}]") for index, (one, other) in pairs)
        return next(filter(None, found), None)
    if _close(expected, actual) or (type(expected) is type(actual) and expected == actual):
        return None
    return f"{where} is {_shown(actual)}, expected {_shown(expected)}"


def _object_difference(expected: dict[str, Any], actual: dict[str, Any], ranking: bool, where: str) -> str | None:
    missing = [key for key in expected if key not in actual]
    if missing:
        return f"{where} lacks {_some(missing)}"
    extra = [key for key in actual if key not in expected]
    if extra:
        return f"{where} has {_some(extra)}, which is not expected"
    found = (difference(expected[key], actual[key], ranking=ranking, where=f"{where}[{key!r}]") for key in expected)
    return next(filter(None, found), None) or _order_difference(expected, actual, ranking, where)


def _order_difference(expected: dict[str, Any], actual: dict[str, Any], ranking: bool, where: str) -> str | None:
    for place, (wanted, found) in enumerate(zip(expected, actual, strict=True), start=1):
        if wanted != found and not (ranking and _close(expected[wanted], expected[found])):
            return f"{where} has {found!r} at place {place}, expected {wanted!r}"
    return None


def _close(expected: object, actual: object) -> bool:
    numbers = [value for value in (expected, actual) if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numbers) == 2 and math.isclose(*numbers, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _some(keys: Sequence[str]) -> str:
    return repr(keys[0]) + (f" and {len(keys) - 1} more" if len(keys) > 1 else "")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "…"


def run_cases(cases: Sequence[Case], client: Client) -> int:
    """Run the cases, print a line per statistic, the failures below it, and the total; return the exit code."""
    passed = 0
    for statistic in sorted({case.statistic for case in cases}):
        tests = [CaseTest(case, client) for case in cases if case.statistic == statistic]
        outcome = unittest.TestResult()
        unittest.TestSuite(tests).run(outcome)
        failed = [*outcome.failures, *outcome.errors]
        passed += len(tests) - len(failed)
        print(f"{statistic:<24}{len(tests) - len(failed):>4}/{len(tests)}", flush=True)
        for test, trace in failed:
            print(f"  FAILED {test.problem if isinstance(test, CaseTest) else trace}")
    print(f"{passed} of {len(cases)} cases passed")
    return PASSED if passed == len(cases) else FAILED


@contextmanager
def _server_address(options: argparse.Namespace) -> Iterator[str]:
    """Yield the given address, or that of a server that is started for the run and stopped with SIGTERM."""
    if options.address:
        yield options.address
        return
    with running_server({"STATS_DATA": str(options.data.resolve())} if options.data else None) as server:
        yield server.address
        server.stop()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare a server's answers with the reference cases.")
    parser.add_argument("--address", help="base address of a running server (default: start one for the run)")
    cases = Path(__file__).resolve().parent / "cases"
    parser.add_argument("--cases", type=Path, default=cases, help="folder of the cases (default: tests/cases)")
    parser.add_argument("--data", type=Path, help="table for the server that is started (default: the bundled one)")
    limit = f"seconds for all cases together (default: {TIMEOUT_SECONDS:g})"
    parser.add_argument("--timeout", type=float, default=TIMEOUT_SECONDS, metavar="SECONDS", help=limit)
    options = parser.parse_args(arguments)
    if not options.cases.is_dir():
        parser.error(f"--cases {options.cases}: no such folder")
    if not find_cases(options.cases):
        parser.error(f"--cases {options.cases}: no file <statistic>/input/in-<number>.json in this folder")
    if options.data and options.address:
        parser.error("--data is for the server that the checker starts: leave out --address, or --data")
    if options.data and not options.data.exists():
        parser.error(f"--data {options.data}: no such file")
    if not 0 < options.timeout < math.inf:
        parser.error(f"--timeout {options.timeout:g}: must be a positive number of seconds")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the checks and return the exit code; wrong usage raises ``SystemExit`` with code 2."""
    options = _options(arguments)
    try:
        with _server_address(options) as address, requests.Session() as session:
            session.trust_env = False  # ignore the shell's proxy settings
            client = Client(session, address, options.timeout)
            client.answer("GET", "/api/num_jobs")
            return run_cases(find_cases(options.cases), client)
    except TimeoutError as error:
        print(error, file=sys.stderr)
        return FAILED
    except (ServerStartError, CheckError) as error:
        print(f"checker.py: {error}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print("checker.py: stopped before all cases were checked", file=sys.stderr)
        return UNUSABLE


if __name__ == "__main__":
    # SIGTERM acts like Ctrl-C, so that the checker also stops its server; unittest would catch SystemExit.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
