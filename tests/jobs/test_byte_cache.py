"""The cache that is bounded in bytes."""

import threading

from app.jobs.byte_cache import ENTRY_BYTES, ByteCache
from app.jobs.job import Document, document


def text(length: int, number: int = 0) -> Document:
    """Return a document of so many bytes; those of different numbers differ."""
    return document((b"%06d" % number).ljust(length, b"x"))


def test_it_keeps_at_most_its_bytes_and_drops_the_least_recently_used() -> None:
    cache = ByteCache(20_000)
    for n in range(10):
        cache.put(n, text(700, n))
    assert cache.get(0) is not None
    for n in range(10, 20):
        cache.put(n, text(700, n))
        assert cache.size() <= 20_000
    assert cache.get(0) is not None
    assert cache.get(1) is None
    assert cache.get(19) is not None


def test_it_keeps_nothing_longer_than_a_share() -> None:
    cache = ByteCache(16_000)
    cache.put("a", text(400))
    assert cache.get("a") is not None
    cache.put("a", text(1000))
    assert cache.get("a") is None
    assert cache.size() == 0


def test_equal_content_is_kept_once() -> None:
    cache = ByteCache(1_000_000)
    first = cache.put("a", text(5000))
    assert cache.put("b", text(5000)) is first
    assert cache.size() == 5000 + 2 * ENTRY_BYTES
    cache.drop("a")
    assert cache.get("b") is first
    cache.drop("b")
    assert cache.size() == 0


def test_bytes_of_keys_count() -> None:
    cache = ByteCache(1_000_000)
    cache.put(b"k" * 1000, text(10), key_bytes=1000)
    assert cache.size() == 1010 + ENTRY_BYTES


def test_threads_leave_it_consistent() -> None:
    cache = ByteCache(100_000)

    def use(offset: int) -> None:
        for n in range(2000):
            cache.put(n * offset % 97, text(6 + n % 3000, n % 5))
            cache.get(n % 97)
            cache.drop(n % 89)

    threads = [threading.Thread(target=use, args=(offset,)) for offset in (1, 2, 3, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.size() <= 100_000
    for key in range(97):
        cache.drop(key)
    assert cache.size() == 0
