"""Which user of this machine a request comes from, where the system tells."""

import os
import time
from typing import TYPE_CHECKING

from app.web.connections import ESTABLISHED, TABLES, client_ends, parse_address, sending_ports

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

LOOK_SECONDS, PAUSE_SECONDS = 1.0, 0.01


def is_own_user(environ: "WSGIEnvironment", started: float) -> bool:
    """Return whether a request from this machine comes from the user that the server runs as.

    The client's port is unknown, so every client at its address counts that has sent something since and has not been
    answered. Each has to be waiting for its response. A client that has closed its connection was served a moment ago,
    or has sent this request and left: its user is no longer known, so this waits until its connection is gone. A system
    without Linux' table of connections tells nothing: True. So does an application that no server calls.

    Parameters
    ----------
    started: when the request came, by ``time.perf_counter``
    """
    client = parse_address(environ.get("REMOTE_ADDR", ""))
    if client is None or "SERVER_SOFTWARE" not in environ or not TABLES[0].exists():
        return client is not None
    port = int(environ["SERVER_PORT"])
    deadline = time.monotonic() + LOOK_SECONDS
    while True:
        sending = sending_ports(client, port, started)
        ends = [end for end in client_ends(client, port) if end.local_port in sending]
        waiting = [end for end in ends if end.state == ESTABLISHED]
        if any(end.user != os.geteuid() for end in waiting):
            return False
        if waiting and len(waiting) == len(ends):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE_SECONDS)
