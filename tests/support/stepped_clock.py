"""A wall clock that a test moves while a server runs, by libfaketime; the monotonic clock goes on."""

import time
from pathlib import Path

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
MISSING = "libfaketime, which moves the clock of a process, is not installed"
REREAD_SECONDS = 1.0
SPARE_SECONDS = 0.3
# libfaketime refuses the absolute monotonic times that time.sleep waits for; it leaves relative ones alone.
SITE = "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], seconds)\n"


class SteppedClock:
    """The wall clock of the servers that get its environment.

    Parameters
    ----------
    folder: folder for the file that holds the offset, and for what Python runs at its start
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._site = folder / "site"
        self._site.mkdir()
        (self._site / "sitecustomize.py").write_text(SITE)
        self.set("+0")

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make a process follow this clock."""
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": f"{REREAD_SECONDS:g}",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(self._site),
            "NO_FAKE_STAT": "1",  # a moved clock leaves the times of older files alone
        }

    def set(self, offset: str) -> None:
        """Set the offset from the true time, such as ``+8d``; running processes notice within a second or so."""
        partial = self._file.with_suffix(".partial")
        partial.write_text(f"{offset}\n")
        partial.replace(self._file)

    def step(self, offset: str) -> None:
        """Set the offset and wait until running processes have noticed."""
        self.set(offset)
        time.sleep(REREAD_SECONDS + SPARE_SECONDS)
