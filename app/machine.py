"""What this process may use of its machine: processor cores and memory."""

import os
from pathlib import Path

CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container; holds the word max where there is none

# As they were when the process began, before it, or one that it was forked from, stayed on one of them.
CORES: frozenset[int] = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()


def stay_on_one_core() -> None:
    """Keep this process, and every thread that it starts from now on, on one of the cores that it may use.

    Threads of Python run one at a time. On one core a thread hands over to the next without waking another core up,
    which takes longer than a job.
    """
    use_cores(frozenset({max(CORES)}) if CORES else CORES)


def use_cores(cores: frozenset[int]) -> None:
    """Let this process run on some cores only, where the system knows such a thing."""
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def memory_bytes() -> int:
    """Return how much memory there is, in the container that this process runs in or else in the machine."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = CGROUP_LIMIT.read_text(encoding="ascii").strip()
    except OSError:
        return physical
    return min(physical, int(limit)) if limit.isdecimal() else physical
