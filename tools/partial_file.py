"""A file of which a part has come, kept beside the place where the whole of it belongs."""

import json
from pathlib import Path

from download_errors import DownloadError


class PartialFile:
    """What has come of a file until now, and the mark by which its server knows whether the file is still the same.

    The mark is an ETag or a time of change, kept with the address in a file of its own. Bytes without a mark, or of
    another address, are not gone on with.

    Parameters
    ----------
    place: where the whole file belongs; its folder must be there
    url: where the file comes from
    """

    def __init__(self, place: Path, url: str) -> None:
        self.path = place.with_name(f"{place.name}.partial")
        self._note = place.with_name(f"{place.name}.partial.json")
        self._url = url

    def size(self) -> int:
        """Return how many bytes have come."""
        return self.path.stat().st_size if self.path.exists() else 0

    def mark(self) -> str | None:
        """Return the mark of the file that the bytes belong to; None where they cannot be gone on with."""
        if not self.size() or not self._note.exists():
            return None
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
        except ValueError:  # half a note: the run that wrote it was ended
            return None
        same = isinstance(note, dict) and note.get("url") == self._url and isinstance(note.get("mark"), str)
        return note["mark"] if same else None

    def start_over(self, mark: str | None) -> None:
        """Forget what has come, and keep the mark of what comes now.

        In this order, so that bytes of one file never lie beside the mark of another.

        Raises
        ------
        DownloadError: the disk does not take it
        """
        try:
            self.path.write_bytes(b"")
            self._note.write_text(json.dumps({"url": self._url, "mark": mark}), encoding="utf-8")
        except OSError as error:
            raise _not_written(self.path, error) from error

    def append(self, chunk: bytes) -> None:
        """Write what has come behind what is there.

        Raises
        ------
        DownloadError: the disk does not take it; what is there stays, to be gone on with
        """
        try:
            with self.path.open("ab") as file:
                file.write(chunk)
        except OSError as error:
            raise _not_written(self.path, error) from error

    def discard(self) -> None:
        """Remove what has come, its mark after it."""
        self.path.unlink(missing_ok=True)
        self.forget_mark()

    def forget_mark(self) -> None:
        """Remove the mark, once the bytes are no part of a file any more."""
        self._note.unlink(missing_ok=True)


def _not_written(path: Path, error: OSError) -> DownloadError:
    return DownloadError(f"{path} cannot be written: {error.strerror}")
