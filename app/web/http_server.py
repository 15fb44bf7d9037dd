"""The HTTP server: Granian with one worker process, on a socket that is open before it starts.

Granian differs from what this server promises in two points, which a subclass overrides: it would open a socket of its
own, which another server could share, and it gives up when a worker dies twice within seconds.
``tests/server/test_http_server.py`` holds what the overrides rely on.
"""

import socket
import sys
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from app.process.respawn import Respawns

WORKER_FAILED_EXIT_CODE = 1
BACKLOG = 4096  # connections that wait to be accepted, while all threads are busy or a worker is being replaced

HEADER_SECONDS = 15  # within which the head of a request has to arrive, also the next one of an idle connection
UNREAD_SECONDS = 30  # after which a client that reads nothing of its response is disconnected; Linux only

# Left alone, the system buffers megabytes for each client that reads nothing. A thousand such clients use up its memory
# for TCP, and everybody waits.
SEND_BUFFER_BYTES = 64 * 1024  # of a connection; Linux doubles it for its own records
BUFFER_BYTES = 64 * 1024  # Granian's own: the longest head of a request, and beyond it no further piece of a response


class HttpServer(MPServer):
    """Serve an application in one worker process, and replace the worker if it dies.

    Parameters
    ----------
    listening: the listening socket, open in this process until the server stops; connections wait in its queue while
        there is no worker
    threads: the most HTTP threads, which is also the most connections that are open at once
    kill_after_seconds: after a stop signal, a worker that has not ended by then is killed
    """

    def __init__(self, listening: socket.socket, *, threads: int, kill_after_seconds: int) -> None:
        host, port = listening.getsockname()[:2]
        super().__init__(
            "api_server:create_app",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            # Over HTTP/2 without TLS, requests whose bodies never come would hold every thread for good.
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=BUFFER_BYTES),
            workers=1,
            blocking_threads=threads,
            backpressure=threads,
            backlog=BACKLOG,
            workers_kill_timeout=kill_after_seconds,
            respawn_failed_workers=True,
            log_level=LogLevels.error,  # its warning about many threads is answered in app.process.limits
            websockets=False,
        )
        # Every accepted connection inherits these.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
        self._listening = listening
        self._respawns = Respawns()

    def _init_shared_socket(self) -> None:
        """Let the worker serve ``listening``, which it inherits because it is forked."""
        self._sso = None
        self._shd = SocketHolder(self._listening.fileno(), False, self.backlog)  # type: ignore[call-arg,assignment]

    def _drop_shared_socket(self) -> None:
        """Close this process's copy at a stop, so that the port is free as soon as the worker has ended its serving."""
        self._listening.close()

    def _respawn_workers(
        self, workers: Sequence[int], spawn_target: Any, target_loader: Callable[..., Any], delay: float = 0
    ) -> None:
        """Replace the worker that died, after a pause if several died at once.

        Raises
        ------
        SystemExit: worker after worker died at once; with exit code 1
        """
        died = self.wrks[0]
        pause = self._respawns.pause_after(monotonic() - died.birth)
        if pause is None:
            sys.stderr.write(
                f"the server ends: {self._respawns.short_lives} workers in a row died at once, "
                f"the last with exit code {died.inner.exitcode}\n"
            )
            self.shutdown(WORKER_FAILED_EXIT_CODE)  # type: ignore[no-untyped-call]
        after = f" in {pause:g} s" if pause else ""
        sys.stderr.write(
            f"warning: the worker died with exit code {died.inner.exitcode}; another one starts{after} and resumes\n"
        )
        if self.interrupt_signal or self.main_loop_interrupt.wait(pause):
            self.main_loop_interrupt.set()  # a stop signal; the main loop ends the server
            return
        super()._respawn_workers(workers, spawn_target, target_loader, delay)
        self.respawned_wrks.clear()  # Granian's own rule would end the server at the second death within 5.5 seconds
