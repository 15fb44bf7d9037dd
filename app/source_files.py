"""The files that a source stands for: a path, a folder, a pattern, or any address that fsspec opens."""

import glob
import hashlib
import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit, urlunsplit

from app.errors import SourceError

SCHEME_MARK = "://"
TABLE_ENDINGS = (".csv", ".parquet", ".pq", ".gz", ".bz2", ".xz", ".zip")
HIDDEN_MARKS = (".", "_")  # what Spark and others put beside the parts of a table begins so
NO_SUCH_FILE = "no such file; set STATS_DATA to the table's path"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a source.

    Parameters
    ----------
    address: how it is opened
    shown: how it is named in messages, without a password or a token
    size: in bytes, 0 where that cannot be known
    changed: what differs once its content does; of a file on this machine that is its size and time of change
    """

    address: str
    shown: str
    size: int
    changed: str

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(self.shown).name

    @property
    def is_local(self) -> bool:
        """Whether it is reached by a path of this machine."""
        return SCHEME_MARK not in self.address

    def open(self) -> BinaryIO:
        """Open it to be read.

        Raises
        ------
        OSError: it cannot be opened
        """
        if self.is_local:
            return Path(self.address).open("rb")
        return cast("BinaryIO", _fsspec().open(self.address, "rb").open())

    def content(self) -> bytes:
        """Return all of it.

        Raises
        ------
        SourceError: it cannot be read
        """
        with reachable(self.shown), self.open() as file:
            return file.read()


def find_files(source: str) -> list[SourceFile]:
    """Return the files of a source in the order of their names; at least one.

    Raises
    ------
    SourceError: there is none, or they cannot be reached
    """
    shown = without_secrets(source)
    with reachable(shown):
        found = _remote_files(source) if SCHEME_MARK in source else _local_files(source)
    if not found:
        raise SourceError(f"{shown}: {NO_SUCH_FILE}")
    return found


@contextmanager
def reachable(shown: str) -> Iterator[None]:
    """Tell of whatever keeps a source from being read in one sentence.

    Raises
    ------
    SourceError: the block has failed
    """
    try:
        yield
    except SourceError:
        raise
    except FileNotFoundError as error:
        problem = NO_SUCH_FILE if error.__cause__ is None else f"cannot be read: {_line(error.__cause__)}"
        raise SourceError(f"{shown}: {problem}") from error
    except ImportError as error:
        raise SourceError(f"{shown}: a package is missing that such addresses need: {_line(error)}") from error
    except OSError as error:
        raise SourceError(f"{shown}: cannot be read: {error.strerror or _line(error)}") from error
    except Exception as error:  # what a protocol's package raises is its own affair
        raise SourceError(f"{shown}: cannot be read: {_line(error)}") from error


def _line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _local_files(source: str) -> list[SourceFile]:
    path = Path(source)
    if path.is_dir():
        found = [str(part) for part in path.iterdir() if is_table_name(part.name) and part.is_file()]
        if not found:
            raise SourceError(f"{source}: is a directory without a table in it: no {', '.join(TABLE_ENDINGS)}")
    elif not path.exists() and glob.has_magic(source):
        found = [name for name in glob.iglob(source, recursive=True) if Path(name).is_file()]  # noqa: PTH207
    else:
        found = [source]
    return [_local_file(name) for name in sorted(found)]


def _local_file(name: str) -> SourceFile:
    path = Path(name)
    status = path.stat()
    return SourceFile(str(path.absolute()), name, status.st_size, f"{status.st_size} {status.st_mtime_ns}")


def _remote_files(source: str) -> list[SourceFile]:
    system, path = _fsspec().core.url_to_fs(source)
    if "*" in path:
        found = system.glob(path)
    elif (about := system.info(path)).get("type") == "directory":
        found = [part for part in system.ls(path, detail=False) if is_table_name(PurePosixPath(part).name)]
    else:
        return [_remote_file(system, source, path, about)]
    return [_remote_file(system, system.unstrip_protocol(part), part, system.info(part)) for part in sorted(found)]


def _remote_file(system: Any, address: str, path: str, about: dict[str, Any]) -> SourceFile:
    return SourceFile(address, without_secrets(address), int(about.get("size") or 0), str(system.ukey(path)))


def _fsspec() -> Any:
    """Return fsspec, which only addresses need."""
    return importlib.import_module("fsspec")


def is_table_name(name: str) -> bool:
    """Tell whether a file in a folder is taken for a part of the table."""
    return name.lower().endswith(TABLE_ENDINGS) and not name.startswith(HIDDEN_MARKS)


def without_secrets(source: str) -> str:
    """Return an address without what may be secret in it: a user's name, a password, what follows a question mark."""
    if SCHEME_MARK not in source:
        return source
    parts = urlsplit(source)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def digest_of(digests: Sequence[tuple[str, str]]) -> str:
    """Return the SHA-256 of a source, given the names of its files and the SHA-256 of each."""
    if len(digests) == 1:
        return digests[0][1]
    lines = "".join(f"{digest}  {name}\n" for name, digest in digests)
    return hashlib.sha256(lines.encode()).hexdigest()


def source_name(source: str) -> str:
    """Return what a source is called in the report: the last part of its path, never anything secret."""
    shown = without_secrets(source)
    return PurePosixPath(shown.rstrip("/")).name or shown
