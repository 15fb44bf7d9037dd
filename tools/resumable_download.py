"""A file from the web whose server may be slow, break off, or say one thing and send another."""

import re
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

import requests
import urllib3

from download_errors import BrokenOffError, DownloadError, UnreachableError, plain_error
from partial_file import PartialFile

CHUNK_BYTES = 256 * 1024
TRIED_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})  # the server says itself that this may pass
PAGES = frozenset({"text/html", "application/xhtml+xml"})
RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")
# Compressed on the way, bytes could not be counted against the length that is told.
HEADERS = {"Accept-Encoding": "identity", "User-Agent": "health-statistics-server"}


@dataclass(frozen=True)
class Patience:
    """How long a download waits, in seconds, and how often it tries."""

    connect_seconds: float = 10.0
    stall_seconds: float = 60.0  # without a byte; a large table takes its server a while to begin with
    attempts: int = 5
    pause_seconds: float = 1.0  # before the second attempt; twice as long before each further one


class Display(Protocol):
    """What whoever waits for the download is shown."""

    def show(self, done_bytes: int, total_bytes: int | None) -> None:
        """Show how far it is; the total is None where the server does not tell it."""

    def say(self, line: str) -> None:
        """Show a line."""


class ResumableDownload:
    """The download of one file, tried until all of it is there, or until patience ends.

    What has come is gone on with, in this run and in a later one, where the server tells by a mark that the file is
    still the same; otherwise it is begun anew.
    """

    def __init__(self, url: str, partial: PartialFile, display: Display, patience: Patience) -> None:
        self._url = url
        self._host = urlsplit(url).netloc
        self._partial = partial
        self._display = display
        self._patience = patience
        self._reached = False

    def run(self) -> None:
        """Bring the whole file into the partial one. Blocks.

        Raises
        ------
        DownloadError: it cannot be had; what has come stays, to be gone on with
        """
        pause = self._patience.pause_seconds
        for _ in range(self._patience.attempts - 1):
            try:
                return self._attempt()
            except BrokenOffError as error:
                if isinstance(error, UnreachableError) and not self._reached:
                    raise  # there is no network, or no such server: waiting a little does not change that
                self._display.say(f"{error.reason}; trying again in {pause:g} s")
            time.sleep(pause)
            pause *= 2
        return self._attempt()

    def _attempt(self) -> None:
        """Ask once for what is missing, and take what comes."""
        try:
            with requests.Session() as session, self._ask(session) as answer:
                self._reached = True
                self._take(answer)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise plain_error(error, self._host) from error

    def _ask(self, session: requests.Session) -> requests.Response:
        mark = self._partial.mark()
        missing = {"Range": f"bytes={self._partial.size()}-", "If-Range": mark} if mark else {}
        waits = (self._patience.connect_seconds, self._patience.stall_seconds)
        return session.get(self._url, headers={**HEADERS, **missing}, stream=True, timeout=waits)

    def _take(self, answer: requests.Response) -> None:
        if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            self._check_that_all_is_there(answer)
        else:
            self._check_kind(answer)
            self._receive(answer, self._total_bytes(answer))

    def _check_that_all_is_there(self, answer: requests.Response) -> None:
        """Check that the server has nothing left to send because everything has come."""
        if not self._partial.mark() or _range_of(answer) != (None, self._partial.size()):
            raise self._of_another_file()

    def _check_kind(self, answer: requests.Response) -> None:
        """Check that the answer is a file, before what has come of one is touched.

        Raises
        ------
        DownloadError: it is none
        """
        status = f"{self._host} answered with status {answer.status_code} ({answer.reason})"
        if answer.status_code in TRIED_AGAIN:
            raise BrokenOffError(status)
        if answer.status_code not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            raise DownloadError(f"{status}; is STATS_DATA_URL={self._url} right?")
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in PAGES:
            raise DownloadError(f"{self._host} sent a page ({kind}) in place of a table")

    def _total_bytes(self, answer: requests.Response) -> int | None:
        """Return the length of the whole file, and see to it that the answer goes on where the partial file ends."""
        if answer.status_code == HTTPStatus.OK:
            self._partial.start_over(mark_of(answer))
            return _number(answer.headers.get("Content-Length", ""))
        start, total = _range_of(answer)
        if start != self._partial.size() or mark_of(answer) not in (None, self._partial.mark()):
            raise self._of_another_file()
        return total

    def _receive(self, answer: requests.Response, total: int | None) -> None:
        self._display.show(self._partial.size(), total)
        for chunk in answer.raw.stream(CHUNK_BYTES, decode_content=False):
            self._partial.append(chunk)
            self._display.show(self._partial.size(), total)
        size = self._partial.size()
        if total is not None and size > total:
            raise self._of_another_file()
        if total is not None and size < total:
            raise BrokenOffError(f"{self._host} ended after {size} of {total} bytes")

    def _of_another_file(self) -> BrokenOffError:
        """Discard what has come, and return the error that has the download begun anew."""
        self._partial.discard()
        return BrokenOffError(f"{self._host} went on with something else than was begun; beginning anew")


def mark_of(answer: requests.Response) -> str | None:
    """Return what tells whether a file is still the same; an ETag that allows for differences in bytes does not."""
    tag = answer.headers.get("ETag", "")
    return tag if tag.startswith('"') else answer.headers.get("Last-Modified")


def _range_of(answer: requests.Response) -> tuple[int | None, int | None]:
    """Return the first byte that an answer holds and the length of the whole file, None where one is not told."""
    found = RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    return (_number(found[1] or ""), _number(found[2])) if found else (None, None)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() else None
