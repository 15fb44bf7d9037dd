"""One core for all threads that run Python, so that they hand over to each other without waking another core up.

Threads of Python run one at a time, and waking another core up takes longer than what most of them do in their turn.
The server's own threads, which receive requests and send answers, run no Python: they work beside, on the other cores.
"""

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
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


App = TypeVar("App", bound=Any)  # Flask's, or another with a ``wsgi_app`` that may be replaced

ONE_CORE: frozenset[int] = frozenset({max(CORES)}) if CORES else CORES
OTHER_CORES: frozenset[int] = CORES - ONE_CORE or CORES  # the same one where there is no other


def placed(create_app: Callable[[], App]) -> Callable[[], App]:
    """Return a function that creates an application for a server which is about to start its threads from this one.

    The threads that the application starts stay on the one core, and those on which the server calls it come there. All
    else that this thread starts from then on has the others.
    """

    def create() -> App:
        use_cores(ONE_CORE)
        app = create_app()
        app.wsgi_app = on_one_core(app.wsgi_app)
        use_cores(OTHER_CORES)
        return app

    return create


def on_one_core(application: "WSGIApplication") -> "WSGIApplication":
    """Return an application that does what another one does, on the one core, to which it brings each thread once."""
    here = threading.local()

    def called(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not hasattr(here, "is_there"):
            use_cores(ONE_CORE)
            here.is_there = True
        return application(environ, start_response)

    return called
