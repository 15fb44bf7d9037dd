"""A server of the standard library, or one of Werkzeug's, that serves on a thread for the time of a test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer

LOOK_FOR_END_SECONDS = 0.01


@contextmanager
def served(server: BaseServer) -> Iterator[None]:
    """Have a server serve until the block ends; then neither its thread nor its socket is left."""
    thread = threading.Thread(target=server.serve_forever, args=(LOOK_FOR_END_SECONDS,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
