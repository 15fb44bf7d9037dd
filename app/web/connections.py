"""The TCP connections of this machine, as Linux lists them; other systems list none.

Granian tells an application the address of a client, but neither its port nor what has become of the connection. So a
client is looked up by its address and the server's port, which may find more than one connection.
"""

import errno
import math
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
ESTABLISHED, CLOSE_WAIT = "01", "08"
CLOSED_MEANWHILE = frozenset({errno.ENOENT, errno.ENOTCONN, errno.EBADF, errno.ENOTSOCK, errno.EINVAL})
INTERNET = (socket.AF_INET, socket.AF_INET6)
DESCRIPTORS = Path("/proc/self/fd")
# In the kernel's struct tcp_info: the times of the last data, and the numbers of segments with data in and out.
SENT_OFFSET, RECEIVED_OFFSET, SEGMENTS_OFFSET, INFO_BYTES = 44, 52, 152, 160
LOOK_SECONDS, PAUSE_SECONDS, STEADY_LOOKS = 3.0, 0.01, 6
MARGIN_SECONDS = 1.0  # from the last byte of a request to the moment when a thread takes it, on a busy machine
DOUBTFUL_MARGIN_SECONDS = 0.1  # the same, for a connection that may have been answered already
RESOLUTION_SECONDS = 0.02  # of the kernel's times

IN_PROGRESS = "requests_in_progress"  # extension of an application: its RequestsInProgress

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Connection:
    """One end of a connection: addresses, ports, the kernel's code of its state, and the user that owns the socket."""

    local: Address
    local_port: int
    remote: Address
    remote_port: int
    state: str
    user: int


class RequestsInProgress:
    """Counts the requests that are being computed, by the address of the client. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}  # those above 0

    def begin(self, address: str) -> None:
        """Count a request."""
        with self._lock:
            self._counts[address] = self._counts[address] + 1 if address in self._counts else 1

    def end(self, address: str) -> None:
        """Count a request no more; called before its response is sent."""
        with self._lock:
            if self._counts[address] > 1:
                self._counts[address] -= 1
            else:
                del self._counts[address]

    def count(self, address: str) -> int:
        """Return how many there are from an address."""
        with self._lock:
            return self._counts.get(address, 0)


def parse_address(text: str) -> Address | None:
    """Parse an IP address, None if it is not one; an IPv4-mapped IPv6 address becomes plain IPv4."""
    try:
        return _plain(ip_address(text))
    except ValueError:
        return None


def server_ends(client: Address, port: int) -> list[Connection]:
    """Return this machine's ends of the connections from a client's address to the server's port."""
    return [each for each in _connections(port) if each.local_port == port and each.remote == client]


def client_ends(client: Address, port: int) -> list[Connection]:
    """Return the clients' ends of the connections from an address of this machine to the server's port."""
    return [each for each in _connections(port) if each.remote_port == port and each.local == client]


def is_own_user(environ: "WSGIEnvironment", started: float, in_progress: int) -> bool:
    """Return whether a request from this machine comes from the user that the server runs as.

    The client's port is unknown, so every client at its address counts that has sent something since and has not been
    answered, or maybe not. Each has to be waiting for its response, and one has to have sent before this request was
    taken. A client that has closed its connection was served a moment ago, or has sent this request and left: its user
    cannot be known then, so this waits until its connection is gone. A system without Linux' table of connections tells
    nothing: True. So does an application that no server calls.

    One of them has to go on waiting for ``STEADY_LOOKS``: a busy system takes a request late, and what looks like its
    client may be that of another request, which is answered meanwhile.

    If no client has sent anything lately, the request has waited, perhaps for a worker to start. Then all unanswered
    clients count, and there have to be as many as requests in progress: otherwise this one's client may have left.

    Parameters
    ----------
    started: when the request came, by ``time.perf_counter``
    in_progress: number of requests from its address that are being computed, this one included
    """
    client = parse_address(environ.get("REMOTE_ADDR", ""))
    if client is None or "SERVER_SOFTWARE" not in environ or not TABLES[0].exists():
        return client is not None
    port = int(environ["SERVER_PORT"])
    deadline = time.monotonic() + LOOK_SECONDS
    looks, steady = 0, set[int]()  # ports that may be the client's, in each of the last looks
    while True:
        elapsed = time.perf_counter() - started
        sending, fewest = sending_ports(client, port, elapsed + MARGIN_SECONDS, elapsed + DOUBTFUL_MARGIN_SECONDS), 1
        if not sending:
            sending, fewest = sending_ports(client, port, math.inf, 0), in_progress
        ends = [end for end in client_ends(client, port) if end.local_port in sending]
        waiting = [end for end in ends if end.state == ESTABLISHED]
        if any(end.user != os.geteuid() for end in waiting):
            return False
        fitting = {end.local_port for end in waiting if sending[end.local_port] >= elapsed - RESOLUTION_SECONDS}
        if len(ends) != len(waiting) or len(waiting) < fewest:
            fitting = set()
        looks, steady = (looks + 1, steady & fitting) if steady & fitting else (1, fitting)
        if steady and looks >= STEADY_LOOKS:
            return True
        if not steady and time.monotonic() > deadline:
            return False
        time.sleep(PAUSE_SECONDS)


