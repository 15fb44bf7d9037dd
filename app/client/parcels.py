"""Many requests, cut into parcels that the server takes at once."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

MOST_REQUESTS = 1_000
MOST_BYTES = 1024 * 1024
SEPARATOR_BYTES = 2


def parcels(requests: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the requests in their order, in lists that are as long as the server allows."""
    parcel: list[Mapping[str, Any]] = []
    size = SEPARATOR_BYTES
    for request in requests:
        length = len(json.dumps(request)) + SEPARATOR_BYTES
        if parcel and (len(parcel) == MOST_REQUESTS or size + length > MOST_BYTES):
            yield parcel
            parcel, size = [], SEPARATOR_BYTES
        parcel.append(request)
        size += length
    if parcel:
        yield parcel
