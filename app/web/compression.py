"""Compress responses and handle conditional requests.

A compressed response has an ETag of its own, because it differs from the plain one byte by byte. So compression comes
first, and If-None-Match is compared with the tag of what would be sent.
"""

import gzip

from flask import Flask, Response
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

from app.jobs.job import document
from app.web.header_cache import cached_by_text
from app.web.support import JSON_TYPE, services, this_request

SHORTEST_COMPRESSED_BYTES = 1024
CACHED_HEADERS = 256
COMPRESSED_TYPES = (JSON_TYPE, "text/")
COMPRESSION_LEVEL = 6


def register(app: Flask) -> None:
    """Compress the responses of an application and make them conditional."""
    app.after_request(_finish)


def _finish(response: Response) -> Response:
    body = response.response
    if isinstance(body, list) and len(body) == 1 and len(body[0]) >= SHORTEST_COMPRESSED_BYTES:
        _compress(response)
    environ = this_request().environ
    if "HTTP_IF_NONE_MATCH" in environ and response.status_code == 200:
        # Without the other headers: Werkzeug would answer If-Match with a bare 412 and Range with a part.
        conditions = {name: environ[name] for name in ("REQUEST_METHOD", "HTTP_IF_NONE_MATCH")}
        response.make_conditional(conditions)
    return response


def _compress(response: Response) -> None:
    if not response.content_type.startswith(COMPRESSED_TYPES):
        return
    response.headers.add("Vary", "Accept-Encoding")
    encodings = this_request().environ.get("HTTP_ACCEPT_ENCODING")
    if encodings is None or not _accepts_gzip(encodings):
        return
    response.set_data(_cached_gzip(response.get_data()))
    response.headers["Content-Encoding"] = "gzip"
    if "ETag" in response.headers:
        response.headers["ETag"] = response.headers["ETag"][:-1] + '-gzip"'


@cached_by_text(CACHED_HEADERS)
def _accepts_gzip(encodings: str) -> bool:
    """Return whether an Accept-Encoding header prefers gzip to an uncompressed response, or likes both equally."""
    accepted = parse_accept_header(encodings, Accept)
    return accepted["gzip"] > 0 and accepted["gzip"] >= accepted["identity"]


def _cached_gzip(content: bytes) -> bytes:
    cache, key = services().cache, ("gzip", content)
    compressed = cache.get(key) or cache.put(key, document(_gzip(content)), key_bytes=len(content))
    return compressed.content


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, COMPRESSION_LEVEL, mtime=0)  # no timestamp: the same ETag means the same bytes
