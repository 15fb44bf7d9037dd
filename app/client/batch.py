"""The command that runs a file of requests: batch."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import orjson

from app.client.client import FORM_TYPES, Client, Document
from app.client.completer import Completer
from app.client.errors import UsageError
from app.client.output import JSON, as_json, tell
from app.client.progress import progress
from app.client.requests_file import read_requests

SUCCESS, FAILURE = 0, 1


@dataclass(frozen=True, slots=True)
class Result:
    """A request of the file, its place there from 1, and what has become of it."""

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
        """All that is known of it, as one object."""
        return {"job_id": self.job_id, "request": self.request, **self.document}


def batch(client: Client, options: argparse.Namespace) -> int:
    """Run a file of requests and write their results in its order; exit code 1 where one of the jobs fails."""
    _check(options)
    requests = read_requests(options.file, Completer(client, tell))
    failed = 0
    with progress(f"{options.file} is computed", len(requests)) as done, _writer(client, options) as write:
        counted = iter(range(1, len(requests) + 1))
        ended = client.batch(requests, lambda: done(next(counted)))
        for number, (request, (job_id, document)) in enumerate(zip(requests, ended, strict=True), start=1):
            result = Result(number, request, job_id, document)
            failed += result.failed
            write(result)
    tell(f"{len(requests)} requests: {len(requests) - failed} done, {failed} failed")
    return FAILURE if failed else SUCCESS


def _check(options: argparse.Namespace) -> None:
    if options.folder and options.output:
        raise UsageError("give --output for one file of JSON lines, or --folder for a file per result, not both")
    if options.format != JSON and not options.folder:
        raise UsageError(f"--format {options.format} needs a --folder: each result is a file of its own")


@contextmanager
def _writer(client: Client, options: argparse.Namespace) -> Iterator[Callable[[Result], None]]:
    """Give the function that writes a result; what it goes to is made before anything is sent."""
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
        yield partial(_write_file, client, options.folder, options.format)
    elif options.output:
        with options.output.open("w", encoding="utf-8") as file:
            yield partial(_write_line, file)
    else:
        yield partial(_write_line, sys.stdout)


def _write_line(file: IO[str], result: Result) -> None:
    file.write(orjson.dumps(result.record).decode() + "\n")


def _write_file(client: Client, folder: Path, form: str, result: Result) -> None:
    """Write a result as a file that is named by its place and its statistic; a failure as one that says why."""
    name = f"{result.number:06d}-{result.request['statistic']}"
    if result.failed:
        (folder / f"{name}.error.json").write_bytes(as_json(result.record))
    elif form in FORM_TYPES:
        (folder / f"{name}.{form}").write_bytes(client.fetch(result.job_id, form))
    else:
        (folder / f"{name}.json").write_bytes(as_json(result.record))
