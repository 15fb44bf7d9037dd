"""A server before another one that sends its pages in two parts, with a pause between them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

from support.served import served

PAUSE_SECONDS = 1.0


@contextmanager
def halting(address: str, mark: bytes) -> Iterator[str]:
    """Serve what another server serves, each page with a pause before ``mark``; yield the address."""

    class Halting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {"Accept": self.headers.get("Accept", "*/*")}
            response = requests.get(f"{address}{self.path}", headers=headers, timeout=30)
            self.send_response(response.status_code)
            self.send_header("Content-Type", response.headers["Content-Type"])
            self.end_headers()
            before, found, after = response.content.partition(mark)
            self.wfile.write(before)
            if found:
                time.sleep(PAUSE_SECONDS)
            self.wfile.write(found + after)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Halting)
    with served(server):
        yield f"http://127.0.0.1:{server.server_port}"
