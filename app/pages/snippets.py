"""The request behind a result, as code for a shell and for Python."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pprint import pformat
from typing import Any

WAIT_SECONDS = 30
LINE_CHARS = 88

PYTHON = """\
import requests

server = {server}
body = {body}
job = requests.post(f"{{server}}/api/{statistic}", json=body, timeout=10)
job.raise_for_status()
results = f"{{server}}/api/get_results/{{job.json()['job_id']}}"
response = requests.get(results, params={{"wait": {wait}}}, timeout={wait} + 10)
print(response.json()["data"])
"""


@dataclass(frozen=True, slots=True)
class Snippets:
    """Code that sends a request."""

    curl: str
    python: str


def snippets(server: str, statistic: str, body: Mapping[str, Any]) -> Snippets:
    """Return the code that sends a request.

    Parameters
    ----------
    server: the address of the server, without a trailing slash
    """
    address = shlex.quote(f"{server}/api/{statistic}")
    content = shlex.quote(json.dumps(body, ensure_ascii=False))
    curl = (
        f"curl {address} \\\n  -H 'Content-Type: application/json' -H 'Prefer: wait={WAIT_SECONDS}' \\\n  -d {content}"
    )
    literal = pformat(dict(body), width=LINE_CHARS, sort_dicts=False)
    python = PYTHON.format(server=json.dumps(server), statistic=statistic, body=literal, wait=WAIT_SECONDS)
    return Snippets(curl, python)
