"""Bound the bytes of long responses: while they are built, and until clients have read them.

The HTTP server copies a whole body that it gets at once, and holds it until the client has read it. So a long body goes
out in pieces, and counts until the last one is taken. Beyond a bound, long responses are refused; short ones never are.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from flask import Flask, Response, g

from app.errors import UnavailableError
from app.jobs.job import Document, Job
from app.services import Services
from app.web.sender import sender_of
from app.web.support import ApiResponse, error_response, services, this_request

SHORT_BYTES = 64 * 1024
PIECE_BYTES = 32 * 1024  # the HTTP server holds a few of them
BYTES_PER_MIB = 1024 * 1024
RETRY_SECONDS = 5
BUILT_AT_A_TIME = 4  # long responses; more would not be faster, because their threads share a core
DESCRIBE_THE_BODY = ("Content-Disposition", "Content-Encoding", "ETag", "Preference-Applied")

_building = threading.BoundedSemaphore(BUILT_AT_A_TIME)


class UnreadBodiesError(UnavailableError):
    """Clients have not read so many bytes that no other long response can be sent."""

    def __init__(self, whose: str) -> None:
        super().__init__(
            f"{whose} have not read the responses that they requested, and this one is long; try again in "
            f"{RETRY_SECONDS} s, or request less at a time",
            RETRY_SECONDS,
        )


@dataclass(slots=True)
class _Unread:
    """Bodies and their bytes. A body counts once, however many responses send it."""

    bytes: int = 0
    responses: Counter[int] = field(default_factory=Counter)  # by the identity of the body

    def has_room(self, body: object, size: int, most_bytes: int) -> bool:
        """Return whether a body fits. The first one always does, because it could never be sent otherwise."""
        return id(body) in self.responses or not self.bytes or self.bytes + size <= most_bytes

    def add(self, body: object, size: int) -> None:
        if not self.responses[id(body)]:
            self.bytes += size
        self.responses[id(body)] += 1

    def remove(self, body: object, size: int) -> None:
        self.responses[id(body)] -= 1
        if not self.responses[id(body)]:
            del self.responses[id(body)]
            self.bytes -= size


class UnreadBodies:
    """The long bodies on their way to clients, bounded in bytes for each client and for all. Safe to use from threads.

    Parameters
    ----------
    most_bytes: the bound for all
    client_share: the share of it that one client may take up
    """

    def __init__(self, most_bytes: int, client_share: float) -> None:
        self._most_bytes = most_bytes
        self._client_bytes = int(most_bytes * client_share)
        self._lock = threading.Lock()  # guards the fields below
        self._all = _Unread()
        self._of_clients: dict[str, _Unread] = {}

    def take(self, client: str, body: object, size: int) -> Callable[[], None]:
        """Count a body; return a function that ends this, to be called once.

        Raises
        ------
        UnreadBodiesError: it does not fit
        """
        with self._lock:
            if not self._all.has_room(body, size, self._most_bytes):
                raise UnreadBodiesError("clients")
            own = self._of_clients.get(client) or _Unread()
            if not own.has_room(body, size, self._client_bytes):
                raise UnreadBodiesError("clients at your address")
            self._of_clients[client] = own
            for unread in (own, self._all):
                unread.add(body, size)
        return partial(self._give_back, client, body, size)

    def _give_back(self, client: str, body: object, size: int) -> None:
        with self._lock:
            own = self._of_clients[client]
            for unread in (own, self._all):
                unread.remove(body, size)
            if not own.responses:
                del self._of_clients[client]


def register(app: Flask) -> None:
    """Bound what the clients of an application leave unread."""
    settings = cast("Services", app.extensions["services"]).settings
    bodies = UnreadBodies(settings.unread_mib * BYTES_PER_MIB, settings.client_share)
    app.after_request(partial(_send_in_pieces, bodies))
    app.teardown_appcontext(_end_building)  # it comes after every hook, and whatever has failed


def document_to_send(job: Job) -> Document:
    """Return the document of a job. While responses with long documents are being built, a further one waits."""
    store = services().store
    if store.map.outcome(job).size >= SHORT_BYTES and "is_building" not in g:
        _building.acquire()
        g.is_building = True
    return store.document(job)


def _end_building(_: BaseException | None) -> None:
    if g.pop("is_building", False):
        _building.release()


def _send_in_pieces(bodies: UnreadBodies, response: Response) -> Response:
    body = response.response
    if isinstance(body, list):
        if len(body) != 1 or len(body[0]) < SHORT_BYTES:
            return response
        content: bytes = response.get_data()
        held, size = cast("object", content), len(content)
        response.response = pieces(content)
    else:
        held, size = body, getattr(response, "longest_part", 0)
    try:
        give_back = bodies.take(sender_of(this_request()), held, size)
    except UnreadBodiesError as error:
        return _refuse(response, error)
    ending = ExitStack()  # the response may be closed more than once
    ending.callback(give_back)
    response.call_on_close(ending.close)
    return response


def pieces(content: bytes) -> Iterator[bytes]:
    """Yield a long body in pieces: the HTTP server copies several of those that a client has not read yet."""
    for start in range(0, len(content), PIECE_BYTES):
        yield content[start : start + PIECE_BYTES]


def _refuse(response: Response, error: UnreadBodiesError) -> Response:
    """Replace a long body by an error, or by what is sent instead to a client that does not wait for it."""
    for name in DESCRIBE_THE_BODY:
        response.headers.pop(name, None)
    instead = response.instead if isinstance(response, ApiResponse) else None
    if instead is None:
        refusal = error_response(error)
        instead = refusal.get_data()
        response.status_code = refusal.status_code
        response.content_type = refusal.content_type
        response.headers.update(error.headers)
    response.set_data(instead)
    return response
