"""How many HTTP threads this process may have: as many as wanted, or what the system's limits leave room for."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

# A client that sends its body slowly, and one that waits for a job, holds an HTTP thread until it is done. Threads are
# made as they are needed and cost little while they wait, so there are many.
HTTP_THREADS = 4096
LEAST_HTTP_THREADS = 8  # the server needs some, even if a limit leaves room for fewer
FILES_PER_THREAD = 2  # its connection, and a result file
OTHER_FILES = 40  # log, journal, runners, pipes
SHARE_OF_THREADS = 2  # one half of the threads; the other is for runners, other processes and Granian itself
OPEN_FILES = HTTP_THREADS * FILES_PER_THREAD + OTHER_FILES
CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")


def raise_open_files() -> None:
    """Raise this process's limit on open files as far as it is allowed and needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def http_threads() -> tuple[int, str]:
    """Return the number of HTTP threads, and the limit that makes it lower than ``HTTP_THREADS``, "" if none does.

    There are never more connections than threads, so that a crowd of clients does not use up the descriptors which
    results and the journal need.
    """
    number, reason = min([(HTTP_THREADS, ""), *_limits()], key=lambda limit: limit[0])
    return max(number, LEAST_HTTP_THREADS), reason


def _limits() -> Iterator[tuple[int, str]]:
    """Yield for each limit of the system the HTTP threads that it leaves room for, and its name and value."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY:
        yield (files - OTHER_FILES) // FILES_PER_THREAD, f"{files} open files (ulimit -n)"
    processes, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if processes != resource.RLIM_INFINITY and os.geteuid() != 0:  # the system does not hold root to it
        yield processes // SHARE_OF_THREADS, f"{processes} threads of this user (ulimit -u)"
    for path in _pids_limits():
        try:
            limit = path.read_text(encoding="ascii").strip()
        except OSError:
            continue  # no such controller
        if limit.isdecimal():
            yield int(limit) // SHARE_OF_THREADS, f"{limit} threads of this control group ({path.name})"


def _pids_limits() -> Iterator[Path]:
    """Yield the files that may hold the limit of the process's control group, and of those around it."""
    try:
        lines = OWN_CGROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, own = line.split(":", 2)
        if controllers in {"", "pids"}:  # version 2, version 1
            folder = CGROUPS / controllers / own.strip("/")
            yield from (place / "pids.max" for place in (folder, *folder.parents) if place.is_relative_to(CGROUPS))
