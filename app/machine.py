"""What this process may use of its machine: processor cores and memory."""

import os
from pathlib import Path

CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container; holds the word max where there is none

# As they were when the process began, before it, or one that it was forked from, was told to use fewer of them.
CORES: frozenset[int] = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()


def use_cores(cores: frozenset[int]) -> None:
    """Let this thread, and every thread and process that it starts from now on, run on some cores only.

    Does nothing where the system knows no such thing.
    """
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
