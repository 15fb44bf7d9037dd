"""Serve a rival's Flask application with Granian, the server that ours runs on."""

from collections.abc import Callable

from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

BLOCKING_THREADS = 8  # one for each connection of the load: more only get into each other's way


def serve(create_app: Callable[[], Flask], port: int) -> None:
    """Serve on the loopback address with one worker until the process gets a stop signal. Blocks."""
    server = Granian(
        "made-below",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=BLOCKING_THREADS,
        log_level=LogLevels.error,
        websockets=False,
    )
    server.serve(target_loader=create_app, wrap_loader=False)
