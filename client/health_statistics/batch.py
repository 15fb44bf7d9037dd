"""The command batch: run a file of requests, as JSON lines, and write their results."""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from health_statistics.client import Client, Document
from health_statistics.errors import UsageError
from health_statistics.formats import ENDINGS, MEDIA_TYPES
from health_statistics.names import Completer
from health_statistics.output import JSON, as_json, progress, report

SUCCESS, FAILURE = 0, 1
STANDARD_INPUT = "-"
EXAMPLE = '{"statistic": "best5", "question": "obesity"}'
LINES_ENDINGS = (".jsonl", ".ndjson", ".json")


@dataclass(frozen=True, slots=True)
class Result:
    """A request of the file, its number from 1, and its finished job."""

    number: int
    request: Mapping[str, Any]
    job_id: str
    document: Document

    @property
    def failed(self) -> bool:
        """Whether the job has failed."""
        return bool(self.document["status"] != "done")

    @property
    def record(self) -> Document:
        """Job id, request and result document as one object."""
        return {"job_id": self.job_id, "request": self.request, **self.document}


def batch(client: Client, options: argparse.Namespace) -> int:
    """Run a file of requests and write the results in its order; the exit code is 1 if a job fails."""
    _check_options(options)
    requests = read_requests(options.file, Completer(client, report))
    failed = 0
    with progress(f"running {options.file}", len(requests)) as update, _writer(client, options) as write:
        counter = iter(range(1, len(requests) + 1))
        jobs = client.batch(requests, lambda: update(next(counter)))
        for number, (request, job) in enumerate(zip(requests, jobs, strict=True), start=1):
            result = Result(number, request, job.job_id, job.document)
            failed += result.failed
            write(result)
    report(f"{len(requests)} requests: {len(requests) - failed} done, {failed} failed")
    return FAILURE if failed else SUCCESS


def read_requests(name: str, completer: Completer) -> list[dict[str, Any]]:
    """Parse the requests of a file, or of standard input, and complete their names; empty lines are ignored.

    Raises
    ------
    OSError: the file cannot be read
    UsageError: the file has no request, or a line is invalid; the message names the line
    """
    content = sys.stdin.buffer.read() if name == STANDARD_INPUT else Path(name).read_bytes()
    lines = enumerate(content.splitlines(), start=1)
    requests = [_parse_request(number, line, completer) for number, line in lines if line.strip()]
    if not requests:
        raise UsageError(f"{name} contains no requests; add lines such as {EXAMPLE}")
    return requests


def _parse_request(number: int, line: bytes, completer: Completer) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"line {number} is not valid JSON ({error}); expected an object such as {EXAMPLE}") from error
    if not isinstance(request, dict) or not isinstance(request.get("statistic"), str):
        raise UsageError(f"line {number} must be an object with a statistic and its fields, such as {EXAMPLE}")
    try:
        return {**completer.fields(request), "statistic": completer.statistic(request["statistic"])}
    except UsageError as error:
        raise UsageError(f"line {number}: {error}") from error


def _check_options(options: argparse.Namespace) -> None:
    if options.folder and options.output:
        raise UsageError("use --output for one file of JSON lines, or --folder for one file per result, not both")
    if options.format != JSON and not options.folder:
        raise UsageError(f"--format {options.format} needs --folder, because each result is a file of its own")
    if options.output and options.output.suffix.lower() not in {"", *LINES_ENDINGS}:
        raise UsageError(f"--output {options.output}: batch writes JSON lines; use {', '.join(LINES_ENDINGS)}")


@contextmanager
def _writer(client: Client, options: argparse.Namespace) -> Iterator[Callable[[Result], None]]:
    """Yield the function that writes a result. Files and folders are created before the first request is sent."""
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
        yield partial(_write_file, client, options.folder, options.format)
    elif options.output:
        with options.output.open("w", encoding="utf-8") as file:
            yield partial(_write_line, file)
    else:
        yield partial(_write_line, sys.stdout)


def _write_line(file: IO[str], result: Result) -> None:
    file.write(as_json(result.record, indent=None).decode())


def _write_file(client: Client, folder: Path, format: str, result: Result) -> None:
    """Write a result to a file named by its number and statistic; failures to .error.json files."""
    # The server may have completed the statistic: its name must not lead out of the folder.
    name = f"{result.number:06d}-{re.sub('[^A-Za-z0-9_-]', '_', result.request['statistic'])}"
    if result.failed:
        (folder / f"{name}.error.json").write_bytes(as_json(result.record))
    elif format in MEDIA_TYPES:
        content = client.fetch(result.job_id, format, request=result.request)
        (folder / f"{name}{ENDINGS[format]}").write_bytes(content)
    else:
        (folder / f"{name}.json").write_bytes(as_json(result.record))