def sending_ports(client: Address, port: int, seconds: float, doubtful_seconds: float) -> dict[int, float]:
    """Return the ports at an address that may wait for a response to what they have sent, and how many seconds ago.

    The kernel's times have a resolution of some milliseconds: what came in the moment of the last response may be the
    next request, or the one that was answered.

    Parameters
    ----------
    seconds: how long ago it came at most
    doubtful_seconds: the same, for a port that may have been answered
    """
    ports = {}
    for descriptor in DESCRIPTORS.iterdir():
        with _skip_unconnected():
            if descriptor.readlink().name.startswith("socket:"):
                with socket.socket(fileno=os.dup(int(descriptor.name))) as connection:
                    if connection.family in INTERNET and connection.getsockname()[1] == port:
                        address, peer_port, *_ = connection.getpeername()
                        if parse_address(address) == client:
                            ago, is_doubtful = _unanswered(connection)
                            if ago is not None and ago <= (doubtful_seconds if is_doubtful else seconds):
                                ports[peer_port] = ago
    return ports


@contextmanager
def _skip_unconnected() -> Iterator[None]:
    """Skip a socket that is not connected, or has been closed meanwhile; any other error is raised."""
    try:
        yield
    except OSError as error:
        if error.errno not in CLOSED_MEANWHILE:
            raise


def _unanswered(connection: socket.socket) -> tuple[float | None, bool]:
    """Return how many seconds ago the last data came, None if it was answered, and whether it may have been."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_BYTES).ljust(INFO_BYTES, b"\0")
    sent, received = (struct.unpack_from("=I", info, offset)[0] for offset in (SENT_OFFSET, RECEIVED_OFFSET))
    segments_in, segments_out = struct.unpack_from("=II", info, SEGMENTS_OFFSET)
    if not segments_in or (segments_out and sent < received):
        return None, False
    return received / 1000, bool(segments_out and sent == received)


def _connections(port: int) -> Iterator[Connection]:
    """Return every connection with a port at either end."""
    marker = f":{port:04X} "
    for table in TABLES:
        with suppress(FileNotFoundError), table.open(encoding="ascii") as lines:
            next(lines)  # the names of the columns
            for line in lines:
                if marker in line:
                    _, local, remote, state, _, _, _, user, *_ = line.split()
                    yield Connection(*_parse_end(local), *_parse_end(remote), state, int(user))


def _parse_end(text: str) -> tuple[Address, int]:
    """Parse an address, in words of the processor's byte order, and a port."""
    words, _, port = text.partition(":")
    packed = b"".join(struct.pack("=I", int(words[at : at + 8], 16)) for at in range(0, len(words), 8))
    family = socket.AF_INET6 if len(packed) > 4 else socket.AF_INET
    return _plain(ip_address(socket.inet_ntop(family, packed))), int(port, 16)


def _plain(address: Address) -> Address:
    return getattr(address, "ipv4_mapped", None) or address
