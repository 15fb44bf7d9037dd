"""Arbitrary bytes from a client cause no 5xx, no traceback and no lost thread; every response has the envelope."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.statistics import STATISTICS
from support.load import scaled
from support.raw_http import Answer, RawConnection
from support.real_server import RealServer, running_server
from support.small_survey import ERROR_FIELDS

REQUESTS = scaled(500, 100_000)
BATCH = 50  # requests per example, so that making examples does not take longer than sending them
TOKEN = "a-token-for-fuzzing"
MOST_BODY_BYTES = 64 * 1024

ROUTES = [f"/api/{name}" for name in STATISTICS] + [
    *("/api/get_results/{}", "/api/jobs", "/api/jobs/{}", "/api/num_jobs", "/api/graceful_shutdown", "/api/questions"),
    *("/api/states", "/api/dataset", "/api/dataset/reload", "/healthz", "/readyz", "/metrics", "/", "/index", "/{}"),
]
NOT_JSON = {"/metrics", "/", "/index"}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "PROPFIND", "get", "X" * 50]
EVIL_IDS = [
    *("job_id_1", "job_id_2", "job_id_0", "job_id_-1", "job_id_01", "job_id_1.json", "JOB_ID_1", "job_id_", "journal"),
    *(
        "job_id_1/../../app",
        "..%2f..%2fetc%2fpasswd",
        "../../../../etc/passwd",
        "%2e%2e%2f",
        "job_id_1%00",
        "%00",
        "%ff",
    ),
    *(
        "job_id_" + "9" * 18,
        "job_id_" + "9" * 400,
        "job_id_%D9%A1",
        "job_id_1%0a",
        "job_id_1%20",
        "a" * 5000,
        "%",
        "%zz",
    ),
]
QUERIES = [
    *("", "?wait=0", "?wait=-1", "?wait=nan", "?wait=1e999", "?wait=%00", "?wait=0.001&wait=x", "?after=job_id_1"),
    *(
        "?after=" + "9" * 400,
        "?limit=0",
        "?limit=" + "9" * 400,
        "?limit=1_0",
        "?%ff=%fe",
        "?&&&===",
        "?limit=2&after=1",
    ),
]
TYPES = ["application/json", "application/json; charset=utf-16", "text/plain", "multipart/form-data; boundary=x", ""]
NAMES = st.sampled_from(["question", "state", "best", "Question", "__proto__", ""])
TEXTS = st.one_of(
    st.sampled_from(
        ["Q036", "Q037", "Ohio", "OH", "min", "max", "\0", "\ud800", "\udfff\ud800", "' OR 1=1 --", "../.."]
    ),
    st.text(max_size=30),
    st.characters(codec=None).map(lambda character: character * 200),
)
SCALARS = st.one_of(
    TEXTS, st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from([10**400, -(10**400), 1e308, 5e-324])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
VALID = [b'{"question": "Q036"}', b'{"question": "Q036", "state": "OH"}', b'{"question": "Q036", "best": "min"}']
BROKEN_JSON = [
    *(
        b"",
        b"{",
        b"}",
        b"[]",
        b"null",
        b"[" * 30_000,
        b'{"a":' * 10_000,
        b'{"question": "Q036"} {}',
        b'{"question": NaN}',
    ),
    *(b"\xff\xfe{\0}\0", b"\xef\xbb\xbf{}", b'{"question": "\xed\xa0\x80"}', b'{"question": "\\ud800"}', b"\0" * 100),
    *(
        b'{"question": "Q036", "question": "Q037"}',
        b"1" * 5000,
        b'"' + b"x" * MOST_BODY_BYTES + b'"',
        b'{"question": "',
    ),
]
BODIES = st.one_of(
    st.sampled_from(VALID),
    st.sampled_from(BROKEN_JSON),
    st.binary(max_size=200),
    st.dictionaries(NAMES, VALUES, max_size=3).map(lambda value: json.dumps(value).encode()),
    VALUES.map(lambda value: json.dumps(value).encode()),
)
BROKEN_FRAMES = [
    *(b"Content-Length: -1", b"Content-Length: x", b"Content-Length: 99999999999999999999", b"Content-Length: 1, 2"),
    *(b"Content-Length: 500", b"Content-Length: 1\r\nContent-Length: 2", b"Transfer-Encoding: nonsense"),
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"Expect: 100-continue"),
    *(b"no colon", b"Name\0: x", b"X: \0", b": x", b"X: " + b"y" * 100_000, b"Host: a\r\nHost: b"),
]
BROKEN_CHUNKS = [
    *(b"zz\r\nabc\r\n0\r\n\r\n", b"5\r\nabc", b"-1\r\n\r\n", b"ffffffffffffffff\r\nabc", b"3\r\nabcdef\r\n0\r\n\r\n"),
    *(b"3;" + b"x" * 9000 + b"\r\nabc\r\n0\r\n\r\n", b"0\r\nX: y\r\n", b"\r\n\r\n", b"3\nabc\n0\n\n"),
]


@dataclass(frozen=True)
class Sent:
    """A request: its bytes, the method that the response is parsed for, and whether it is complete HTTP."""

    method: str
    path: str
    data: bytes
    whole: bool


@st.composite
def well_formed(draw: st.DrawFn) -> Sent:
    """Draw a well-formed request with any path, parameters and body."""
    route = draw(st.sampled_from(ROUTES))
    right = "POST" if route.partition("/api/")[2] in STATISTICS else "DELETE" if route == "/api/jobs/{}" else "GET"
    method = right if draw(st.integers(0, 3)) else draw(st.sampled_from(METHODS))
    evil = st.sampled_from(EVIL_IDS) | st.text(max_size=20).map(lambda text: quote(text, errors="surrogatepass"))
    path = route.replace("{}", draw(evil)) + draw(st.sampled_from(QUERIES))
    body = draw(BODIES) if method != "GET" or draw(st.booleans()) else b""
    headers = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {draw(st.sampled_from(TYPES))}"]
    if "shutdown" not in path:
        headers.append(f"Authorization: Bearer {TOKEN}")
    if draw(st.booleans()):
        headers.append(f"Content-Length: {len(body)}")
    else:
        headers.append("Transfer-Encoding: chunked")
        body = (f"{len(body):x}\r\n".encode() + body + b"\r\n" if body else b"") + b"0\r\n\r\n"
    return Sent(method, path, "\r\n".join(headers).encode() + b"\r\n\r\n" + body, whole=True)


@st.composite
def broken(draw: st.DrawFn) -> Sent:
    """Draw bytes that are malformed HTTP, or end too soon."""
    if draw(st.integers(0, 3)) == 0:
        return Sent("GET", "", draw(st.binary(min_size=1, max_size=300)), whole=False)
    frame = draw(st.sampled_from(BROKEN_FRAMES))
    body = draw(st.sampled_from(BROKEN_CHUNKS) if b"chunked" in frame else BODIES)
    data = b"POST /api/global_mean HTTP/1.1\r\nContent-Type: application/json\r\nHost: 127.0.0.1\r\n" + frame
    return Sent("POST", "/api/global_mean", data + b"\r\n\r\n" + body, whole=False)


REQUEST = st.one_of(well_formed(), well_formed(), well_formed(), broken())


def fault_in(sent: Sent, answer: Answer | None) -> str | None:
    """Return what is wrong with a response, None if nothing is.

    The HTTP server itself rejects malformed HTTP with a bare status, or by closing the connection.
    """
    if answer is None:
        return "no response" if sent.whole else None
    if answer.status >= 500 or b"Traceback" in answer.body:
        return f"status {answer.status}: {answer.body[:500]!r}"
    if not answer.body:
        may_be_empty = sent.method == "HEAD" or not sent.whole or answer.status in {400, 414, 431}
        return None if may_be_empty else f"status {answer.status} and no body"
    if answer.status == 200 and sent.path.partition("?")[0] in NOT_JSON:
        return None
    return fault_in_envelope(answer)


def fault_in_envelope(answer: Answer) -> str | None:
    """Return how a body violates the contract's envelope, None if it does not."""
    try:
        content: Any = json.loads(answer.body)
    except ValueError:
        return f"not JSON: {answer.body[:100]!r}"
    if answer.headers.get("content-type") != "application/json" or not isinstance(content, Mapping):
        return f"not a JSON object: {answer.body[:100]!r}"
    if answer.status >= 400:
        return None if list(content) in ERROR_FIELDS and content["status"] == "error" else f"not {content}"
    known = {"job_id", "num_jobs", "status"}
    return None if known & set(content) else f"not {content}"


