"""Files of many requests: JSON lines, each an object with ``statistic`` and the fields of a request for it."""

import sys
from pathlib import Path
from typing import Any

import orjson

from app.client.completer import Completer
from app.client.errors import UsageError

STANDARD_INPUT = "-"
EXAMPLE = '{"statistic": "best5", "question": "obesity"}'


def read_requests(name: str, completer: Completer) -> list[dict[str, Any]]:
    """Return the requests of a file, or of standard input, with their names completed; empty lines are passed over.

    Raises
    ------
    OSError: the file cannot be read
    UsageError: it holds no request, or a line is none; the message names the line
    """
    lines = enumerate(_content(name).splitlines(), start=1)
    requests = [_request(number, line, completer) for number, line in lines if line.strip()]
    if not requests:
        raise UsageError(f"{name} holds no request; a line is such as {EXAMPLE}")
    return requests


def _content(name: str) -> bytes:
    return sys.stdin.buffer.read() if name == STANDARD_INPUT else Path(name).read_bytes()


def _request(number: int, line: bytes, completer: Completer) -> dict[str, Any]:
    try:
        request = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"line {number} is no JSON ({error}); it must be such as {EXAMPLE}") from error
    if not isinstance(request, dict) or not isinstance(request.get("statistic"), str):
        raise UsageError(f"line {number} must be an object with a statistic and its fields, such as {EXAMPLE}")
    try:
        return {**completer.fields(request), "statistic": completer.statistic(request["statistic"])}
    except UsageError as error:
        raise UsageError(f"line {number}: {error}") from error
