"""Random walks of faults: whatever happens in whatever order, what was acknowledged is answered, and rightly."""

import os
import subprocess
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.fault_model import Fate, Known, Model, ViolationError
from support.fault_steps import plan, step_clock
from support.fault_walk import Walk
from support.load import scaled
from support.stepped_clock import LIBRARIES, SteppedClock
from support.versioned_table import expected_data

STEPS = scaled(12, 60)
WALKS = scaled(10, 200)
WALKS_AT_ONCE = 2
SEEDS = [int(seed) for seed in os.environ.get("WALK_SEEDS", "").split(",") if seed] or list(range(1, WALKS + 1))


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """Mount a disk of 8 mebibytes until the block ends; None if none can be mounted."""
    disk = folder / "disk"
    disk.mkdir()
    command = ["/usr/bin/env", "mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield disk
    finally:
        subprocess.run(["/usr/bin/env", "umount", "-l", str(disk)], check=True)


@dataclass(frozen=True)
class Outcome:
    """How a walk ended.

    Parameters
    ----------
    jobs: number of jobs acknowledged
    kind: which promise was broken, in a few words; None if none was
    story: the walk's seed and steps, and what was wrong
    """

    jobs: int
    kind: str | None
    story: str


def outcome_of(seed: int) -> Outcome:
    """Walk until the end or the first violation."""
    with tempfile.TemporaryDirectory(prefix="walk-") as name, small_disk(Path(name)) as disk:
        steps = plan(seed, STEPS)
        # Only where it is needed: the library makes a server slow.
        clock = SteppedClock(Path(name)) if LIBRARIES and any(step is step_clock for step, _ in steps) else None
        walk = Walk(Path(name), disk, clock)
        kind, wrong = None, "nothing is wrong"
        try:
            walk.run(steps)
        except ViolationError as violation:
            kind, wrong = violation.kind, str(violation)
        except Exception as error:  # noqa: BLE001 - whatever ends a walk is reported with its seed
            kind, wrong = repr(error), traceback.format_exc()
    taken = "\n  ".join(walk.steps)
    return Outcome(len(walk.model.jobs), kind, f"WALK_SEEDS={seed} repeats this walk:\n  {taken}\n  {wrong}")


def test_random_walks_of_faults_lose_nothing_and_answer_nothing_wrong() -> None:
    started, outcomes = time.monotonic(), []
    with ThreadPoolExecutor(WALKS_AT_ONCE) as walkers:
        for outcome in walkers.map(outcome_of, SEEDS):
            outcomes.append(outcome)
            if outcome.kind is not None:
                print(f"\n{outcome.story}", flush=True)
    kinds = Counter(outcome.kind for outcome in outcomes if outcome.kind is not None)
    print(f"\n{len(SEEDS)} walks of {STEPS} steps in {time.monotonic() - started:.0f} s, ", end="")
    print(f"{sum(outcome.jobs for outcome in outcomes)} jobs acknowledged, {kinds.total()} violations")
    assert kinds == {}


def model_of_a_job(**fields: Any) -> Model:
    """Return a model that knows one job."""
    model = Model(version=1)
    model.jobs[1] = Known(1, 0, (1,), 0, **fields)
    return model


@pytest.mark.parametrize(
    ("fate", "status", "document", "kind"),
    [
        (Fate.KEPT, 404, {}, "lost"),
        (Fate.KEPT, 410, {}, "lost"),
        (Fate.KEPT, 200, {"status": "done", "data": {"global_mean": 1.0}}, "wrong result"),
        (Fate.KEPT, 200, {"status": "done", "data": expected_data(1, 0)}, "another table"),
        (Fate.KEPT, 200, {"status": "error", "reason": "no space"}, "ended as an error"),
        (Fate.KEPT, 503, {}, "unexpected status"),
        (Fate.KEPT, 500, {}, "unexpected status"),
        (Fate.REMOVED, 200, {"status": "done", "data": expected_data(0, 0)}, "removed job is done"),
        (Fate.CANCELLED, 200, {"status": "done", "data": expected_data(0, 0)}, "cancelled job is done"),
        (Fate.CANCELLED, 200, {"status": "running"}, "cancelled job runs"),
    ],
)
def test_the_model_refuses_wrong_responses(fate: Fate, status: int, document: dict[str, Any], kind: str) -> None:
    with pytest.raises(ViolationError, match=kind):
        model_of_a_job(fate=fate).see(1, status, document, None)


def test_the_model_refuses_a_number_given_twice_and_a_second_job_under_a_key() -> None:
    model = Model()
    model.accept([0], [1], "key")
    model.accept([0], [1], "key")
    with pytest.raises(ViolationError, match="under one key"):
        model.accept([0], [2], "key")
    with pytest.raises(ViolationError, match="given twice"):
        model.accept([0], [1])
