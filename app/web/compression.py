"""How any answer goes out: compressed where the client takes that, and not again where the client has it already.

A compressed answer is another one than the plain one, with a tag of its own, so the tag that a client sends back is
compared when it is known which of them it would get.
"""

import gzip
from functools import lru_cache

from flask import Flask, Response
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header, parse_etags

from app.web.support import this_request

SHORTEST_COMPRESSED_BYTES = 1024
LONGEST_REMEMBERED_BYTES = 128 * 1024  # the longest results are of about 80 kilobytes
REMEMBERED = 64
COMPRESSED_TYPES = ("application/json", "text/")
COMPRESSION_LEVEL = 6
UNCHANGED_STATUS = 304


def register(app: Flask) -> None:
    """Send every answer of an application so."""
    app.after_request(_fit)


def _fit(answer: Response) -> Response:
    """Fit an answer to the request. Most requests ask for nothing, which is all that this looks at then."""
    body = answer.response
    if isinstance(body, list) and len(body) == 1 and len(body[0]) >= SHORTEST_COMPRESSED_BYTES:
        _compress(answer)
    tags = this_request().environ.get("HTTP_IF_NONE_MATCH")
    if tags is not None and answer.status_code == 200:
        _compare(answer, tags)
    return answer


def _compress(answer: Response) -> None:
    if not answer.content_type.startswith(COMPRESSED_TYPES):
        return
    answer.headers.add("Vary", "Accept-Encoding")
    encodings = this_request().environ.get("HTTP_ACCEPT_ENCODING")
    if encodings is None or not _takes_gzip(encodings):
        return
    content = answer.get_data()
    answer.set_data(_remembered(content) if len(content) <= LONGEST_REMEMBERED_BYTES else _compressed(content))
    answer.headers["Content-Encoding"] = "gzip"
    if "ETag" in answer.headers:
        answer.headers["ETag"] = answer.headers["ETag"][:-1] + '-gzip"'


@lru_cache(maxsize=256)
def _takes_gzip(encodings: str) -> bool:
    """Tell whether an Accept-Encoding header likes gzip, and no plain answer more."""
    accepted = parse_accept_header(encodings, Accept)
    return accepted["gzip"] > 0 and accepted["gzip"] >= accepted["identity"]


def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, COMPRESSION_LEVEL, mtime=0)  # the same bytes at any time, as the tag promises


_remembered = lru_cache(REMEMBERED)(_compressed)


def _compare(answer: Response, tags: str) -> None:
    """Answer that nothing has changed where one of the tags is the answer's own; weak tags count."""
    tag = answer.get_etag()[0]
    if tag is not None and parse_etags(tags).contains_weak(tag):
        answer.status_code = UNCHANGED_STATUS
        answer.set_data(b"")
