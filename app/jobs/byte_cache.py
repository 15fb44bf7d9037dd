"""A cache bounded by the bytes that it keeps, shared by everything that keeps documents or response bodies."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from app.jobs.job import Document

DEFAULT_BYTES = 128 * 1024 * 1024
LONGEST_SHARE = 16  # a document longer than one in so many parts of the cache is not kept
ENTRY_BYTES = 512  # what an entry takes beside its content: keys, links, counters


@dataclass(slots=True)
class _Shared:
    """A document, and how many entries hold it."""

    document: Document
    holders: int = 0


class ByteCache:
    """Documents by key; beyond a number of bytes, those that were used least recently are dropped.

    Entries with the same content share one copy, which counts once. Safe to use from many threads.

    Parameters
    ----------
    most_bytes: the bound; nothing longer than a sixteenth of it is kept
    """

    def __init__(self, most_bytes: int = DEFAULT_BYTES) -> None:
        self._most_bytes = most_bytes
        self._longest_bytes = most_bytes // LONGEST_SHARE
        self._lock = threading.Lock()  # guards the fields below
        self._entries: OrderedDict[Hashable, tuple[_Shared, int]] = OrderedDict()  # with the bytes beside the content
        self._shared: dict[bytes, _Shared] = {}  # by content
        self._bytes = 0

    def get(self, key: Hashable) -> Document | None:
        """Return the document under a key, None if it is not kept."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0].document

    def put(self, key: Hashable, document: Document, key_bytes: int = 0) -> Document:
        """Keep a document, unless it is too long; return it, or an equal one that is kept already.

        Parameters
        ----------
        key_bytes: bytes that the key itself keeps in memory
        """
        content, beside = document.content, ENTRY_BYTES + key_bytes
        hash(content)  # bytes remember their hash: long ones are not hashed while the lock is held
        with self._lock:
            self._drop(key)
            shared = self._shared.get(content)
            if len(content) + beside > self._longest_bytes:
                return document if shared is None else shared.document
            if shared is None:
                shared = self._shared[content] = _Shared(document)
                self._bytes += len(content)
            shared.holders += 1
            self._entries[key] = shared, beside
            self._bytes += beside
            while self._bytes > self._most_bytes:
                self._drop(next(iter(self._entries)))
            return shared.document

    def drop(self, key: Hashable) -> None:
        """Forget the document under a key, if there is one."""
        with self._lock:
            self._drop(key)

    def size(self) -> int:
        """Return the number of bytes that are kept."""
        with self._lock:
            return self._bytes

    def _drop(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        shared, beside = entry
        self._bytes -= beside
        shared.holders -= 1
        if not shared.holders:
            content = shared.document.content
            del self._shared[content]
            self._bytes -= len(content)
