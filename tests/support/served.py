"""Run a server of the standard library or of Werkzeug on a thread during a test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer

LOOK_FOR_END_SECONDS = 0.01


@contextmanager
def served(server: BaseServer) -> Iterator[None]:
    """Serve until the block ends, then join the thread and close the socket."""
    thread = threading.Thread(target=server.serve_forever, args=(LOOK_FOR_END_SECONDS,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
