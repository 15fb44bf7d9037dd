"""Which user of this machine a request comes from, where the system tells."""

import os
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from app.web.connections import ESTABLISHED, TABLES, Address, client_ends, parse_address

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

INTERNET = (socket.AF_INET, socket.AF_INET6)
DESCRIPTORS = Path("/proc/self/fd")
LAST_DATA_OFFSET, INFO_BYTES = 52, 56  # of tcpi_last_data_recv, in milliseconds, in the kernel's struct tcp_info
MARGIN_SECONDS = 0.2  # from the last byte of a request to the moment when a thread takes it


def is_own_user(environ: "WSGIEnvironment", seconds: float) -> bool:
    """Return whether a request from this machine comes from the user that the server runs as.

    The client's port is unknown, so every client at its address that has sent something since counts, and has to be
    waiting for its response. A system without Linux' table of connections tells nothing: True. So does an application
    that no server calls.

    Parameters
    ----------
    seconds: since the request came
    """
    client = parse_address(environ.get("REMOTE_ADDR", ""))
    if client is None or "SERVER_SOFTWARE" not in environ or not TABLES[0].exists():
        return client is not None
    port = int(environ["SERVER_PORT"])
    sending = _sending_ports(client, port, seconds + MARGIN_SECONDS)
    ends = [end for end in client_ends(client, port) if end.local_port in sending]
    owned = [end for end in ends if end.state == ESTABLISHED and end.user == os.geteuid()]
    return bool(owned) and len(owned) == len(ends)


def _sending_ports(client: Address, port: int, seconds: float) -> set[int]:
    """Return the ports at an address from which the server has received something in the last seconds."""
    ports = set()
    for descriptor in DESCRIPTORS.iterdir():
        with suppress(OSError):  # it does not listen or connect, or is closed meanwhile
            if descriptor.readlink().name.startswith("socket:"):
                with socket.socket(fileno=os.dup(int(descriptor.name))) as connection:
                    if connection.family in INTERNET and connection.getsockname()[1] == port:
                        address, peer_port, *_ = connection.getpeername()
                        if parse_address(address) == client and _quiet_seconds(connection) <= seconds:
                            ports.add(peer_port)
    return ports


def _quiet_seconds(connection: socket.socket) -> float:
    """Return how long ago a connection has received something."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_BYTES)
    (milliseconds,) = struct.unpack_from("=I", info, LAST_DATA_OFFSET)
    return float(milliseconds) / 1000
