"""A mixed load for a long time: every response is right, and memory, descriptors, threads and files do not grow.

Memory is compared once the caches are full and retention has begun, after the first sixth of the time. Each of sixty
parts of the time counts with the median of its samples, because single samples depend on what is computed just then.
The short form lasts no longer than it takes to fill the caches, so there memory has an absolute limit only.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest
import requests

from support.load import scaled
from support.mixed_load import IDENTITIES, OPERATOR, TOKEN, MixedClient, Seen, final_problems, mixed_load, reload_table
from support.real_server import RealServer, running_server

pytestmark = pytest.mark.alone

SECONDS = scaled(20, 3600)
PARTS = 60
SAMPLES_PER_PART = scaled(1, 6)
WARM_UP = PARTS // 6
BASELINE = 3  # parts that follow the warm-up, with which the others are compared
PAUSE_SECONDS = 0.1
PARTS_BETWEEN_RELOADS, PARTS_BETWEEN_LINES = scaled(20, 2), scaled(PARTS, 1)
MOST_GROWTH = 1.1
MOST_RESIDENT_MIB = 512
# Clients of this kind keep few connections, and Granian ends a thread that has had nothing to do for half a minute.
SPARE_DESCRIPTORS, SPARE_THREADS = 4, scaled(16, 4)
REST_SECONDS = 60.0
JOURNAL = "journal.jsonl"

# Limits that are reached in the first ten minutes. The clients' addresses come from the proxy's header.
SETTINGS = {
    "STATS_ADMIN_TOKEN": TOKEN,
    "STATS_TRUSTED_PROXIES": "127.0.0.1",
    "STATS_QUEUE_SIZE": "1000",
    "STATS_RETENTION_JOBS": "10000",
    "STATS_RETENTION_MIB": "64",
}
KEPT_JOBS = 1000  # fewer than both limits keep


@dataclass(frozen=True)
class Usage:
    """What the worker uses: resident memory in MiB, descriptors, threads, and files beside the results."""

    resident: float
    descriptors: int
    threads: int
    temporary: int


def usage_of(server: RealServer, temporary: Path) -> Usage:
    """Return what the worker uses now."""
    process = Path(f"/proc/{server.worker()}")
    status = (process / "status").read_text(encoding="ascii")
    results = {path.name for path in server.results_dir.iterdir() if not path.name.startswith("job_id_")}
    return Usage(
        resident=int(status.partition("VmRSS:")[2].split()[0]) / 1024,
        descriptors=len(list((process / "fd").iterdir())),
        threads=int(status.partition("Threads:")[2].split()[0]),
        temporary=len(results) + len(list(temporary.rglob("*"))),
    )


def samples(server: RealServer, temporary: Path, seen: Seen) -> Iterator[list[Usage]]:
    """Yield the samples of each part of the time; reload the table now and then, and print a line each minute."""
    started = time.monotonic()
    for part in range(PARTS):
        found = []
        for number in range(SAMPLES_PER_PART):
            due = started + SECONDS * (part + (number + 1) / SAMPLES_PER_PART) / PARTS
            time.sleep(max(0.0, due - time.monotonic()))
            found.append(usage_of(server, temporary))
        yield found
        if part % PARTS_BETWEEN_RELOADS == 0:
            reload_table(server.address, seen)
        if (part + 1) % PARTS_BETWEEN_LINES == 0:
            seconds = time.monotonic() - started
            print(f"{seconds:5.0f} s: {found[-1]}, {seen.requests()} requests, wrong: {seen.wrong[:3]}", flush=True)


def at_rest(server: RealServer, temporary: Path, before: Usage) -> Usage:
    """Wait until the worker uses as much as before, but for little and memory; return what it uses then."""
    deadline = time.monotonic() + REST_SECONDS
    while True:
        now = usage_of(server, temporary)
        grown = (
            now.descriptors > before.descriptors + SPARE_DESCRIPTORS
            or now.threads > before.threads + SPARE_THREADS
            or now.temporary > before.temporary
        )
        if not grown or time.monotonic() > deadline:
            return now
        time.sleep(0.5)


def do_everything_once(server: RealServer) -> None:
    """Let one client do everything, so that whatever is started at its first use runs."""
    client = MixedClient(server.address, IDENTITIES[0], seen := Seen(), seed=0)
    client.do_each()
    client.close()
    assert seen.wrong == []


def report(seen: Seen, parts: list[list[Usage]]) -> float:
    """Print the figures; return how resident memory at most compares to that after the warm-up."""
    medians = [median(usage.resident for usage in part) for part in parts]
    baseline = median(medians[WARM_UP : WARM_UP + BASELINE])
    most = max(medians[WARM_UP + BASELINE :])
    every = [usage for part in parts for usage in part]
    hostile = seen.of_action("hostile")
    print(f"\n{SECONDS} s: {seen.requests()} requests, {sum(hostile.values()) / seen.requests():.1%} of them hostile, ")
    print(f"{len(seen.acknowledged)} jobs acknowledged, {seen.checked} results checked, {len(seen.wrong)} wrong")
    print(f"hostile requests by status: {hostile}; reloads: {seen.of_action('reload')}")
    print(f"responses with 503: {dict(seen.refusals)}")
    print(f"resident memory: {baseline:.0f} MiB after the warm-up, then at most {most:.0f} MiB ", end="")
    print(f"({most / baseline - 1:+.1%}), single samples up to {max(usage.resident for usage in every):.0f} MiB")
    print(f"at most {max(usage.descriptors for usage in every)} descriptors, ", end="")
    print(f"{max(usage.threads for usage in every)} threads")
    return most / baseline


def test_a_mixed_load_gets_right_responses_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with running_server({**SETTINGS, "TMPDIR": str(tmp_path)}) as server:
        do_everything_once(server)
        before = at_rest(server, tmp_path, usage_of(server, tmp_path))
        with mixed_load(server.address, PAUSE_SECONDS) as seen:
            parts = list(samples(server, tmp_path, seen))
        growth = report(seen, parts)
        after = at_rest(server, tmp_path, before)
        print(f"at rest: {before} before, {after} after")
        assert seen.wrong == []
        assert final_problems(server.address, seen, KEPT_JOBS) == []
        reload_report = requests.get(f"{server.address}/api/dataset", headers=OPERATOR, timeout=30).json()["data"][
            "reload"
        ]
        assert server.stop() == 0
        log = server.log_file.read_text(encoding="utf-8")
    assert "Traceback" not in log
    assert reload_report["status"] == "done"
    assert set(seen.of_action("reload")) == {200}
    assert after.descriptors <= before.descriptors + SPARE_DESCRIPTORS
    assert after.threads <= before.threads + SPARE_THREADS
    assert after.temporary <= before.temporary
    assert max(usage.resident for part in parts for usage in part) < MOST_RESIDENT_MIB
    assert growth < MOST_GROWTH or not scaled(0, 1)
