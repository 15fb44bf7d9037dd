"""Processor cores and memory of this process, and how the application's threads are pinned to one core.

Only one Python thread runs at a time, and waking another core takes longer than most threads run before they hand over.
So all threads that run Python share one core. The HTTP server's own threads run no Python; they use the other cores.
"""

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

App = TypeVar("App", bound=Any)  # Flask's application, or another one with a ``wsgi_app`` that can be replaced

CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # a container's limit; "max" means that there is none

# All cores of the process, read at import: before this process, or the one it was forked from, is pinned to fewer.
CORES: frozenset[int] = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()
ONE_CORE: frozenset[int] = frozenset({max(CORES)}) if CORES else CORES
OTHER_CORES: frozenset[int] = CORES - ONE_CORE or CORES  # the same core if there is only one


def create_on_one_core(create_app: Callable[[], App]) -> App:
    """Create an application whose threads, and the server's threads that call it, run on one core.

    Threads that the calling thread starts afterwards, such as those of the HTTP server, run on the other cores.
    """
    use_cores(ONE_CORE)  # before the application starts its threads: a new thread inherits its creator's cores
    app = create_app()
    app.wsgi_app = _pin_callers(app.wsgi_app)
    use_cores(OTHER_CORES)
    return app


def use_cores(cores: frozenset[int]) -> None:
    """Restrict this thread, and all threads and processes that it starts from now on, to some cores.

    Does nothing on systems without processor affinity.
    """
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def memory_bytes() -> int:
    """Return the memory of this machine, or of the container if its limit is lower."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = CGROUP_LIMIT.read_text(encoding="ascii").strip()
    except OSError:
        return physical
    return min(physical, int(limit)) if limit.isdecimal() else physical


def _pin_callers(application: "WSGIApplication") -> "WSGIApplication":
    """Wrap an application so that each thread is pinned to the one core at its first call."""
    pinned = threading.local()

    def call(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not hasattr(pinned, "done"):
            use_cores(ONE_CORE)
            pinned.done = True
        return application(environ, start_response)

    return call
