"""Random walks of faults: whatever happens in whatever order, what was acknowledged is answered, and rightly."""

import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from support.fault_model import ViolationError
from support.fault_steps import plan, step_clock
from support.fault_walk import Walk
from support.load import scaled
from support.stepped_clock import LIBRARIES, SteppedClock

STEPS = 60
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


def violation_of(seed: int) -> tuple[str, str] | None:
    """Walk; return the kind of the violation that ended the walk, and the whole story; None if there was none."""
    with tempfile.TemporaryDirectory(prefix="walk-") as name, small_disk(Path(name)) as disk:
        steps = plan(seed, STEPS)
        # Only where it is needed: the library makes a server slow.
        clock = SteppedClock(Path(name)) if LIBRARIES and any(step is step_clock for step, _ in steps) else None
        walk = Walk(Path(name), disk, clock)
        try:
            walk.run(steps)
        except ViolationError as violation:
            story = "\n  ".join(walk.steps)
            return violation.kind, f"WALK_SEEDS={seed} repeats this walk:\n  {story}\n  {violation}"
    return None


def test_random_walks_of_faults_lose_nothing_and_answer_nothing_wrong() -> None:
    started = time.monotonic()
    with ThreadPoolExecutor(WALKS_AT_ONCE) as walkers:
        found = [violation for violation in walkers.map(violation_of, SEEDS) if violation is not None]
    kinds = Counter(kind for kind, _ in found)
    print(f"\n{len(SEEDS)} walks of {STEPS} steps in {time.monotonic() - started:.0f} s: {len(found)} with a violation")
    for kind, count in kinds.most_common():
        print(f"  {count} {kind}")
    assert not found, "\n\n".join(story for _, story in found)
