"""Harm to journal, result files and descriptors: what was acknowledged is still answered, and rightly."""

import json
import random
import resource
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from support.acknowledged import JOBS, assert_answered, delete, finished_jobs, submit_all, submit_batch
from support.harm import (
    JOURNAL,
    SET_ASIDE,
    checked_line,
    cut,
    flip_bit,
    flip_bit_of_line,
    flip_digit,
    read_lines,
    record_of,
    result_path,
)
from support.load import CASES, Case
from support.raw_http import RawConnection
from support.real_server import RealServer, ServerStartError, running_server
from support.versioned_table import REQUESTS, expected_data, write_table

DEADLINE_SECONDS = 20.0
DESCRIPTORS = 256
STARTED_WRONG = 2


def failure_to_start(environment: Mapping[str, str]) -> str:
    """Start a server that does not start; return the message of the test's helper."""
    with pytest.raises(ServerStartError) as raised, running_server(environment):
        pass
    return str(raised.value)


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """A results folder that outlives a server."""
    return {"STATS_RESULTS_DIR": str(tmp_path / "results")}


# The journal


def test_a_journal_deleted_between_two_runs_loses_no_result_in_two_starts(places: dict[str, str]) -> None:
    with running_server(places) as server:
        accepted = finished_jobs(server)
        assert server.stop() == 0
        (server.results_dir / JOURNAL).unlink()
    for _ in range(2):
        with running_server(places) as server:
            accepted |= finished_jobs(server, 1)
            assert server.stop() == 0
    with running_server(places) as server:
        assert_answered(server, accepted)


def test_a_journal_truncated_under_a_live_server_loses_nothing_at_a_stop(places: dict[str, str]) -> None:
    with running_server(places) as server:
        accepted = finished_jobs(server)
        cut(server.results_dir / JOURNAL, 0)
        accepted |= submit_all(server, CASES[:20])
        assert server.stop() == 0
    with running_server(places) as server:
        assert_answered(server, accepted)


def test_a_journal_cut_within_a_batch_loses_no_result_in_two_starts(places: dict[str, str]) -> None:
    with running_server(places) as server:
        accepted = submit_batch(server, CASES[:20])
        assert_answered(server, accepted)
        assert server.stop() == 0
    journal = server.results_dir / JOURNAL
    lines = read_lines(server.results_dir)
    tenth = lines.index(next(line for line in lines if record_of(line) == ("accepted", 10)))
    journal.write_bytes(b"\n".join([*lines[:tenth], b""]))
    for _ in range(2):
        with running_server(places) as server:
            accepted |= finished_jobs(server, 1)
            assert server.stop() == 0
    with running_server(places) as server:
        assert_answered(server, accepted)


@pytest.mark.parametrize("kind", ["accepted", "ended"])
def test_a_flipped_bit_in_a_line_of_the_journal_loses_no_result(places: dict[str, str], kind: str) -> None:
    chance = random.Random(5)
    with running_server(places) as server:
        accepted = finished_jobs(server)
        assert server.stop() == 0
    results = server.results_dir
    for line in [place for place, line in enumerate(read_lines(results)) if (record_of(line) or "-")[0] == kind][::7]:
        flip_bit_of_line(results, line, chance)
    for _ in range(2):
        with running_server(places) as server:
            assert_answered(server, accepted)
            accepted |= finished_jobs(server, 1)
            assert server.stop() == 0
    assert list(results.glob(SET_ASIDE))


def test_a_flipped_bit_in_the_end_of_a_line_loses_no_result(places: dict[str, str]) -> None:
    with running_server(places) as server:
        accepted = finished_jobs(server)
        assert server.stop() == 0
    journal = server.results_dir / JOURNAL
    ends = [place for place, byte in enumerate(journal.read_bytes()) if byte == ord("\n")]
    for place in ends[5:-1:9]:
        flip_bit(journal, place, 2)
    for _ in range(2):
        with running_server(places) as server:
            assert_answered(server, accepted)
            accepted |= finished_jobs(server, 1)
            assert server.stop() == 0


@pytest.mark.parametrize("place", [0, 1, -1])
def test_a_flipped_bit_in_a_line_about_no_job_gives_no_number_twice(places: dict[str, str], place: int) -> None:
    with running_server(places) as server:
        accepted = finished_jobs(server, 5)
        assert delete(server, "job_id_5") == "removed"
        (server.results_dir / JOURNAL).unlink()
        accepted |= finished_jobs(server, 1)  # writes a new journal, which begins and ends with the highest number
        assert delete(server, "job_id_6") == "removed"
        (server.results_dir / JOURNAL).unlink()
        assert server.stop() == 0
    lines = read_lines(server.results_dir)
    flip_bit_of_line(server.results_dir, range(len(lines))[place], random.Random(7))
    with running_server(places) as server:
        given = finished_jobs(server, 1)
        assert not given.keys() & accepted.keys()
        assert_answered(server, {job_id: case for job_id, case in accepted.items() if job_id < "job_id_5"})
        assert server.stop() == 0


def test_a_byte_order_mark_loses_no_result(places: dict[str, str]) -> None:
    with running_server(places) as server:
        accepted = finished_jobs(server)
        assert server.stop() == 0
    journal = server.results_dir / JOURNAL
    journal.write_bytes(b"\xef\xbb\xbf" + journal.read_bytes())
    for _ in range(2):
        with running_server(places) as server:
            assert_answered(server, accepted)
            assert server.stop() == 0