def runners(server: RealServer) -> tuple[float, float]:
    """Return how many runners are alive, and how many have been replaced."""
    text = requests.get(f"{server.address}/metrics", timeout=10).text
    alive = re.search(r"^stats_runners_alive (\S+)", text, re.MULTILINE)
    replaced = re.search(r"^stats_runners_replaced_total (\S+)", text, re.MULTILINE)
    assert alive
    assert replaced
    return float(alive[1]), float(replaced[1])


def test_any_bytes_get_an_enveloped_response_and_no_thread_dies() -> None:
    statuses: Counter[int | None] = Counter()
    with running_server({"STATS_ADMIN_TOKEN": TOKEN}) as server, RawConnection(server.address) as connection:
        before = runners(server)

        @settings(
            max_examples=REQUESTS // BATCH,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.lists(REQUEST, min_size=BATCH, max_size=BATCH))
        def send(batch: list[Sent]) -> None:
            for sent in batch:
                answer = connection.ask(sent.data, method=sent.method, whole=sent.whole)
                statuses[answer.status if answer else None] += 1
                fault = fault_in(sent, answer)
                assert fault is None, f"{fault} to {sent.data[:2000]!r}"

        send()
        assert runners(server) == before
        assert server.stop() == 0
        log = "".join(path.read_text(encoding="utf-8") for path in server.log_file.parent.glob("webserver.log*"))
    print(f"\n{statuses.total()} requests by status: {dict(statuses)}")
    assert statuses.total() >= REQUESTS
    assert {200, 400, 404, 405, 413, 415} <= set(statuses)
    assert "Traceback" not in log
    assert " ERROR " not in log
