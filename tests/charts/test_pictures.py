"""Pictures: the queue, its order and its bounds, and the cache."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import orjson
import pytest

from app.charts import pictures as module
from app.charts.converter import PictureFormat
from app.charts.kinds import MOST_MARKS
from app.charts.pictures import PictureCache, PictureRequest, Pictures, Turns
from app.errors import InvalidRequestError, PicturesBusyError, TooManyMarksError
from support.chart_documents import ABOUT, STATES, cell, done

END_SECONDS = 10.0


class SlowConverter:
    """Render nothing, when it is allowed to, and count the pictures."""

    script = None

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.rendered = 0

    def picture(self, spec: Mapping[str, Any], format: PictureFormat) -> bytes:
        assert self.go_on.wait(END_SECONDS)
        self.rendered += 1
        return f"picture {self.rendered} as {format} with {len(spec)} fields".encode()

    def close(self) -> None:
        """End nothing."""


@pytest.fixture
def converter(monkeypatch: pytest.MonkeyPatch) -> SlowConverter:
    converter = SlowConverter()
    monkeypatch.setattr(module, "Converter", lambda: converter)
    return converter


@pytest.fixture
def pictures(converter: SlowConverter) -> Iterator[Pictures]:
    yield Pictures()
    converter.go_on.set()


def request(data: Any = STATES, statistic: str = "states_mean") -> PictureRequest:
    """Return the request for a picture of a result."""
    return PictureRequest(statistic, orjson.dumps(done(data)), ABOUT, None, "light", "svg")


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + END_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_picture_is_drawn_once(pictures: Pictures, converter: SlowConverter) -> None:
    converter.go_on.set()
    first = pictures.picture(request())
    assert pictures.picture(request()) is first
    assert pictures.picture(replace(request(), kind="bars")) is first  # which is the default
    others = [
        replace(request(), kind="map"),
        replace(request(), theme="dark"),
        replace(request(), format="png"),
        replace(request(), context=replace(ABOUT, source="other.csv")),
        request({**STATES, "Ohio": 32.0}),
    ]
    assert first not in map(pictures.picture, others)
    assert converter.rendered == 1 + len(others)


def test_a_picture_requested_by_many_at_once_is_drawn_once(pictures: Pictures, converter: SlowConverter) -> None:
    with ThreadPoolExecutor(4) as clients:
        answers = [clients.submit(pictures.picture, request()) for _ in range(4)]
        wait_until(lambda: len(pictures._turns._waiting) == 3)
        converter.go_on.set()
        assert len({answer.result() for answer in answers}) == 1
    assert converter.rendered == 1


def test_pictures_beyond_the_queue_are_refused_and_cached_ones_are_not(
    pictures: Pictures, converter: SlowConverter
) -> None:
    converter.go_on.set()
    cached = pictures.picture(request())
    converter.go_on.clear()
    with ThreadPoolExecutor(1 + module.MOST_WAITING) as clients:
        others = [request({**STATES, "Ohio": float(number)}) for number in range(1 + module.MOST_WAITING)]
        answers = [clients.submit(pictures.picture, other) for other in others]
        wait_until(lambda: len(pictures._turns._waiting) == module.MOST_WAITING)
        with pytest.raises(PicturesBusyError, match="try again in 2 s"):
            pictures.picture(request({"Ohio": 1.0}))
        assert pictures.picture(request()) is cached
        converter.go_on.set()
        assert len({answer.result() for answer in answers}) == len(others)
    assert pictures.picture(request({"Ohio": 1.0}))


def test_what_cannot_be_drawn_is_refused_before_it_takes_a_place(pictures: Pictures) -> None:
    many = [cell(1.0, location=f"Place {number}", year=2020) for number in range(MOST_MARKS + 1)]
    with pytest.raises(TooManyMarksError, match=r"2001 marks.*at most 2000.*csv"):
        pictures.picture(request(many, "estimate"))
    with pytest.raises(InvalidRequestError, match="cannot be drawn as 'pie'"):
        pictures.picture(replace(request(), kind="pie"))
    with pytest.raises(InvalidRequestError, match="nothing to draw"):
        pictures.picture(request({}))


def test_a_picture_that_fails_gives_its_place_and_its_turn_back(pictures: Pictures, converter: SlowConverter) -> None:
    converter.go_on.set()
    bad = done([{"location": "Ohio", "value": "many", "low": [], "high": {}}])
    for _ in range(3 + module.MOST_WAITING):
        with pytest.raises(Exception, match="str"):
            pictures.picture(replace(request(), statistic="estimate", document=orjson.dumps(bad)))
    assert pictures.picture(request())


def test_the_smallest_comes_first_then_the_earliest() -> None:
    turns, order = Turns(), []

    def work(size: int, name: str) -> None:
        with turns.turn(size):
            order.append(name)

    works = [(9, "large"), (5, "first"), (5, "second"), (1, "small")]
    with ThreadPoolExecutor(len(works)) as threads, turns.turn(0):
        for already, (size, name) in enumerate(works):
            threads.submit(work, size, name)
            wait_until(partial(lambda already: len(turns._waiting) > already, already))
    assert order == ["small", "first", "second", "large"]


def test_a_turn_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_WAIT_SECONDS", 0.05)
    turns = Turns()
    with ThreadPoolExecutor(1) as threads, turns.turn(1):
        waiting = threads.submit(lambda: turns.turn(0).__enter__())
        assert isinstance(waiting.exception(), PicturesBusyError)
    with turns.turn(2):
        assert turns._waiting == []


def test_the_cache_is_bounded_by_bytes_and_keeps_what_was_used_last() -> None:
    cache = PictureCache(80)
    for number in range(8):
        cache.put(bytes([number]), bytes(10))
    assert cache.get(b"\0")
    cache.put(b"new", bytes(10))
    assert cache.get(b"\1") is None
    assert cache.get(b"\0")
    cache.put(b"very large", bytes(11))
    assert cache.get(b"very large") is None
    cache.put(b"new", bytes(5))
    assert cache._bytes == sum(map(len, cache._contents.values())) == 75