def test_a_record_with_a_field_of_a_later_version_is_read(places: dict[str, str]) -> None:
    with running_server(places) as server:
        accepted = submit_batch(server, [CASES[number % len(CASES)] for number in range(JOBS)])
        assert_answered(server, accepted)
        assert server.stop() == 0
    journal = server.results_dir / JOURNAL
    lines = [_with_later_fields(line) for line in read_lines(server.results_dir)]
    journal.write_bytes(b"\n".join([*lines, b""]))
    for _ in range(2):
        with running_server(places) as server:
            assert_answered(server, accepted)
            assert server.stop() == 0


def _with_later_fields(line: bytes) -> bytes:
    """Add fields to a line of the journal, the way that a later version would write it."""
    record = json.loads(line)
    record.pop("crc", None)
    if "submission" in record:
        record["submission"]["priority"] = 3
    return checked_line({**record, "later": 1}).rstrip(b"\n")


def test_a_journal_of_an_unknown_version_stops_the_start_with_one_line(places: dict[str, str]) -> None:
    with running_server(places) as server:
        accepted = finished_jobs(server, 5)
        assert server.stop() == 0
    journal = server.results_dir / JOURNAL
    written = journal.read_bytes()
    later = checked_line({"journal": 99}) + written.partition(b"\n")[2]
    journal.write_bytes(later)
    message = failure_to_start(places)
    assert f"exit code {STARTED_WRONG}" in message
    assert sum(line.startswith("cannot start: ") for line in message.splitlines()) == 1
    assert "Traceback" not in message
    assert journal.read_bytes() == later
    journal.write_bytes(written)
    with running_server(places) as server:
        assert_answered(server, accepted)


# Result files


def test_results_damaged_before_their_ends_are_recorded_are_not_served(places: dict[str, str], tmp_path: Path) -> None:
    chance = random.Random(6)
    with running_server(places) as server:
        accepted = submit_batch(server, [CASES[number % len(CASES)] for number in range(200)])
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(list(server.results_dir.glob("job_id_*.json"))) < len(accepted):
            assert time.monotonic() < deadline
        server.kill()
    harmed = {path.stat().st_ino: path for path in server.results_dir.glob("job_id_*.json")}
    for path in harmed.values():  # each file once: files with the same content are one file
        flip_digit(path, chance)
    with running_server(places) as server:
        assert_answered(server, accepted)


def test_a_lost_result_is_computed_again_over_the_table_that_the_job_was_accepted_with(tmp_path: Path) -> None:
    source, results = tmp_path / "table.csv", tmp_path / "results"
    places = {"STATS_DATA": str(source), "STATS_RESULTS_DIR": str(results)}
    answers = []
    for version in range(4):
        write_table(source, version)
        with running_server(places) as server:
            if version == 0:
                statistic, body = REQUESTS[0]
                requests.post(f"{server.address}/api/{statistic}", json=body, timeout=20).raise_for_status()
            else:
                result_path(results, 1).unlink()
            answers.append(requests.get(f"{server.address}/api/get_results/1?wait=20", timeout=40).json()["data"])
            assert server.stop() == 0
    assert answers == [expected_data(0, 0)] * 4


# Descriptors


def test_used_up_descriptors_end_no_job_and_rewrite_no_result(places: dict[str, str]) -> None:
    with running_server(places) as server:
        accepted = finished_jobs(server)
        assert server.stop() == 0
    older = {path.name: (path.read_bytes(), path.stat().st_ino) for path in _results(server)}
    with running_server(places) as server, RawConnection(server.address) as kept, ExitStack() as crowd:
        kept.ask(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        limits = _use_up_descriptors(server, crowd)
        seen = [_poll(kept, job_id) for job_id in accepted]
        accepted |= _submit_while_refused(kept, CASES[:JOBS])
        resource.prlimit(server.worker(), resource.RLIMIT_NOFILE, limits)
        crowd.close()
        assert_answered(server, accepted)
        assert server.stop() == 0
    assert set(seen) <= {200, 503}
    assert {path.name: (path.read_bytes(), path.stat().st_ino) for path in _results(server) if path.name in older} == (
        older
    )


def _results(server: RealServer) -> list[Path]:
    return sorted(server.results_dir.glob("job_id_*.json"))


def _use_up_descriptors(server: RealServer, crowd: ExitStack) -> tuple[int, int]:
    """Limit a worker's open files and open idle connections until it has no more; return the limits of before."""
    worker = server.worker()
    before = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (DESCRIPTORS, before[1]))
    for _ in range(DESCRIPTORS):
        crowd.enter_context(RawConnection(server.address)).send(b"GET /healthz HTTP/1.1\r\n")
    deadline = time.monotonic() + DEADLINE_SECONDS
    while len(list(Path(f"/proc/{worker}/fd").iterdir())) < DESCRIPTORS:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return before


def _poll(kept: RawConnection, job_id: str) -> int:
    answer = kept.ask(f"GET /api/get_results/{job_id}?wait=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    assert answer is not None
    assert answer.status != 503 or int(answer.headers["retry-after"]) > 0
    return answer.status


def _submit_while_refused(kept: RawConnection, cases: Sequence[Case]) -> dict[str, Case]:
    """Submit cases; return those that are accepted. 503 with Retry-After is a right response too."""
    accepted = {}
    for case in cases:
        body = json.dumps(case.body).encode()
        head = f"POST /api/{case.statistic} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        answer = kept.ask(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert answer is not None
        if answer.status == 200:
            accepted[str(json.loads(answer.body)["job_id"])] = case
        else:
            assert (answer.status, int(answer.headers["retry-after"]) > 0) == (503, True)
    return accepted
