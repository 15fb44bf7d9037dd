"""Which user of this machine a request comes from, where the system tells."""

import os
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from app.web.connections import ESTABLISHED, TABLES, Address, client_ends, parse_address

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

INTERNET = (socket.AF_INET, socket.AF_INET6)
DESCRIPTORS = Path("/proc/self/fd")
SENT_OFFSET, RECEIVED_OFFSET, INFO_BYTES = 44, 52, 56  # of the times of the last data in the kernel's struct tcp_info
MARGIN_SECONDS = 0.2  # from the last byte of a request to the moment when a thread takes it
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
        sending = _sending_ports(client, port, time.perf_counter() - started + MARGIN_SECONDS)
        ends = [end for end in client_ends(client, port) if end.local_port in sending]
        waiting = [end for end in ends if end.state == ESTABLISHED]
        if any(end.user != os.geteuid() for end in waiting):
            return False
        if waiting and len(waiting) == len(ends):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE_SECONDS)


def _sending_ports(client: Address, port: int, seconds: float) -> set[int]:
    """Return the ports at an address that may wait for a response to what they have sent in the last seconds."""
    ports = set()
    for descriptor in DESCRIPTORS.iterdir():
        with suppress(OSError):  # it does not listen or connect, or is closed meanwhile
            if descriptor.readlink().name.startswith("socket:"):
                with socket.socket(fileno=os.dup(int(descriptor.name))) as connection:
                    if connection.family in INTERNET and connection.getsockname()[1] == port:
                        address, peer_port, *_ = connection.getpeername()
                        if parse_address(address) == client and _may_wait(connection, seconds):
                            ports.add(peer_port)
    return ports


def _may_wait(connection: socket.socket, seconds: float) -> bool:
    """Return whether something came in the last seconds and nothing was sent since, exact to some milliseconds."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_BYTES)
    sent, received = (struct.unpack_from("=I", info, offset)[0] for offset in (SENT_OFFSET, RECEIVED_OFFSET))
    return bool(received / 1000 <= seconds and sent >= received)
