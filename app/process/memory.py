"""How the C library's allocator keeps freed memory, so that resident memory does not grow with the time of service."""

import ctypes

# glibc's mallopt(3)
TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8
LONG_BYTES = 256 * 1024
SPARE_BYTES = 8 * 1024 * 1024
ARENAS = 2


def give_back_freed_memory() -> None:
    """Make glibc return the memory of long documents to the system when they are freed.

    By default its threshold for that rises with the longest block that was freed, and each of many threads allocates
    in one of several arenas. So caches of long and short documents leave ever more holes in each of them: after a
    quarter of an hour, a third of the memory was holes, and it grew by 5 MiB a minute.

    Does nothing with another C library.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, LONG_BYTES)  # longer blocks are mapped, and unmapped when they are freed
        mallopt(TRIM_THRESHOLD, SPARE_BYTES)  # setting one of the two fixes the other at 128 KiB
        mallopt(ARENA_MAX, ARENAS)  # the threads take turns to run Python anyway
