"""Pictures of results: drawn one at a time, the smallest first, from a short queue, and cached.

Drawing takes a core of the machine for up to a second. However many pictures are requested, only one is drawn, and only
``MOST_WAITING`` requests hold an HTTP thread for it.
"""

import hashlib
import threading
from bisect import insort
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import orjson

from app.charts import ChartContext, Theme, chart_of, choose_kind
from app.charts.converter import Converter, PictureFormat
from app.charts.kinds import count_marks
from app.errors import PicturesBusyError

MOST_WAITING = 8
LONGEST_WAIT_SECONDS = 20.0
CACHE_BYTES = 16 * 1024 * 1024
LARGEST_SHARE = 8  # one picture takes at most one part in so many of the cache
SMALL_MARKS = 100  # of a chart whose rows are few by its design
SCRIPT_MARKS = 0  # the script of the page goes first: it is built once, and every chart of a page waits for it


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """What a picture is drawn from.

    Parameters
    ----------
    document: the result document of a finished job, as bytes
    kind: one of ``kinds_of`` the result; by default the first
    """

    statistic: str
    document: bytes
    context: ChartContext
    kind: str | None
    theme: Theme
    format: PictureFormat


class Pictures:
    """Draw pictures with one ``Converter``, and cache them. Any thread may call."""

    def __init__(self) -> None:
        self.converter = Converter()
        self._places = threading.BoundedSemaphore(1 + MOST_WAITING)  # the picture being drawn, and those that wait
        self._turns = Turns()
        self._cache = PictureCache(CACHE_BYTES)

    def picture(self, request: PictureRequest) -> bytes:
        """Return a picture, cached or drawn. Blocks for at most the longest wait and the time limit of a drawing.

        Raises
        ------
        InvalidRequestError: the kind does not suit the result, or there is nothing to draw
        TooManyMarksError: the chart is too large
        PicturesBusyError: too many pictures wait
        ConverterExitedError, PictureTimeoutError, PictureError: the picture cannot be drawn
        """
        document = orjson.loads(request.document)
        kind = choose_kind(request.statistic, document, request.kind)

        def spec() -> dict[str, Any]:
            return chart_of(request.statistic, document, request.context, kind=kind, theme=request.theme)

        return self._drawn(_key(request, kind), count_marks(request.statistic, document), spec, request.format)

    def picture_of_spec(self, spec: Mapping[str, Any], format: PictureFormat) -> bytes:
        """Return a picture of a small Vega-Lite specification; otherwise as ``picture``.

        Raises
        ------
        PicturesBusyError, ConverterExitedError, PictureTimeoutError, PictureError: as ``picture``
        """
        return self._drawn(hashlib.sha256(orjson.dumps([spec, format])).digest(), SMALL_MARKS, lambda: spec, format)

    def page_script(self) -> bytes:
        """Return ``Converter.page_script``, without taking a place in the queue.

        Raises
        ------
        PicturesBusyError, ConverterExitedError, PictureTimeoutError, PictureError: the script cannot be built
        """
        if self.converter.script is not None:
            return self.converter.script
        with self._turns.turn(SCRIPT_MARKS):
            return self.converter.page_script()

    def close(self) -> None:
        """End the converter, also while it draws; requests that wait get ShuttingDownError."""
        self.converter.close()

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Take a place in the queue, and give it back."""
        if not self._places.acquire(blocking=False):
            raise PicturesBusyError
        try:
            yield
        finally:
            self._places.release()

    def _drawn(self, key: bytes, marks: int, spec: Callable[[], Mapping[str, Any]], format: PictureFormat) -> bytes:
        """Return the picture under a key, cached or drawn in its turn."""
        cached = self._cache.get(key)
        if cached is not None:
            return cached
        with self._place(), self._turns.turn(marks):
            # While this request waited, another may have drawn the same picture.
            content = self._cache.get(key)
            if content is None:
                content = self.converter.picture(spec(), format)
                self._cache.put(key, content)
            return content


def _key(request: PictureRequest, kind: str) -> bytes:
    """Return a digest of everything that the picture depends on."""
    rest = orjson.dumps([request.statistic, request.context, kind, request.theme, request.format])
    return hashlib.sha256(hashlib.sha256(request.document).digest() + rest).digest()


class Turns:
    """A lock whose waiting threads get it by the size of their work, the smallest first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards the fields below
        self._waiting: list[tuple[int, int]] = []  # sizes, and numbers in the order of arrival; sorted
        self._numbers = count()
        self._taken = False

    @contextmanager
    def turn(self, size: int) -> Iterator[None]:
        """Hold the lock. Blocks for at most ``LONGEST_WAIT_SECONDS``.

        Raises
        ------
        PicturesBusyError: the turn has not come
        """
        with self._changed:
            self._take(size)
        try:
            yield
        finally:
            with self._changed:
                self._taken = False
                self._changed.notify_all()

    def _take(self, size: int) -> None:
        """Wait for the turn of a thread that holds ``_changed``."""
        place = (size, next(self._numbers))
        insort(self._waiting, place)
        try:
            came = self._changed.wait_for(
                lambda: not self._taken and self._waiting[0] == place, timeout=LONGEST_WAIT_SECONDS
            )
        finally:
            self._waiting.remove(place)
        if not came:
            raise PicturesBusyError
        self._taken = True


class PictureCache:
    """The pictures used last, bounded by their bytes. Any thread may call."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()  # guards the fields below
        self._contents: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, key: bytes) -> bytes | None:
        """Return a picture, None if it is not cached."""
        with self._lock:
            if key in self._contents:
                self._contents.move_to_end(key)
            return self._contents.get(key)

    def put(self, key: bytes, content: bytes) -> None:
        """Cache a picture, and drop those that were not used for the longest time. A very large one is not cached."""
        if len(content) > self._most_bytes // LARGEST_SHARE:
            return
        with self._lock:
            self._bytes += len(content) - len(self._contents.pop(key, b""))
            self._contents[key] = content
            while self._bytes > self._most_bytes:
                _, dropped = self._contents.popitem(last=False)
                self._bytes -= len(dropped)
